/**
 * Pairs by order: the n-th response answers the n-th request (HTTP/1).
 *
 * In: both queues of a connection, oldest first. Out: pairs, handed to `emit` and taken off the
 * queues. It never waits for more than the rules below ask and never reorders.
 *
 * Where frames were lost, order alone would pair everything that follows with the wrong half, for
 * good. So time has a word: a response that ended before the request in front began is none of its,
 * and a response behind a gap answers the newest batch of requests sent before it (requests of one
 * batch, pipelined, moved at one time), not those whose responses the gap may have taken.
 */
import { dropFront } from "./queue.ts";
import type { IncompleteReason, StitchContext, Timed } from "../../protocols/protocol.ts";

/** A response without its request waits this long for one that is still under way to user space. */
const STRAY_NS = 1e9;
/** Two threads of one process may be seen this much out of order. */
const SLACK_NS = 1e6;

/** `reason` says why one half is missing; null for a full pair. */
export type EmitPair<F> = (
  request: Timed<F> | null,
  response: Timed<F> | null,
  reason: IncompleteReason | null,
) => void;

/** What pairing remembers of a connection; the protocol's state holds it. */
export interface PairMemory {
  /** Responses still due to requests that were handed over as "no_response". */
  owed: number;
}

/** Without a `memory`, a response later than the time limit would be paired with the next request. */
export function pairInOrder<F>(
  requests: Timed<F>[],
  responses: Timed<F>[],
  context: StitchContext<unknown>,
  emit: EmitPair<F>,
  memory?: PairMemory,
): void {
  let taken = 0;
  let answered = 0;
  while (answered < responses.length) {
    const response = responses[answered] as Timed<F>;
    if (response.afterGap === true) {
      for (const to = newestBatch(requests, taken, response); taken < to; taken++) {
        emit(requests[taken] as Timed<F>, null, "gap");
      }
      // The rest of the batch is answered in order again.
      response.afterGap = false;
      if (memory !== undefined) memory.owed = 0;
    }
    if (memory !== undefined && memory.owed > 0) {
      memory.owed--;
      answered++;
      emit(null, response, "timeout");
      continue;
    }
    const request = requests[taken];
    if (request === undefined) {
      if (context.ended === null && context.nowNs - response.endNs < STRAY_NS) break;
      emit(null, response, "mid_stream");
    } else if (isOlder(response, request, context)) {
      emit(null, response, "mid_stream");
    } else {
      emit(request, response, null);
      taken++;
    }
    answered++;
  }
  while (taken < requests.length) {
    const request = requests[taken] as Timed<F>;
    const late = context.nowNs - request.endNs >= context.requestTimeoutNs;
    if (context.ended === null && !late) break;
    emit(request, null, context.ended ?? "no_response");
    if (memory !== undefined && context.ended === null) memory.owed++;
    taken++;
  }
  dropFront(requests, taken);
  dropFront(responses, answered);
}

/** Did the response end before this request began? Then it answers one that was not seen. */
function isOlder<F>(
  response: Timed<F>,
  request: Timed<F>,
  context: StitchContext<unknown>,
): boolean {
  const unseenBefore = context.midStream || request.afterGap === true;
  return response.endNs + (unseenBefore ? 0 : SLACK_NS) < request.startNs;
}

/** Index of the first request of the newest batch that moved before the response began. */
function newestBatch<F>(requests: Timed<F>[], from: number, response: Timed<F>): number {
  let first = from;
  for (let i = from; i < requests.length; i++) {
    const { startNs } = requests[i] as Timed<F>;
    if (startNs > response.startNs) break;
    if (startNs !== (requests[first] as Timed<F>).startNs) first = i;
  }
  return first;
}
