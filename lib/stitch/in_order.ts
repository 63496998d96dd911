/**
 * Pairs by order: the n-th response answers the n-th request (HTTP/1).
 *
 * In: both queues of a connection, oldest first. Out: pairs, handed to `emit` and taken off the
 * queues. It never waits for more than the rules below ask and never reorders.
 *
 * Where messages were lost, order alone would pair everything that follows with the wrong half, for
 * good: there realign.ts says what is known. Besides, a response that ended before the request in
 * front began is none of its; where requests may be unseen, nor is one that began before it.
 */
import { dropFront } from "./queue.ts";
import type { IncompleteReason, StitchContext, Timed } from "../../protocols/protocol.ts";
import { isOlder, type PairMemory, type Roles, STRAY_NS } from "./pairing.ts";
import { isDoubtful, notePair, placeBehindLoss } from "./realign.ts";

/** `reason` says why one half is missing; null for a full pair. */
export type EmitPair<F> = (
  request: Timed<F> | null,
  response: Timed<F> | null,
  reason: IncompleteReason | null,
) => void;

const EVERY: Roles<unknown> = { isDue: () => true, isAnswer: () => true };

export function pairInOrder<F>(
  requests: Timed<F>[],
  responses: Timed<F>[],
  context: StitchContext<unknown>,
  emit: EmitPair<F>,
  memory: PairMemory,
): void {
  let taken = 0;
  let answered = 0;
  while (answered < responses.length) {
    const response = responses[answered] as Timed<F>;
    if (isDoubtful(requests[taken], response, memory)) {
      const fronts = { requests, from: taken, responses, at: answered, context, memory };
      const { drop, fate } = placeBehindLoss({ ...fronts, roles: EVERY });
      for (const to = taken + drop; taken < to; taken++) {
        emit(requests[taken] as Timed<F>, null, memory.reason);
      }
      if (fate === "wait") break;
      if (fate === "alone") {
        emit(null, response, memory.reason);
        answered++;
        continue;
      }
    }
    if (memory.owed > 0) {
      memory.owed--;
      answered++;
      emit(null, response, "timeout");
      continue;
    }
    const request = requests[taken];
    if (request === undefined) {
      if (context.ended === null && context.nowNs - response.endNs < STRAY_NS) break;
      emit(null, response, "mid_stream");
    } else if (isOlder(response, request, context.midStream || request.afterGap === true)) {
      emit(null, response, "mid_stream");
    } else {
      notePair(requests, taken, response, memory);
      emit(request, response, null);
      taken++;
    }
    answered++;
  }
  taken = expire(requests, taken, context, emit, memory);
  dropFront(requests, taken);
  dropFront(responses, answered);
}

/** Requests that waited too long, or at the end all of them; the index behind them. */
function expire<F>(
  requests: Timed<F>[],
  from: number,
  context: StitchContext<unknown>,
  emit: EmitPair<F>,
  memory: PairMemory,
): number {
  let at = from;
  for (; at < requests.length; at++) {
    const request = requests[at] as Timed<F>;
    const late = context.nowNs - request.endNs >= context.requestTimeoutNs;
    if (context.ended === null && !late) break;
    emit(request, null, context.ended ?? "no_response");
    if (context.ended === null) memory.owed++;
  }
  return at;
}
