/**
 * Heads that come again on a connection, and messages that come again on any: what one message was
 * must not show in the next one.
 */
import assert from "node:assert/strict";
import { Buffer } from "node:buffer";
import { JsonBuffer } from "../../../lib/wire/json.ts";
import { parseFrame } from "../../../protocols/http/parse.ts";
import { RepeatedMessages } from "../../../protocols/http/repeated.ts";
import { createState, createTrace, type HttpTrace } from "../../../protocols/http/state.ts";
import { HeaderFields, type HttpContent, type HttpFrame } from "../../../protocols/http/types.ts";
import type { Frame } from "../../../protocols/protocol.ts";
import { parseContext } from "../../support/contexts.ts";
import { drive, encode, req, res, type Step } from "./drive.ts";

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

/** As told(), of a connection of the same trace. */
function toldAmong(trace: HttpTrace, steps: readonly Step[], piece?: number): string[] {
  const { exchanges, invalid } = drive([...steps], { trace, ...(piece && { piece }) });
  assert.deepEqual(invalid, []);
  return exchanges.map(({ exchange, redacted }) => JSON.stringify({ exchange, redacted }));
}

/** As JSON of the sink. */
function jsonOf(value: unknown): string {
  const out = new JsonBuffer(64);
  out.value(value);
  return new TextDecoder().decode(out.bytes.subarray(0, out.length));
}

const binary = (text: string): Step => ({ side: "response", bytes: Buffer.from(text, "latin1") });
const more: readonly (readonly [Step, Step])[] = [
  [req("HEAD /b HTTP/1.1\r\nHost: a\r\n\r\n"), res("HTTP/1.1 200 OK\r\nContent-Length: 3\r\n\r\n")],
  [get("/b"), res("HTTP/1.1 204 No Content\r\n\r\n")],
  [get("/b"), res("HTTP/1.1 304 Not Modified\r\nContent-Length: 3\r\n\r\n")],
  [get("/b"), res("HTTP/1.1 100 Continue\r\n\r\nHTTP/1.1 200 OK\r\nContent-Length: 3\r\n\r\none")],
  [get("/b"), res(`HTTP/1.1 200 OK\r\nContent-Length: 6000\r\n\r\n${"x".repeat(6000)}`)],
  [get("/b"), binary("HTTP/1.1 200 OK\r\nContent-Length: 3\r\n\r\n\xff\xfe\xfd")],
];

for (const piece of [undefined, 1, 7]) {
  Deno.test(`parseFrame() reads messages that come again as the first one, in pieces of ${piece ?? "a message"}`, () => {
    const every = [...pairs, ...more];
    const trace = createTrace({ maxBodyBytes: 4096, showSecrets: false });
    const alone = every.map((pair) => told(pair, piece));
    for (let round = 0; round < 5; round++) {
      every.forEach((pair, i) => {
        assert.deepEqual(toldAmong(trace, pair, piece), alone[i], `${i}, round ${round}`);
        assert.deepEqual(
          toldAmong(trace, [...pair, ...pair, ...pair], piece),
          [...told([...pair, ...pair, ...pair], piece)],
          `${i} three times, round ${round}`,
        );
      });
    }
    assert.deepEqual(toldAmong(trace, every.flat(), piece), told(every.flat(), piece));
  });
}

Deno.test("a message that came again has the same JSON, time and all", () => {
  const trace = createTrace({ maxBodyBytes: 4096, showSecrets: false });
  const steps = [...pairs, ...more].flat();
  for (let round = 0; round < 4; round++) {
    for (const { exchange } of drive(steps, { trace }).exchanges) {
      assert.equal(jsonOf(exchange), JSON.stringify(exchange));
    }
  }
});

Deno.test("a message that came again is one object for its fields, and none for its time", () => {
  const trace = createTrace({ maxBodyBytes: 4096, showSecrets: false });
  const pair = [get("/a"), ok("one")];
  const { exchanges } = drive(Array.from({ length: 6 }, () => pair).flat(), { trace });
  const [, , third, fourth] = exchanges.map(({ exchange }) => exchange);
  assert.equal(third?.request, fourth?.request);
  assert.equal(third?.response?.headers, fourth?.response?.headers);
  assert.notEqual(third?.response, fourth?.response);
});

Deno.test("RepeatedMessages keeps what comes again, also among many that do not", () => {
  const memory = new RepeatedMessages();
  const options = { maxBodyBytes: 4096, showSecrets: false };
  const bytes = (id: number): Uint8Array => encode(`GET /${id} HTTP/1.1\r\nHost: a\r\n\r\n`);
  const frameOf = (of: Uint8Array): Frame<HttpFrame> => {
    const state = createState(createTrace(options));
    const result = parseFrame(of, parseContext({ side: "request", state }));
    assert.ok(result.kind === "frame");
    return result;
  };
  const often = bytes(0);
  let found = 0;
  for (let i = 1; i <= 5000; i++) {
    const other = bytes(i);
    assert.equal(memory.find(other, "request"), null);
    memory.note(other, frameOf(other));
    const known = memory.find(often, "request");
    assert.equal(memory.find(often, "response"), null);
    if (known === null) memory.note(often, frameOf(often));
    else {
      found++;
      assert.equal(known.isAt(often), true);
      assert.equal(known.isAt(other), false);
      assert.equal(known.isAt(often.subarray(0, often.length - 1)), false);
      assert.equal(known.result.length, often.length);
    }
  }
  assert.ok(found > 4900, `${found}`);
});

Deno.test("RepeatedMessages keeps no body that unfolds to a large one", () => {
  const bytes = encode("HTTP/1.1 200 OK\r\nContent-Encoding: gzip\r\nContent-Length: 0\r\n\r\n");
  const isKept = (body: Pick<HttpContent, "body" | "body_base64">): boolean => {
    const memory = new RepeatedMessages();
    const content = { version: "1.1", headers: new HeaderFields(), body_bytes: 0, ...body };
    const message = { status: 200, reason: "OK", ...content };
    const sizes = { wireBytes: bytes.length, shownBytes: -1 };
    const frame = { side: "response" as const, message, complete: true, ...sizes };
    for (let i = 0; i < 3; i++) memory.note(bytes, { kind: "frame", frame, length: bytes.length });
    return memory.find(bytes, "response") !== null;
  };
  assert.equal(isKept({ body: "x".repeat(4096) }), true);
  assert.equal(isKept({ body: "x".repeat(100_000) }), false);
  assert.equal(isKept({ body_base64: "x".repeat(100_000) }), false);
});
