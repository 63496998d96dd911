/**
 * Packet captures: conversations as TCP segments and UDP datagrams on every link layer; segments
 * swapped, sent again (with other bytes), overlapping, missing; fragments; files cut and damaged. See
 * files.ts.
 */
import { concat } from "../support/events.ts";
import {
  type End,
  ip,
  ngBlock,
  ngPacket,
  ngSection,
  type Packet,
  pcapFile,
  Tcp,
  tcp,
  udp,
} from "../support/pcap.ts";
import type { Corpus } from "./corpus.ts";
import { checkFile, damagedFile, makePatches, type Patch } from "./files.ts";
import { mutate, mutateSteps } from "./mutate.ts";
import { plugins } from "../../protocols/registry.ts";
import type { Random } from "./random.ts";
import { defineTarget, type Target } from "./target.ts";

interface CaptureInput {
  format: "pcap" | "pcapng";
  linkType: number;
  bigEndian: boolean;
  nanos: boolean;
  tsresol: number;
  snaplen: number;
  packets: Packet[];
  patches: Patch[];
  cut: number;
}

const MSS = 536;
const LINK_TYPES: readonly number[] = [1, 1, 1, 113, 276, 0, 108, 12, 14, 101, 228, 229, 147];

export function captureTarget(corpus: Corpus): Target {
  return defineTarget("capture", (random) => makeInput(corpus, random), checkCapture);
}

function makeInput(corpus: Corpus, random: Random): CaptureInput {
  const linkType = random.pick(LINK_TYPES);
  const packets: Packet[] = [];
  for (let i = random.small(4); i > 0; i--) {
    for (const datagram of converse(corpus, random, 40000 + i)) {
      for (const piece of fragments(datagram, random)) {
        packets.push({ timeNs: packets.length * 1e6, bytes: framed(linkType, piece, random) });
      }
    }
  }
  for (let i = random.small(16) - 1; i > 0 && packets.length > 0; i--) {
    disturb(packets, random, corpus);
  }
  return {
    format: random.pick(["pcap", "pcapng"]),
    linkType,
    bigEndian: random.chance(0.3),
    nanos: random.chance(0.3),
    tsresol: random.pick([6, 9, 0, 128 + 10, 127, 255]),
    snaplen: random.chance(0.8) ? 0 : random.small(200),
    packets,
    patches: makePatches(random),
    cut: random.chance(0.9) ? 0 : random.below(4000),
  };
}

/** The IP datagrams of one conversation. */
function converse(corpus: Corpus, random: Random, port: number): Uint8Array[] {
  const protocol = random.pick(plugins).name;
  const sample = corpus.sample(random, protocol);
  const steps = mutateSteps(sample.steps, random, corpus, protocol);
  const size = random.chance(0.7) ? 4 : 16;
  const ends: [End, End] = [
    { address: Array<number>(size).fill(1), port },
    { address: Array<number>(size).fill(2), port: random.pick([80, 6379, 53, 8080]) },
  ];
  if (sample.transport === "datagram") {
    return steps.map(({ side, bytes }) => {
      const [from, to] = side === "request" ? ends : [ends[1], ends[0]];
      return ip(from, to, 17, udp(from, to, bytes.slice(0, 60_000)), { id: random.below(65536) });
    });
  }
  const next: [number, number] = [random.extreme() >>> 0, random.extreme() >>> 0];
  const out: Uint8Array[] = [];
  const send = (end: 0 | 1, flags: number, data: Uint8Array, back = 0): void => {
    const [from, to] = end === 0 ? ends : [ends[1], ends[0]];
    const seq = (next[end] - back) >>> 0;
    const segment = tcp(from, to, { seq, ack: next[1 - end as 0 | 1], flags, data });
    out.push(ip(from, to, 6, segment, { id: random.below(65536) }));
    const counted = data.length + ((flags & (Tcp.SYN | Tcp.FIN)) !== 0 ? 1 : 0);
    next[end] = (next[end] + Math.max(0, counted - back)) >>> 0;
  };
  const nothing = new Uint8Array(0);
  if (random.chance(0.7)) {
    send(0, Tcp.SYN, nothing);
    send(1, Tcp.SYN | Tcp.ACK, nothing);
  }
  for (const { side, bytes } of steps) {
    const end = side === "request" ? 0 : 1;
    for (let at = 0; at < bytes.length; at += MSS) {
      const data = bytes.slice(at, at + MSS);
      send(end, Tcp.ACK, data);
      // Sent again, from further back, perhaps with other bytes.
      if (random.chance(0.05)) {
        send(
          end,
          Tcp.ACK,
          mutate(data, random, corpus, protocol).slice(0, 1400),
          random.small(data.length),
        );
      }
    }
  }
  if (random.chance(0.7)) send(0, Tcp.FIN | Tcp.ACK, nothing);
  if (random.chance(0.3)) send(1, random.pick([Tcp.FIN | Tcp.ACK, Tcp.RST]), nothing);
  return out;
}

/** An IPv4 datagram as several, now and then; in any order. */
function fragments(datagram: Uint8Array, random: Random): Uint8Array[] {
  if ((datagram[0] ?? 0) >>> 4 !== 4 || datagram.length < 60 || random.chance(0.9)) {
    return [datagram];
  }
  const payload = datagram.subarray(20);
  const size = 8 * random.small(Math.ceil(payload.length / 16));
  const out: Uint8Array[] = [];
  for (let at = 0; at < payload.length && out.length < 200; at += size) {
    const piece = concat([datagram.subarray(0, 20), payload.subarray(at, at + size)]);
    const view = new DataView(piece.buffer);
    view.setUint16(2, piece.length);
    view.setUint16(6, at / 8 | (at + size < payload.length ? 0x2000 : 0));
    out.push(piece);
  }
  return random.chance(0.5) ? out : out.reverse();
}

function framed(linkType: number, datagram: Uint8Array, random: Random): Uint8Array {
  const isV6 = (datagram[0] ?? 0) >>> 4 === 6;
  const type = isV6 ? [0x86, 0xdd] : [8, 0];
  const tag = random.chance(0.05) ? [0x81, 0, 0, 7] : [];
  const heads: Record<number, readonly number[]> = {
    1: [...Array<number>(12).fill(2), ...tag, ...type],
    113: [0, 0, 0, 1, 0, 6, 0, 0, 0, 0, 0, 0, 0, 0, ...tag, ...type],
    276: [...type, ...Array<number>(18).fill(0)],
    0: [isV6 ? 10 : 2, 0, 0, 0],
    108: [0, 0, 0, 2],
  };
  return concat([Uint8Array.from(heads[linkType] ?? []), datagram]);
}

function disturb(packets: Packet[], random: Random, corpus: Corpus): void {
  const at = random.below(packets.length);
  const packet = packets[at] as Packet;
  switch (random.below(8)) {
    case 0:
      packets.splice(at, 1);
      break;
    case 1:
      packets.splice(random.below(packets.length), 0, packet);
      break;
    case 2:
      packets[at] = {
        ...packet,
        timeNs: packet.timeNs + random.pick([-5e6, 5e6, 11e9, -1e9, 70e9, 2 ** 50]),
      };
      break;
    case 3:
      packets[at] = { ...packet, wireBytes: packet.bytes.length + random.extreme() % 2 ** 32 };
      break;
    case 4:
      packets[at] = { ...packet, bytes: mutate(packet.bytes, random, corpus, "") };
      break;
    default: {
      // Somewhere in the headers.
      const bytes = packet.bytes.slice();
      if (bytes.length > 0) bytes[random.below(Math.min(bytes.length, 70))] = random.below(256);
      packets[at] = { ...packet, bytes };
    }
  }
}

function checkCapture(input: CaptureInput): void {
  const { linkType, bigEndian, nanos } = input;
  const packets = input.packets.map((packet) => ({
    ...packet,
    timeNs: Math.max(0, packet.timeNs),
    wireBytes: Math.max(0, packet.wireBytes ?? packet.bytes.length) % 2 ** 32,
    bytes: input.snaplen === 0 ? packet.bytes : packet.bytes.slice(0, input.snaplen),
  }));
  const file = input.format === "pcap"
    ? pcapFile(packets, { linkType, bigEndian, nanos })
    : concat([
      ngSection([{ linkType, tsresol: input.tsresol }], !bigEndian),
      ngBlock(5, new Uint8Array(8), !bigEndian),
      ...packets.map(({ timeNs, bytes }) =>
        ngPacket(0, BigInt(Math.floor(timeNs)), bytes, !bigEndian)
      ),
    ]);
  checkFile(damagedFile(file, input.patches, input.cut));
}
