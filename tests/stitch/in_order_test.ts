import assert from "node:assert/strict";
import { pairInOrder } from "../../lib/stitch/in_order.ts";
import { Pairing, type Start } from "../../lib/stitch/pairing.ts";
import type { IncompleteReason, StitchContext, Timed } from "../../protocols/protocol.ts";
import { stitchContext, timedFrame } from "../support/contexts.ts";

function at(
  frame: string,
  startNs: number,
  reason: IncompleteReason | null = null,
): Timed<string> {
  return timedFrame(frame, startNs, {
    loss: reason === null ? null : {
      reason,
      behindRest: false,
      mayBeBoth: reason === "lost_events",
      isWhole: true,
      isJoin: false,
    },
  });
}

const MS = 1e6;

interface Case {
  name: string;
  requests: Timed<string>[];
  responses: Timed<string>[];
  context?: Partial<StitchContext<null>>;
  start?: Start;
  want: string[];
  left?: [number, number];
}

const cases: Case[] = [
  {
    name: "the n-th response answers the n-th request",
    requests: [at("a", 1), at("b", 1), at("c", 2)],
    responses: [at("A", 3), at("B", 3)],
    want: ["a-A", "b-B"],
    left: [1, 0],
  },
  {
    name: "a response may wait for its request",
    requests: [],
    responses: [at("A", 3)],
    want: [],
    left: [0, 1],
  },
  {
    name: "but not for ever",
    requests: [],
    responses: [at("A", 3)],
    context: { nowNs: 2e9 },
    want: ["-A one_way"],
  },
  {
    name: "a request has its time",
    requests: [at("a", 0), at("b", 20 * MS)],
    responses: [],
    context: { nowNs: 60 * MS, requestTimeoutNs: 50 * MS },
    want: ["a- no_response"],
    left: [2, 0],
  },
  {
    name: "a late answer makes the exchange whole, and what is behind it is paired as ever",
    requests: [{ ...at("a", 0), shown: true }, at("b", 5)],
    responses: [at("A", 6), at("B", 7)],
    want: ["a-A late", "b-B"],
  },
  {
    name: "what was shown is not shown again",
    requests: [{ ...at("a", 0), shown: true }, at("b", 5)],
    responses: [],
    context: { ended: "closed" },
    want: ["b- closed"],
  },
  {
    name: "a response that is under way may take its time",
    requests: [at("a", 0), at("b", 20 * MS)],
    responses: [],
    context: { nowNs: 90 * MS, requestTimeoutNs: 50 * MS, answering: true },
    want: [],
    left: [2, 0],
  },
  {
    name: "everything goes when the connection closed",
    requests: [at("a", 1)],
    responses: [],
    context: { ended: "closed" },
    want: ["a- closed"],
  },
  {
    name: "joined in the middle, a response before the first request is a stranger",
    requests: [at("b", 10)],
    responses: [at("A", 5), at("B", 12)],
    start: "untold",
    want: ["-A mid_stream", "b-B"],
  },
  {
    name: "also when it ended behind that request's beginning",
    requests: [at("b", 10)],
    responses: [{ ...at("A", 5), endNs: 20 }, at("B", 22)],
    start: "untold",
    want: ["-A mid_stream", "b-B"],
  },
  {
    name: "threads seen a little out of order are still a pair",
    requests: [at("a", 10)],
    responses: [at("A", 5)],
    want: ["a-A"],
  },
  {
    name: "requests were lost: their responses are nobody else's",
    requests: [at("b", 10, "gap")],
    responses: [at("A", 5), at("B", 12)],
    want: ["-A gap", "b-B"],
  },
  {
    name: "a response was lost: the next answers the latest request",
    requests: [at("a", 1), at("b", 10)],
    responses: [at("B", 12, "gap")],
    want: ["a- gap", "b-B"],
  },
  {
    name: "events were lost, perhaps requests, too: it waits for the next one, or their end",
    requests: [at("a", 1), at("b", 10)],
    responses: [at("B", 12, "lost_events")],
    want: [],
    left: [2, 1],
  },
  {
    name: "all requests are known to have been seen: no need to wait",
    requests: [at("a", 1), at("b", 10)],
    responses: [at("B", 12, "lost_events")],
    context: { allRequests: true },
    want: ["a- lost_events", "b-B"],
  },
  {
    name: "at the end, requests may be missing behind the last one",
    requests: [at("a", 1), at("b", 10)],
    responses: [at("B", 12, "lost_events")],
    context: { ended: "closed" },
    want: ["a- lost_events", "b- lost_events", "-B lost_events"],
  },
  {
    name: "the responses of a batch were lost: the next answer the next batch",
    requests: [at("a", 1), at("b", 1), at("c", 10), at("d", 10)],
    responses: [at("C", 12, "gap"), at("D", 12)],
    want: ["a- gap", "b- gap", "c-C", "d-D"],
  },
];

for (const { name, requests, responses, context, start, want, left } of cases) {
  Deno.test(`pairInOrder(): ${name}`, () => {
    const got: string[] = [];
    const pairing = new Pairing(start);
    pairing.shown = requests.filter(({ shown }) => shown).length;
    const all = stitchContext({ state: null, nowNs: 20, pairing, ...context });
    pairInOrder(requests, responses, all, (request, response, reason) => {
      const pair = `${request?.frame ?? ""}-${response?.frame ?? ""}`;
      got.push(reason === null ? pair : `${pair} ${reason}`);
    });
    assert.deepEqual(got, want);
    assert.deepEqual([requests.length, responses.length], left ?? [0, 0]);
  });
}
