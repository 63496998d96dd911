/**
 * Nothing is kept outside of the heap of bodies that were decoded: not of whole ones, nor of those that
 * are damaged, cut, or unfold to more than is wanted. The runtime's brotli kept 21 KB of each.
 */
import assert from "node:assert/strict";
import { brotliCompressSync, gzipSync, zstdCompressSync } from "node:zlib";
import { type Compression, decompress } from "../../lib/wire/decompress.ts";
import { seeded } from "../support/events.ts";

const MIB = 1 << 20;
/** As many bodies again must not take so much more. A kilobyte of each would be 20 MiB. */
const MAX_GROWTH = 12 * MIB;
const BODIES = 20_000;
const BATCH = 500;

const PACK: readonly (readonly [Compression, (bytes: Uint8Array) => Uint8Array])[] = [
  ["gzip", gzipSync],
  ["br", brotliCompressSync],
  ["zstd", zstdCompressSync],
];

/** Small bodies of every hostile kind. */
function bodies(pack: (bytes: Uint8Array) => Uint8Array): Uint8Array[] {
  const random = seeded(7);
  const plain = Uint8Array.from(pack(new TextEncoder().encode("a small body. ".repeat(8))));
  const bomb = Uint8Array.from(pack(new Uint8Array(MIB)));
  const all = [plain, bomb, plain.subarray(0, plain.length - 5), bomb.subarray(0, 40)];
  for (let nth = 0; nth < 60; nth++) {
    const damaged = Uint8Array.from(nth % 2 === 0 ? plain : bomb);
    for (let bits = 0; bits < 3; bits++) {
      const at = Math.floor(random() * damaged.length);
      damaged[at] = (damaged[at] ?? 0) ^ (1 << Math.floor(random() * 8));
    }
    all.push(damaged);
  }
  return all;
}

async function decodeMany(name: Compression, coded: readonly Uint8Array[]): Promise<void> {
  for (let nth = 0; nth < BODIES; nth++) {
    decompress(name, coded[nth % coded.length] as Uint8Array, nth % 3 !== 0, 4096);
    // Handles are closed by turns of the event loop.
    if (nth % BATCH === 0) await new Promise((resolve) => setTimeout(resolve, 0));
  }
}

for (const [name, pack] of PACK) {
  Deno.test(`decompress() of ${name} keeps no memory of hostile bodies`, async () => {
    const coded = bodies(pack);
    // The first ones make the heap and the allocator as large as they become.
    await decodeMany(name, coded);
    let growth = Infinity;
    // What the collector has not come to yet may spoil some of them, not all.
    for (let attempt = 0; attempt < 4 && growth > MAX_GROWTH; attempt++) {
      const before = Deno.memoryUsage().rss;
      await decodeMany(name, coded);
      growth = Deno.memoryUsage().rss - before;
    }
    assert.ok(growth <= MAX_GROWTH, `${(growth / MIB).toFixed(1)} MiB more`);
  });
}
