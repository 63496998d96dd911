import assert from "node:assert/strict";
import type { Probe, Side } from "../../../protocols/protocol.ts";
import { parseContext } from "../../support/contexts.ts";
import { findBoundary, probe } from "../../../protocols/http/probe.ts";
import { createState, createTrace } from "../../../protocols/http/state.ts";
import { encode } from "./drive.ts";

const LONG = "GET /" + "a".repeat(300);

const heads: { side: Side; bytes: string; want: Probe }[] = [
  { side: "request", bytes: "GET / HTTP/1.1\r\n", want: "yes" },
  { side: "request", bytes: "GET / HTTP/1.1\n", want: "yes" },
  { side: "request", bytes: "\r\nGET / HTTP/1.0\r\n", want: "yes" },
  { side: "request", bytes: "FROB-x /a HTTP/1.1\r\n", want: "yes" },
  { side: "request", bytes: "FROB /a", want: "unsure" },
  { side: "request", bytes: LONG, want: "yes" },
  { side: "request", bytes: LONG.replace("GET", "FROB"), want: "likely" },
  { side: "request", bytes: LONG.replace("/", "/\x01"), want: "unsure" },
  { side: "request", bytes: "GET /\x01 HTTP/1.1\r\n", want: "yes" },
  { side: "request", bytes: "GET /\0 HTTP/1.1\r\n", want: "no" },
  { side: "request", bytes: "GET / HTTP/1.1 \r\n", want: "yes" },
  { side: "request", bytes: "GET / HTTP/2.0\r\n", want: "yes" },
  { side: "request", bytes: "GET  HTTP/1.1\r\n", want: "no" },
  { side: "request", bytes: "\r\n".repeat(20) + "GET / HTTP/1.1\r\n", want: "yes" },
  { side: "request", bytes: "GE", want: "unsure" },
  { side: "request", bytes: "", want: "unsure" },
  { side: "request", bytes: "GET key\r\n", want: "no" },
  { side: "request", bytes: "GET  / HTTP/1.1\r\n", want: "yes" },
  { side: "request", bytes: "PRI * HTTP/2.0\r\n", want: "no" },
  { side: "request", bytes: "OPTIONS * RTSP/1.0\r\n", want: "no" },
  { side: "request", bytes: "*1\r\n$4\r\nPING\r\n", want: "no" },
  { side: "request", bytes: "\x16\x03\x01", want: "no" },
  { side: "request", bytes: "a".repeat(40), want: "no" },
  { side: "request", bytes: "HTTP/1.1 200 OK\r\n", want: "no" },
  { side: "response", bytes: "HTTP/1.1 200 OK\r\n", want: "yes" },
  { side: "response", bytes: "HTTP/1.0 404\r\n", want: "yes" },
  { side: "response", bytes: "HTTP/1.1 20", want: "unsure" },
  { side: "response", bytes: "HTTP/1.1 2000", want: "no" },
  { side: "response", bytes: "HTTP/2 200 OK", want: "no" },
  { side: "response", bytes: "GET / HTTP/1.1\r\n", want: "no" },
];

Deno.test("probe() tells HTTP/1 by its first line", () => {
  for (const { side, bytes, want } of heads) {
    assert.equal(probe(encode(bytes), side), want, JSON.stringify(bytes));
  }
});

Deno.test("probe() never takes back an answer when more bytes come", () => {
  for (const { side, bytes } of heads) {
    for (const tail of ["", "\r\n", " x\r\n", "\0", " HTTP/1.1\r\n"]) {
      const head = encode(bytes + tail);
      let last: Probe = "unsure";
      for (let end = 0; end <= head.length; end++) {
        const answer = probe(head.subarray(0, end), side);
        if (last === "yes" || last === "no") {
          assert.equal(answer, last, JSON.stringify(bytes + tail));
        }
        last = answer;
      }
    }
  }
});

function boundary(side: Side, text: string, from = 0): number {
  const state = createState(createTrace({ maxBodyBytes: 10, showSecrets: false }));
  return findBoundary(encode(text), from, parseContext({ side, state }));
}

Deno.test("findBoundary() finds the next first line, whole or begun", () => {
  const line = "GET /x HTTP/1.1\r\n";
  const table: { side: Side; text: string; from?: number; want: number }[] = [
    { side: "request", text: line, want: 0 },
    { side: "request", text: line, from: 1, want: 17 },
    { side: "request", text: 'a":1}' + line, want: 5 },
    { side: "request", text: "b=2" + line, want: 3 },
    { side: "request", text: "some\r\ntext\r\nFROB / HTTP/1.1\r\n", want: 12 },
    { side: "request", text: "\x00\xff GET /", want: 4 },
    { side: "request", text: "xyz{}\nGE", want: 6 },
    { side: "request", text: "GET nothing\r\nmore {}\r\n", want: 22 },
    { side: "request", text: "{}{}", want: 4 },
    { side: "response", text: "junk HTTP/1.1 200 OK\r\n", want: 5 },
    { side: "response", text: "junk HTTP/1", want: 5 },
    { side: "response", text: "HTTP/1.1 abc", want: 12 },
  ];
  for (const { side, text, from, want } of table) {
    assert.equal(boundary(side, text, from), Math.min(want, encode(text).length), text);
  }
});

Deno.test("findBoundary() is linear on text that keeps looking like a request", () => {
  const text = "GET ".repeat(100_000);
  const tookMs: number[] = [];
  // Some milliseconds, or minutes; the best one, for the machine may be busy.
  for (let tries = 0; tries < 5 && !tookMs.some((ms) => ms < 1000); tries++) {
    const start = performance.now();
    assert.equal(boundary("request", text + "\r\n"), text.length + 2);
    tookMs.push(performance.now() - start);
  }
  assert.ok(Math.min(...tookMs) < 1000, `${tookMs} ms`);
});
