import assert from "node:assert/strict";
import { probe } from "../../../protocols/redis/probe.ts";
import { samples } from "./samples.ts";
import { command, raw } from "./support.ts";

const HEADS: { name: string; side: "request" | "response"; bytes: Uint8Array; want: string }[] = [
  { name: "GET", side: "request", bytes: command("GET", "k"), want: "yes" },
  { name: "module command", side: "request", bytes: command("JSON.GET", "k"), want: "yes" },
  { name: "cut in the name", side: "request", bytes: raw("*2\r\n$3\r\nG"), want: "unsure" },
  { name: "nothing", side: "request", bytes: raw(""), want: "unsure" },
  { name: "list of words", side: "request", bytes: command("foo", "bar"), want: "likely" },
  { name: "list of binary", side: "request", bytes: raw("*1\r\n$2\r\n\x01\x02\r\n"), want: "no" },
  { name: "SUBSCRIBE", side: "request", bytes: command("subscribe", "ch"), want: "yes" },
  {
    name: "confirmation",
    side: "request",
    bytes: raw("*3\r\n$9\r\nsubscribe\r\n$1\r\na\r\n:1\r\n"),
    want: "no",
  },
  { name: "message", side: "request", bytes: command("message", "ch", "text"), want: "no" },
  {
    name: "pattern message",
    side: "request",
    bytes: command("pmessage", "c*", "ch", "text"),
    want: "no",
  },
  { name: "message", side: "response", bytes: command("message", "ch", "text"), want: "yes" },
  { name: "inline", side: "request", bytes: raw("HGETALL h\r\n"), want: "likely" },
  { name: "inline, shared word", side: "request", bytes: raw("GET k\r\n"), want: "unsure" },
  { name: "HTTP", side: "request", bytes: raw("GET / HTTP/1.1\r\nHost: x\r\n"), want: "no" },
  { name: "HTTP POST", side: "request", bytes: raw("POST / HTTP/1.1\r\n"), want: "no" },
  { name: "SMTP", side: "request", bytes: raw("EHLO x\r\n"), want: "no" },
  { name: "NATS", side: "request", bytes: raw("CONNECT {}\r\n"), want: "no" },
  { name: "TLS", side: "request", bytes: raw("\x16\x03\x01\x02\x00"), want: "no" },
  { name: "bulk", side: "response", bytes: raw("$3\r\nabc\r\n"), want: "yes" },
  { name: "long bulk", side: "response", bytes: raw("$300\r\nabc"), want: "yes" },
  { name: "integer", side: "response", bytes: raw(":1\r\n"), want: "yes" },
  { name: "map", side: "response", bytes: raw("%1\r\n$6\r\nserver\r\n"), want: "yes" },
  { name: "PONG", side: "response", bytes: raw("+PONG\r\n"), want: "yes" },
  { name: "OK alone", side: "response", bytes: raw("+OK\r\n"), want: "unsure" },
  { name: "OK and more", side: "response", bytes: raw("+OK\r\n$-1\r\n"), want: "yes" },
  { name: "POP3", side: "response", bytes: raw("+OK POP3 ready\r\n"), want: "no" },
  { name: "NATS error", side: "response", bytes: raw("-ERR 'Unknown'\r\n"), want: "no" },
  { name: "HTTP", side: "response", bytes: raw("HTTP/1.1 200 OK\r\n"), want: "no" },
  { name: "command", side: "response", bytes: command("GET", "k"), want: "unsure" },
  {
    name: "confirmation",
    side: "response",
    bytes: raw("*3\r\n$9\r\nsubscribe\r\n$1\r\na\r\n:1\r\n"),
    want: "yes",
  },
];

for (const { name, side, bytes, want } of HEADS) {
  Deno.test(`probe() of a ${side}: ${name} is ${want}`, () => {
    assert.equal(probe(bytes, side), want);
  });
}

Deno.test("probe() never takes back an answer as the head grows, and knows every sample", () => {
  for (const { name, steps } of samples) {
    const sides = (["request", "response"] as const).map((side) => {
      const bytes = steps.filter((step) => step.side === side).flatMap((step) =>
        Array.from(step.bytes.subarray(0, 400))
      );
      let last = "unsure";
      for (let length = 0; length <= bytes.length; length++) {
        const answer = probe(Uint8Array.from(bytes.slice(0, length)), side);
        if (last === "yes" || last === "no") assert.equal(answer, last, `${name} at ${length}`);
        last = answer;
      }
      return last;
    });
    assert.ok(sides.includes("yes") && !sides.includes("no"), `${name}: ${sides}`);
  }
});
