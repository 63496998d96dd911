/**
 * Pairs by order: the n-th response answers the n-th request. In: both queues. Out: exchanges.
 *
 * TODO: pairInOrder() takes roles (`{ ...ONE_EACH, due: … }`) where some requests have no answer, or
 * many, and `fits` where a response tells which requests it cannot belong to; by_id.ts pairs by an
 * identifier; either_way.ts where both ends ask.
 */
import { joinHalves } from "../../lib/stitch/halves.ts";
import { pairInOrder } from "../../lib/stitch/in_order.ts";
import type { StitchContext, Stitched, Timed } from "../protocol.ts";
import type { NewNameState } from "./state.ts";
import type { NewNameExchange, NewNameFrame } from "./types.ts";

export function stitch(
  requests: Timed<NewNameFrame>[],
  responses: Timed<NewNameFrame>[],
  context: StitchContext<NewNameState>,
): Stitched<NewNameExchange>[] {
  const out: Stitched<NewNameExchange>[] = [];
  pairInOrder(requests, responses, context, (request, response, reason) => {
    const exchange = {
      request: request?.frame.request ?? null,
      response: response?.frame.response ?? null,
    };
    out.push(joinHalves(exchange, request, response, reason));
  });
  return out;
}
