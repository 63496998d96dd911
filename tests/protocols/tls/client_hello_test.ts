/** What readClientHello() shows of hellos, and where they break off. */
import { deepEqual, equal } from "node:assert/strict";
import { readClientHello, readSslv2Hello } from "../../../protocols/tls/client_hello.ts";
import { TlsReader } from "../../../protocols/tls/reader.ts";
import type { TlsRequest } from "../../../protocols/tls/types.ts";
import {
  clientHello,
  type ClientHelloParts,
  extension,
  sslv2Hello,
  textBytes,
  vector,
  words,
} from "./build.ts";

const SNI = extension(0, ...vector(2, 0, ...vector(2, ...textBytes("a.test"))));
const VERSIONS = extension(43, ...vector(1, ...words(0x2a2a, 0x0304, 0x0303)));

function read(body: number[], maxBytes = 4096): TlsRequest | undefined {
  const bytes = Uint8Array.from(body);
  const hello = readClientHello(new TlsReader(bytes, 0, bytes.length), maxBytes);
  // Without the fields that are not known, as they are printed.
  return hello === null ? undefined : JSON.parse(JSON.stringify(hello.shown));
}

const cases: { name: string; parts: ClientHelloParts; want: Partial<TlsRequest> }[] = [
  {
    name: "without extensions",
    parts: { version: 0x0301, suites: [0x2f, 0x1234] },
    want: {
      version: "1.0",
      versions: ["1.0"],
      cipher_suites: ["TLS_RSA_WITH_AES_128_CBC_SHA", "0x1234"],
    },
  },
  {
    name: "with a name",
    parts: { extensions: [SNI] },
    want: { sni: "a.test", version: "1.2" },
  },
  {
    name: "with a name that is no text",
    parts: { extensions: [extension(0, ...vector(2, 0, ...vector(2, 0xff, 0xfe)))] },
    want: { sni: undefined, sni_base64: "//4=" },
  },
  {
    name: "with versions, one of them GREASE",
    parts: { extensions: [VERSIONS] },
    want: { version: "1.3", versions: ["1.3", "1.2"], grease: true },
  },
  {
    name: "with GREASE among its suites and groups",
    parts: {
      suites: [0x0a0a, 0x1301],
      extensions: [
        extension(0x3a3a),
        extension(
          51,
          ...vector(2, ...words(0x4a4a), ...vector(2, 0), ...words(29), ...vector(2, 1, 2)),
        ),
      ],
    },
    want: { cipher_suites: ["TLS_AES_128_GCM_SHA256"], key_share_groups: ["x25519"], grease: true },
  },
  {
    name: "with no key share as yet",
    parts: { extensions: [extension(51, ...vector(2))] },
    want: { key_share_groups: [] },
  },
  {
    name: "with ALPN, one name of which is no text",
    parts: {
      extensions: [
        extension(16, ...vector(2, ...vector(1, ...textBytes("h2")), ...vector(1, 0xff))),
      ],
    },
    want: { alpn: ["h2", { base64: "/w==" }] },
  },
  {
    name: "with an empty ticket",
    parts: { extensions: [extension(35)] },
    want: { session_resumption: undefined },
  },
  {
    name: "with a ticket",
    parts: { extensions: [extension(35, 1, 2)] },
    want: { session_resumption: true },
  },
  {
    name: "with a PSK",
    parts: { extensions: [extension(41, 0)] },
    want: { session_resumption: true },
  },
  { name: "with a session of 1.2", parts: { session: [1, 2] }, want: { session_resumption: true } },
  {
    name: "with a session's number that 1.3 sends for the sake of middleboxes",
    parts: { session: [1, 2], extensions: [VERSIONS] },
    want: { session_resumption: undefined },
  },
  {
    name: "with an extension that is longer than all of them",
    parts: { extensions: [SNI, [...words(13, 60000), 1]] },
    want: { sni: "a.test", malformed: "cut_vector" },
  },
  {
    name: "with a list that is longer than its extension",
    parts: { extensions: [extension(43, 9, 3, 4)] },
    want: { malformed: "cut_vector" },
  },
];

for (const { name, parts, want } of cases) {
  Deno.test(`readClientHello() reads a hello ${name}`, () => {
    const shown = read(clientHello(parts));
    equal(shown?.type, "client_hello");
    for (const [key, value] of Object.entries(want)) {
      deepEqual(shown?.[key as keyof TlsRequest], value, key);
    }
  });
}

Deno.test("readClientHello() cut anywhere is no hello, or says that it breaks off", () => {
  const whole = clientHello({ suites: [0x1301, 0x2f], extensions: [SNI, VERSIONS] });
  for (let length = 0; length < whole.length; length++) {
    const shown = read(whole.slice(0, length));
    // Version, random and session make 35 bytes; a hello may end before the extensions.
    if (length < 35) equal(shown, undefined, `${length}`);
    else if (length !== 43) equal(shown?.malformed, "cut_vector", `${length}`);
  }
  equal(read(whole)?.malformed, undefined);
});

Deno.test("readClientHello() shows no more of a name than --max-body, and of a list 1,000 items", () => {
  const shown = read(clientHello({ extensions: [SNI] }), 3);
  deepEqual([shown?.sni, shown?.sni_truncated], ["a.t", true]);
  const bytes = Uint8Array.from(clientHello({ suites: Array.from({ length: 1200 }, (_, i) => i) }));
  const hello = readClientHello(new TlsReader(bytes, 0, bytes.length), 10);
  equal(hello?.isCut, true);
  equal(hello.shown.cipher_suites.length, 1000);
});

Deno.test("readSslv2Hello() shows the suites of TLS, and no fingerprint", () => {
  const bytes = sslv2Hello([0x2f, 0xff]);
  const hello = readSslv2Hello(new TlsReader(bytes, 2, bytes.length));
  deepEqual(JSON.parse(JSON.stringify(hello?.shown)), {
    type: "client_hello",
    version: "1.0",
    versions: ["1.0"],
    cipher_suites: ["TLS_RSA_WITH_AES_128_CBC_SHA", "TLS_EMPTY_RENEGOTIATION_INFO_SCSV"],
    format: "sslv2",
  });
});
