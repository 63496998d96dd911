/**
 * The skeleton of a new protocol: ./build.sh new-protocol NAME
 *
 * In: a name. Out: protocols/NAME/, bpf/infer/NAME.bpf.h and tests/protocols/NAME/: a trivial line
 * protocol that compiles and keeps the plug-in contract, to be turned into the real one a file at a
 * time. It never writes over anything, and leaves the lines to be added elsewhere to the reader.
 */
import { BuildError, exists, ROOT, run } from "./tools.ts";

const NAME = /^[a-z][a-z0-9_]{0,31}$/;
/** Words of TypeScript, and names that the skeleton or the common parts use themselves. */
const TAKEN = new Set(
  ("abandon await break case catch class const continue debugger default delete do else enum " +
    "export extends false finally for function if implements import in infer instanceof interface " +
    "let new null package plugins private probe protected public return static stitch super switch " +
    "this throw true try typeof unknown var void while with yield").split(" "),
);

/** Writes the skeleton below `root`, a folder that ends with "/"; the paths, relative to it. */
export async function newProtocol(name: string, root: string = ROOT): Promise<string[]> {
  if (!NAME.test(name)) {
    throw new BuildError(
      `Cannot name a protocol "${name}": a letter, then letters, digits or _, all lower case, ` +
        "32 at most",
    );
  }
  if (TAKEN.has(name)) throw new BuildError(`Cannot name a protocol "${name}": the word is taken`);
  const sources = `protocols/${name}/`, tests = `tests/protocols/${name}/`;
  const rule = `bpf/infer/${name}.bpf.h`;
  for (const path of [sources, tests, rule]) {
    if (exists(root + path)) throw new BuildError(`Cannot make ${path}: it exists already`);
  }
  const templates: [string, string][] = [
    [`${sources}mod.ts`, MOD],
    [`${sources}types.ts`, TYPES],
    [`${sources}probe.ts`, PROBE],
    [`${sources}parse.ts`, PARSE],
    [`${sources}stitch.ts`, STITCH],
    [rule, RULE],
    [`${tests}samples.ts`, SAMPLES],
    [`${tests}worst.ts`, WORST],
    [`${tests}parse_test.ts`, PARSE_TEST],
  ];
  for (const folder of [sources, tests]) Deno.mkdirSync(root + folder, { recursive: true });
  for (const [path, template] of templates) {
    Deno.writeTextFileSync(root + path, filledIn(template, name));
  }
  const paths = templates.map(([path]) => path);
  // Where lines break depends on the name.
  const formatted = paths.filter((path) => path.endsWith(".ts"));
  await run(Deno.execPath(), ["fmt", "--quiet", ...formatted], { cwd: root });
  return paths;
}

/** What is to be done by hand, as lines for people. */
export function nextSteps(name: string): string {
  return `Next, in protocols/registry.ts:
  import { ${name} } from "./${name}/mod.ts";
  and ${name} in the list of plugins. Then: ./build.sh test contract_test infer_test protocols/${name}
CONTRIBUTING.md, "Adding a protocol", goes on from there.`;
}

function filledIn(template: string, name: string): string {
  const type = name.split("_").map((word) => word.slice(0, 1).toUpperCase() + word.slice(1)).join(
    "",
  );
  return template.replaceAll("__NAME__", name).replaceAll("__Type__", type)
    .replaceAll("__CAPITALS__", name.toUpperCase())
    .replaceAll("__FIRST__", name.slice(0, 1)).replaceAll("__LENGTH__", `${name.length}`);
}

const MOD = `/**
 * TODO: the protocol, its versions and its specification, in one sentence.
 *
 *     request   "__NAME__> " text "\\n"
 *     response  "__NAME__< " text "\\n", in the order of the requests
 *
 * In: the bytes of both directions. Out: one exchange a request.
 */
import { definePlugin, type Plugin } from "../protocol.ts";
import { abandon, createState, findBoundary, parseFrame } from "./parse.ts";
import { probe } from "./probe.ts";
import { stitch, summarize } from "./stitch.ts";
import type { __Type__Exchange, __Type__Frame, __Type__State } from "./types.ts";

export const __NAME__: Plugin = definePlugin<__Type__Frame, __Type__State, __Type__Exchange>({
  name: "__NAME__",
  ports: [], // TODO: the server's usual ones
  transports: ["stream"],
  probe,
  createState,
  parseFrame,
  findBoundary,
  abandon,
  stitch,
  summarize,
});
`;

const TYPES =
  `/** What the bytes become: the public halves of an exchange, the parser's frame and state. */
import type { PairMemory } from "../../lib/stitch/pairing.ts";

/** Printed as it is: snake_case fields in the protocol's own words. */
export interface __Type__Message {
  /** Absent when it is not valid UTF-8; then text_base64 has it. */
  text?: string;
  text_base64?: string;
  /** Cut at --max-body. */
  text_truncated?: true;
  /** True size on the wire. */
  text_bytes: number;
}

export interface __Type__Frame {
  message: __Type__Message;
}

/** What is remembered of one connection. */
export interface __Type__State extends PairMemory {
  maxBodyBytes: number;
}

export interface __Type__Exchange {
  request: __Type__Message | null;
  response: __Type__Message | null;
}
`;

const PROBE = `/**
 * Does this look like __NAME__? In: the first bytes of a direction. Out: yes, no or unsure; growing
 * heads never go from yes to no. It decodes nothing. The rule in bpf/infer/__NAME__.bpf.h must take
 * at least what this does not refuse.
 */
import type { Side } from "../protocol.ts";

const encoder = new TextEncoder();
/** What a frame of each side starts with. */
export const STARTS: Readonly<Record<Side, Uint8Array>> = {
  request: encoder.encode("__NAME__> "),
  response: encoder.encode("__NAME__< "),
};

export function probe(head: Uint8Array, side: Side): "yes" | "no" | "unsure" {
  return startsAt(head, 0, side);
}

/** "unsure" when the bytes end within a start. */
export function startsAt(bytes: Uint8Array, at: number, side: Side): "yes" | "no" | "unsure" {
  const start = STARTS[side];
  for (let i = 0; i < start.length; i++) {
    if (at + i >= bytes.length) return "unsure";
    if (bytes[at + i] !== start[i]) return "no";
  }
  return "yes";
}
`;

const PARSE = `/**
 * Cuts the stream into frames. In: bytes from where a frame should start. Out: a frame, how many
 * bytes are needed, or why none starts here. It never loops over the stream and keeps no bytes.
 *
 *     frame = start text LF      text = any bytes but LF
 */
import { base64, utf8, utf8CutBefore } from "../../lib/wire/text.ts";
import { createPairMemory } from "../../lib/stitch/pairing.ts";
import type { ParseContext, ParseResult, ProtocolOptions } from "../protocol.ts";
import { STARTS, startsAt } from "./probe.ts";
import type { __Type__Frame, __Type__Message, __Type__State } from "./types.ts";

const LF = 10;
/** Nothing from the wire is waited for without a bound. */
const MAX_LINE_BYTES = 64 << 10;

export function createState(options: ProtocolOptions): __Type__State {
  return { maxBodyBytes: options.maxBodyBytes, ...createPairMemory() };
}

export function parseFrame(
  bytes: Uint8Array,
  context: ParseContext<__Type__State>,
): ParseResult<__Type__Frame> {
  const start = startsAt(bytes, 0, context.side);
  if (start === "no") return { kind: "invalid", reason: "bad_start" };
  if (start === "unsure") return { kind: "need_more", minBytes: STARTS[context.side].length };
  const end = bytes.indexOf(LF);
  if ((end < 0 ? bytes.length : end) >= MAX_LINE_BYTES) {
    return { kind: "invalid", reason: "line_too_long" };
  }
  if (end < 0) return { kind: "need_more", minBytes: bytes.length + 1 };
  const from = STARTS[context.side].length;
  const message = messageOf(bytes, from, end, context.state.maxBodyBytes);
  return { kind: "frame", frame: { message }, length: end + 1 };
}

/** Where a frame starts, or may start once more bytes are there. */
export function findBoundary(
  bytes: Uint8Array,
  from: number,
  context: ParseContext<__Type__State>,
): number {
  const first = STARTS[context.side][0] as number;
  let at = bytes.indexOf(first, from);
  while (at >= 0 && startsAt(bytes, at, context.side) === "no") at = bytes.indexOf(first, at + 1);
  return at < 0 ? bytes.length : at;
}

/** Nothing is kept of half a line. A parser that skips bodies hands over the head here. */
export function abandon(): __Type__Frame | null {
  return null;
}

function messageOf(bytes: Uint8Array, from: number, to: number, most: number): __Type__Message {
  const cut = to - from > most;
  const end = cut ? utf8CutBefore(bytes, from, from + most) : to;
  const text = utf8(bytes, from, end);
  const message: __Type__Message = text === null
    ? { text_base64: base64(bytes, from, end), text_bytes: to - from }
    : { text, text_bytes: to - from };
  if (cut) message.text_truncated = true;
  return message;
}
`;

const STITCH =
  `/** Pairs by order. In: both queues. Out: exchanges; and one line for people of each. */
import { pairInOrder } from "../../lib/stitch/in_order.ts";
import type { IncompleteReason, StitchContext, Stitched, Summary, Timed } from "../protocol.ts";
import type { __Type__Exchange, __Type__Frame, __Type__Message, __Type__State } from "./types.ts";

const MAX_CELL = 100;

export function stitch(
  requests: Timed<__Type__Frame>[],
  responses: Timed<__Type__Frame>[],
  context: StitchContext<__Type__State>,
): Stitched<__Type__Exchange>[] {
  const out: Stitched<__Type__Exchange>[] = [];
  pairInOrder(requests, responses, context, (request, response, reason) => {
    out.push(exchangeOf(request, response, reason));
  }, context.state);
  return out;
}

function exchangeOf(
  request: Timed<__Type__Frame> | null,
  response: Timed<__Type__Frame> | null,
  reason: IncompleteReason | null,
): Stitched<__Type__Exchange> {
  const incomplete = [...request?.incomplete ?? [], ...response?.incomplete ?? []];
  if (reason !== null) incomplete.push(reason);
  return {
    exchange: {
      request: request?.frame.message ?? null,
      response: response?.frame.message ?? null,
    },
    request,
    response,
    incomplete,
    redacted: [...request?.redacted ?? [], ...response?.redacted ?? []],
  };
}

export function summarize(exchange: __Type__Exchange): Summary {
  return { request: lineOf(exchange.request), response: lineOf(exchange.response) };
}

function lineOf(message: __Type__Message | null): string {
  return (message?.text ?? message?.text_base64 ?? "").slice(0, MAX_CELL);
}
`;

const RULE = `/* SPDX-License-Identifier: (GPL-2.0-only OR BSD-2-Clause) */
/* TODO: what the kernel tells __NAME__ by: whatever the probe does not refuse, and little else. */
#ifndef SOCKEYE_INFER___CAPITALS___H
#define SOCKEYE_INFER___CAPITALS___H

/* First bytes that it may begin with: the rule is asked about no others. */
#define __CAPITALS___STARTS(byte, is_datagram) (!(is_datagram) && (byte) == '__FIRST__')

static __always_inline bool infer___NAME__(const struct head *head)
{
	return head_begins(head, "__NAME__", __LENGTH__);
}

#endif
`;

const SAMPLES =
  `/** Whole conversations for the contract test. TODO: bytes as real servers send them. */
import type { Sample } from "../../support/contract.ts";

const encoder = new TextEncoder();

function ask(text: string): Sample["steps"][number] {
  return { side: "request", bytes: encoder.encode(text) };
}

function reply(text: string): Sample["steps"][number] {
  return { side: "response", bytes: encoder.encode(text) };
}

export const samples: Sample[] = [
  {
    name: "one after the other",
    transport: "stream",
    exchanges: 2,
    steps: [
      ask("__NAME__> hello\\n"),
      reply("__NAME__< hello yourself\\n"),
      ask("__NAME__> grüß dich\\n"),
      reply("__NAME__< \\n"),
    ],
  },
  {
    name: "pipelined",
    transport: "stream",
    exchanges: 3,
    steps: [
      ask("__NAME__> a\\n__NAME__> b\\n__NAME__> c\\n"),
      reply("__NAME__< 1\\n__NAME__< 2\\n"),
      reply("__NAME__< 3\\n"),
    ],
  },
];
`;

const WORST =
  `/** What costs __NAME__ most, and what it is used for: see tests/support/hostile.ts. TODO: its own. */
import { type Load, says, turns } from "../../support/hostile.ts";

export const usual: Load = {
  name: "usual",
  say: (bytes) => turns(bytes, "__NAME__> hello, how are you?\\n", "__NAME__< fine, and you?\\n"),
};

export const worst: readonly Load[] = [
  { name: "a line without end", say: says("request", "a", "__NAME__> ") },
  { name: "starts without end", say: says("request", "__NAME__> ") },
  { name: "nearly starts", say: says("request", "__NAME__>", "__NAME__> a\\n") },
  { name: "empty lines", say: says("request", "__NAME__> \\n") },
  { name: "garbage", say: says("request", "\\n", "__NAME__> a\\n") },
  { name: "answers that nobody asked for", say: says("response", "__NAME__< \\n") },
];
`;

const PARSE_TEST = `/** One table, each row one result of parseFrame(). */
import assert from "node:assert/strict";
import { createState, findBoundary, parseFrame } from "../../../protocols/__NAME__/parse.ts";
import type { ParseContext, Side } from "../../../protocols/protocol.ts";
import type { __Type__State } from "../../../protocols/__NAME__/types.ts";

const encoder = new TextEncoder();

function contextOf(side: Side): ParseContext<__Type__State> {
  const state = createState({ maxBodyBytes: 8, showSecrets: false });
  return { side, transport: "stream", state, ended: false, gapBytes: 0 };
}

const START = "__NAME__> ";

const cases: { name: string; bytes: string; want: ReturnType<typeof parseFrame> }[] = [
  {
    name: "takes one line",
    bytes: START + "hello\\n" + START,
    want: {
      kind: "frame",
      frame: { message: { text: "hello", text_bytes: 5 } },
      length: START.length + 6,
    },
  },
  {
    name: "cuts a long text at --max-body",
    bytes: START + "0123456789\\n",
    want: {
      kind: "frame",
      frame: { message: { text: "01234567", text_bytes: 10, text_truncated: true } },
      length: START.length + 11,
    },
  },
  {
    name: "asks for the rest of the start",
    bytes: START.slice(0, 2),
    want: { kind: "need_more", minBytes: START.length },
  },
  {
    name: "asks for one more byte while the line has no end",
    bytes: START + "hel",
    want: { kind: "need_more", minBytes: START.length + 4 },
  },
  {
    name: "refuses another start",
    bytes: "GET / HTTP/1.1\\r\\n",
    want: { kind: "invalid", reason: "bad_start" },
  },
  {
    name: "refuses a line without end",
    bytes: START + "x".repeat(64 << 10),
    want: { kind: "invalid", reason: "line_too_long" },
  },
];

for (const { name, bytes, want } of cases) {
  Deno.test(\`parseFrame() \${name}\`, () => {
    assert.deepEqual(parseFrame(encoder.encode(bytes), contextOf("request")), want);
  });
}

Deno.test("findBoundary() finds the next start, also one that is cut", () => {
  const bytes = encoder.encode(\`\${START}a\\n\${START}b\\n\${START.slice(0, 3)}\`);
  const context = contextOf("request");
  const second = START.length + 2;
  assert.equal(findBoundary(bytes, 1, context), second);
  assert.equal(findBoundary(bytes, second + 1, context), 2 * second);
  assert.equal(findBoundary(encoder.encode("..."), 0, context), 3);
});
`;
