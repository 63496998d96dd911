/**
 * Speed of the HTTP plug-in alone: heads parsed, and pairs parsed and stitched.
 *
 *     deno run -A tests/bench/http_parse_bench.ts
 */
import type { ParseContext, Side, Timed } from "../../protocols/protocol.ts";
import { parseFrame } from "../../protocols/http/parse.ts";
import { createState, createTrace, type HttpState } from "../../protocols/http/state.ts";
import { stitch } from "../../protocols/http/stitch.ts";
import type { HttpFrame } from "../../protocols/http/types.ts";
import { parseContext, stitchContext, timedFrame } from "../support/contexts.ts";
import { figure } from "./support/report.ts";

const REQUEST = "GET /1k.html HTTP/1.1\r\nHost: localhost:8080\r\nUser-Agent: wrk/4.2\r\n\r\n";
const BROWSER = "GET /index.html?a=1&b=2 HTTP/1.1\r\nHost: example.com:8080\r\n" +
  "User-Agent: Mozilla/5.0 (X11; Linux x86_64; rv:128.0) Gecko/20100101 Firefox/128.0\r\n" +
  "Accept: text/html,application/xhtml+xml,application/xml;q=0.9,*/*;q=0.8\r\n" +
  "Accept-Language: en-US,en;q=0.5\r\nAccept-Encoding: gzip, deflate, br\r\n" +
  "Connection: keep-alive\r\nX-Request-Id: 0123456789abcdef\r\nCookie: sid=1234567890\r\n\r\n";
const RESPONSE = "HTTP/1.1 200 OK\r\nServer: nginx/1.22.1\r\n" +
  "Date: Sat, 21 Nov 2026 12:00:00 GMT\r\nContent-Type: text/html\r\nContent-Length: 1024\r\n" +
  "Last-Modified: Sat, 21 Nov 2026 11:00:00 GMT\r\nConnection: keep-alive\r\n" +
  'ETag: "69200000-400"\r\nAccept-Ranges: bytes\r\n\r\n' + "x".repeat(1024);

const state = createState(createTrace({ maxBodyBytes: 4096, showSecrets: false }));
const contexts: Record<Side, ParseContext<HttpState>> = {
  request: parseContext({ side: "request", state }),
  response: parseContext({ side: "response", state }),
};

function parse(bytes: Uint8Array, side: Side): HttpFrame {
  const result = parseFrame(bytes, contexts[side]);
  if (result.kind !== "frame") throw new Error(`Cannot parse the ${side}: ${result.kind}`);
  return result.frame;
}

function timed(frame: HttpFrame, startNs: number, bytes: number): Timed<HttpFrame> {
  return timedFrame(frame, startNs, { bytes });
}

function measure(name: string, count: number, run: () => void): void {
  for (let i = 0; i < count / 4; i++) run();
  let best = Infinity;
  for (let round = 0; round < 3; round++) {
    const start = performance.now();
    for (let i = 0; i < count; i++) run();
    best = Math.min(best, performance.now() - start);
  }
  const nanoseconds = (best * 1e6) / count;
  figure(`http, ${name}`, `${nanoseconds.toFixed(0)} ns, ${(1e3 / nanoseconds).toFixed(2)} M/s`);
}

const encoder = new TextEncoder();
const request = encoder.encode(REQUEST);
const browser = encoder.encode(BROWSER);
const response = encoder.encode(RESPONSE);
const context = stitchContext({ state });

function forgetMethods(): void {
  state.methods.clear();
}

measure(`request head, ${request.length} B`, 400_000, () => {
  parse(request, "request");
  forgetMethods();
});
measure(`request head, ${browser.length} B`, 200_000, () => {
  parse(browser, "request");
  forgetMethods();
});
measure(`response, ${response.length} B`, 200_000, () => {
  state.methods.push("GET");
  parse(response, "response");
});
measure("pair parsed and stitched", 200_000, () => {
  const requests = [timed(parse(request, "request"), 1, request.length)];
  const responses = [timed(parse(response, "response"), 2, response.length)];
  if (stitch(requests, responses, context).length !== 1) throw new Error("Cannot stitch the pair");
});
measure("pair to JSON", 200_000, () => {
  const requests = [timed(parse(request, "request"), 1, request.length)];
  const responses = [timed(parse(response, "response"), 2, response.length)];
  JSON.stringify(stitch(requests, responses, context)[0]?.exchange);
});
