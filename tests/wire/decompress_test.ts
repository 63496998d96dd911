import assert from "node:assert/strict";
import {
  brotliCompressSync,
  deflateRawSync,
  deflateSync,
  gzipSync,
  zstdCompressSync,
} from "node:zlib";
import { type Compression, decompress } from "../../lib/wire/decompress.ts";

const TEXT = new TextEncoder().encode("compressed, compressed, compressed. ".repeat(40));
const FORMATS: { name: Compression; coded: Uint8Array }[] = [
  { name: "gzip", coded: gzipSync(TEXT) },
  { name: "zlib", coded: deflateSync(TEXT) },
  { name: "deflate_raw", coded: deflateRawSync(TEXT) },
  { name: "br", coded: brotliCompressSync(TEXT) },
  { name: "zstd", coded: zstdCompressSync(TEXT) },
];

Deno.test("decompress() decodes each format by its name, up to what is asked for", () => {
  for (const { name, coded } of FORMATS) {
    const bytes = Uint8Array.from(coded);
    const all = decompress(name, bytes, true, TEXT.length);
    assert.deepEqual(all, { bytes: TEXT, decodedBytes: TEXT.length, complete: true }, name);
    const some = decompress(name, bytes, true, 10);
    assert.ok(typeof some === "object", name);
    assert.deepEqual([...some.bytes], [...TEXT.subarray(0, 10)], name);
    assert.equal(decompress(name, bytes.subarray(0, 0), true, 10), "corrupt", name);
    assert.equal(decompress(name, bytes.subarray(0, 0), false, 10), "too_short", name);
  }
});

Deno.test("decompress() takes one format for no other", () => {
  for (const { name } of FORMATS) {
    for (const { name: other, coded } of FORMATS) {
      if (name === other || name === "deflate_raw") continue; // has no check
      const got = decompress(name, Uint8Array.from(coded), true, TEXT.length);
      assert.notDeepEqual(typeof got === "object" && got.bytes, TEXT, `${other} as ${name}`);
    }
  }
});
