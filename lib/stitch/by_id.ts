/**
 * Pairs by an identifier that the response repeats (DNS, Kafka, Cassandra …).
 *
 * In: both queues of a connection, oldest first. Out: pairs, handed to `emit` and taken off the
 * queues. A request whose id is used again before it was answered is paired first in, first out.
 */
import type { StitchContext, Timed } from "../../protocols/protocol.ts";
import type { EmitPair } from "./in_order.ts";
import { STRAY_NS } from "./pairing.ts";

/** Up to this many responses are looked up by walking the requests: no index is built for few. */
const FEW = 8;

export function pairById<F>(
  requests: Timed<F>[],
  responses: Timed<F>[],
  context: StitchContext<unknown>,
  idOf: (frame: F) => number | string,
  emit: EmitPair<F>,
): void {
  if (responses.length > 0) takeAnswered(requests, responses, context, idOf, emit);
  // Oldest first, unless threads were seen out of order: the one in front tells for nearly all.
  const first = requests[0];
  if (first === undefined) return;
  if (context.ended === null && context.nowNs - first.endNs < context.requestTimeoutNs) return;
  let kept = 0;
  for (const request of requests) {
    const late = context.nowNs - request.endNs >= context.requestTimeoutNs;
    if (context.ended === null && !late) requests[kept++] = request;
    else emit(request, null, context.ended ?? "no_response");
  }
  requests.length = kept;
}

function takeAnswered<F>(
  requests: Timed<F>[],
  responses: Timed<F>[],
  context: StitchContext<unknown>,
  idOf: (frame: F) => number | string,
  emit: EmitPair<F>,
): void {
  const index = responses.length > FEW ? indexOf(requests, idOf) : null;
  const answered = new Set<Timed<F>>();
  let kept = 0;
  for (const response of responses) {
    const id = idOf(response.frame);
    const at = index === null
      ? requests.findIndex((request) => idOf(request.frame) === id)
      : index.get(id)?.pop() ?? -1;
    const request = requests[at];
    if (request !== undefined) {
      emit(request, response, null);
      if (index === null) requests.splice(at, 1);
      else answered.add(request);
    } else if (context.ended === null && context.nowNs - response.endNs < STRAY_NS) {
      responses[kept++] = response;
    } else {
      emit(null, response, "mid_stream");
    }
  }
  responses.length = kept;
  if (answered.size === 0) return;
  let left = 0;
  for (const request of requests) if (!answered.has(request)) requests[left++] = request;
  requests.length = left;
}

/** Where the requests of each id are, the oldest last. */
function indexOf<F>(
  requests: readonly Timed<F>[],
  idOf: (frame: F) => number | string,
): Map<number | string, number[]> {
  const index = new Map<number | string, number[]>();
  for (let at = requests.length - 1; at >= 0; at--) {
    const id = idOf((requests[at] as Timed<F>).frame);
    const same = index.get(id);
    if (same === undefined) index.set(id, [at]);
    else same.push(at);
  }
  return index;
}
