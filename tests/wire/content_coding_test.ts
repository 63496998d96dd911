import assert from "node:assert/strict";
import { brotliCompressSync, gzipSync, zstdCompressSync } from "node:zlib";
import { codingsOf, decodeContent } from "../../lib/wire/content_coding.ts";
import { workFor } from "../../lib/wire/decompress.ts";

const MIB = 1024 * 1024;

Deno.test("codingsOf() lists codings in the order they were applied", () => {
  const table: { value: string | string[] | undefined; want: string[] }[] = [
    { value: undefined, want: [] },
    { value: "GZIP", want: ["gzip"] },
    { value: " gzip , identity,br", want: ["gzip", "br"] },
    { value: ["deflate", "chunked"], want: ["deflate"] },
    { value: ",,", want: [] },
  ];
  for (const { value, want } of table) assert.deepEqual(codingsOf(value), want);
});

Deno.test("decodeContent() never gives more than the bound", () => {
  const zeros = new Uint8Array(16 * MIB);
  const table = [
    { coding: "gzip", bytes: gzipSync(zeros) },
    { coding: "br", bytes: brotliCompressSync(zeros) },
    { coding: "zstd", bytes: zstdCompressSync(zeros) },
  ];
  for (const { coding, bytes } of table) {
    const decoded = decodeContent([coding], bytes, true, MIB);
    assert.ok(typeof decoded === "object", coding);
    assert.equal(decoded.complete, false, coding);
    assert.ok(decoded.bytes.length > 0 && decoded.bytes.length <= MIB, coding);
  }
});

Deno.test("decodeContent() gives the beginning of a beginning", () => {
  const text = Array.from({ length: 50_000 }, (_, i) => `${(i * 2654435761) % 1000003}`).join(",");
  const want = new TextEncoder().encode(text);
  const table = [
    { coding: "gzip", bytes: gzipSync(text) },
    { coding: "br", bytes: brotliCompressSync(text) },
    { coding: "zstd", bytes: zstdCompressSync(text) },
  ];
  for (const { coding, bytes } of table) {
    // Only the beginning of gzip content tells that it is one.
    for (const whole of coding === "gzip" ? [true, false] : [false]) {
      const half = bytes.subarray(0, bytes.length * 0.8);
      const decoded = decodeContent([coding], half, whole, 8 * MIB);
      assert.ok(typeof decoded !== "string", coding);
      assert.equal(decoded.complete, false, coding);
      assert.ok(decoded.bytes.length > 1000, coding);
      assert.deepEqual(new Uint8Array(decoded.bytes), want.slice(0, decoded.bytes.length), coding);
    }
  }
});

Deno.test("decodeContent() names why it cannot decode", () => {
  const bytes = new TextEncoder().encode("plain text");
  assert.equal(decodeContent(["compress"], bytes, true, MIB), "unknown_coding");
  assert.equal(decodeContent(["gzip"], bytes, true, MIB), "corrupt");
  const cut = zstdCompressSync("a".repeat(1000)).subarray(0, 8);
  assert.equal(decodeContent(["zstd"], cut, false, MIB), "too_short");
  assert.equal(decodeContent(Array(9).fill("gzip"), bytes, true, MIB), "unknown_coding");
});

Deno.test("decodeContent() decodes no further than what is shown needs, and a ratio allows", () => {
  const zeros = new Uint8Array(16 * MIB);
  const table = [
    { coding: "gzip", bytes: gzipSync(zeros) },
    { coding: "br", bytes: brotliCompressSync(zeros) },
    { coding: "zstd", bytes: zstdCompressSync(zeros) },
  ];
  for (const { coding, bytes } of table) {
    const decoded = decodeContent([coding], bytes, true, 4096);
    assert.ok(typeof decoded === "object", coding);
    const { bytes: shown, decodedBytes, complete } = decoded;
    assert.deepEqual([shown.length, complete], [4096, false], coding);
    assert.ok(decodedBytes <= Math.max(16384, 32 * bytes.length), `${coding}: ${decodedBytes}`);
  }
  assert.ok(workFor(MIB, 4096) <= 8 * MIB);
});
