/** Roles and protocols where the first bytes say little, or nothing: the other direction decides. */
import { deepEqual } from "node:assert/strict";
import type { TraceRecord } from "../../lib/record/record.ts";
import { plugins } from "../../protocols/registry.ts";
import { Conversation, type ConversationOptions, Trace } from "../support/events.ts";

/** Protocol, role, what was asked and answered, and why something is missing. */
type Seen = [protocol: string, role: unknown, ...rest: unknown[]];

function word(half: object | null, names: readonly string[]): unknown {
  if (half === null) return null;
  for (const name of names) if (name in half) return Reflect.get(half, name);
  return "?";
}

function seen({ protocol, role, request, response, incomplete }: TraceRecord): Seen {
  const asked = word(request, ["path", "command"]);
  const answered = word(response, ["body", "value", "type", "status"]);
  const said: Seen = [protocol, role, asked, answered];
  return incomplete === undefined ? said : [...said, incomplete];
}

type Step = [side: "request" | "response", bytes: string];

function records(steps: readonly Step[], options: ConversationOptions): TraceRecord[] {
  const trace = new Trace({ protocols: plugins, showUnknown: true });
  const talk = new Conversation(options).open();
  for (const [side, bytes] of steps) talk.say(side, bytes);
  trace.feedAll(talk.close().tick(2e8).entries);
  return trace.finish();
}

function get(path: string): Step {
  return ["request", `GET ${path} HTTP/1.1\r\nHost: a\r\n\r\n`];
}

function ok(body: string): Step {
  return ["response", `HTTP/1.1 200 OK\r\nContent-Length: ${body.length}\r\n\r\n${body}`];
}

const PING: Step = ["request", "*1\r\n$4\r\nPING\r\n"];
const PONG: Step = ["response", "+PONG\r\n"];
const HTTP_PAIRS = [["http", "/1", "one"], ["http", "/2", "two"]];

interface Case {
  readonly name: string;
  readonly steps: readonly Step[];
  /** Protocol, asked, answered, why. */
  readonly want: readonly (readonly unknown[])[];
}

const UNREADABLE = "\x01\x02not anything\r\n";

const cases: Case[] = [
  {
    name: "a first write that nobody understands does not shift the pairs",
    steps: [["request", UNREADABLE], ok("zero"), get("/1"), ok("one"), get("/2"), ok("two")],
    want: [["http", null, "zero", ["mid_stream"]], ...HTTP_PAIRS],
  },
  {
    name: "nor does one that ends in a request",
    steps: [["request", `${UNREADABLE}GET /1 HTTP/1.1\r\nHost: a\r\n\r\n`], ok("one")]
      .concat([get("/2"), ok("two")]) as Step[],
    want: [["http", null, "one", ["mid_stream"]], ["http", "/2", "two"]],
  },
  {
    name: "nor a Redis command with a wrong length",
    steps: [["request", "*1\r\n$5\r\nPING\r\n"], [
      "response",
      "-ERR Protocol error: expected '$'\r\n",
    ]]
      .concat([PING, PONG, ["request", "*2\r\n$4\r\nPING\r\n$1\r\na\r\n"]])
      .concat([["response", "$1\r\na\r\n"]]) as Step[],
    want: [
      ["redis", null, "error", ["mid_stream"]],
      ["redis", "PING", "PONG"],
      ["redis", "PING", "a"],
    ],
  },
  {
    name: "Redis: an inline command that ends in LF alone",
    steps: [["request", "PING\n"], PONG, ["request", "ECHO a\n"], ["response", "$1\r\na\r\n"]],
    want: [["redis", "PING", "PONG"], ["redis", "ECHO", "a"]],
  },
  {
    name: "Redis: an empty line and a command in one read",
    steps: [["request", "\r\nPING\r\n"], PONG, ["request", "\r\n*1\r\n$4\r\nPING\r\n"], PONG],
    want: [["redis", "PING", "PONG"], ["redis", "PING", "PONG"]],
  },
  ...["*0", "*-1"].map((list): Case => ({
    name: `Redis: ${list}, a command that is none, first`,
    steps: [["request", `${list}\r\n`], PING, PONG, PING, PONG],
    want: [["redis", "PING", "PONG"], ["redis", "PING", "PONG"]],
  })),
  ...["*0", "*-1"].map((list): Case => ({
    name: `Redis: ${list} with a command`,
    steps: [["request", `${list}\r\n*1\r\n$4\r\nPING\r\n`], PONG],
    want: [["redis", "PING", "PONG"]],
  })),
  {
    name: "Redis: an unknown command first",
    steps: [["request", "*2\r\n$6\r\nX.FIND\r\n$1\r\na\r\n"], ["response", "*0\r\n"], PING, PONG],
    want: [["redis", "X.FIND", []], ["redis", "PING", "PONG"]],
  },
  {
    name: "beanstalkd's watch is no Redis",
    steps: [["request", "watch mail\r\n"], ["response", "WATCHING 2\r\n"]]
      .concat([["request", "watch more\r\n"], ["response", "WATCHING 3\r\n"]]) as Step[],
    want: [["unknown", "?", "?"]],
  },
  {
    name: "a greeting before HTTP is no Redis command",
    steps: [["response", "hello\r\n"], get("/1"), ok("one"), get("/2"), ok("two")],
    want: HTTP_PAIRS,
  },
  {
    name: "a reply of Redis that nobody asked for is none",
    steps: [["request", "$5\r\nhello\r\n"], ["response", "200 welcome\r\n"]],
    want: [["unknown", "?", "?"]],
  },
  {
    name: "a reply of Redis before HTTP is none",
    steps: [["response", "*1\r\n$4\r\nPING\r\n"], get("/1"), ok("one"), get("/2"), ok("two")],
    want: HTTP_PAIRS,
  },
];

for (const { name, steps, want } of cases) {
  for (const role of ["server", "client"] as const) {
    for (const hint of [true, false]) {
      const told = hint ? "told by the handshake" : "not told";
      Deno.test(`${name} (${role}, ${told})`, () => {
        const got = records(steps, { role, hint, localPort: 5555, remotePort: 40000 }).map(seen);
        deepEqual(
          got.map(([protocol, , ...rest]) => [protocol, ...rest]),
          want,
        );
        for (const [protocol, as] of got) if (protocol !== "unknown") deepEqual(as, role);
      });
    }
  }
}
