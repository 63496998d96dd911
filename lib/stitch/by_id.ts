/**
 * Pairs by an identifier that the response repeats (DNS, Kafka, Cassandra …).
 *
 * In: both queues of a connection, oldest first. Out: pairs, handed to `emit` and taken off the
 * queues; time limits and late answers as in in_order.ts. A request whose id is used again before it
 * was answered is paired first in, first out.
 */
import type { EmitPair, StitchContext } from "./context.ts";
import type { Timed } from "./exchange.ts";
import { type Acts, takeAnswers } from "./either_way.ts";

export function pairById<F>(
  requests: Timed<F>[],
  responses: Timed<F>[],
  context: StitchContext<unknown>,
  idOf: (timed: Timed<F>) => number | string,
  emit: EmitPair<F>,
): void {
  const { answering, pairing } = context;
  const acts: Acts<F> = { act: (_, from) => from === "client" ? "asks" : "answers", idOf };
  takeAnswers(requests, responses, "client", context, acts, (request, response, why) => {
    if (request?.shown === true) pairing.shown--;
    emit(request, response, why);
  });
  const reason = context.overflow ?? context.ended;
  if (reason !== null) {
    for (const request of requests) if (!request.shown) emit(request, null, reason);
    requests.length = 0;
    pairing.shown = 0;
  } else if (!answering) showLate(requests, context, emit);
}

/** Hands over requests that waited too long; they stay in the queue for a late response. */
function showLate<F>(
  requests: Timed<F>[],
  { nowNs, requestTimeoutNs, pairing }: StitchContext<unknown>,
  emit: EmitPair<F>,
): void {
  // The queue is nearly in order of time (threads may be swapped): the first young one ends the walk.
  for (let at = pairing.shown; at < requests.length; at++) {
    const request = requests[at] as Timed<F>;
    if (nowNs - request.endNs < requestTimeoutNs) return;
    emit(request, null, "no_response");
    request.shown = true;
    pairing.shown++;
  }
}
