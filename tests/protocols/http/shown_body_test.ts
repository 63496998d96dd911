import assert from "node:assert/strict";
import { drive, encode, req, res, run, type Step } from "./drive.ts";

const GET = "GET / HTTP/1.1\r\nHost: a\r\n\r\n";
const OK = "HTTP/1.1 200 OK\r\nContent-Length: 2\r\n\r\nok";

Deno.test("parseFrame() cuts shown bodies at maxBodyBytes, never inside a character", () => {
  const table = [
    { body: "abcdef", max: 4, want: { body: "abcd", body_truncated: true } },
    { body: "abc\u20ac", max: 4, want: { body: "abc", body_truncated: true } },
    { body: "\u20ac", max: 4, want: { body: "\u20ac" } },
    { body: "abc", max: 0, want: { body_truncated: true } },
  ];
  for (const { body, max, want } of table) {
    const size = encode(body).length;
    const chunks = [...encode(body)].map((byte) =>
      encode("1\r\n" + String.fromCharCode(byte) + "\r\n").length
    );
    assert.ok(chunks.length === size);
    const [exchange] = run(body, [
      req(`POST / HTTP/1.1\r\nHost: a\r\nContent-Length: ${size}\r\n\r\n${body}`),
    ], max);
    const { method: _m, path: _p, version: _v, headers: _h, ...rest } = { ...exchange?.request };
    assert.deepEqual(rest, { body_bytes: size, ...want }, body);
  }
});

Deno.test("parseFrame() shows bytes that are no text as base64", () => {
  const head = encode("POST / HTTP/1.1\r\nHost: a\r\nContent-Length: 3\r\n\r\n");
  const bytes = new Uint8Array([...head, 0xff, 0x00, 0xfe]);
  const [exchange] = run("base64", [{ side: "request", bytes }]);
  assert.equal(exchange?.request?.body_base64, "/wD+");
  assert.equal(exchange?.request?.body, undefined);
});

Deno.test("parseFrame() keeps nothing of a 10 MiB body but what is shown", () => {
  const size = 10 * 1024 * 1024;
  const piece = new Uint8Array(64 * 1024).fill(0x78);
  const table = [`Content-Length: ${size}`, "Transfer-Encoding: chunked"];
  for (const framing of table) {
    const isChunked = framing.startsWith("T");
    const steps: Step[] = [req(GET), res(`HTTP/1.1 200 OK\r\n${framing}\r\n\r\n`)];
    if (isChunked) steps.push(res(`${size.toString(16)}\r\n`));
    for (let sent = 0; sent < size; sent += piece.length) {
      steps.push({ side: "response", bytes: piece });
    }
    if (isChunked) steps.push(res("\r\n0\r\n\r\n"));
    steps.push(req(GET), res(OK));
    const { exchanges, peakBytes } = drive(steps, { open: true });
    assert.equal(exchanges.length, 2);
    const { response } = { ...exchanges[0]?.exchange };
    assert.equal(response?.body_bytes, size);
    assert.equal(response?.body?.length, 4096);
    assert.equal(response?.body_truncated, true);
    assert.ok((exchanges[0]?.response?.bytes ?? 0) >= size);
    assert.ok(peakBytes <= 2 * piece.length, `${peakBytes}`);
  }
});
