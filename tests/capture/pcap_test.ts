import assert from "node:assert/strict";
import { Cut, Direction, Flag } from "../../lib/capture/abi.ts";
import {
  client,
  client6,
  concat,
  type End,
  ethernet,
  ip,
  ngBlock,
  ngPacket,
  ngSection,
  type Packet,
  pcapFile,
  replayBytes,
  type Segment,
  segment,
  server,
  server6,
  streamText,
  Tcp,
  tcp,
  text,
  udp,
} from "../support/pcap.ts";

const { EGRESS, INGRESS } = Direction;
const MS = 1e6;

/** Positions of the tests' connection: client at 1000, server at 5000, SYNs included. */
function handshake(isn = 1000, serverIsn = 5000): Packet[] {
  return [
    segment(0, client, server, { seq: isn, flags: Tcp.SYN }),
    segment(1, server, client, {
      seq: serverIsn,
      ack: (isn + 1) >>> 0,
      flags: Tcp.SYN | Tcp.ACK,
    }),
    segment(2, client, server, { seq: (isn + 1) >>> 0, ack: (serverIsn + 1) >>> 0 }),
  ];
}

/** "at" is relative to the first byte. */
function sent(ms: number, at: number, data: string, extra: Partial<Segment> = {}): Packet {
  const value = { seq: (1001 + at) >>> 0, ack: 5001, data: text(data), ...extra };
  return segment(ms * MS, client, server, value);
}
function received(ms: number, at: number, data: string, extra: Partial<Segment> = {}): Packet {
  const value = { seq: (5001 + at) >>> 0, ack: 1001, data: text(data), ...extra };
  return segment(ms * MS, server, client, value);
}

function streams(packets: readonly Packet[]): { egress: string; ingress: string; kinds: string } {
  const { seen, source } = replayBytes(pcapFile(packets));
  assert.equal(source.failure, null);
  for (const { kind, total } of seen) assert.ok(kind !== "DATA" || total > 0, "an empty event");
  const kinds = seen.map((event) => event.kind).filter((kind) => kind !== "TICK").join(" ");
  return { egress: streamText(seen, EGRESS), ingress: streamText(seen, INGRESS), kinds };
}

Deno.test("PcapSource puts the segments of one direction in order", () => {
  const fin = Tcp.FIN | Tcp.ACK;
  const cases: { name: string; packets: Packet[]; want: string }[] = [
    { name: "in order", packets: [sent(1, 0, "abc"), sent(2, 3, "def")], want: "abcdef" },
    { name: "swapped", packets: [sent(1, 3, "def"), sent(2, 0, "abc")], want: "abcdef" },
    {
      name: "three, backwards",
      packets: [sent(1, 6, "ghi"), sent(2, 3, "def"), sent(3, 0, "abc")],
      want: "abcdefghi",
    },
    { name: "repeated", packets: [sent(1, 0, "abc"), sent(2, 0, "abc")], want: "abc" },
    {
      name: "repeated while held back",
      packets: [sent(1, 3, "def"), sent(2, 3, "def"), sent(3, 0, "abc")],
      want: "abcdef",
    },
    {
      name: "overlapping: what came first wins",
      packets: [sent(1, 0, "abcd"), sent(2, 2, "XXef")],
      want: "abcdef",
    },
    {
      name: "overlapping what is held back: what came first wins",
      packets: [sent(1, 4, "ef"), sent(2, 2, "cdXXgh"), sent(3, 0, "ab")],
      want: "abcdefgh",
    },
    {
      name: "repeated as one larger segment",
      packets: [sent(1, 0, "ab"), sent(2, 4, "ef"), sent(3, 0, "XXcdXXgh")],
      want: "abcdefgh",
    },
    {
      name: "keep-alive probe: one old byte",
      packets: [sent(1, 0, "abc"), sent(2, 2, "\0"), sent(3, 3, "def")],
      want: "abcdef",
    },
    {
      name: "missing, and the capture ends",
      packets: [sent(1, 0, "abc"), sent(2, 6, "ghi")],
      want: "abc<3>ghi",
    },
    {
      name: "missing although acknowledged, then a late copy",
      packets: [
        sent(1, 0, "abc"),
        sent(2, 6, "ghi"),
        received(3, 0, "", { ack: 1010 }),
        sent(30, 9, "jkl"),
        sent(40, 3, "def"),
      ],
      want: "abc<3>ghijkl",
    },
    {
      name: "not acknowledged: a retransmission may take seconds",
      packets: [sent(1, 0, "abc"), sent(2, 6, "ghi"), sent(3000, 3, "def")],
      want: "abcdefghi",
    },
    {
      name: "not acknowledged for too long",
      packets: [sent(1, 0, "abc"), sent(2, 6, "ghi"), sent(6000, 9, "jkl"), sent(6001, 3, "def")],
      want: "abc<3>ghijkl",
    },
    { name: "first bytes missing", packets: [sent(1, 3, "def")], want: "<3>def" },
    {
      name: "behind the FIN",
      packets: [sent(1, 0, "abc", { flags: fin }), sent(2, 3, "def")],
      want: "abc",
    },
    {
      name: "FIN before its data",
      packets: [sent(1, 3, "def", { flags: fin }), sent(2, 0, "abc")],
      want: "abcdef",
    },
  ];
  for (const { name, packets, want } of cases) {
    assert.equal(streams([...handshake(), ...packets]).egress, want, name);
  }
});

Deno.test("PcapSource follows sequence numbers over 2^32", () => {
  const isn = 0xfffffffc;
  const packets = [0, 3, 6, 9].map((at) =>
    sent(at + 1, 0, `${at}${at}${at}`, { seq: (isn + 1 + at) >>> 0 })
  );
  assert.equal(streams([...handshake(isn), ...packets]).egress, "000333666999");
  const [a, b, c, d] = packets as [Packet, Packet, Packet, Packet];
  assert.equal(streams([...handshake(isn), a, c, d, b]).egress, "000333666999");
  assert.equal(streams([...handshake(isn), a, d]).egress, "000<6>999");
});

Deno.test("PcapSource holds back at most 4 MiB of a direction", () => {
  const data = "x".repeat(1400);
  const many = Array.from({ length: 3200 }, (_, i) => sent(1 + i / 1000, 3 + i * 1400, data));
  const { seen } = replayBytes(pcapFile([...handshake(), ...many, sent(9, 0, "abc")]));
  const first = seen.find((event) => event.kind === "DATA");
  assert.equal(first?.position, 1004);
  assert.equal(streamText(seen, EGRESS).length, 3200 * 1400 + "<3>".length);
});

Deno.test("PcapSource gives a connection its start, both directions, ends and totals", () => {
  const fin = Tcp.FIN | Tcp.ACK;
  const packets = [
    ...handshake(),
    sent(1, 0, "ping"),
    received(2, 0, "pong", { ack: 1005 }),
    received(3, 4, "", { flags: fin, ack: 1005 }),
    sent(4, 4, "", { flags: fin, ack: 5006 }),
    received(5, 5, "", { ack: 1006 }),
  ];
  const { seen } = replayBytes(pcapFile(packets));
  const events = seen.filter((event) => event.kind !== "TICK");
  assert.deepEqual(events.map((event) => event.kind), [
    "OPEN",
    "DATA",
    "DATA",
    "EOF",
    "EOF",
    "CLOSE",
  ]);
  for (const event of events) {
    assert.equal(event.flags & ~Flag.LAST_CHUNK, Flag.TCP_POSITION | Flag.FRESH | Flag.CLIENT);
    assert.equal(event.local, "127.0.0.1:40000");
    assert.equal(event.remote, "127.0.0.2:8080");
    assert.equal(event.conn, 1);
  }
  const [open, ping, pong, , , close] = events;
  assert.deepEqual([ping?.position, ping?.timeNs, ping?.direction], [1001, 1 * MS, EGRESS]);
  assert.deepEqual([pong?.position, pong?.timeNs, pong?.direction], [5001, 2 * MS, INGRESS]);
  assert.deepEqual(u64s(open?.entry, 2), [1001n, 5001n]);
  assert.deepEqual(u64s(close?.entry, 4), [1006n, 5005n, 4n, 4n]);
});

/** The first numbers behind an entry's header. */
function u64s(entry: Uint8Array | undefined, count: number): bigint[] {
  if (entry === undefined) return [];
  const view = new DataView(entry.buffer, entry.byteOffset);
  return Array.from({ length: count }, (_, i) => view.getBigUint64(120 + i * 8, true));
}

Deno.test("PcapSource ends a connection at a reset, and starts another one at the next SYN", () => {
  const packets = [
    ...handshake(),
    sent(1, 0, "one"),
    received(2, 0, "", { flags: Tcp.RST }),
    sent(3, 3, "late"),
    ...handshake(90000, 70000).map((packet) => ({ ...packet, timeNs: packet.timeNs + 4 * MS })),
    sent(5, 0, "two", { seq: 90001, ack: 70001 }),
  ];
  const { seen } = replayBytes(pcapFile(packets));
  const kinds = seen.filter((event) => event.kind !== "TICK").map((e) => `${e.conn}${e.kind}`);
  assert.deepEqual(kinds, ["1OPEN", "1DATA", "1CLOSE", "2OPEN", "2DATA"]);
  assert.equal(streamText(seen, EGRESS, 1), "one");
  assert.equal(streamText(seen, EGRESS, 2), "two");
});

Deno.test("PcapSource takes the repeated SYN of a connection for what it is", () => {
  const [syn, synAck, ack] = handshake() as [Packet, Packet, Packet];
  const packets = [syn, { ...syn, timeNs: 1 }, synAck, synAck, ack, sent(1, 0, "abc"), syn];
  assert.equal(streams(packets).kinds, "OPEN DATA");
});

Deno.test("PcapSource takes the end with the higher port for the client when it sees no SYN", () => {
  const packets = [received(1, 0, "pong", { ack: 1001 }), sent(2, 0, "ping", { ack: 5005 })];
  const { seen } = replayBytes(pcapFile(packets));
  assert.equal(seen.find((event) => event.kind === "DATA")?.local, "127.0.0.1:40000");
  assert.equal(
    seen.find((event) => event.kind === "DATA")?.flags,
    Flag.TCP_POSITION | Flag.LAST_CHUNK,
  );
  assert.equal(streamText(seen, EGRESS), "ping");
  assert.equal(streamText(seen, INGRESS), "pong");
});

Deno.test("PcapSource knows the server by its SYN-ACK, whatever the ports are", () => {
  const low: End = { ...client, port: 20 };
  const packets = [
    segment(0, server, low, { seq: 5000, ack: 1001, flags: Tcp.SYN | Tcp.ACK }),
    segment(1, server, low, { seq: 5001, ack: 1001, data: text("hello") }),
  ];
  const { seen } = replayBytes(pcapFile(packets));
  assert.equal(streamText(seen, INGRESS), "hello");
  assert.equal(seen.find((event) => event.kind === "DATA")?.local, "127.0.0.1:20");
});

Deno.test("PcapSource keeps the times of capture, and gives held bytes the time of the missing ones", () => {
  const packets = [...handshake(), sent(10, 3, "def"), sent(25, 0, "abc"), sent(30, 6, "ghi")];
  const { seen } = replayBytes(pcapFile(packets, { nanos: true }));
  const times = seen.filter((event) => event.kind === "DATA").map((event) => event.timeNs / MS);
  assert.deepEqual(times, [25, 25, 30]);
});

Deno.test("PcapSource sorts packets that were written out of order by their times", () => {
  const packets = [...handshake(), received(3, 0, "pong", { ack: 1005 }), sent(2, 0, "ping")];
  const { seen, source } = replayBytes(pcapFile(packets));
  const data = seen.filter((event) => event.kind === "DATA").map((event) => event.text);
  assert.deepEqual(data, ["ping", "pong"]);
  assert.equal(source.counts().out_of_order, 1);
});

Deno.test("PcapSource marks what the snaplen cut off", () => {
  const file = pcapFile([...handshake(), sent(1, 0, "0123456789"), sent(2, 10, "abc")], {
    snaplen: 14 + 20 + 20 + 4,
  });
  const { seen } = replayBytes(file);
  assert.equal(streamText(seen, EGRESS), "0123<6>abc");
  const [first, second] = seen.filter((event) => event.kind === "DATA");
  assert.deepEqual([first?.cut, first?.total, second?.cut], [Cut.SNAPLEN, 10, Cut.NONE]);
});

Deno.test("PcapSource gives each datagram whole, with its peer and both directions", () => {
  const dns: End = { ...server, port: 53 };
  const other: End = { ...client, port: 40001 };
  const packets: Packet[] = [
    { timeNs: 0, bytes: ethernet(ip(client, dns, 17, udp(client, dns, text("who?")))) },
    { timeNs: 1, bytes: ethernet(ip(other, dns, 17, udp(other, dns, text("where?")))) },
    { timeNs: 2, bytes: ethernet(ip(dns, client, 17, udp(dns, client, text("me")))) },
    { timeNs: 3, bytes: ethernet(ip(client, dns, 17, udp(client, dns, text("ok")))) },
  ];
  const { seen } = replayBytes(pcapFile(packets));
  const data = seen.filter((event) => event.kind === "DATA")
    .map(({ conn, direction, position, text }) => [conn, direction, position, text]);
  assert.deepEqual(data, [
    [1, EGRESS, 0, "who?"],
    [2, EGRESS, 0, "where?"],
    [1, INGRESS, 0, "me"],
    [1, EGRESS, 4, "ok"],
  ]);
  for (const { flags } of seen.filter((event) => event.kind === "DATA")) {
    assert.equal(flags, Flag.DATAGRAM | Flag.FRESH | Flag.LAST_CHUNK);
  }
});

Deno.test("PcapSource reads every link type, IP options and extension headers", () => {
  const data = text("payload");
  const v4 = ip(client, server, 6, tcp(client, server, { seq: 1, data }));
  const v6 = ip(client6, server6, 6, tcp(client6, server6, { seq: 1, data }));
  const withOptions = ip(client, server, 6, tcp(client, server, { seq: 1, data }), {
    options: [1, 1, 1, 1, 1, 1, 1, 0],
  });
  const withExtensions = ip(client6, server6, 6, tcp(client6, server6, { seq: 1, data }), {
    extensions: { first: 0, bytes: [60, 0, 1, 4, 0, 0, 0, 0, 6, 1, ...Array(14).fill(0)] },
  });
  const sll = (type: number[], rest: Uint8Array): Uint8Array =>
    concat([0, 0, 3, 4, 0, 6, 0, 0, 0, 0, 0, 0, 0, 0], type, rest);
  const sll2 = (type: number[], rest: Uint8Array): Uint8Array =>
    concat(type, [0, 0, 0, 0, 0, 1, 3, 4, 0, 6, 0, 0, 0, 0, 0, 0, 0, 0], rest);
  const ipv4Type = [8, 0];
  const cases = [
    { name: "Ethernet", linkType: 1, bytes: ethernet(v4) },
    { name: "Ethernet, padded", linkType: 1, bytes: concat(ethernet(v4), Array(9).fill(0)) },
    { name: "Ethernet, IPv6", linkType: 1, bytes: ethernet(v6) },
    { name: "VLAN", linkType: 1, bytes: ethernet(v4, [0x8100]) },
    { name: "QinQ", linkType: 1, bytes: ethernet(v6, [0x88a8, 0x8100]) },
    { name: "cooked", linkType: 113, bytes: sll(ipv4Type, v4) },
    { name: "cooked, IPv6", linkType: 113, bytes: sll([0x86, 0xdd], v6) },
    { name: "cooked, VLAN", linkType: 113, bytes: sll([0x81, 0, 0, 7, ...ipv4Type], v4) },
    { name: "cooked v2", linkType: 276, bytes: sll2(ipv4Type, v4) },
    { name: "null, little endian", linkType: 0, bytes: concat([2, 0, 0, 0], v4) },
    { name: "null, big endian", linkType: 0, bytes: concat([0, 0, 0, 30], v6) },
    { name: "loop", linkType: 108, bytes: concat([0, 0, 0, 2], v4) },
    ...[12, 14, 101].map((linkType) => ({ name: `raw ${linkType}`, linkType, bytes: v6 })),
    { name: "raw IPv4", linkType: 228, bytes: v4 },
    { name: "raw IPv6", linkType: 229, bytes: v6 },
    { name: "IPv4 options", linkType: 101, bytes: withOptions },
    { name: "IPv6 extension headers", linkType: 101, bytes: withExtensions },
  ];
  for (const { name, linkType, bytes } of cases) {
    for (const bigEndian of [false, true]) {
      const { seen, source } = replayBytes(
        pcapFile([{ timeNs: 5, bytes }], { linkType, bigEndian }),
      );
      assert.equal(streamText(seen, EGRESS), "payload", name);
      assert.equal(source.counts().packets, 1, name);
    }
  }
  const { seen, source } = replayBytes(pcapFile([{ timeNs: 0, bytes: v4 }], { linkType: 105 }));
  assert.equal(seen.filter((event) => event.kind === "DATA").length, 0);
  assert.equal(source.counts().unknown_link, 1);
});

Deno.test("PcapSource puts IP fragments together, in any order, and counts what is missing", () => {
  const data = text("0123456789abcdefghijklmnopqrstuvwxyz");
  const whole = udp(client, server, data);
  const part = (from: number, to: number, id = 7): Uint8Array =>
    ethernet(ip(client, server, 17, whole.subarray(from, to), {
      id,
      fragmentOffset: from,
      moreFragments: to < whole.length,
    }));
  const part6 = (from: number, to: number): Uint8Array => {
    const more = to < whole.length ? 1 : 0;
    const bytes = [17, 0, 0, from | more, 0, 0, 0, 9];
    return ethernet(ip(client6, server6, 17, whole.subarray(from, to), {
      extensions: { first: 44, bytes },
    }));
  };
  const n = whole.length;
  const cases = [
    { name: "in order", packets: [part(0, 16), part(16, 32), part(32, n)], whole: 1, lost: 0 },
    { name: "backwards", packets: [part(32, n), part(16, 32), part(0, 16)], whole: 1, lost: 0 },
    { name: "repeated", packets: [part(0, 16), part(0, 16), part(16, n)], whole: 1, lost: 0 },
    { name: "missing", packets: [part(0, 16), part(32, n)], whole: 0, lost: 1 },
    { name: "overlapping", packets: [part(0, 24), part(16, 32)], whole: 0, lost: 1 },
    { name: "two ids", packets: [part(0, 16, 1), part(16, n, 2)], whole: 0, lost: 2 },
    { name: "IPv6", packets: [part6(16, n), part6(0, 16)], whole: 1, lost: 0 },
  ];
  for (const { name, packets, whole, lost } of cases) {
    const file = pcapFile(packets.map((bytes, i) => ({ timeNs: i, bytes })));
    const { seen, source } = replayBytes(file);
    const got = seen.filter((event) => event.kind === "DATA").map((event) => event.text);
    assert.deepEqual(got, Array(whole).fill("0123456789abcdefghijklmnopqrstuvwxyz"), name);
    assert.equal(source.counts().lost_fragments, lost, name);
  }
});

Deno.test("PcapSource reads times of microsecond and nanosecond files exactly", () => {
  for (const nanos of [false, true]) {
    const packets = [sent(0, 0, "a"), sent(1.234567, 1, "b"), sent(90_000_000.000001, 2, "c")];
    const { seen, source } = replayBytes(pcapFile(packets, { nanos, seconds: 1_800_000_000 }));
    const times = seen.filter((event) => event.kind === "DATA").map((event) => event.timeNs);
    const third = 90_000_000 * MS + (nanos ? 1 : 0);
    assert.deepEqual(times, [0, nanos ? 1_234_567 : 1_234_000, third]);
    assert.equal(source.start.wallSeconds, 1_800_000_000);
    assert.equal(source.start.wallNanos, 0);
  }
});

Deno.test("PcapSource reads pcapng: sections, interfaces, byte orders and resolutions", () => {
  const base = 1_700_000_000n;
  const packet = (at: number, data: string): Uint8Array => sent(0, at, data).bytes;
  const file = concat(
    ngSection([{}, { tsresol: 9 }, { tsresol: 0x80 | 20 }, { tsresol: 9, tsoffset: 1000 }]),
    ngPacket(0, base * 1_000_000n + 500_000n, packet(0, "a")),
    ngPacket(1, base * 1_000_000_000n + 600_000_001n, packet(1, "b")),
    ngBlock(5, new Uint8Array(12)),
    ngPacket(2, base * (1n << 20n) + (3n << 18n), packet(2, "c")),
    ngPacket(3, (base - 1000n) * 1_000_000_000n + 800_000_000n, packet(3, "d")),
    ngSection([{ linkType: 101 }], false),
    ngPacket(0, base * 1_000_000n + 900_000n, packet(4, "e").subarray(14), false),
  );
  const { seen, source } = replayBytes(file);
  const data = seen.filter((event) => event.kind === "DATA");
  assert.equal(source.failure, null);
  assert.equal(data.map((event) => event.text).join(""), "abcde");
  assert.deepEqual(data.map((event) => event.timeNs), [
    0,
    100_000_001,
    250 * MS,
    300 * MS,
    400 * MS,
  ]);
  assert.deepEqual([source.start.wallSeconds, source.start.wallNanos], [
    1_700_000_000,
    500_000_000,
  ]);
});

Deno.test("PcapSource reads simple and obsolete packet blocks", () => {
  const bytes = sent(0, 0, "abc").bytes;
  const u32 = (value: number): Uint8Array => new Uint8Array(new Uint32Array([value]).buffer);
  const file = concat(
    ngSection([{}]),
    ngBlock(3, concat(u32(bytes.length), bytes)),
    ngBlock(
      2,
      concat(u32(0), u32(0), u32(1), u32(bytes.length), u32(bytes.length), sent(0, 3, "def").bytes),
    ),
  );
  assert.equal(streamText(replayBytes(file).seen, EGRESS), "abcdef");
});

Deno.test("PcapSource gives the good part of a cut or damaged capture, then says where it ends", () => {
  const file = pcapFile([...handshake(), sent(1, 0, "abc"), sent(2, 3, "def")]);
  const cut = replayBytes(file.subarray(0, file.length - 2));
  assert.equal(streamText(cut.seen, EGRESS), "abc");
  assert.match(cut.source.failure?.message ?? "", /packet at offset \d+ is cut$/);
  const long = file.slice();
  const last = file.length - (16 + 57);
  long.set([255, 255, 255, 255], last + 8);
  const damaged = replayBytes(long);
  assert.equal(streamText(damaged.seen, EGRESS), "abc");
  assert.equal(damaged.source.failure?.offset, last);
});

Deno.test("PcapSource of a capture without packets ends at once", () => {
  for (const file of [pcapFile([]), ngSection([{}])]) {
    const { seen, source } = replayBytes(file);
    assert.equal(seen.length, 0);
    assert.equal(source.failure, null);
    assert.equal(source.start.way, "pcap");
  }
});

Deno.test("PcapSource lets event time pass with ticks, and never back", () => {
  const packets = [...handshake(), sent(1, 0, "a"), sent(5000, 1, "b"), sent(4900, 2, "c")];
  const { seen } = replayBytes(pcapFile(packets));
  assert.ok(seen.filter((event) => event.kind === "TICK").length >= 2);
  for (let i = 1; i < seen.length; i++) {
    assert.ok((seen[i]?.timeNs ?? 0) >= (seen[i - 1]?.timeNs ?? 0));
  }
});

Deno.test("PcapSource survives mutated captures of both formats", () => {
  let seed = 7;
  const random = (below: number): number => {
    seed = (Math.imul(seed, 1103515245) + 12345) >>> 0;
    return Math.floor(seed / 4294967296 * below);
  };
  const clean = [
    ...handshake(),
    sent(1, 0, "abc"),
    received(2, 0, "answer", { ack: 1004 }),
    { timeNs: 3 * MS, bytes: ethernet(ip(client6, server6, 17, udp(client6, server6, text("q")))) },
    sent(4, 3, "", { flags: Tcp.FIN | Tcp.ACK }),
  ];
  const ng = concat(ngSection([{}]), ...clean.map((p) => ngPacket(0, BigInt(p.timeNs), p.bytes)));
  for (const file of [pcapFile(clean), ng]) {
    for (let i = 0; i < 400; i++) {
      const mutated = file.slice(0, file.length - random(2) * random(80));
      // The first four bytes stay: they tell the format.
      for (let j = 0; j <= random(4); j++) mutated[4 + random(mutated.length - 4)] = random(256);
      try {
        const { seen } = replayBytes(mutated);
        assert.ok(seen.length < 40);
      } catch (error) {
        if (!(error instanceof Error && error.name === "RecordingError")) throw error;
      }
    }
  }
});
