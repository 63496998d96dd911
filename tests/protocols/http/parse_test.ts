import assert from "node:assert/strict";
import { drive, req, res, run } from "./drive.ts";

const GET = "GET / HTTP/1.1\r\nHost: a\r\n\r\n";
const GOT = { method: "GET", path: "/", version: "1.1", headers: { host: "a" }, body_bytes: 0 };
const OK = "HTTP/1.1 200 OK\r\nContent-Length: 2\r\n\r\nok";
const OKAY = {
  status: 200,
  reason: "OK",
  version: "1.1",
  headers: { "content-length": "2" },
  body_bytes: 2,
  body: "ok",
};

Deno.test("parseFrame() reads a request and its response field by field", () => {
  assert.deepEqual(run("get", [req(GET), res(OK)]), [{ request: GOT, response: OKAY }]);
});

const bodies: { name: string; bytes: string; want: Record<string, unknown> }[] = [
  {
    name: "chunked with extension and trailer",
    bytes: 'Transfer-Encoding: chunked\r\n\r\n3;a="b"\r\nabc\r\n2\r\nde\r\n0\r\nX-T: 1\r\n\r\n',
    want: { body: "abcde", body_bytes: 5, trailers: { "x-t": "1" } },
  },
  {
    name: "chunked, upper-case digits, leading zeros",
    bytes: "Transfer-Encoding: Chunked\r\n\r\n00A\r\n0123456789\r\n000\r\n\r\n",
    want: { body: "0123456789", body_bytes: 10 },
  },
  {
    name: "chunked with bare line feeds",
    bytes: "Transfer-Encoding: chunked\r\n\r\n1\na\n0\r\n\r\n",
    want: { body: "a", body_bytes: 1, anomalies: ["bare_lf_in_chunk"] },
  },
  {
    name: "chunk size with a space before",
    bytes: "Transfer-Encoding: chunked\r\n\r\n 1\r\na\r\n0\r\n\r\n",
    want: { body: "a", body_bytes: 1, anomalies: ["space_in_chunk_size"] },
  },
  { name: "empty", bytes: "Content-Length: 0\r\n\r\n", want: { body_bytes: 0 } },
  {
    name: "read until close",
    bytes: "Server: x\r\n\r\nuntil\r\nclose",
    want: { body: "until\r\nclose", body_bytes: 12 },
  },
  {
    name: "content-length and chunked",
    bytes: "Content-Length: 9\r\nTransfer-Encoding: chunked\r\n\r\n1\r\na\r\n0\r\n\r\n",
    want: { body: "a", body_bytes: 1, anomalies: ["content_length_and_transfer_encoding"] },
  },
  {
    name: "content-length twice, the same",
    bytes: "Content-Length: 2\r\nContent-Length: 2\r\n\r\nab",
    want: { body: "ab", body_bytes: 2, anomalies: ["duplicate_content_length"] },
  },
  {
    name: "content-length as a list that differs",
    bytes: "Content-Length: 2, 3\r\n\r\nab",
    want: {
      body: "ab",
      body_bytes: 2,
      anomalies: ["duplicate_content_length", "conflicting_content_length"],
    },
  },
  {
    name: "content-length that is no number",
    bytes: "Content-Length: +2\r\n\r\nab",
    want: { body: "ab", body_bytes: 2, anomalies: ["invalid_content_length"] },
  },
  {
    name: "transfer coding that is not chunked at its end",
    bytes: "Transfer-Encoding: chunked, foo\r\n\r\nab",
    want: { body: "ab", body_bytes: 2, anomalies: ["transfer_encoding_not_chunked"] },
  },
  {
    name: "identity is no transfer coding: the length counts",
    bytes: "Transfer-Encoding: identity\r\nContent-Length: 2\r\n\r\nab",
    want: {
      body: "ab",
      body_bytes: 2,
      anomalies: ["transfer_encoding_not_chunked", "content_length_and_transfer_encoding"],
    },
  },
  {
    name: "not UTF-8",
    bytes: "Content-Length: 4\r\nContent-Encoding: identity\r\n\r\n\xff\xfe",
    want: { body: "\xff\xfe", body_bytes: 4 },
  },
];

Deno.test("parseFrame() delimits bodies as RFC 9112 section 6.3 says", () => {
  for (const { name, bytes, want } of bodies) {
    const [exchange] = run(name, [req(GET), res("HTTP/1.1 200 OK\r\n" + bytes)]);
    const { headers: _, ...rest } = { ...exchange?.response };
    assert.deepEqual(rest, { status: 200, reason: "OK", version: "1.1", ...want }, name);
  }
});

const heads: { name: string; bytes: string; want: Record<string, unknown> }[] = [
  {
    name: "any method token, any target",
    bytes: "M-SEARCH * HTTP/1.1\r\nHost: a\r\n\r\n",
    want: { method: "M-SEARCH", path: "*", headers: { host: "a" } },
  },
  {
    name: "absolute target with a query",
    bytes: "GET http://a/b?c=%20&d#e HTTP/1.0\r\n\r\n",
    want: { method: "GET", path: "http://a/b?c=%20&d#e", version: "1.0", headers: {} },
  },
  {
    name: "space in the target",
    bytes: "GET /a b HTTP/1.1\r\nHost: a\r\n\r\n",
    want: { method: "GET", path: "/a b", headers: { host: "a" }, anomalies: ["space_in_target"] },
  },
  {
    name: "two spaces, and one behind",
    bytes: "GET  /a   HTTP/1.1 \r\nHost: a\r\n\r\n",
    want: { method: "GET", path: "/a", headers: { host: "a" }, anomalies: ["extra_spaces"] },
  },
  {
    name: "HTTP/2.0 in text",
    bytes: "GET /a HTTP/2.0\r\nHost: a\r\n\r\n",
    want: {
      method: "GET",
      path: "/a",
      version: "2.0",
      headers: { host: "a" },
      anomalies: ["unusual_version"],
    },
  },
  {
    name: "a control character in the target",
    bytes: "GET /a\x01b HTTP/1.1\r\nHost: a\r\n\r\n",
    want: {
      method: "GET",
      path: "/a\x01b",
      headers: { host: "a" },
      anomalies: ["control_character"],
    },
  },
  {
    name: "many empty lines first",
    bytes: "\r\n".repeat(20) + "GET / HTTP/1.1\r\nHost: a\r\n\r\n",
    want: { method: "GET", path: "/", headers: { host: "a" }, anomalies: ["leading_empty_lines"] },
  },
  {
    name: "an unknown method with a long target",
    bytes: `FROB /${"a".repeat(5000)} HTTP/1.1\r\nHost: a\r\n\r\n`,
    want: { method: "FROB", path: `/${"a".repeat(5000)}`, headers: { host: "a" } },
  },
  {
    name: "fields that repeat, in order, spaces trimmed",
    bytes: "GET / HTTP/1.1\r\nHost: a\r\nX-B:\t1 \r\nx-a: 2\r\nX-b: 3\r\nX-B:\r\n\r\n",
    want: { method: "GET", path: "/", headers: { host: "a", "x-b": ["1", "3", ""], "x-a": "2" } },
  },
  {
    name: "obsolete line folding",
    bytes: "GET / HTTP/1.1\r\nHost: a\r\nX-A: 1\r\n\t 2\r\n\r\n",
    want: {
      method: "GET",
      path: "/",
      headers: { host: "a", "x-a": "1 2" },
      anomalies: ["obsolete_line_folding"],
    },
  },
  {
    name: "bare line feeds, empty lines first",
    bytes: "\r\n\nGET / HTTP/1.1\nHost: a\n\n",
    want: {
      method: "GET",
      path: "/",
      headers: { host: "a" },
      anomalies: ["bare_lf", "leading_empty_lines"],
    },
  },
  {
    name: "no colon, space before the colon, space first",
    bytes: "GET / HTTP/1.1\r\n X-First: 1\r\nHost : a\r\nnonsense\r\n more\r\n\r\n",
    want: {
      method: "GET",
      path: "/",
      headers: { "x-first": "1", host: "a" },
      anomalies: [
        "space_before_first_header",
        "space_before_colon",
        "header_without_colon",
        "obsolete_line_folding",
      ],
    },
  },
  {
    name: "no host, bare CR and NUL in values, bad and numeric names",
    bytes: "GET / HTTP/1.1\r\nx-a: 1\r2\r\nx-b: \0\r\nx(y: 3\r\n42: 4\r\n: 5\r\n\r\n",
    want: {
      method: "GET",
      path: "/",
      headers: { 42: "4", "x-a": "1\r2", "x-b": "\0", "x(y": "3" },
      anomalies: [
        "bare_cr",
        "control_character",
        "invalid_header_name",
        "numeric_header_name",
        "empty_header_name",
        "missing_host",
      ],
    },
  },
  {
    name: "two hosts",
    bytes: "GET / HTTP/1.1\r\nHost: a\r\nHost: b\r\n\r\n",
    want: {
      method: "GET",
      path: "/",
      headers: { host: ["a", "b"] },
      anomalies: ["duplicate_host"],
    },
  },
  {
    name: "UTF-8 in target and value",
    bytes: "GET /\u00fc HTTP/1.1\r\nHost: a\r\nX-A: \u20ac\r\n\r\n",
    want: { method: "GET", path: "/\u00fc", headers: { host: "a", "x-a": "\u20ac" } },
  },
];

Deno.test("parseFrame() reads heads as sent and names what is odd", () => {
  for (const { name, bytes, want } of heads) {
    const [exchange] = run(name, [req(bytes), res(OK)]);
    assert.deepEqual(exchange?.request, { version: "1.1", body_bytes: 0, ...want }, name);
    assert.deepEqual(exchange?.response, OKAY, name);
  }
});

Deno.test("parseFrame() keeps a thousand fields of unknown names, and all of known ones", () => {
  const fields = Array.from({ length: 1200 }, (_, i) => `x-${i}: ${i}\r\n`).join("");
  const bytes = `GET / HTTP/1.1\r\nHost: a\r\n${fields}Accept: b\r\n\r\n`;
  const [exchange] = run("many fields", [req(bytes), res(OK)]);
  const headers = exchange?.request?.headers ?? {};
  assert.equal(Object.keys(headers).length, 1002);
  assert.equal(headers["x-999"], "999");
  assert.equal(headers["x-1000"], undefined);
  assert.equal(headers.accept, "b");
  assert.deepEqual(exchange?.request?.anomalies, ["too_many_headers"]);
});

Deno.test("HeaderFields keeps names that objects are born with", () => {
  const bytes =
    "GET / HTTP/1.1\r\nHost: a\r\n__proto__: 1\r\nconstructor: 2\r\n__proto__: 3\r\n\r\n";
  const [exchange] = drive([req(bytes)]).exchanges;
  assert.equal(
    JSON.stringify(exchange?.exchange.request?.headers),
    '{"host":"a","__proto__":["1","3"],"constructor":"2"}',
  );
});

Deno.test("parseFrame() gives HEAD, 204, 304 and CONNECT no body", () => {
  const head = "HTTP/1.1 200 OK\r\nContent-Length: 9\r\n\r\n";
  const steps = [
    req(GET.replace("GET", "HEAD") + GET + GET + GET),
    res(head + "HTTP/1.1 204 No Content\r\n\r\n"),
    res("HTTP/1.1 304 Not Modified\r\nTransfer-Encoding: chunked\r\n\r\n" + OK),
  ];
  const got = run("no body", steps).map(({ request, response }) =>
    `${request?.method} ${response?.status} ${response?.body_bytes}`
  );
  assert.deepEqual(got, ["HEAD 200 0", "GET 204 0", "GET 304 0", "GET 200 2"]);
});

Deno.test("parseFrame() lists interim responses and pairs the final one", () => {
  const steps = [
    req("PUT / HTTP/1.1\r\nHost: a\r\nExpect: 100-continue\r\nContent-Length: 2\r\n\r\n"),
    res("HTTP/1.1 100 Continue\r\n\r\n"),
    req("ab"),
    res("HTTP/1.1 103 Early Hints\r\nLink: </a>\r\n\r\n" + OK),
  ];
  const [exchange, ...more] = run("interim", steps);
  assert.deepEqual(exchange?.response, { ...OKAY, interim: [100, 103] });
  assert.equal(exchange?.request?.body, "ab");
  assert.equal(more.length, 0);
});

Deno.test("parseFrame() switches after 101 and after CONNECT", () => {
  const table = [
    { upgrade: "WebSocket", status: "101 Switching Protocols", method: "GET", want: "websocket" },
    { upgrade: "h2c", status: "101 Switching Protocols", method: "GET", want: null },
    { upgrade: "x", status: "200 OK", method: "CONNECT", want: "*" },
    { upgrade: "websocket", status: "426 Upgrade Required", method: "GET", want: undefined },
    { upgrade: "x", status: "403 Forbidden", method: "CONNECT", want: undefined },
  ];
  for (const { upgrade, status, method, want } of table) {
    const tail = status.startsWith("4") ? "Content-Length: 0\r\n" : "";
    for (const piece of [1, 1000]) {
      const { switchTo, exchanges } = drive([
        req(`${method} a:1 HTTP/1.1\r\nHost: a\r\nUpgrade: ${upgrade}\r\n\r\n`),
        res(`HTTP/1.1 ${status}\r\nUpgrade: ${upgrade}\r\n${tail}\r\n\x81\x05hello`),
      ], { piece });
      assert.equal(switchTo, want, status);
      assert.equal(exchanges[0]?.exchange.response?.status, Number(status.slice(0, 3)));
    }
  }
});

Deno.test("parseFrame() withholds secrets unless they are asked for", () => {
  const steps = [
    req(
      "GET / HTTP/1.1\r\nHost: a\r\nAUTHORIZATION: Basic s3\r\n\ts3\r\nProxy-Authorization : s3\r\n" +
        "Cookie: s3\r\n\r\n",
    ),
    res(
      "HTTP/1.1 200 OK\r\nSet-Cookie: s3\r\nSet-Cookie: s3\r\nTransfer-Encoding: chunked\r\n\r\n" +
        "0\r\nSet-Cookie: s3\r\n\r\n",
    ),
  ];
  const [hidden] = drive(steps).exchanges;
  assert.deepEqual(hidden?.redacted, [
    "request.headers.authorization",
    "request.headers.proxy-authorization",
    "request.headers.cookie",
    "response.headers.set-cookie",
    "response.trailers.set-cookie",
  ]);
  assert.ok(!JSON.stringify(hidden?.exchange).includes("s3"));
  const [shown] = drive(steps, { showSecrets: true }).exchanges;
  assert.deepEqual(shown?.redacted, []);
  assert.equal(shown?.exchange.request?.headers["authorization"], "Basic s3 s3");
  assert.deepEqual(shown?.exchange.response?.headers["set-cookie"], ["s3", "s3"]);
});

Deno.test("parseFrame() refuses what is not HTTP/1 and goes on behind it", () => {
  const table = [
    { name: "HTTP/2 preface", bytes: "PRI * HTTP/2.0\r\n\r\nSM\r\n\r\n", want: "request_line" },
    { name: "no version", bytes: "GET /\r\n\r\n", want: "request_line" },
    { name: "binary", bytes: "\x16\x03\x01\x02", want: "request_line" },
    {
      name: "chunk size",
      bytes: "POST / HTTP/1.1\r\nHost: a\r\nTransfer-Encoding: chunked\r\n\r\nzz\r\n",
      want: "chunk_size",
    },
    {
      name: "chunk end",
      bytes: "POST / HTTP/1.1\r\nHost: a\r\nTransfer-Encoding: chunked\r\n\r\n1\r\nabc\r\n",
      want: "chunk_end",
    },
    {
      name: "chunk line",
      bytes: "POST / HTTP/1.1\r\nHost: a\r\nTransfer-Encoding: chunked\r\n\r\n1;" +
        "x".repeat(5000),
      want: "chunk_line_too_long",
    },
    {
      name: "head",
      bytes: "GET / HTTP/1.1\r\nX: " + "x".repeat(300_000) + "\r\n\r\n",
      want: "head_too_large",
    },
    { name: "empty lines", bytes: "\r\n".repeat(40), want: "empty_lines" },
  ];
  for (const { name, bytes, want } of table) {
    const { invalid, exchanges } = drive([req(bytes), req("\r\n" + GET)]);
    assert.equal(invalid[0], want, name);
    assert.equal(exchanges.at(-1)?.exchange.request?.path, "/", name);
  }
});
