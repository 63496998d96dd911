/** gzip files, unpacked piece by piece: against zlib's, cut, damaged, joined, and as captures. */
import assert from "node:assert/strict";
import { crc32, deflateRawSync, gzipSync } from "node:zlib";
import { Direction } from "../../lib/capture/abi.ts";
import { Inflater } from "../../lib/capture/recording/inflate.ts";
import { openReplay } from "../../lib/capture/replay.ts";
import {
  concat,
  handshake,
  ngBlock,
  ngPacket,
  ngSection,
  pcapFile,
  replayBytes,
  sent,
  streamText,
} from "../support/pcap.ts";

/** All that `packed` has, given in pieces of `size`, taken in pieces of `want`. */
function inflate(
  packed: Uint8Array,
  size: number,
  want = 50_000,
): { bytes: Uint8Array; failure: string | null } {
  const inflater = new Inflater();
  const parts: Uint8Array[] = [];
  const into = new Uint8Array(want);
  let at = 0;
  while (true) {
    const count = inflater.take(into);
    if (count > 0) {
      parts.push(into.slice(0, count));
      continue;
    }
    if (inflater.ended) return { bytes: Buffer.concat(parts), failure: inflater.failure };
    if (at >= packed.length) {
      inflater.added(null);
      continue;
    }
    const room = inflater.room();
    const part = packed.subarray(at, at + Math.min(size, room.length));
    room.set(part);
    inflater.added(part.length);
    at += part.length;
  }
}

function random(length: number, values: number, seed = 1): Uint8Array {
  let state = seed;
  return Uint8Array.from({ length }, () => {
    state = (Math.imul(state, 1664525) + 1013904223) >>> 0;
    return Math.floor(state / 2 ** 32 * values);
  });
}

const TEXT = new TextEncoder().encode("GET /a HTTP/1.1\r\nHost: example\r\n\r\n".repeat(4000));

const SAMPLES = [
  { name: "nothing", bytes: new Uint8Array(0) },
  { name: "a byte", bytes: new Uint8Array([7]) },
  { name: "text", bytes: TEXT },
  { name: "zeros", bytes: new Uint8Array(400_000) },
  { name: "noise", bytes: random(200_000, 256) },
  { name: "few values", bytes: random(200_000, 5) },
  { name: "far copies", bytes: concat(random(32_000, 256), random(32_000, 256)) },
];

Deno.test("Inflater gives what was packed, at every level and however it is cut", () => {
  for (const { name, bytes } of SAMPLES) {
    for (const level of [0, 1, 6, 9]) {
      for (const strategy of [0, 2, 4]) { // default, Huffman alone, fixed codes
        const packed = gzipSync(bytes, { level, strategy });
        const sizes = packed.length < 3000 ? [1, 7, 100_000] : [997, 100_000];
        for (const size of sizes) {
          const got = inflate(packed, size, size === 997 ? 333 : 50_000);
          assert.equal(got.failure, null, `${name} ${level} ${strategy} ${size}`);
          assert.ok(Buffer.compare(got.bytes, bytes) === 0, `${name} ${level} ${strategy} ${size}`);
        }
      }
    }
  }
});

Deno.test("Inflater reads every field of the head, and several files as one", () => {
  const data = random(1000, 9);
  const plain = gzipSync(data);
  const name = new TextEncoder().encode("a.pcap\0");
  const head = concat(
    [0x1f, 0x8b, 8, 2 | 4 | 8 | 16, 0, 0, 0, 0, 0, 3],
    [3, 0, 1, 2, 3],
    name,
    name,
  );
  const sum = crc32(head);
  const all = concat(head, [sum & 0xff, (sum >> 8) & 0xff], plain.subarray(10));
  for (const size of [1, 5, 10_000]) {
    for (const zeros of [0, 1, 600]) {
      const gap = Array(zeros).fill(0);
      const { bytes, failure } = inflate(concat(all, gap, plain, plain, gap), size);
      assert.equal(failure, null);
      assert.ok(Buffer.compare(bytes, concat(data, data, data)) === 0);
    }
  }
});

Deno.test("Inflater gives the good part of what is cut, then says so", () => {
  const packed = gzipSync(TEXT);
  for (let end = 0; end < packed.length; end++) {
    const { bytes, failure } = inflate(packed.subarray(0, end), 100);
    assert.equal(failure, "gzip data is cut", `${end}`);
    assert.ok(Buffer.compare(bytes, TEXT.subarray(0, bytes.length)) === 0, `${end}`);
  }
  assert.ok(inflate(packed.subarray(0, packed.length - 9), 100).bytes.length > TEXT.length / 2);
});

Deno.test("Inflater tells damage, whichever byte it is in", () => {
  const data = random(3000, 40);
  const packed = gzipSync(data);
  // Behind the head, whose time and system mean nothing here.
  for (let at = 10; at < packed.length; at++) {
    const damaged = Uint8Array.from(packed);
    damaged[at] = (damaged[at] ?? 0) ^ 0x55;
    const { failure } = inflate(damaged, 100_000);
    assert.notEqual(failure, null, `byte ${at}`);
  }
  const behind = inflate(concat(packed, [1, 2, 3]), 100_000);
  assert.deepEqual([behind.bytes.length, behind.failure], [data.length, "gzip data is damaged"]);
  const wrongSum = concat(gzipSync(data).subarray(0, 10), deflateRawSync(data), Array(8).fill(1));
  assert.equal(inflate(wrongSum, 100_000).failure, "gzip data is damaged");
});

Deno.test("openReplay() reads captures and recordings that gzip packed", async () => {
  const packets = [...handshake(), sent(1, 0, "abc"), sent(2, 3, "def")];
  const pcap = pcapFile(packets);
  const ng = concat(ngSection([{}]), ...packets.map((p) => ngPacket(0, BigInt(p.timeNs), p.bytes)));
  for (const file of [pcap, ng]) {
    const { seen, source } = replayBytes(gzipSync(file));
    assert.equal(streamText(seen, Direction.EGRESS), "abcdef");
    assert.equal(source.failure, null);
  }
  const cut = replayBytes(gzipSync(pcap).subarray(0, -9));
  assert.match(cut.source.failure?.message ?? "", /its gzip data is cut$/);
  assert.match(streamText(cut.seen, Direction.EGRESS), /^abc/);
  const recording = await Deno.readFile(
    new URL("../recordings/http/keep_alive/events.rec", import.meta.url),
  );
  const counts = [recording, gzipSync(recording)].map((bytes) => {
    const path = Deno.makeTempFileSync();
    try {
      Deno.writeFileSync(path, bytes);
      using source = openReplay(path);
      let events = 0;
      while (!source.ended) source.drain(() => events++);
      assert.equal(source.failure, null);
      return events;
    } finally {
      Deno.removeSync(path);
    }
  });
  assert.ok((counts[0] ?? 0) > 0);
  assert.equal(counts[1], counts[0]);
});

Deno.test("openReplay() takes no more memory for what unpacks to a lot", () => {
  // 192 MiB of blocks that are passed over are packed in less than 1 MiB.
  const block = ngBlock(5, new Uint8Array(16_000_000));
  const blocks = Array.from({ length: 12 }, () => block);
  const head = concat(ngSection([{}]), ngPacket(0, 1n, sent(1, 0, "abc").bytes));
  const bomb = concat(...[head, ...blocks].map((part) => gzipSync(part)));
  assert.ok(bomb.length < 1 << 20);
  const before = Deno.memoryUsage().rss;
  const { seen } = replayBytes(bomb);
  assert.ok(seen.length > 0);
  assert.ok(Deno.memoryUsage().rss - before < 100 << 20);
});
