import { deepEqual, equal } from "node:assert/strict";
import { abandon, createState, findBoundary, parseFrame } from "../../../protocols/dns/parse.ts";
import type { DnsState } from "../../../protocols/dns/parse.ts";
import type { DnsFrame } from "../../../protocols/dns/types.ts";
import type { ParseContext, ParseResult } from "../../../protocols/protocol.ts";
import { parseContext } from "../../support/contexts.ts";
import { ascii, message, prefixed, question, record } from "./build.ts";
import { converse, type Step } from "./converse.ts";
import { joined, samples } from "./samples.ts";

type Context = ParseContext<DnsState>;

function contextOf(changes: Partial<Context> = {}): Context {
  const state = createState({ maxBodyBytes: 4096, showSecrets: false });
  return parseContext({ side: "request", state, ...changes });
}

function parse(bytes: Uint8Array, changes: Partial<Context> = {}): ParseResult<DnsFrame> {
  return parseFrame(bytes, contextOf(changes));
}

const query = message({ questions: [question("a.test", 1)] });
const response = message({
  bits: 0x8180,
  questions: [question("a.test", 1)],
  answers: [record("a.test", 1, [192, 0, 2, 1]), record("a.test", 1, [192, 0, 2, 2])],
});

Deno.test("samples give the exchanges they promise", () => {
  for (const { name, transport, steps, exchanges } of samples) {
    const out = converse(transport, steps);
    equal(Array.isArray(out) && out.length, exchanges, name);
  }
});

Deno.test("parseFrame() gives the same exchanges for a stream cut at every byte", () => {
  for (const { name, transport, steps } of samples) {
    if (transport === "datagram" || joined(steps, "response").length > 1000) continue;
    const bytewise = steps.flatMap(({ side, bytes }): Step[] =>
      [...bytes].map((byte) => ({ side, bytes: Uint8Array.of(byte) }))
    );
    deepEqual(converse(transport, bytewise), converse(transport, steps), name);
  }
});

Deno.test("parseFrame() asks for the length, then for the whole message", () => {
  const bytes = prefixed(query);
  deepEqual(parse(bytes.subarray(0, 1)), { kind: "need_more", minBytes: 2 });
  for (let length = 2; length < bytes.length; length++) {
    deepEqual(parse(bytes.subarray(0, length)), { kind: "need_more", minBytes: bytes.length });
  }
});

Deno.test("parseFrame() takes one message off a stream and leaves the next", () => {
  const result = parse(Uint8Array.from([...prefixed(query), ...prefixed(query)]));
  equal(result.kind, "frame");
  equal(result.kind === "frame" && result.length, query.length + 2);
  equal(result.kind === "frame" && result.frame.key, "7 A a.test");
});

const refused: {
  name: string;
  bytes: Uint8Array;
  transport: "stream" | "datagram";
  want: string;
}[] = [
  {
    name: "length below a header",
    bytes: Uint8Array.of(0, 11, 1, 2, 3),
    transport: "stream",
    want: "short_message",
  },
  {
    name: "text",
    bytes: Uint8Array.from(ascii("GET / HTTP/1.1\r\n")),
    transport: "stream",
    want: "not_dns",
  },
  {
    name: "more records than the length can hold",
    bytes: Uint8Array.from([0, 20, 0, 1, 1, 0, 0, 1, 0, 5, 0, 0, 0, 0, 0]),
    transport: "stream",
    want: "not_dns",
  },
  {
    name: "datagram below a header",
    bytes: new Uint8Array(11),
    transport: "datagram",
    want: "short_message",
  },
  {
    name: "datagram whose question is cut",
    bytes: query.subarray(0, query.length - 1),
    transport: "datagram",
    want: "bad_question",
  },
  {
    name: "datagram of text",
    bytes: Uint8Array.from(ascii("NOTIFY * HTTP/1.1\r\nHOST: a\r\n\r\n")),
    transport: "datagram",
    want: "bad_question",
  },
];

Deno.test("parseFrame() refuses what is no message, with its reason", () => {
  for (const { name, bytes, transport, want } of refused) {
    const result = parse(bytes, { transport, ended: transport === "datagram" });
    deepEqual(result, { kind: "invalid", reason: want }, name);
  }
});

Deno.test("parseFrame() keeps what a datagram cut by the capture shows", () => {
  const cut = response.subarray(0, response.length - 3);
  const result = parse(cut, { side: "response", transport: "datagram", ended: true, gapBytes: 3 });
  equal(result.kind, "frame");
  if (result.kind !== "frame") return;
  deepEqual([result.length, result.incomplete], [cut.length, "truncated"]);
  deepEqual(result.frame.message.answers.map(({ data }) => data), ["192.0.2.1"]);
  equal(result.frame.message.malformed, null);
});

Deno.test("parseFrame() passes over a gap inside a message and hands over what came before it", () => {
  const bytes = prefixed(response);
  const context = contextOf({ side: "response", gapBytes: 10 });
  const passed = parseFrame(bytes.subarray(0, bytes.length - 20), context);
  deepEqual(passed, { kind: "skip", length: bytes.length });
  const result = parseFrame(new Uint8Array(0), context);
  equal(result.kind === "frame" && result.length, 0);
  equal(result.kind === "frame" && result.frame.message.answers.length, 1);
  equal(parseFrame(prefixed(response), context).kind, "frame");
});

Deno.test("abandon() hands over once what is known of a message that the end cut", () => {
  const bytes = prefixed(response);
  const context = contextOf({ side: "response", ended: true });
  equal(parseFrame(bytes.subarray(0, bytes.length - 20), context).kind, "need_more");
  equal(abandon(context)?.frame.key, "7 A a.test");
  equal(abandon(context), null);
});

Deno.test("findBoundary() finds the next message of its side behind garbage", () => {
  const garbage = Uint8Array.from(ascii("lorem ipsum dolor sit amet, consectetur adipiscing elit"));
  const bytes = Uint8Array.from([...garbage, ...prefixed(query), ...prefixed(query)]);
  equal(findBoundary(bytes, 0, contextOf()), garbage.length);
  equal(findBoundary(bytes, garbage.length, contextOf()), garbage.length);
  equal(findBoundary(bytes, garbage.length + 1, contextOf()), bytes.length - query.length - 2);
  const other = contextOf({ side: "response" });
  equal(findBoundary(bytes, 0, other) >= bytes.length - 13, true);
});

Deno.test("findBoundary() holds back a tail that may become a message", () => {
  const bytes = prefixed(query);
  for (let length = 1; length <= bytes.length; length++) {
    equal(findBoundary(bytes.subarray(0, length), 0, contextOf()), 0);
  }
});
