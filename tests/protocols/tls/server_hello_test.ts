/** What readServerHello() shows, and what it says of the version. */
import { deepEqual, equal } from "node:assert/strict";
import { TlsReader } from "../../../protocols/tls/reader.ts";
import { readServerHello, type ServerHello } from "../../../protocols/tls/server_hello.ts";
import { extension, serverHello, type ServerHelloParts, textBytes, vector } from "./build.ts";

function read(body: number[], sessionId = ""): ServerHello | null {
  const bytes = Uint8Array.from(body);
  const hello = readServerHello(new TlsReader(bytes, 0, bytes.length), sessionId);
  return JSON.parse(JSON.stringify(hello));
}

const type = "server_hello";
const OF_1_2 = { type, version: "1.2", cipher: "TLS_RSA_WITH_AES_128_CBC_SHA" };
const OF_1_3 = { type, version: "1.3", cipher: "TLS_AES_128_GCM_SHA256" };
const RSA = 0x2f;

const cases: { name: string; parts: ServerHelloParts; session?: string; want: object }[] = [
  { name: "1.3", parts: {}, want: OF_1_3 },
  {
    name: "a draft of 1.3",
    parts: { version: 0x7f1c },
    want: { ...OF_1_3, version: "1.3 draft 28" },
  },
  { name: "1.2 without extensions", parts: { version: 0x0303, suite: RSA }, want: OF_1_2 },
  {
    name: "1.2 with ALPN",
    parts: {
      version: 0x0303,
      suite: RSA,
      extensions: [extension(16, ...vector(2, ...vector(1, ...textBytes("h2"))))],
    },
    want: { ...OF_1_2, alpn: "h2" },
  },
  {
    name: "a session that goes on",
    parts: { version: 0x0303, suite: RSA, session: [0xab, 0xcd] },
    session: "abcd",
    want: { ...OF_1_2, resumed: true },
  },
  {
    name: "another session",
    parts: { version: 0x0303, suite: RSA, session: [0xab, 0xcd] },
    session: "abce",
    want: OF_1_2,
  },
  { name: "no session on either side", parts: { version: 0x0303, suite: RSA }, want: OF_1_2 },
  {
    name: "a number that 1.3 only repeats",
    parts: { session: [0xab, 0xcd] },
    session: "abcd",
    want: OF_1_3,
  },
  {
    name: "a PSK",
    parts: { extensions: [extension(41, 0, 0)] },
    want: { ...OF_1_3, resumed: true },
  },
  {
    name: "an extension that is cut",
    parts: { extensions: [[0, 16, 0, 9, 1]] },
    want: { ...OF_1_3, version: "1.2", malformed: "cut_vector" },
  },
];

for (const { name, parts, session, want } of cases) {
  Deno.test(`readServerHello() reads ${name}`, () => {
    deepEqual(read(serverHello(parts), session)?.shown, want);
  });
}

Deno.test("readServerHello() tells a HelloRetryRequest by its random, and what it asks for", () => {
  const hello = read(serverHello({ isRetry: true, group: 24 }));
  deepEqual([hello?.isRetry, hello?.group, hello?.version], [true, "secp384r1", 0x0304]);
  equal(read(serverHello({}))?.isRetry, false);
});

Deno.test("readServerHello() makes nothing of less than a suite", () => {
  const whole = serverHello({});
  for (let length = 0; length < 38; length++) {
    equal(read(whole.slice(0, length)), null, `${length}`);
  }
});
