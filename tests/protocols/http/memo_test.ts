/** Heads that come again on a connection: what one message was must not show in the next one. */
import assert from "node:assert/strict";
import { drive, req, res, type Step } from "./drive.ts";

const HOST = "Host: a\r\n";
const CHUNKED = "HTTP/1.1 200 OK\r\nTransfer-Encoding: chunked\r\nSet-Cookie: s=1\r\n\r\n";
const get = (path: string): Step => req(`GET ${path} HTTP/1.1\r\n${HOST}Cookie: c=1\r\n\r\n`);
const ok = (body: string): Step => res(`HTTP/1.1 200 OK\r\nContent-Length: 3\r\n\r\n${body}`);

/** Pairs that share heads, or parts of them. */
const pairs: readonly (readonly [Step, Step])[] = [
  [get("/a"), ok("one")],
  [get("/a"), ok("two")],
  [get("/b"), ok("two")],
  [get("/b"), res("HTTP/1.1 404 Not Found\r\nContent-Length: 3\r\n\r\ntwo")],
  [get("/b"), res(`${CHUNKED}3\r\nabc\r\n0\r\nX-Sum: 1\r\nAuthorization: x\r\n\r\n`)],
  [get("/b"), res(`${CHUNKED} 3\r\nabc\n0\r\n\r\n`)],
  [get("/b"), res(`${CHUNKED}3\r\nabc\r\n0\r\n\r\n`)],
  [req(`GET /b HTTP/1.0\r\n${HOST}\r\n`), ok("one")],
  [req(`GET /b HTTP/1.1\r\n${HOST}\r\n`), ok("one")],
  [req(`GET /b c HTTP/1.1\r\n${HOST}\r\n`), ok("one")],
  [req(`\r\nGET /b HTTP/1.1\r\n${HOST}\r\n`), ok("one")],
  [req(`GET /b HTTP/1.1\n${HOST}\r\n`), ok("one")],
  [req(`POST /b HTTP/1.1\r\n${HOST}Content-Length: 2\r\n\r\nhi`), ok("one")],
  [req(`POST /b HTTP/1.1\r\n${HOST}Content-Length: 2\r\n\r\nho`), ok("one")],
  [req("GET / HTTP/1.1\r\nX: 1\r\n\r\n"), ok("one")],
  [req("GET / HTTP/1.0\r\nX: 1\r\n\r\n"), ok("one")],
  [req("GET / HTTP/1.1\r\nX: 1\r\n\r\n"), ok("one")],
];

/** What was said, and what was withheld of it. */
function told(steps: readonly Step[], piece?: number): string[] {
  const { exchanges, invalid } = drive([...steps], piece === undefined ? {} : { piece });
  assert.deepEqual(invalid, []);
  return exchanges.map(({ exchange, redacted }) => JSON.stringify({ exchange, redacted }));
}

for (const piece of [undefined, 1, 7]) {
  Deno.test(`parseFrame() reads a head as if none was before it, in pieces of ${piece ?? "a message"}`, () => {
    const alone = pairs.flatMap((pair) => told(pair, piece));
    assert.equal(alone.length, pairs.length);
    assert.deepEqual(told(pairs.flat(), piece), alone);
    // Each behind each other one, twice.
    pairs.forEach((first, i) => {
      pairs.forEach((second, j) => {
        const steps = [...first, ...second, ...second, ...first];
        const want = [alone[i], alone[j], alone[j], alone[i]];
        assert.deepEqual(told(steps, piece), want, `${i} before ${j}`);
      });
    });
  });
}
