/** What costs the HTTP/1 plug-in most, and what it is used for: see tests/support/hostile.ts. */
import { type Load, over, type Said, says, turns } from "../../support/hostile.ts";
import { concat } from "../../support/events.ts";
import { bytesOf } from "./samples.ts";

const GET = "GET /index.html?id=12345 HTTP/1.1\r\nHost: 127.0.0.1:8080\r\n" +
  "User-Agent: wrk/4.1.0\r\nAccept: */*\r\n\r\n";
const PAGE = "HTTP/1.1 200 OK\r\nServer: nginx/1.22.1\r\nContent-Type: text/html\r\n" +
  `Content-Length: 128\r\nConnection: keep-alive\r\n\r\n${"x".repeat(128)}`;
const SHORT = "GET / HTTP/1.1\r\nHost: a\r\n\r\n";
const OK = "HTTP/1.1 200 OK\r\nContent-Length: 0\r\n\r\n";
const CHUNKED = "HTTP/1.1 200 OK\r\nTransfer-Encoding: chunked\r\n\r\n";

export const usual: Load = { name: "usual", say: (bytes) => turns(bytes, GET, PAGE) };

/** A good exchange, so that the connection is believed, and then `part` for ever. */
function believed(side: "request" | "response", part: string | ((nth: number) => string)) {
  return (bytes: number): Said[] => [
    ...turns(1, SHORT, OK),
    ...(side === "response" ? [{ side: "request" as const, bytes: bytesOf(SHORT) }] : []),
    ...says(side, part)(bytes),
  ];
}

/** Many requests at once, and their answers one by one. */
function inABatch(bytes: number): Said[] {
  const count = Math.trunc(bytes / (SHORT.length + OK.length));
  const said: Said[] = [{ side: "request", bytes: bytesOf(SHORT.repeat(count)) }];
  for (let i = 0; i < count; i++) said.push({ side: "response", bytes: bytesOf(OK) });
  return said;
}

/** Small pieces, the last first: each finds its place among thousands that wait. */
function disordered(bytes: number): Said[] {
  const content = over(bytes, SHORT);
  const [piece, group] = [27, 4000];
  const said: Said[] = turns(1, SHORT, OK);
  for (let at = 0; at < content.length; at += piece * group) {
    const count = Math.min(group, Math.ceil((content.length - at) / piece));
    for (let i = 0; i < count; i++) {
      const from = at + (count - 1 - i) * piece;
      const part = content.subarray(from, from + piece);
      said.push({ side: "request", bytes: part, shift: from - (at + i * piece) });
    }
  }
  return said;
}

/** Pieces that come again and again while others wait. */
function repeated(bytes: number): Said[] {
  const said: Said[] = turns(1, SHORT, OK);
  for (let i = 0; i < Math.trunc(bytes / SHORT.length); i++) {
    const nth = i < 4000 ? i : i % 4000;
    said.push({ side: "request", bytes: bytesOf(SHORT), shift: (2 * nth + 3 - i) * SHORT.length });
  }
  return said;
}

/** Fields that have a name each. */
function fields(bytes: number): Said[] {
  const many = over(bytes / 2, (nth) => `${nth.toString(36)}:\r\n`);
  const heads: Uint8Array[] = [];
  for (let at = 0; at < many.length; at += 200_000) {
    heads.push(bytesOf("GET / HTTP/1.1\r\nHost: a", many.subarray(at, at + 200_000), "\r\n\r\n"));
  }
  return [{ side: "request", bytes: concat(heads) }];
}

export const worst: readonly Load[] = [
  { name: "a target without end", say: says("request", "GET /") },
  { name: "a target without end, later", say: believed("request", "GET /") },
  { name: "a target without end, of no known method", say: says("request", "a", "FOO /") },
  { name: "heads without end", say: says("request", "GET / HTTP/1.1\r\n") },
  { name: "status lines without end", say: says("response", "HTTP/1.1 200 ") },
  { name: "status lines without end, later", say: believed("response", "HTTP/1.1 200 ") },
  { name: "status lines in lines", say: believed("response", "HTTP/1.1 200 \r\n") },
  { name: "methods before control characters", say: believed("request", "GET /\x01") },
  { name: "lines that end in a version", say: believed("request", "GE\x01 GET / HTTP/1.1\n\n") },
  { name: "line feeds", say: believed("request", "\n") },
  { name: "empty lines", say: believed("request", "\r\n") },
  { name: "empty lines before each head", say: believed("request", `${"\r\n".repeat(31)}G`) },
  { name: "a word without end", say: believed("request", "A") },
  { name: "nearly status lines", say: believed("response", "HTTP/1.1 20") },
  { name: "H", say: believed("response", "H") },
  { name: "chunks of one byte", say: believed("response", (n) => n ? "1\r\na\r\n" : CHUNKED) },
  {
    name: "chunk sizes of many digits",
    say: believed("response", (n) => n ? `${"0".repeat(4000)}1\r\na\r\n` : CHUNKED),
  },
  {
    name: "trailers without end",
    say: believed("response", (n) => n ? "a: b\r\n" : `${CHUNKED}0\r\n`),
  },
  { name: "bad chunks", say: believed("response", `${CHUNKED}x`) },
  { name: "interim responses", say: believed("response", "HTTP/1.1 100 Continue\r\n\r\n") },
  { name: "a field name each", say: fields },
  {
    name: "one field again and again",
    say: believed("request", (n) => n % 8000 ? "a:b\r\n" : "\r\nGET / HTTP/1.1\r\n"),
  },
  {
    name: "control characters in a field",
    say: believed("request", (n) => n % 99999 ? "\x01" : "\r\n\r\nGET / HTTP/1.1\r\na: "),
  },
  {
    name: "folded lines",
    say: believed("request", (n) => n % 60000 ? "\n " : "\r\n\r\nGET / HTTP/1.1\r\na: b"),
  },
  { name: "pieces in reverse", say: disordered },
  { name: "pieces again and again", say: repeated },
  { name: "requests that nobody answers", say: says("request", SHORT) },
  { name: "answers that nobody asked for", say: believed("response", OK) },
  { name: "answers to a batch", say: inABatch },
  { name: "answers to a batch, joined", say: inABatch, place: { fresh: false } },
];
