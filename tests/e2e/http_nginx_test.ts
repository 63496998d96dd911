/**
 * HTTP between nginx and curl: each transfer is one record, and says what curl says of it.
 * Needs root, nginx and curl.
 */
import assert from "node:assert/strict";
import { brotliCompressSync, deflateSync, zstdCompressSync } from "node:zlib";
import { curl, type Transfer } from "../support/curl.ts";
import { assertRequestHead, assertResponseHead, assertSound } from "../support/http_seen.ts";
import { type Server, startNginx } from "../support/servers.ts";
import { type Fields, type SeenRecord, traced, WAYS } from "../support/tracer.ts";

const TEXT = "The quick brown fox jumps over the lazy dog.\n".repeat(60);
const encoded = (text: string): Uint8Array<ArrayBuffer> => new TextEncoder().encode(text);

interface Case {
  name: string;
  /** Targets of one connection. */
  paths: string[];
  args?: string[];
  /** More that the last record has; everything else is compared with what curl says. */
  request?: Fields;
  response?: Fields;
  redacted?: string[];
  /** The chunked body of the request; curl counts it in part twice. */
  chunks?: string;
}

const CASES: Case[] = [
  { name: "keep-alive", paths: ["/a.txt?1", "/a.txt?2", "/none?3"] },
  {
    name: "close",
    paths: ["/a.txt?close"],
    args: ["-H", "Connection: close"],
    response: { status: 200, body: "a", body_bytes: 1 },
  },
  { name: "HTTP/1.0", paths: ["/a.txt?old"], args: ["--http1.0"] },
  {
    name: "HEAD",
    paths: ["/a.txt?head1", "/a.txt?head2"],
    args: ["--head"],
    response: { status: 200, body_bytes: 0 },
  },
  {
    name: "204",
    paths: ["/nothing?before", "/nothing?204"],
    response: { status: 204, body_bytes: 0 },
  },
  {
    name: "304",
    paths: ["/a.txt?304", "/a.txt?304again"],
    response: { status: 304, body_bytes: 0 },
    args: ["-H", "If-Modified-Since: Fri, 01 Jan 2100 00:00:00 GMT"],
  },
  {
    name: "fields repeated, empty, odd",
    paths: ["/a.txt?fields"],
    args: ["-H", "X-A: 1", "-H", "x-a: two, 2", "-H", "X-Empty;", "-H", "X-A:3", "-H", "X-U: ü"],
  },
  {
    name: "secrets",
    paths: ["/cookie"],
    args: ["-u", "joe:secret", "-H", "Cookie: id=secret", "-H", "Proxy-Authorization: secret"],
    redacted: [
      "request.headers.authorization",
      "request.headers.cookie",
      "request.headers.proxy-authorization",
      "response.headers.set-cookie",
    ],
  },
  { name: "any method", paths: ["/nothing?brew"], args: ["-X", "BREW"] },
  {
    name: "upload with 100-continue",
    paths: ["/put/one"],
    args: ["-H", "Expect: 100-continue", "-X", "PUT", "--data-raw", "hello"],
    request: { body: "hello", body_bytes: 5 },
    response: { status: 201, interim: [100] },
  },
  {
    name: "chunked upload",
    paths: ["/put/two"],
    args: ["-H", "Transfer-Encoding: chunked", "-X", "PUT", "--data-raw", "hello"],
    request: { body: "hello", body_bytes: 5 },
    chunks: "5\r\nhello\r\n0\r\n\r\n",
  },
  { name: "gzip, chunked", paths: ["/z/text.txt"], args: ["--compressed"], response: text() },
  { name: "deflate", paths: ["/text.deflate"], response: text() },
  { name: "br", paths: ["/text.br"], response: text() },
  { name: "zstd", paths: ["/text.zstd"], response: text() },
];

function text(): Fields {
  return { body: TEXT, body_decoded_bytes: TEXT.length };
}

async function startServer(listen: string): Promise<Server> {
  const nginx = await startNginx({
    listen,
    files: {
      "a.txt": "a",
      "text.deflate": deflateSync(encoded(TEXT)),
      "text.br": brotliCompressSync(encoded(TEXT)),
      "text.zstd": zstdCompressSync(encoded(TEXT)),
    },
    server: `
      if_modified_since before;
      location /nothing { return 204; }
      location /cookie { add_header Set-Cookie "id=secret"; return 200 "have one"; }
      location /put/ { dav_methods PUT; create_full_put_path on; }
      location /z/ { gzip on; gzip_types text/plain; gzip_min_length 1; alias html/; }
      location ~ \\.(deflate|br|zstd)$ { add_header Content-Encoding $1; }
    `,
  });
  await Deno.writeTextFile(`${nginx.folder}/html/text.txt`, TEXT);
  return nginx;
}

function assertTransfer(record: SeenRecord, seen: Transfer, chunks?: string): void {
  const finalHead = seen.responseHeads.at(-1) ?? "";
  assertRequestHead(record.request, seen.requestHead);
  assertResponseHead(record.response, finalHead);
  const requestBytes = chunks === undefined
    ? seen.requestBytes
    : encoded(seen.requestHead + chunks).length;
  assert.equal(record.request_bytes, requestBytes);
  assert.equal(record.response_bytes, seen.responseBytes);
  const isChunked = /transfer-encoding: chunked/i.test(finalHead);
  if (!isChunked) assert.equal(record.response?.body_bytes, seen.body.length);
  assert.equal(record.incomplete, undefined);
}

/** Records are told apart by their targets, which every case has for itself. */
function recordOf(records: readonly SeenRecord[], head: string): SeenRecord {
  const [method, path] = head.split(" ");
  const found = records.filter(({ request }) =>
    request?.path === path && request?.method === method
  );
  assert.equal(found.length, 1, `${found.length} records of ${method} ${path}`);
  return found[0] as SeenRecord;
}

interface Place {
  name: string;
  /** For nginx. */
  listen: (socket: string) => string;
  /** For curl. */
  reach: (socket: string) => string[];
  url: (port: number) => string;
  local: (port: number, socket: string) => string;
  remote: (clientPort: number) => string;
}

const PLACES: Place[] = [
  {
    name: "IPv4",
    listen: () => "127.0.0.1:PORT",
    reach: () => [],
    url: (port) => `http://127.0.0.1:${port}`,
    local: (port) => `127.0.0.1:${port}`,
    remote: (clientPort) => `127.0.0.1:${clientPort}`,
  },
  {
    name: "IPv6",
    listen: () => "[::1]:PORT",
    reach: () => [],
    url: (port) => `http://[::1]:${port}`,
    local: (port) => `[::1]:${port}`,
    remote: (clientPort) => `[::1]:${clientPort}`,
  },
  {
    name: "a unix socket",
    listen: (socket) => `unix:${socket}`,
    reach: (socket) => ["--unix-socket", socket],
    url: () => "http://localhost",
    local: (_, socket) => `unix:${socket}`,
    remote: () => "unix:",
  },
];

for (const way of WAYS) {
  for (const place of PLACES) {
    const name = `e2e http: nginx over ${place.name}: every transfer of curl is one right record`;
    Deno.test(`${name} (${way} way)`, async (t) => {
      const socket = `/tmp/sockeye-${crypto.randomUUID()}.sock`;
      await using nginx = await startServer(place.listen(socket));
      const seen: Transfer[][] = [];
      const fromMs = Date.now();
      const records = await traced(["--capture", way, "--pid", `${nginx.pid}`], async (tracer) => {
        for (const { paths, args = [] } of CASES) {
          const urls = paths.map((path) => place.url(nginx.port) + path);
          seen.push(await curl({ urls, args: [...place.reach(socket), ...args] }));
        }
        await tracer.untilRecords(seen.flat().length);
      });
      assert.equal(records.length, seen.flat().length);
      assertSound(records, fromMs);
      for (const [i, { name, request, response, redacted, chunks }] of CASES.entries()) {
        await t.step(name, () => {
          const transfers = seen[i] ?? [];
          const mine = transfers.map((transfer) => recordOf(records, transfer.requestHead));
          for (const [j, transfer] of transfers.entries()) {
            const record = mine[j] as SeenRecord;
            assertTransfer(record, transfer, chunks);
            assert.ok(nginx.workers.includes(record.pid ?? 0));
            assert.equal(record.comm, "nginx");
            assert.equal(record.role, "server");
            assert.equal(record.local, place.local(nginx.port, socket));
            assert.equal(record.remote, place.remote(transfer.localPort));
            assert.equal(record.conn, mine[0]?.conn, "one connection");
            assert.equal(record.fd, mine[0]?.fd);
            assert.deepEqual(record.redacted, redacted);
          }
          const last = mine.at(-1);
          assert.deepEqual(chosen(last?.request, request), request);
          assert.deepEqual(chosen(last?.response, response), response);
        });
      }
    });
  }
}

/** The fields of a message that `want` speaks of. */
function chosen(message: Fields | null | undefined, want: Fields | undefined): Fields | undefined {
  if (want === undefined) return undefined;
  const found: Fields = {};
  for (const key of Object.keys(want)) {
    const value = message?.[key];
    if (value !== undefined) found[key] = value;
  }
  return found;
}
