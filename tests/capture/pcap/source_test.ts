/** What PcapSource makes of TCP and UDP packets: events in order, gaps, ends. */
import assert from "node:assert/strict";
import { Cut, Direction, Flag } from "../../../lib/capture/abi.ts";
import {
  client,
  type End,
  ethernet,
  handshake,
  ip,
  type Packet,
  pcapFile,
  received,
  replayBytes,
  segment,
  sent,
  server,
  streamText,
  Tcp,
  text,
  udp,
} from "../../support/pcap.ts";

const { EGRESS, INGRESS } = Direction;
const MS = 1e6;

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

Deno.test("PcapSource lets event time pass with ticks, and never back", () => {
  const packets = [...handshake(), sent(1, 0, "a"), sent(5000, 1, "b"), sent(4900, 2, "c")];
  const { seen } = replayBytes(pcapFile(packets));
  assert.ok(seen.filter((event) => event.kind === "TICK").length >= 2);
  for (let i = 1; i < seen.length; i++) {
    assert.ok((seen[i]?.timeNs ?? 0) >= (seen[i - 1]?.timeNs ?? 0));
  }
});

Deno.test("PcapSource tells a reused port from the connection before, also without a SYN", () => {
  const fin = Tcp.FIN | Tcp.ACK;
  const ends = [
    received(3, 4, "", { flags: fin, ack: 1005 }),
    sent(4, 4, "", { flags: fin, ack: 5006 }),
    received(5, 5, "", { ack: 1006 }),
  ];
  const first = [...handshake(), sent(1, 0, "ping"), received(2, 0, "pong", { ack: 1005 })];
  const second = (ms: number, seq: number, ack: number): Packet[] => [
    sent(ms, 0, "PING", { seq, ack }),
    received(ms + 1, 0, "PONG", { seq: ack, ack: seq + 4 }),
  ];
  const reset = [received(3, 4, "", { flags: Tcp.RST })];
  const cases = [
    { name: "ahead, behind the ends", packets: [...first, ...ends, ...second(6, 90_000, 70_000)] },
    { name: "back, behind the ends", packets: [...first, ...ends, ...second(6, 500, 70_000)] },
    { name: "answers back", packets: [...first, ...ends, ...second(6, 1006, 300)] },
    {
      name: "behind a reset, later",
      packets: [...first, ...reset, ...second(2000, 90_000, 70_000)],
    },
    { name: "no end seen, back", packets: [...first, ...second(6, 500, 300)] },
    { name: "no end seen, far ahead", packets: [...first, ...second(6, 2_000_000_000, 70_000)] },
    {
      name: "no end seen, as Linux counts",
      packets: [...first, ...second(3000, 46_801_001, 5005)],
    },
  ];
  for (const { name, packets } of cases) {
    const { seen } = replayBytes(pcapFile(packets));
    const told = [1, 2].map((conn) => [EGRESS, INGRESS].map((way) => streamText(seen, way, conn)));
    assert.deepEqual(told, [["ping", "pong"], ["PING", "PONG"]], name);
    const [closed] = seen.filter((event) => event.kind === "CLOSE");
    assert.equal(closed?.conn, 1, name);
    const last = seen.findLast((event) => event.kind === "DATA");
    assert.equal((last?.flags ?? 0) & Flag.FRESH, 0, `${name}: joined in the middle`);
  }
});

Deno.test("PcapSource takes late and repeated segments for no connection of their own", () => {
  const fin = Tcp.FIN | Tcp.ACK;
  const ping = sent(1, 0, "ping");
  const first = [...handshake(), ping, received(2, 0, "pong", { ack: 1005 })];
  const late = (packet: Packet, ms: number): Packet => ({ ...packet, timeNs: ms * MS });
  const cases = [
    {
      name: "behind both ends",
      packets: [
        received(3, 4, "", { flags: fin, ack: 1005 }),
        sent(4, 4, "", { flags: fin, ack: 5006 }),
        received(5, 5, "", { ack: 1006 }),
        late(ping, 2000),
      ],
    },
    {
      name: "under way when it was reset",
      packets: [
        sent(3, 4, "", { flags: Tcp.RST }),
        received(4, 4, "x".repeat(1400), { ack: 1005 }),
        received(5, 1404, "x".repeat(1400), { ack: 1005 }),
      ],
    },
    { name: "a probe for life", packets: [sent(9000, 3, "", { ack: 5005 }), late(ping, 9001)] },
    { name: "an acknowledgement of nothing", packets: [sent(9, 4, "", { ack: 900_005 })] },
  ];
  for (const { name, packets } of cases) {
    const { seen } = replayBytes(pcapFile([...first, ...packets]));
    assert.deepEqual(
      [...new Set(seen.map(({ conn }) => conn))].filter((conn) => conn > 1),
      [],
      name,
    );
  }
});
