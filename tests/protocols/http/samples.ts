/** Conversations for the contract test, each from its first byte on. */
import { brotliCompressSync, deflateSync, gzipSync, zstdCompressSync } from "node:zlib";
import type { Sample } from "../../support/contract.ts";

type Step = Sample["steps"][number];

const encoder = new TextEncoder();

export function bytesOf(...parts: (string | Uint8Array)[]): Uint8Array {
  const pieces = parts.map((part) => typeof part === "string" ? encoder.encode(part) : part);
  const out = new Uint8Array(pieces.reduce((sum, piece) => sum + piece.length, 0));
  let at = 0;
  for (const piece of pieces) {
    out.set(piece, at);
    at += piece.length;
  }
  return out;
}

function ask(...parts: (string | Uint8Array)[]): Step {
  return { side: "request", bytes: bytesOf(...parts) };
}

function answer(...parts: (string | Uint8Array)[]): Step {
  return { side: "response", bytes: bytesOf(...parts) };
}

/** An answer with a body under Content-Encoding. */
function coded(coding: string, body: Uint8Array): Step {
  return answer(
    `HTTP/1.1 200 OK\r\nContent-Encoding: ${coding}\r\nContent-Length: ${body.length}\r\n\r\n`,
    body,
  );
}

export const TEXT = "All work and no play makes Jack a dull boy. ".repeat(40);
const GET = "GET / HTTP/1.1\r\nHost: a\r\n\r\n";
const OK = "HTTP/1.1 200 OK\r\nContent-Length: 2\r\n\r\nok";

const table: Record<string, Omit<Sample, "name" | "transport">> = {
  "get with content-length, keep-alive": {
    steps: [ask(GET), answer(OK), ask(GET), answer(OK)],
    exchanges: 2,
  },
  "request lines that servers accept": {
    steps: [
      "GET  /two HTTP/1.1",
      "GET /behind HTTP/1.1 ",
      "GET /2 HTTP/2.0",
      "GET /a\x01b HTTP/1.1",
      "\r\n\r\n\r\n\r\n\r\n\r\nGET /empty HTTP/1.1",
    ].flatMap((line) => [ask(`${line}\r\nHost: a\r\n\r\n`), answer(OK)]),
    exchanges: 5,
  },
  "http/1.0 read until close": {
    steps: [ask("GET /old HTTP/1.0\r\n\r\n"), answer("HTTP/1.0 200 OK\r\n\r\n", TEXT)],
    exchanges: 1,
  },
  "post and answer chunked, extensions and trailers": {
    steps: [
      ask(
        "POST /c HTTP/1.1\r\nHost: a\r\nTransfer-Encoding: chunked\r\n\r\n",
        '5;name="v"\r\nhello\r\n1\r\n \r\n5\r\nworld\r\n0\r\nX-Sum: 1\r\n\r\n',
      ),
      answer(
        "HTTP/1.1 200 OK\r\nTransfer-Encoding: chunked\r\nTrailer: X-Sum\r\n\r\n",
        "a\r\n0123456789\r\nB\r\nabcdefghijk\r\n000\r\nX-Sum: 2\r\n\r\n",
      ),
    ],
    exchanges: 1,
  },
  "three pipelined requests": {
    steps: [ask(GET, GET.replace("GET", "HEAD"), GET), answer(OK, OK.slice(0, -2), OK)],
    exchanges: 3,
  },
  "head, 204 and 304": {
    steps: [
      ask("HEAD / HTTP/1.1\r\nHost: a\r\n\r\n"),
      answer("HTTP/1.1 200 OK\r\nContent-Length: 5000\r\n\r\n"),
      ask("DELETE /x HTTP/1.1\r\nHost: a\r\n\r\n"),
      answer("HTTP/1.1 204 No Content\r\n\r\n"),
      ask('GET / HTTP/1.1\r\nHost: a\r\nIf-None-Match: "1"\r\n\r\n'),
      answer('HTTP/1.1 304 Not Modified\r\nETag: "1"\r\nContent-Length: 5000\r\n\r\n'),
    ],
    exchanges: 3,
  },
  "100-continue": {
    steps: [
      ask("PUT /up HTTP/1.1\r\nHost: a\r\nExpect: 100-continue\r\nContent-Length: 4\r\n\r\n"),
      answer("HTTP/1.1 100 Continue\r\n\r\n"),
      ask("data"),
      answer("HTTP/1.1 201 Created\r\nContent-Length: 0\r\n\r\n"),
    ],
    exchanges: 1,
  },
  "gzip, deflate, br, zstd": {
    steps: [
      ask(GET),
      coded("gzip", gzipSync(TEXT)),
      ask(GET),
      coded("deflate", deflateSync(TEXT)),
      ask(GET),
      coded("br", brotliCompressSync(TEXT)),
      ask(GET),
      coded("zstd", zstdCompressSync(TEXT)),
    ],
    exchanges: 4,
  },
  "body larger than what is shown": {
    steps: [
      ask("POST /big HTTP/1.1\r\nHost: a\r\nContent-Length: 5000\r\n\r\n", "y".repeat(5000)),
      answer("HTTP/1.1 200 OK\r\nContent-Length: 6000\r\n\r\n", "z".repeat(6000)),
    ],
    exchanges: 1,
  },
  "upgrade to websocket": {
    steps: [
      ask("GET /ws HTTP/1.1\r\nHost: a\r\nConnection: Upgrade\r\nUpgrade: websocket\r\n\r\n"),
      answer(
        "HTTP/1.1 101 Switching Protocols\r\nConnection: Upgrade\r\nUpgrade: websocket\r\n\r\n",
      ),
    ],
    exchanges: 1,
  },
  "connect": {
    steps: [
      ask("CONNECT a.example:443 HTTP/1.1\r\nHost: a.example:443\r\n\r\n"),
      answer("HTTP/1.1 200 Connection established\r\n\r\n"),
    ],
    exchanges: 1,
    isTunnel: true,
  },
  "connect refused, and the request that was sent behind it": {
    steps: [
      ask("CONNECT a.example:443 HTTP/1.1\r\nHost: a.example:443\r\n\r\nGET / HTTP/1.1\r\n\r\n"),
      answer("HTTP/1.1 403 Forbidden\r\nContent-Length: 2\r\n\r\nno"),
      answer("HTTP/1.1 204 No Content\r\n\r\n"),
    ],
    exchanges: 2,
  },
  "unknown method, folded and repeated fields": {
    steps: [
      ask("FROB * HTTP/1.1\r\nhost: a\r\nX-A: 1\r\n 2\r\nx-a: 3\r\n__proto__: 4\r\n\r\n"),
      answer("HTTP/1.1 405 Method Not Allowed\r\nContent-Length: 0\r\n\r\n"),
    ],
    exchanges: 1,
  },
  "bare line feeds, empty lines first": {
    steps: [ask("\r\n\r\nGET /lf HTTP/1.1\nHost: a\n\n"), answer("HTTP/1.1 200 OK\n\nrest")],
    exchanges: 1,
  },
  "secrets": {
    steps: [
      ask("GET / HTTP/1.1\r\nHost: a\r\nAuthorization: Basic c2VjcmV0\r\nCookie: a=b\r\n\r\n"),
      answer("HTTP/1.1 200 OK\r\nSet-Cookie: a=1\r\nSet-Cookie: b=2\r\nContent-Length: 0\r\n\r\n"),
    ],
    exchanges: 1,
  },
  "request without an answer": {
    steps: [ask("GET /hang HTTP/1.1\r\nHost: a\r\n\r\n")],
    exchanges: 1,
  },
};

export const samples: Sample[] = Object.entries(table).map(([name, sample]) => ({
  name,
  transport: "stream",
  ...sample,
}));

/**
 * The kernel's rule knows a method of more than letters and "-" only before a path or "*", and only
 * when it starts with a letter or digit. Otherwise it would take every banner, and much that is binary.
 */
export function isPastTheRule(head: Uint8Array): boolean {
  const line = String.fromCharCode(...head.subarray(0, 64)).trimStart();
  return /^[^\r\n]* HTTP\/1\./.test(line) && !/^(?:[A-Za-z-]+ |[A-Za-z0-9][^ ]* [/*])/.test(line);
}
