/**
 * Pairs by an identifier that the response repeats (DNS, Kafka, Cassandra …).
 *
 * In: both queues of a connection, oldest first. Out: pairs, handed to `emit` and taken off the
 * queues; time limits and late answers as in in_order.ts. A request whose id is used again before it
 * was answered is paired first in, first out.
 */
import type { EmitPair, StitchContext } from "./context.ts";
import type { Timed } from "./exchange.ts";
import { STRAY_NS } from "./pairing.ts";

/** For up to this many responses the requests are searched one by one, without an index. */
const FEW = 8;

export function pairById<F>(
  requests: Timed<F>[],
  responses: Timed<F>[],
  context: StitchContext<unknown>,
  idOf: (timed: Timed<F>) => number | string,
  emit: EmitPair<F>,
): void {
  if (responses.length > 0) takeAnswered(requests, responses, context, idOf, emit);
  const { answering, pairing } = context;
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

function takeAnswered<F>(
  requests: Timed<F>[],
  responses: Timed<F>[],
  context: StitchContext<unknown>,
  idOf: (timed: Timed<F>) => number | string,
  emit: EmitPair<F>,
): void {
  const index = responses.length > FEW ? indexOf(requests, idOf) : null;
  const answered = new Set<Timed<F>>();
  const reason = context.overflow ?? context.ended;
  let kept = 0;
  for (const response of responses) {
    const id = idOf(response);
    const at = index === null
      ? requests.findIndex((request) => idOf(request) === id)
      : index.get(id)?.pop() ?? -1;
    const request = requests[at];
    if (request !== undefined) {
      if (request.shown) context.pairing.shown--;
      emit(request, response, request.shown ? "late" : null);
      if (index === null) requests.splice(at, 1);
      else answered.add(request);
    } else if (reason === null && context.nowNs - response.endNs < STRAY_NS) {
      responses[kept++] = response;
    } else {
      emit(null, response, context.overflow ?? "mid_stream");
    }
  }
  responses.length = kept;
  if (answered.size === 0) return;
  let left = 0;
  for (const request of requests) if (!answered.has(request)) requests[left++] = request;
  requests.length = left;
}

/** Indexes of the requests of each id, the oldest last. */
function indexOf<F>(
  requests: readonly Timed<F>[],
  idOf: (timed: Timed<F>) => number | string,
): Map<number | string, number[]> {
  const index = new Map<number | string, number[]>();
  for (let at = requests.length - 1; at >= 0; at--) {
    const id = idOf(requests[at] as Timed<F>);
    const same = index.get(id);
    if (same === undefined) index.set(id, [at]);
    else same.push(at);
  }
  return index;
}
