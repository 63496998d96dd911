/** What people and statistics are told of a handshake. */
import { deepEqual } from "node:assert/strict";
import { outline } from "../../../protocols/tls/outline.ts";
import { summarize } from "../../../protocols/tls/summarize.ts";
import type { TlsExchange, TlsRequest, TlsResponse } from "../../../protocols/tls/types.ts";

const HELLO: TlsRequest = {
  type: "client_hello",
  version: "1.3",
  sni: "a.test",
  alpn: ["h2", { base64: "/w==" }],
  versions: ["1.3"],
  cipher_suites: [],
  ja4: "t13d",
};
const ANSWER: TlsResponse = { type: "server_hello", version: "1.2", cipher: "TLS_X", alpn: "h2" };
const REFUSAL = { level: "fatal", description: "unknown_ca", by: "client" } as const;

const cases: { name: string; exchange: TlsExchange; cells: [string, string]; told: unknown[] }[] = [
  {
    name: "one that succeeded",
    exchange: { request: HELLO, response: { ...ANSWER, resumed: true } },
    cells: ["a.test TLS 1.3 h2,(binary)", "TLS 1.2 resumed h2 TLS_X"],
    told: ["a.test", "ok", undefined],
  },
  {
    name: "one that the client gave up",
    exchange: { request: HELLO, response: { ...ANSWER, alert: REFUSAL } },
    cells: ["a.test TLS 1.3 h2,(binary)", "unknown_ca by client TLS 1.2 h2 TLS_X"],
    told: ["a.test", "error", "unknown_ca"],
  },
  {
    name: "one that the client gave up, encrypted",
    exchange: { request: null, response: { ...ANSWER, alert: { encrypted: true, by: "client" } } },
    cells: ["", "encrypted alert by client TLS 1.2 h2 TLS_X"],
    told: ["", "error", undefined],
  },
  {
    name: "one without a name, refused at once",
    exchange: {
      request: { ...HELLO, sni: undefined, alpn: undefined, version: "SSL 3.0" },
      response: { type: "alert", alert: { ...REFUSAL, by: "server" } },
    },
    cells: ["(no name) SSL 3.0", "unknown_ca by server"],
    told: ["", "error", "unknown_ca"],
  },
  {
    name: "one with a warning",
    exchange: { request: HELLO, response: { ...ANSWER, alert: { ...REFUSAL, level: "warning" } } },
    cells: ["a.test TLS 1.3 h2,(binary)", "unknown_ca by client TLS 1.2 h2 TLS_X"],
    told: ["a.test", "ok", "unknown_ca"],
  },
  {
    name: "one that was not answered",
    exchange: { request: HELLO, response: null },
    cells: ["a.test TLS 1.3 h2,(binary)", ""],
    told: ["a.test", "ok", undefined],
  },
];

for (const { name, exchange, cells, told } of cases) {
  Deno.test(`summarize() and outline() of a handshake: ${name}`, () => {
    const { request, response } = summarize(exchange);
    deepEqual([request, response], cells);
    const { target, outcome, status } = outline(exchange);
    deepEqual([target, outcome, status], told);
  });
}

Deno.test("outline() names what was agreed on as OpenTelemetry does", () => {
  deepEqual(outline({ request: HELLO, response: { ...ANSWER, resumed: true } }).attributes, {
    "tls.client.server_name": "a.test",
    "tls.client.ja4": "t13d",
    "tls.protocol.version": "1.2",
    "tls.cipher": "TLS_X",
    "tls.next_protocol": "h2",
    "tls.resumed": true,
  });
});
