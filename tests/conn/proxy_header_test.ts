import { deepEqual, equal } from "node:assert/strict";
import { readProxyHeader } from "../../lib/conn/proxy_header.ts";
import { plugins } from "../../protocols/registry.ts";
import { bytesOf, concat, Conversation, Trace } from "../support/events.ts";
import { proxyLine, proxyV2 } from "../support/proxy_header.ts";

const V4 = { source: "1.1.1.1:1", destination: "2.2.2.2:65535" };
const V6 = { source: "[2001:db8::1]:1", destination: "[::1]:80" };
const ADDRESSES = [1, 1, 1, 1, 2, 2, 2, 2, 0, 1, 0xff, 0xff];
const ADDRESSES_6 = [
  ...[0x20, 1, 0xd, 0xb8, 0, 0, 0, 0, 0, 0, 0, 0, 0, 0, 0, 1],
  ...[0, 0, 0, 0, 0, 0, 0, 0, 0, 0, 0, 0, 0, 0, 0, 1],
  ...[0, 1, 0, 80],
];
const path = (text: string): number[] => [...bytesOf(text), ...Array(108 - text.length).fill(0)];

const headers: { name: string; bytes: Uint8Array; proxy: unknown }[] = [
  { name: "version 1, IPv4", bytes: proxyLine("TCP4 1.1.1.1 2.2.2.2 1 65535"), proxy: V4 },
  { name: "version 1, IPv6", bytes: proxyLine("TCP6 2001:DB8::1 ::1 1 80"), proxy: V6 },
  { name: "version 1, unknown", bytes: proxyLine("UNKNOWN"), proxy: null },
  { name: "version 1, unknown and more", bytes: proxyLine("UNKNOWN ffff:: x 1 2"), proxy: null },
  { name: "version 2, IPv4", bytes: proxyV2(1, 0x11, ADDRESSES), proxy: V4 },
  { name: "version 2, IPv6", bytes: proxyV2(1, 0x21, ADDRESSES_6), proxy: V6 },
  {
    name: "version 2, IPv4 and further fields",
    bytes: proxyV2(1, 0x11, [...ADDRESSES, 3, 0, 4, 1, 2, 3, 4]),
    proxy: V4,
  },
  {
    name: "version 2, unix",
    bytes: proxyV2(1, 0x31, [...path("/run/a"), ...path("\0b")]),
    proxy: { source: "unix:/run/a", destination: "unix:@b" },
  },
  { name: "version 2, local", bytes: proxyV2(0, 0, []), proxy: null },
  { name: "version 2, addresses cut", bytes: proxyV2(1, 0x11, [1, 1]), proxy: null },
];

for (const { name, bytes, proxy } of headers) {
  Deno.test(`readProxyHeader() reads ${name}, whole or piece by piece`, () => {
    deepEqual(readProxyHeader(concat([bytes, bytesOf("GET /")])), { length: bytes.length, proxy });
    for (let length = 0; length < bytes.length; length++) {
      equal(readProxyHeader(bytes.subarray(0, length)), "unsure", `${length} bytes`);
    }
  });
}

Deno.test("readProxyHeader() takes nothing else for one", () => {
  for (
    const text of [
      "PROXY TCP4 1.1.1.1 2.2.2.2 1 65536\r\n",
      "PROXY TCP4 1.1.1.1 2.2.2.2 1\r\n",
      "PROXY TCP4 1.1.1.1 ::1 1 2\r\n",
      "PROXY TCP6 1.1.1.1 2.2.2.2 1 2\r\n",
      "PROXY TCP4 1.1.1.1 2.2.2.2 1 2\n",
      `PROXY UNKNOWN ${"x".repeat(100)}\r\n`,
      "PROXY /x HTTP/1.1\r\n",
      "POST / HTTP/1.1\r\n",
      "\r\n\r\nGET / HTTP/1.1\r\n",
      "\r\n\r\n\0\r\nQUIT\n\x31\x11\0\0",
      "x",
    ]
  ) equal(readProxyHeader(bytesOf(text)), null, text);
});

const GET = "GET /1 HTTP/1.1\r\nHost: a\r\n\r\n";
const OK = "HTTP/1.1 200 OK\r\nContent-Length: 3\r\n\r\none";
const QUERY = Uint8Array.from([0, 7, 1, 0, 0, 1, 0, 0, 0, 0, 0, 0, 1, 0x61, 0, 0, 1, 0, 1]);
const ANSWER = QUERY.with(2, 0x81);
const framed = (message: Uint8Array): Uint8Array => concat([Uint8Array.of(0, 19), message]);

const protocols: Record<string, [request: Uint8Array, response: Uint8Array]> = {
  http: [bytesOf(GET), bytesOf(OK)],
  redis: [bytesOf("*1\r\n$4\r\nPING\r\n"), bytesOf("+PONG\r\n")],
  dns: [framed(QUERY), framed(ANSWER)],
};

for (const [protocol, [request, response]] of Object.entries(protocols)) {
  for (const { name, bytes, proxy } of headers) {
    for (const role of ["server", "client"] as const) {
      for (const hint of [true, false]) {
        Deno.test(`${protocol} behind ${name}, to a ${role}, ${hint ? "told" : "not told"}`, () => {
          for (
            const steps of [
              [concat([bytes, request])],
              [bytes, request],
              [...[...bytes].map((byte) => Uint8Array.of(byte)), request],
            ]
          ) {
            const trace = new Trace({ protocols: plugins });
            const talk = new Conversation({ role, hint }).open();
            for (const step of steps) talk.say("request", step);
            talk.say("response", response).say("request", request).say("response", response);
            const records = trace.feedAll(talk.close().tick(2e8).entries).finish();
            deepEqual(
              records.map((record) => [record.protocol, record.role, record.incomplete]),
              [[protocol, role, undefined], [protocol, role, undefined]],
            );
            for (const record of records) {
              deepEqual(record.proxy, proxy ?? undefined);
              deepEqual([record.request_bytes, record.response_bytes], [
                request.length,
                response.length,
              ]);
              equal(record.latency_ns, 1000);
            }
          }
        });
      }
    }
  }
}

Deno.test("an unknown connection behind a PROXY header says what that named", () => {
  const trace = new Trace({ protocols: plugins, showUnknown: true });
  const talk = new Conversation().open().say("request", proxyLine("TCP4 1.1.1.1 2.2.2.2 1 2"))
    .say("request", "\x01\x02\x03").say("response", "\x04").close();
  const [record, ...more] = trace.feedAll(talk.entries).finish();
  equal(more.length, 0);
  deepEqual(record?.proxy, { source: "1.1.1.1:1", destination: "2.2.2.2:2" });
  equal(record?.protocol, "unknown");
});

Deno.test("a connection joined in the middle begins with no PROXY header", () => {
  const trace = new Trace({ protocols: plugins });
  const talk = new Conversation({ fresh: false }).say(
    "request",
    proxyLine("TCP4 1.1.1.1 2.2.2.2 1 2"),
  )
    .say("request", GET).say("response", OK).close();
  const records = trace.feedAll(talk.tick(2e8).entries).finish();
  deepEqual(records.map(({ proxy }) => proxy), [undefined]);
});
