import assert from "node:assert/strict";
import { pairInOrder } from "../../lib/stitch/in_order.ts";
import { createPairMemory } from "../../lib/stitch/pairing.ts";
import type { StitchContext, Timed } from "../../protocols/protocol.ts";

function at(frame: string, startNs: number, afterGap = false): Timed<string> {
  const place = { bytes: 1, pid: 1, fd: 1, comm: "" };
  return { frame, startNs, endNs: startNs, ...place, incomplete: [], redacted: [], afterGap };
}

const MS = 1e6;

interface Case {
  name: string;
  requests: Timed<string>[];
  responses: Timed<string>[];
  context?: Partial<StitchContext<null>>;
  owed?: number;
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
    want: ["-A mid_stream"],
  },
  {
    name: "a request has its time",
    requests: [at("a", 0), at("b", 20 * MS)],
    responses: [],
    context: { nowNs: 60 * MS, requestTimeoutNs: 50 * MS },
    want: ["a- no_response"],
    left: [1, 0],
  },
  {
    name: "a response later than its time is not the next request's",
    requests: [at("b", 5)],
    responses: [at("A", 6), at("B", 7)],
    owed: 1,
    want: ["-A timeout", "b-B"],
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
    context: { midStream: true },
    want: ["-A mid_stream", "b-B"],
  },
  {
    name: "also when it ended behind that request's beginning",
    requests: [at("b", 10)],
    responses: [{ ...at("A", 5), endNs: 20 }, at("B", 22)],
    context: { midStream: true },
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
    requests: [at("b", 10, true)],
    responses: [at("A", 5), at("B", 12)],
    want: ["-A mid_stream", "b-B"],
  },
  {
    name: "a response was lost: the next answers the latest request",
    requests: [at("a", 1), at("b", 10)],
    responses: [at("B", 12, true)],
    want: ["a- gap", "b-B"],
  },
  {
    name: "events were lost, perhaps requests, too: it waits for the next one, or their end",
    requests: [at("a", 1), at("b", 10)],
    responses: [{ ...at("B", 12, true), gapReason: "lost_events" }],
    want: [],
    left: [2, 1],
  },
  {
    name: "all requests are known to have been seen: no need to wait",
    requests: [at("a", 1), at("b", 10)],
    responses: [{ ...at("B", 12, true), gapReason: "lost_events" }],
    context: { allRequests: true },
    want: ["a- lost_events", "b-B"],
  },
  {
    name: "at the end, requests may be missing behind the last one",
    requests: [at("a", 1), at("b", 10)],
    responses: [{ ...at("B", 12, true), gapReason: "lost_events" }],
    context: { ended: "closed" },
    want: ["a- lost_events", "b- lost_events", "-B lost_events"],
  },
  {
    name: "the responses of a batch were lost: the next answer the next batch",
    requests: [at("a", 1), at("b", 1), at("c", 10), at("d", 10)],
    responses: [at("C", 12, true), at("D", 12)],
    want: ["a- gap", "b- gap", "c-C", "d-D"],
  },
];

for (const { name, requests, responses, context, owed, want, left } of cases) {
  Deno.test(`pairInOrder(): ${name}`, () => {
    const got: string[] = [];
    const memory = { ...createPairMemory(), owed: owed ?? 0 };
    const common = { state: null, nowNs: 20, requestTimeoutNs: 30e9, midStream: false };
    const all: StitchContext<null> = { ...common, ended: null, ...context };
    pairInOrder(requests, responses, all, (request, response, reason) => {
      const pair = `${request?.frame ?? ""}-${response?.frame ?? ""}`;
      got.push(reason === null ? pair : `${pair} ${reason}`);
    }, memory);
    assert.deepEqual(got, want);
    assert.deepEqual([requests.length, responses.length], left ?? [0, 0]);
  });
}
