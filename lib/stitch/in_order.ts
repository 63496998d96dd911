/**
 * Pairs by order: the n-th response answers the n-th request (HTTP/1, Redis).
 *
 * In: both queues of a connection, oldest first. Out: pairs, handed to `emit` and taken off the
 * queues. It never waits for more than the rules below ask and never reorders.
 */
import type { IncompleteReason, StitchContext, Timed } from "../../protocols/protocol.ts";

/** A response without its request waits this long for one that is still under way to user space. */
const STRAY_NS = 1e9;

/** `reason` says why one half is missing; null for a full pair. */
export type EmitPair<F> = (
  request: Timed<F> | null,
  response: Timed<F> | null,
  reason: IncompleteReason | null,
) => void;

export function pairInOrder<F>(
  requests: Timed<F>[],
  responses: Timed<F>[],
  context: StitchContext<unknown>,
  emit: EmitPair<F>,
): void {
  let taken = 0;
  let answered = 0;
  while (answered < responses.length) {
    const request = requests[taken];
    const response = responses[answered] as Timed<F>;
    if (request === undefined) {
      if (context.ended === null && context.nowNs - response.endNs < STRAY_NS) break;
      emit(null, response, "mid_stream");
    } else if (context.midStream && response.endNs < request.startNs) {
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
    taken++;
  }
  if (taken > 0) requests.splice(0, taken);
  if (answered > 0) responses.splice(0, answered);
}
