/**
 * Packet captures that would have a replay keep all it can, as greedy.ts has events.
 *
 * In: how much of it. Out: the packets, one by one. The bench of memory and its tests write them into
 * files. It measures nothing.
 */
import { gzipSync } from "node:zlib";
import {
  concat,
  type End,
  ethernet,
  ip,
  type Packet,
  pcapFile,
  type Segment,
  segment,
  Tcp,
  text,
  udp,
} from "./pcap.ts";

type Packets = Generator<Packet>;

/** A load of `amount` units; what a unit is, its name says. */
export interface GreedyCapture {
  readonly name: string;
  readonly amount: number;
  /** To be tried in a gzip file, too. */
  readonly isPacked?: true;
  packets(amount: number): Packets;
}

const REQUEST = text("GET /a HTTP/1.1\r\nHost: a\r\n\r\n");
const ANSWER = text("HTTP/1.1 200 OK\r\nContent-Length: 2\r\n\r\nok");
const SEGMENT = new Uint8Array(1400).fill(0x78);
const BYTE = text("G");
const FILE_HEAD_BYTES = 24;
/** Packets that are in memory at once. */
const BATCH = 4096;

/** Clients that talk to one server, on one clock. */
class Wire {
  #nowNs = 0;
  readonly #server: End = { address: [10, 0, 0, 1], port: 80 };

  constructor(readonly stepNs = 1000) {}

  #client(nth: number): End {
    const host = Math.floor(nth / 50_000);
    return { address: [11, 0, host >>> 8, host & 255], port: 1024 + nth % 50_000 };
  }

  #next(): number {
    return this.#nowNs += this.stepNs;
  }

  /** The handshake. */
  *open(nth: number): Packets {
    yield* this.#send(nth, true, { seq: 999, flags: Tcp.SYN });
    yield* this.#send(nth, false, { seq: 4999, ack: 1000, flags: Tcp.SYN | Tcp.ACK });
  }

  /** Bytes of the client at that position of its stream. */
  say(nth: number, at: number, data: Uint8Array, flags: number = Tcp.ACK): Packets {
    return this.#send(nth, true, { seq: (1000 + at) >>> 0, ack: 5000, data, flags });
  }

  /** Bytes of the server, likewise. */
  answer(nth: number, at: number, data: Uint8Array, flags: number = Tcp.ACK): Packets {
    return this.#send(nth, false, { seq: (5000 + at) >>> 0, ack: 1000, data, flags });
  }

  *datagram(nth: number, data: Uint8Array, port: number): Packets {
    const [from, to] = [this.#client(nth), { ...this.#server, port }];
    yield { timeNs: this.#next(), bytes: ethernet(ip(from, to, 17, udp(from, to, data))) };
  }

  /** A fragment of a datagram that never becomes whole. */
  *fragment(nth: number, fragmentOffset: number): Packets {
    const options = { id: nth & 65535, fragmentOffset, moreFragments: true };
    const bytes = ethernet(ip(this.#client(nth), this.#server, 17, SEGMENT, options));
    yield { timeNs: this.#next(), bytes };
  }

  *#send(nth: number, isClient: boolean, value: Segment): Packets {
    const [client, server] = [this.#client(nth), this.#server];
    const [from, to] = isClient ? [client, server] : [server, client];
    yield segment(this.#next(), from, to, value);
  }
}

function* answered(amount: number): Packets {
  const wire = new Wire();
  const connections = 1000;
  for (let nth = 0; nth < connections; nth++) yield* wire.open(nth);
  for (let i = 0; i < amount; i++) {
    const [nth, turn] = [i % connections, Math.floor(i / connections)];
    yield* wire.say(nth, turn * REQUEST.length, REQUEST);
    yield* wire.answer(nth, turn * ANSWER.length, ANSWER);
  }
}

/** Large bodies of 500 connections. In groups of `turned` the last segment comes first; each `lost`th never. */
function* uploads(segments: number, turned: number, lost: number): Packets {
  const wire = new Wire();
  const connections = 500;
  const length = segments * SEGMENT.length;
  const head = text(`POST / HTTP/1.1\r\nHost: a\r\nContent-Length: ${length}\r\n\r\n`);
  for (let nth = 0; nth < connections; nth++) {
    yield* wire.open(nth);
    yield* wire.say(nth, 0, head);
  }
  let count = 0;
  for (let i = 0; i < segments; i++) {
    const place = Math.floor(i / turned) * turned + turned - 1 - i % turned;
    for (let nth = 0; nth < connections; nth++) {
      if (++count % lost === 0) continue;
      yield* wire.say(nth, head.length + place * SEGMENT.length, SEGMENT);
    }
  }
  for (let nth = 0; nth < connections; nth++) yield* wire.answer(nth, 0, ANSWER);
}

/** Pieces of 300 connections, each behind a byte that never comes. */
function* behindGaps(pieces: number, piece: Uint8Array): Packets {
  const wire = new Wire(100);
  const connections = 300;
  for (let nth = 0; nth < connections; nth++) {
    yield* wire.open(nth);
    yield* wire.say(nth, 0, REQUEST);
  }
  for (let i = 0; i < pieces; i++) {
    const nth = i % connections;
    const at = REQUEST.length + 1 + Math.floor(i / connections) * (piece.length + 1);
    yield* wire.say(nth, at, piece);
  }
}

/** Fragments without an end: `pieces` of each datagram. */
function* fragments(amount: number, pieces: number): Packets {
  const wire = new Wire();
  for (let i = 0; i < amount; i++) {
    yield* wire.fragment(Math.floor(i / pieces), (i % pieces) * SEGMENT.length);
  }
}

/** One exchange of each connection, which then ends, or stays open. */
function* exchanges(connections: number, isClosed: boolean): Packets {
  const wire = new Wire();
  for (let nth = 0; nth < connections; nth++) {
    yield* wire.open(nth);
    yield* wire.say(nth, 0, REQUEST);
    yield* wire.answer(nth, 0, ANSWER);
    if (!isClosed) continue;
    yield* wire.say(nth, REQUEST.length, new Uint8Array(0), Tcp.FIN | Tcp.ACK);
    yield* wire.answer(nth, ANSWER.length, new Uint8Array(0), Tcp.FIN | Tcp.ACK);
  }
}

/** SYNs, and nothing more. */
function* halfOpen(connections: number): Packets {
  const wire = new Wire();
  for (let nth = 0; nth < connections; nth++) {
    yield* wire.say(nth, 0, new Uint8Array(0), Tcp.SYN);
  }
}

function* datagrams(conversations: number): Packets {
  const wire = new Wire();
  for (let nth = 0; nth < conversations; nth++) yield* wire.datagram(nth, text("hello"), 9999);
}

/** Segments as long as a capture may have them: offloading left their lengths open. */
function* longPackets(amount: number): Packets {
  const wire = new Wire();
  yield* wire.open(0);
  for (let i = 0; i < amount; i++) {
    for (const { timeNs, bytes } of wire.say(0, i * 1_000_000, BYTE)) {
      const long = concat(
        bytes.subarray(0, bytes.length - 1),
        new Uint8Array(1_000_000).fill(0x78),
      );
      long.fill(0, 16, 18); // the length of the IP datagram: not known
      yield { timeNs, bytes: long };
    }
  }
}

export const greedyCaptures: readonly GreedyCapture[] = [
  { name: "answered requests, 1,000 connections", amount: 120_000, packets: answered },
  {
    name: "uploads in segments, 500 connections",
    amount: 400,
    isPacked: true,
    packets: (n) => uploads(n, 1, Infinity),
  },
  {
    name: "uploads, segments out of order and lost",
    amount: 400,
    packets: (n) => uploads(n, 80, 501),
  },
  { name: "single bytes behind gaps", amount: 300_000, packets: (n) => behindGaps(n, BYTE) },
  { name: "segments behind gaps", amount: 120_000, packets: (n) => behindGaps(n, SEGMENT) },
  { name: "first fragments alone", amount: 40_000, packets: (n) => fragments(n, 1) },
  {
    name: "datagrams of 40 fragments, the last missing",
    amount: 80_000,
    packets: (n) => fragments(n, 40),
  },
  { name: "connections of one exchange", amount: 100_000, packets: (n) => exchanges(n, true) },
  { name: "connections that stay open", amount: 100_000, packets: (n) => exchanges(n, false) },
  { name: "connections half open", amount: 500_000, packets: halfOpen },
  { name: "UDP conversations", amount: 100_000, packets: datagrams },
  { name: "packets of 1 MB", amount: 200, packets: longPackets },
];

/** Writes that load into a pcap file, perhaps in parts of a gzip file. */
export function writeCapture(
  load: GreedyCapture,
  amount: number,
  path: string,
  isPacked = false,
): void {
  using file = Deno.openSync(path, { write: true, create: true, truncate: true });
  const write = (bytes: Uint8Array): void => {
    const stored = isPacked ? gzipSync(bytes, { level: 1 }) : bytes;
    for (let at = 0; at < stored.length;) at += file.writeSync(stored.subarray(at));
  };
  write(pcapFile([], { nanos: true }));
  let batch: Packet[] = [];
  let bytes = 0;
  const flush = (): void => {
    write(pcapFile(batch, { nanos: true, snaplen: 1 << 20 }).subarray(FILE_HEAD_BYTES));
    batch = [];
    bytes = 0;
  };
  for (const packet of load.packets(amount)) {
    batch.push(packet);
    bytes += packet.bytes.length;
    if (batch.length >= BATCH || bytes > 8 << 20) flush();
  }
  flush();
}
