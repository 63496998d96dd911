/** One table, each row one result of parseFrame(); and what people and statistics read of it. */
import assert from "node:assert/strict";
import { outline } from "../../../protocols/new_name/outline.ts";
import { findBoundary, parseFrame } from "../../../protocols/new_name/parse.ts";
import { createState, createTrace, type NewNameState } from "../../../protocols/new_name/state.ts";
import { summarize } from "../../../protocols/new_name/summarize.ts";
import type { ParseContext, Side } from "../../../protocols/protocol.ts";
import { parseContext } from "../../support/contexts.ts";

const encoder = new TextEncoder();

function contextOf(side: Side): ParseContext<NewNameState> {
  const state = createState(createTrace({ maxBodyBytes: 8, showSecrets: false }));
  return parseContext({ side, state });
}

const ASK = "new_name> ", ANSWER = "new_name! ";

const cases: { name: string; side?: Side; bytes: string; want: ReturnType<typeof parseFrame> }[] = [
  {
    name: "takes one line",
    bytes: ASK + "hello\n" + ASK,
    want: {
      kind: "frame",
      frame: { request: { text: "hello", text_bytes: 5 }, response: null },
      length: ASK.length + 6,
    },
  },
  {
    name: "takes an error",
    side: "response",
    bytes: ANSWER + "no\n",
    want: {
      kind: "frame",
      frame: { request: null, response: { status: "error", text: "no", text_bytes: 2 } },
      length: ANSWER.length + 3,
    },
  },
  {
    name: "cuts a long text at --max-body",
    bytes: ASK + "0123456789\n",
    want: {
      kind: "frame",
      frame: {
        request: { text: "01234567", text_bytes: 10, text_truncated: true },
        response: null,
      },
      length: ASK.length + 11,
    },
  },
  {
    name: "asks for the rest of the start",
    bytes: ASK.slice(0, 2),
    want: { kind: "need_more", minBytes: ASK.length },
  },
  {
    name: "asks for one more byte while the line has no end",
    bytes: ASK + "hel",
    want: { kind: "need_more", minBytes: ASK.length + 4 },
  },
  {
    name: "refuses another start",
    bytes: "GET / HTTP/1.1\r\n",
    want: { kind: "invalid", reason: "bad_start" },
  },
  {
    name: "refuses a line without end",
    bytes: ASK + "x".repeat(64 << 10),
    want: { kind: "invalid", reason: "line_too_long" },
  },
];

for (const { name, side = "request", bytes, want } of cases) {
  Deno.test(`parseFrame() ${name}`, () => {
    assert.deepEqual(parseFrame(encoder.encode(bytes), contextOf(side)), want);
  });
}

Deno.test("findBoundary() finds the next start, also one that is cut", () => {
  const bytes = encoder.encode(`${ASK}a\n${ASK}b\n${ASK.slice(0, 3)}`);
  const context = contextOf("request");
  const second = ASK.length + 2;
  assert.equal(findBoundary(bytes, 1, context), second);
  assert.equal(findBoundary(bytes, second + 1, context), 2 * second);
  assert.equal(findBoundary(encoder.encode("..."), 0, context), 3);
});

Deno.test("outline() and summarize() tell an error", () => {
  const exchange = {
    request: { text: "hello", text_bytes: 5 },
    response: { status: "error", text: "no", text_bytes: 2 },
  } as const;
  assert.equal(outline(exchange).outcome, "error");
  assert.deepEqual(summarize(exchange), { request: "hello", response: "error: no" });
});
