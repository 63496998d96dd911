/**
 * Queries that were sent again because no answer came.
 *
 * In: both queues of a datagram socket. Out: of equal queries with one answer the first stays in the
 * queue, and says how often it was sent again. The others are kept aside for a while: each may still
 * get an answer, and is then an exchange of its own.
 */
import type { StitchContext, Timed } from "../protocol.ts";
import type { DnsState } from "./parse.ts";
import type { DnsFrame } from "./types.ts";

type Queue = Timed<DnsFrame>[];

/** Most queries kept aside; the oldest are forgotten. */
const MAX_ASIDE = 64;

export function gatherRepeated(
  requests: Queue,
  responses: Queue,
  { state, nowNs, requestTimeoutNs }: StitchContext<DnsState>,
): void {
  if (!state.isDatagram || (requests.length < 2 && state.repeated.length === 0)) return;
  const answers = countAnswers(responses);
  if (state.repeated.length > 0) {
    state.repeated = state.repeated.filter(({ endNs }) => nowNs - endNs < requestTimeoutNs);
    takeBack(requests, answers, state);
  }
  const asked = new Map<string, Queue>();
  for (const request of requests) {
    const { key, message } = request.frame;
    // mDNS has no ids (RFC 6762 section 18.1): equal queries may be of several hosts.
    if (message.isResponse || message.id === 0 || !answers.has(key)) continue;
    const same = asked.get(key);
    if (same === undefined) asked.set(key, [request]);
    else same.push(request);
  }
  const aside = new Set<Timed<DnsFrame>>();
  for (const [key, same] of asked) {
    const again = same.length - (answers.get(key) ?? 0);
    const first = same[0];
    if (first === undefined || again <= 0) continue;
    first.frame.retransmitted += again;
    for (const request of same.slice(-again)) aside.add(request);
  }
  if (aside.size === 0) return;
  state.repeated = [...state.repeated, ...aside].slice(-MAX_ASIDE);
  let left = 0;
  for (const request of requests) if (!aside.has(request)) requests[left++] = request;
  requests.length = left;
}

function countAnswers(responses: Queue): Map<string, number> {
  const answers = new Map<string, number>();
  for (const { frame: { key, message } } of responses) {
    if (message.isResponse) answers.set(key, (answers.get(key) ?? 0) + 1);
  }
  return answers;
}

/** Puts queries kept aside back into the queue when an answer came that no other query waits for. */
function takeBack(requests: Queue, answers: Map<string, number>, state: DnsState): void {
  const waiting = new Set(requests.map(({ frame }) => frame.key));
  state.repeated = state.repeated.filter((request) => {
    const { key } = request.frame;
    if (!answers.has(key) || waiting.has(key)) return true;
    waiting.add(key);
    requests.push(request);
    return false;
  });
}
