import assert from "node:assert/strict";
import {
  brotliCompressSync,
  deflateRawSync,
  deflateSync,
  gzipSync,
  zstdCompressSync,
} from "node:zlib";
import { drive, encode, printed, req, type Step } from "./drive.ts";
import { bytesOf, TEXT } from "./samples.ts";

const GET = req("GET / HTTP/1.1\r\nHost: a\r\n\r\n");

function answer(coding: string, body: Uint8Array): Step {
  return {
    side: "response",
    bytes: bytesOf(
      `HTTP/1.1 200 OK\r\nContent-Encoding: ${coding}\r\nContent-Length: ${body.length}\r\n\r\n`,
      body,
    ),
  };
}

Deno.test("parseFrame() decodes content codings whole, before the display cut", () => {
  const table = [
    { coding: "gzip", body: gzipSync(TEXT) },
    { coding: "X-GZIP", body: gzipSync(TEXT) },
    { coding: "deflate", body: deflateSync(TEXT) },
    { coding: "deflate", body: deflateRawSync(TEXT) },
    { coding: "br", body: brotliCompressSync(TEXT) },
    { coding: "zstd", body: zstdCompressSync(TEXT) },
    { coding: "gzip, br", body: brotliCompressSync(gzipSync(TEXT)) },
  ];
  for (const { coding, body } of table) {
    for (const piece of [1, 100_000]) {
      const [exchange] = printed(drive([GET, answer(coding, body)], { maxBodyBytes: 100, piece }));
      const { headers: _, ...rest } = { ...exchange?.response };
      assert.deepEqual(rest, {
        status: 200,
        reason: "OK",
        version: "1.1",
        body_bytes: body.length,
        body_decoded_bytes: TEXT.length,
        body: TEXT.slice(0, 100),
        body_truncated: true,
      }, coding);
    }
  }
});

Deno.test("parseFrame() decodes the gzip transfer coding under chunked", () => {
  const body = gzipSync(TEXT);
  const bytes = bytesOf(
    "HTTP/1.1 200 OK\r\nTransfer-Encoding: gzip, chunked\r\n\r\n",
    `${body.length.toString(16)}\r\n`,
    body,
    "\r\n0\r\n\r\n",
  );
  const [exchange] = printed(drive([GET, { side: "response", bytes }]));
  assert.equal(exchange?.response?.body, TEXT);
  assert.equal(exchange?.response?.body_bytes, body.length);
});

Deno.test("parseFrame() shows coded bodies that cannot be decoded as they are", () => {
  const body = encode("not gzip at all");
  const [corrupt] = printed(drive([GET, answer("gzip", body)]));
  assert.equal(corrupt?.response?.body, "not gzip at all");
  assert.deepEqual(corrupt?.response?.anomalies, ["corrupt_content_coding"]);
  const [unknown] = printed(drive([GET, answer("rot13", body)]));
  assert.equal(unknown?.response?.body, "not gzip at all");
  assert.equal(unknown?.response?.anomalies, undefined);
});

Deno.test("parseFrame() shows the beginning of a coded body that broke off", () => {
  const text = Array.from({ length: 20_000 }, (_, i) => `line ${i * 7919 % 10007}`).join("\n");
  const whole = answer("gzip", gzipSync(text)).bytes;
  assert.ok(typeof whole !== "number");
  const half = whole.subarray(0, whole.length >> 1);
  const { exchanges } = drive([GET, { side: "response", bytes: half }]);
  const { response } = { ...exchanges[0]?.exchange };
  assert.equal(response?.body, text.slice(0, 4096));
  assert.equal(response?.body_truncated, true);
  assert.equal(response?.body_decoded_bytes, undefined);
});
