import { equal } from "node:assert/strict";
import { probe } from "../../../protocols/dns/probe.ts";
import type { Side } from "../../../protocols/protocol.ts";
import { ascii, message, prefixed, question, record } from "./build.ts";
import { joined, samples } from "./samples.ts";

const SIDES: Side[] = ["request", "response"];

Deno.test("probe() says yes to both sides of every sample but a lone header of a query", () => {
  for (const { name, transport, steps } of samples) {
    for (const side of SIDES) {
      const first = steps.find((step) => step.side === side)?.bytes;
      if (first === undefined) continue;
      const head = transport === "stream" ? joined(steps, side) : first;
      const want = name === "header without a question" && side === "request" ? "unsure" : "yes";
      equal(probe(head, side), want, `${name}, ${side}`);
    }
  }
});

Deno.test("probe() says no to the other side", () => {
  for (const { name, transport, steps } of samples) {
    if (name === "header without a question") continue;
    for (const { side, bytes } of steps.slice(0, 1)) {
      if (transport === "stream") continue;
      equal(probe(bytes, side === "request" ? "response" : "request"), "no", name);
    }
  }
});

Deno.test("probe() goes from unsure to its answer once, however the head grows", () => {
  for (const { name, steps } of samples) {
    for (const side of SIDES) {
      const head = joined(steps, side).slice(0, 300);
      let last = "unsure";
      for (let length = 0; length <= head.length; length++) {
        const verdict = probe(head.subarray(0, length), side);
        equal(last === "unsure" || verdict === last, true, `${name}, ${side}, ${length} bytes`);
        last = verdict;
      }
    }
  }
});

const yes = [
  {
    name: "mDNS question that wants a unicast response",
    bytes: message({ bits: 0, questions: [question("_http._tcp.local", 12, 0x8001)] }),
  },
  {
    name: "cookie query without a question",
    bytes: message({ additionals: [record("", 41, [])] }),
  },
  { name: "query of class CH", bytes: message({ questions: [question("version.bind", 16, 3)] }) },
  { name: "DSO request, over a stream", bytes: prefixed(message({ bits: 0x3000 })) },
];

Deno.test("probe() says yes to rare but real requests", () => {
  for (const { name, bytes } of yes) equal(probe(bytes, "request"), "yes", name);
});

const no = [
  { name: "zeros", bytes: new Uint8Array(64) },
  { name: "ones", bytes: new Uint8Array(64).fill(255) },
  {
    name: "HTTP request",
    bytes: Uint8Array.from(ascii("GET / HTTP/1.1\r\nHost: a.test\r\nAccept: */*\r\n\r\n")),
  },
  {
    name: "HTTP response",
    bytes: Uint8Array.from(ascii("HTTP/1.1 200 OK\r\nContent-Length: 0\r\n\r\n")),
  },
  {
    name: "Redis command",
    bytes: Uint8Array.from(ascii("*2\r\n$3\r\nGET\r\n$3\r\nkey\r\n*2\r\n$3\r\nGET\r\n")),
  },
  {
    name: "SSH banner",
    bytes: Uint8Array.from(ascii("SSH-2.0-OpenSSH_9.2p1 Debian-2+deb12u3\r\n")),
  },
  {
    name: "PostgreSQL startup",
    bytes: Uint8Array.from([
      0,
      0,
      0,
      41,
      0,
      3,
      0,
      0,
      ...ascii("user\0postgres\0database\0postgres\0\0"),
    ]),
  },
  {
    name: "MySQL greeting",
    bytes: Uint8Array.from([
      0x4a,
      0,
      0,
      0,
      10,
      ...ascii("8.0.36\0"),
      8,
      0,
      0,
      0,
      ...ascii("abcdefgh\0"),
      255,
      255,
      255,
      2,
      0,
      255,
    ]),
  },
  {
    name: "TLS ClientHello",
    bytes: Uint8Array.from([22, 3, 1, 2, 0, 1, 0, 1, 252, 3, 3, ...Array(40).fill(0x5c)]),
  },
  {
    name: "Kafka ApiVersions",
    bytes: Uint8Array.from([
      0,
      0,
      0,
      32,
      0,
      18,
      0,
      3,
      0,
      0,
      0,
      1,
      0,
      7,
      ...ascii("console"),
      0,
      ...ascii("librdkafka"),
      0,
    ]),
  },
  { name: "class that does not exist", bytes: message({ questions: [question("a.test", 1, 77)] }) },
  { name: "reserved opcode", bytes: message({ bits: 0x7900, questions: [question("a.test", 1)] }) },
  {
    name: "query with an rcode",
    bytes: message({ bits: 0x0103, questions: [question("a.test", 1)] }),
  },
  { name: "type 0", bytes: message({ questions: [question("a.test", 0)] }) },
];

Deno.test("probe() takes a message with Z set for a likely one", () => {
  const bytes = message({ bits: 0x0140, questions: [question("a.test", 1)] });
  equal(probe(bytes, "request"), "likely");
  equal(probe(bytes, "response"), "no");
});

Deno.test("probe() says no to what is not DNS, on both sides", () => {
  for (const { name, bytes } of no) {
    for (const side of SIDES) equal(probe(bytes, side), "no", `${name}, ${side}`);
  }
});

Deno.test("probe() claims fewer than one in ten thousand heads of random bytes", () => {
  let seed = 1;
  let claimed = 0;
  const head = new Uint8Array(64);
  for (let round = 0; round < 50_000; round++) {
    for (let i = 0; i < head.length; i++) {
      seed = (Math.imul(seed, 1664525) + 1013904223) >>> 0;
      head[i] = seed >>> 24;
    }
    for (const side of SIDES) if (probe(head, side) === "yes") claimed++;
  }
  equal(claimed < 10, true, `${claimed} claimed`);
});
