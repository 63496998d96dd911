import assert from "node:assert/strict";
import { pairById } from "../../lib/stitch/by_id.ts";
import type { StitchContext, Timed } from "../../protocols/protocol.ts";
import { stitchContext, timedFrame } from "../support/contexts.ts";

/** The id is the letter, whatever its case. */
function at(frame: string, startNs: number): Timed<string> {
  return timedFrame(frame, startNs);
}

interface Case {
  name: string;
  requests: string;
  responses: string;
  context?: Partial<StitchContext<null>>;
  want: string[];
  left: [string, string];
}

const cases: Case[] = [
  { name: "in any order", requests: "abc", responses: "CA", want: ["c-C", "a-A"], left: ["b", ""] },
  {
    name: "one id twice: oldest first",
    requests: "aa",
    responses: "A",
    want: ["a-A"],
    left: ["a", ""],
  },
  {
    name: "an answer may wait for its question",
    requests: "a",
    responses: "B",
    want: [],
    left: ["a", "B"],
  },
  {
    name: "an answer without a question, late",
    requests: "",
    responses: "B",
    context: { nowNs: 5e9 },
    want: ["-B mid_stream"],
    left: ["", ""],
  },
  {
    name: "no answer within the time limit",
    requests: "ab",
    responses: "",
    context: { nowNs: 5e9, requestTimeoutNs: 5e9 },
    want: ["a- no_response", "b- no_response"],
    left: ["ab", ""],
  },
  {
    name: "the trace ends",
    requests: "ab",
    responses: "B",
    context: { ended: "trace_end" },
    want: ["b-B", "a- trace_end"],
    left: ["", ""],
  },
  {
    name: "many answers at once",
    requests: "abcdefghijklmm",
    responses: "MLKJIHGFEDCBA",
    want: [..."mlkjihgfedcba"].map((id) => `${id}-${id.toUpperCase()}`),
    left: ["m", ""],
  },
];

for (const { name, requests, responses, context, want, left } of cases) {
  Deno.test(`pairById(): ${name}`, () => {
    const got: string[] = [];
    const asked = [...requests].map((id) => at(id, 0));
    const answered = [...responses].map((id) => at(id, 5));
    const all = stitchContext({ state: null, nowNs: 20, ...context });
    const idOf = ({ frame }: Timed<string>): string => frame.toLowerCase();
    pairById(asked, answered, all, idOf, (request, response, reason) => {
      const pair = `${request?.frame ?? ""}-${response?.frame ?? ""}`;
      got.push(reason === null ? pair : `${pair} ${reason}`);
    });
    assert.deepEqual(got, want);
    const rest = (queue: Timed<string>[]): string => queue.map(({ frame }) => frame).join("");
    assert.deepEqual([rest(asked), rest(answered)], left);
  });
}
