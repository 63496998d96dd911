import assert from "node:assert/strict";
import { brotliCompressSync, brotliDecompressSync, constants } from "node:zlib";
import { decodeBrotli, type Unfolded } from "../../../lib/wire/brotli/decode.ts";
import { readDictionary } from "../../../lib/wire/brotli/dictionary.ts";
import { decodeContent } from "../../../lib/wire/content_coding.ts";
import { seeded } from "../../support/events.ts";

const words = readDictionary((content) => brotliDecompressSync(content));
const MIB = 1 << 20;

function decode(content: Uint8Array, wantedBytes = MIB): Unfolded {
  return decodeBrotli(content, () => words, wantedBytes);
}

function coded(content: Uint8Array, quality: number, window: number, mode = 0): Uint8Array {
  const params = {
    [constants.BROTLI_PARAM_QUALITY]: quality,
    [constants.BROTLI_PARAM_LGWIN]: window,
    [constants.BROTLI_PARAM_MODE]: mode,
  };
  return new Uint8Array(brotliCompressSync(content, { params }));
}

const encoder = new TextEncoder();
const next = seeded(7);
const CONTENTS: readonly { name: string; bytes: Uint8Array }[] = [
  { name: "nothing", bytes: new Uint8Array(0) },
  { name: "source", bytes: Deno.readFileSync(new URL("./decode_test.ts", import.meta.url)) },
  { name: "HTML of the dictionary", bytes: encoder.encode("<html><div>The Time of the world") },
  { name: "Cyrillic", bytes: encoder.encode("Привет, мир! Как дела? Хорошо. ".repeat(40)) },
  { name: "zeros", bytes: new Uint8Array(90_000) },
  { name: "noise", bytes: Uint8Array.from({ length: 3000 }, () => next() * 256) },
  {
    name: "numbers",
    bytes: new Uint8Array(Uint32Array.from({ length: 5000 }, (_, i) => i).buffer),
  },
];

Deno.test("readDictionary() gives that of RFC 7932", async () => {
  const digest = new Uint8Array(await crypto.subtle.digest("SHA-256", words.slice()));
  assert.equal(digest.toHex().slice(0, 16), "20e42eb1b511c218");
});

for (const { name, bytes } of CONTENTS) {
  Deno.test(`decodeBrotli() unfolds ${name} of every quality and window`, () => {
    for (let quality = 0; quality <= 11; quality++) {
      for (const window of [10, 16, 18, 22, 24]) {
        for (const mode of [0, 1, 2]) {
          const unfolded = decode(coded(bytes, quality, window, mode));
          const how = `quality ${quality}, window ${window}, mode ${mode}`;
          assert.deepEqual([unfolded.end, unfolded.leftBytes], ["whole", 0], how);
          assert.deepEqual(unfolded.bytes.toHex(), bytes.toHex(), how);
        }
      }
    }
  });
}

Deno.test("decodeBrotli() unfolds the beginning of content that is cut anywhere", () => {
  for (const { name, bytes } of CONTENTS) {
    const content = coded(bytes, 11, 22);
    for (let length = 0; length < content.length; length += 1 + (length >> 5)) {
      const { bytes: got, end } = decode(content.slice(0, length));
      assert.equal(end, "cut", `${name}, ${length} bytes`);
      assert.equal(got.toHex(), bytes.slice(0, got.length).toHex(), `${name}, ${length} bytes`);
    }
  }
});

Deno.test("decodeBrotli() stops at what is wanted, and says what is left over", () => {
  const zeros = coded(new Uint8Array(16 * MIB), 9, 22);
  const { bytes, end } = decode(zeros, 4096);
  assert.deepEqual([bytes.length, end], [4096, "wanted"]);
  const { leftBytes } = decode(Uint8Array.from([...coded(encoder.encode("a"), 5, 22), 1, 2, 3]));
  assert.equal(leftBytes, 3);
});

Deno.test("decodeBrotli() ends for content with any bit changed", () => {
  const content = coded(CONTENTS[1]?.bytes ?? words, 11, 22);
  for (let bit = 0; bit < 8 * content.length; bit += 1 + (bit >> 6)) {
    const damaged = content.slice();
    damaged[bit >> 3] = (damaged[bit >> 3] ?? 0) ^ (1 << (bit & 7));
    assert.ok(decode(damaged).bytes.length <= MIB);
  }
});

// The runtime's decoder leaked 21 KB for each of these, and wrote twelve lines to standard output.
Deno.test("decodeContent() takes nothing for keeps of brotli that is wrong in its commands", () => {
  const content = Uint8Array.fromHex(
    "1bdf06b01c09768ce47f186cdb20c1bcc1f6769d073bab067159639b6c20793d8826a2382811bcde021ed05ba0b6" +
      "7793264da7",
  );
  const before = Deno.memoryUsage().rss;
  for (let i = 0; i < 5000; i++) assert.equal(decodeContent(["br"], content, true, 7), "corrupt");
  assert.ok(Deno.memoryUsage().rss - before < 64 * MIB);
});
