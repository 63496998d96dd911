/** What passes inside of a CONNECT tunnel. */
import { deepEqual, equal, ok } from "node:assert/strict";
import type { TraceRecord } from "../../lib/record/record.ts";
import { plugins } from "../../protocols/registry.ts";
import { Conversation, Trace } from "../support/events.ts";
import { proxyLine } from "../support/proxy_header.ts";
import { samples } from "../protocols/tls/samples.ts";

const CONNECT = "CONNECT a:1 HTTP/1.1\r\nHost: a:1\r\n\r\n";
const CONNECTED = "HTTP/1.1 200 Connection established\r\n\r\n";
const GET = "GET /1 HTTP/1.1\r\nHost: a\r\n\r\n";
const OK = "HTTP/1.1 200 OK\r\nContent-Length: 3\r\n\r\none";
const UPGRADED = "HTTP/1.1 101 Switching Protocols\r\nUpgrade: websocket\r\n\r\n";
/** TLS 1.3. */
const handshake = (samples[0]?.steps ?? []).map(({ side, bytes }) => [side, bytes] as const);
/** It breaks off. */
const HELLO = Uint8Array.from([22, 3, 1, 0, 5, 1, 0, 0, 1, 0]);

interface Case {
  readonly name: string;
  readonly inner: readonly (readonly ["request" | "response", string | Uint8Array])[];
  readonly protocols: readonly string[];
  /** Bytes of the last record. */
  readonly bytes: readonly [number, number];
}

const cases: Case[] = [
  {
    name: "HTTP",
    inner: [["request", GET], ["response", OK], ["request", GET], ["response", OK]],
    protocols: ["http", "http"],
    bytes: [GET.length, OK.length],
  },
  {
    name: "Redis",
    inner: [["request", "*1\r\n$4\r\nPING\r\n"], ["response", "+PONG\r\n"]],
    protocols: ["redis"],
    bytes: [14, 7],
  },
  {
    name: "HTTP behind a PROXY header",
    inner: [["request", proxyLine("TCP4 1.1.1.1 2.2.2.2 1 2")], ["request", GET], ["response", OK]],
    protocols: ["http"],
    bytes: [GET.length, OK.length],
  },
  {
    name: "a tunnel in a tunnel",
    inner: [["request", CONNECT], ["response", CONNECTED], ["request", GET], ["response", OK]],
    protocols: ["http", "http"],
    bytes: [GET.length, OK.length],
  },
  {
    name: "TLS without a hello",
    inner: [["request", HELLO], ["response", HELLO]],
    protocols: ["unknown"],
    bytes: [HELLO.length, HELLO.length],
  },
  { name: "TLS", inner: handshake, protocols: ["tls"], bytes: [517, 127] },
  {
    name: "nothing that is known",
    inner: [["request", "\x01\x02\x03"], ["response", "\x04"]],
    protocols: ["unknown"],
    bytes: [3, 1],
  },
  { name: "nothing", inner: [], protocols: [], bytes: [CONNECT.length, CONNECTED.length] },
];

function run({ inner }: Case, role: "client" | "server"): TraceRecord[] {
  const trace = new Trace({ protocols: plugins, showUnknown: true });
  const talk = new Conversation({ role }).open().say("request", CONNECT).say("response", CONNECTED);
  for (const [side, bytes] of inner) talk.say(side, bytes);
  return trace.feedAll(talk.close().tick(2e8).entries).finish();
}

for (const each of cases) {
  for (const role of ["client", "server"] as const) {
    Deno.test(`a CONNECT tunnel of a ${role} holds ${each.name}`, () => {
      const records = run(each, role);
      deepEqual(records.map(({ protocol }) => protocol), ["http", ...each.protocols]);
      equal(new Set(records.map(({ conn }) => conn)).size, 1);
      const last = records.at(-1);
      deepEqual([last?.request_bytes, last?.response_bytes], each.bytes);
      for (const { incomplete, role: as } of records) {
        deepEqual([incomplete, as], [undefined, role]);
      }
    });
  }
}

/** What is sent before the answer, and what follows that: protocols, and bytes of the last record. */
const EARLY: (Omit<Case, "name"> & { name: string; early: string | Uint8Array; answer: string })[] =
  [
    {
      name: "TLS",
      early: handshake[0]?.[1] ?? "",
      answer: CONNECTED,
      inner: handshake.slice(1),
      protocols: ["http", "tls"],
      bytes: [517, 127],
    },
    {
      name: "TLS without a hello",
      early: HELLO,
      answer: CONNECTED,
      inner: [["response", HELLO]],
      protocols: ["http", "unknown"],
      bytes: [HELLO.length, HELLO.length],
    },
    {
      name: "Redis",
      early: "*1\r\n$4\r\nPING\r\n",
      answer: CONNECTED,
      inner: [["response", "+PONG\r\n"]],
      protocols: ["http", "redis"],
      bytes: [14, 7],
    },
    {
      name: "what nobody knows",
      early: "\x01\x02\x03",
      answer: CONNECTED,
      inner: [["request", "\x04"], ["response", "\x05"]],
      protocols: ["http", "unknown"],
      bytes: [4, 1],
    },
    {
      name: "a request, the tunnel refused",
      early: GET,
      answer: "HTTP/1.1 403 Forbidden\r\nContent-Length: 2\r\n\r\nno",
      inner: [["response", OK], ["request", GET], ["response", OK]],
      protocols: ["http", "http", "http"],
      bytes: [GET.length, OK.length],
    },
    {
      name: "a request, the tunnel refused and the request answered in one operation",
      early: GET,
      answer: `HTTP/1.1 403 Forbidden\r\nContent-Length: 2\r\n\r\nno${UPGRADED}`,
      inner: [],
      protocols: ["http", "http"],
      bytes: [GET.length, UPGRADED.length],
    },
    {
      name: "a request, never answered",
      early: GET,
      answer: "",
      inner: [],
      protocols: ["http"],
      bytes: [CONNECT.length, 0],
    },
  ];

function bytesOf(text: string): Uint8Array {
  return Uint8Array.from(text, (char) => char.charCodeAt(0));
}

for (const { name, early, answer, inner, protocols, bytes } of EARLY) {
  for (const role of ["client", "server"] as const) {
    for (const isOneWrite of [true, false]) {
      const how = isOneWrite ? "with the CONNECT" : "behind it";
      Deno.test(`what a ${role}'s CONNECT is followed by before its answer waits for that: ${name}, ${how}`, () => {
        const trace = new Trace({ protocols: plugins, showUnknown: true });
        const talk = new Conversation({ role }).open();
        const head = typeof early === "string" ? bytesOf(early) : early;
        if (isOneWrite) talk.say("request", Uint8Array.from([...bytesOf(CONNECT), ...head]));
        else talk.say("request", CONNECT).say("request", head);
        if (answer !== "") talk.say("response", answer);
        for (const [side, said] of inner) talk.say(side, said);
        const records = trace.feedAll(talk.close().tick(2e8).entries).finish();
        deepEqual(records.map(({ protocol }) => protocol), protocols);
        const last = records.at(-1);
        deepEqual([last?.request_bytes, last?.response_bytes ?? 0], bytes);
        equal(trace.pipeline.heldBytes, 0);
        if (name !== "what nobody knows") return;
        const said = JSON.stringify(last?.request);
        ok(
          said.includes('"bytes":4') && said.includes('"first_bytes":"\\u0001\\u0002\\u0003"'),
          said,
        );
      });
    }
  }
}

Deno.test("behind a CONNECT whose answer was lost nothing is paired unmarked, and nothing kept", () => {
  const trace = new Trace({ protocols: plugins });
  const talk = new Conversation().open().say("request", CONNECT).say("request", GET)
    .miss("response", CONNECTED.length).say("response", OK).say("request", GET).say("response", OK);
  const records = trace.feedAll(talk.close().tick(2e8).entries).finish();
  for (const { request, response, incomplete } of records) {
    ok(request === null || response === null || incomplete?.includes("gap"));
  }
  equal(trace.pipeline.heldBytes, 0);
});

for (const upgrade of ["sea-shanty", "websocket"]) {
  for (const role of ["client", "server"] as const) {
    Deno.test(`what follows a ${role}'s upgrade to ${upgrade}, of which no plug-in is known, is reported`, () => {
      const trace = new Trace({ protocols: plugins, showUnknown: true });
      const fields = `Upgrade: ${upgrade}\r\nConnection: Upgrade\r\n\r\n`;
      const talk = new Conversation({ role }).open()
        .say("request", `GET / HTTP/1.1\r\nHost: a\r\n${fields}`)
        .say("response", `HTTP/1.1 101 Switching Protocols\r\n${fields}heave`)
        .say("request", "ho").say("response", "!").say("request", "GET / HTTP/1.1\r\n\r\n").close();
      const records = trace.feedAll(talk.tick(2e8).entries).finish();
      deepEqual(records.map(({ protocol }) => protocol), ["http", "unknown"]);
      const last = records.at(-1);
      deepEqual([last?.request_bytes, last?.response_bytes], [2 + 18, 6]);
      deepEqual(last?.role, role);
    });
  }
}

Deno.test("a refused CONNECT opens no tunnel", () => {
  const trace = new Trace({ protocols: plugins });
  const REFUSED = "HTTP/1.1 403 Forbidden\r\nContent-Length: 2\r\n\r\nno";
  const talk = new Conversation().open().say("request", CONNECT).say("response", REFUSED)
    .say("request", GET).say("response", OK).close();
  const records = trace.feedAll(talk.tick(2e8).entries).finish();
  deepEqual(records.map(({ protocol }) => protocol), ["http", "http"]);
});
