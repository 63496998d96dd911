/** The formats of packet captures: link types, IP, files whole, cut and mutated. */
import assert from "node:assert/strict";
import { Direction } from "../../../lib/capture/abi.ts";
import { RecordingInput } from "../../../lib/capture/recording/input.ts";
import { replayOf } from "../../../lib/capture/replay.ts";
import {
  client,
  client6,
  concat,
  drainAll,
  ethernet,
  handshake,
  ip,
  ngBlock,
  ngPacket,
  ngSection,
  pcapFile,
  received,
  replayBytes,
  sent,
  server,
  server6,
  streamText,
  Tcp,
  tcp,
  text,
  udp,
} from "../../support/pcap.ts";

const { EGRESS } = Direction;
const MS = 1e6;

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
  const { seen, source } = replayBytes(pcapFile([{ timeNs: 0, bytes: v4 }], { linkType: 148 }));
  assert.equal(seen.filter((event) => event.kind === "DATA").length, 0);
  assert.equal(source.notRead().link_type_148, 1);
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
    assert.equal(source.notRead().lost_fragments ?? 0, lost, name);
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

Deno.test("PcapSource passes over large pcapng blocks in parts, and takes no packet beyond 1 MiB", () => {
  const packet = (at: number, data: string): Uint8Array =>
    ngPacket(0, BigInt(at), sent(0, at, data).bytes);
  const large = ngBlock(10, new Uint8Array(15 << 20));
  const begin = concat(ngSection([{}]), packet(0, "abc"));
  const path = Deno.makeTempFileSync({ suffix: ".pcapng" });
  try {
    Deno.writeFileSync(path, concat(begin, large, packet(3, "def")));
    const input = new RecordingInput(path);
    using source = replayOf(input);
    assert.equal(streamText(drainAll(source), EGRESS), "abcdef");
    assert.equal(source.failure, null);
    assert.ok(input.bytes.length <= 1 << 20, `${input.bytes.length}`);
  } finally {
    Deno.removeSync(path);
  }
  const wrong = large.slice();
  wrong[wrong.length - 1] = 9;
  const at = begin.length;
  const cases = [
    { name: "cut", rest: large.subarray(0, 9 << 20), why: `packet at offset ${at} is cut` },
    { name: "cut at once", rest: large.subarray(0, 12), why: `packet at offset ${at} is cut` },
    { name: "another length at its end", rest: wrong, why: `block at offset ${at} is damaged` },
    {
      name: "a packet too long",
      rest: ngPacket(0, 3n, new Uint8Array((1 << 20) + 4)),
      why: `block at offset ${at} is damaged`,
    },
  ];
  for (const { name, rest, why } of cases) {
    const { seen, source } = replayBytes(concat(begin, rest));
    assert.equal(streamText(seen, EGRESS), "abc", name);
    assert.ok(source.failure?.message.endsWith(why), `${name}: ${source.failure?.message}`);
  }
});

Deno.test("PcapSource of a capture without packets ends at once", () => {
  for (const file of [pcapFile([]), ngSection([{}])]) {
    const { seen, source } = replayBytes(file);
    assert.equal(seen.length, 0);
    assert.equal(source.failure, null);
    assert.equal(source.start.way, "pcap");
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
