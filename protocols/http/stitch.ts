/**
 * Pairs requests with responses by order, as RFC 9112 section 9.3.2 has it.
 *
 * In: both queues of a connection. Out: exchanges. A response waits while its request is still being
 * sent; behind a loss, also until it is known which request it answers (lib/stitch/realign.ts).
 */
import { joinHalves } from "../../lib/stitch/halves.ts";
import { nothingToPair, pairInOrder } from "../../lib/stitch/in_order.ts";
import { isJsonKept } from "../../lib/wire/json.ts";
import type { IncompleteReason, StitchContext, Stitched, Timed } from "../protocol.ts";
import type { HttpState } from "./state.ts";
import type { HttpExchange, HttpFrame, HttpRequest, HttpResponse } from "./types.ts";

type Queue = Timed<HttpFrame>[];
type Context = StitchContext<HttpState>;

/** Most responses that wait for the end of a request in progress. */
const MAX_HELD = 64;

export function stitch(
  requests: Queue,
  responses: Queue,
  context: Context,
): Stitched<HttpExchange>[] {
  if (nothingToPair(requests, responses, context)) return [];
  let out: Stitched<HttpExchange>[] = [];
  noteRest(requests);
  const held = heldBack(requests, responses, context);
  pairInOrder(requests, responses, context, (request, response, reason) => {
    const one = exchangeOf(request, response, reason);
    // The first push() into an empty list would allocate room for 17.
    if (out.length === 0) out = [one];
    else out.push(one);
  });
  if (held !== null) responses.push(...held);
  return out;
}

/** Behind missing bytes, empty lines before a request are the end of the head before it. */
function noteRest(requests: Queue): void {
  const first = requests[0];
  if (first === undefined || first.loss === null || first.frame.side !== "request") return;
  if (first.frame.message.anomalies?.includes("leading_empty_lines") !== true) return;
  first.loss = { ...first.loss, behindRest: true };
}

/** A server may answer before the request is complete: such a response is no stray. */
function heldBack(
  requests: Queue,
  responses: Queue,
  { state, ended }: Context,
): Queue | null {
  const surplus = responses.length - requests.length;
  if (ended !== null || surplus <= 0 || surplus > MAX_HELD) return null;
  return state.request.head === null ? null : responses.splice(requests.length);
}

function exchangeOf(
  request: Timed<HttpFrame> | null,
  response: Timed<HttpFrame> | null,
  reason: IncompleteReason | null,
): Stitched<HttpExchange> {
  const asked = request === null ? null : requestOf(request);
  let answer = response === null ? null : responseOf(response);
  if (answer !== null && request !== null && response !== null) {
    const waitedNs = response.startNs - request.startNs;
    if (waitedNs >= 0) answer = answeredAfter(answer, waitedNs);
  }
  return joinHalves({ request: asked, response: answer }, request, response, reason);
}

function requestOf(timed: Timed<HttpFrame>): HttpRequest | null {
  const { frame } = timed;
  if (frame.side !== "request") return null;
  if (!frame.complete) settle(frame, timed.bytes);
  return frame.message;
}

function responseOf(timed: Timed<HttpFrame>): HttpResponse | null {
  const { frame } = timed;
  if (frame.side !== "response") return null;
  if (!frame.complete) settle(frame, timed.bytes);
  return frame.message;
}

function answeredAfter(response: HttpResponse, waitedNs: number): HttpResponse {
  if (isJsonKept(response)) return { ...response, time_to_first_byte_ns: waitedNs };
  response.time_to_first_byte_ns = waitedNs;
  return response;
}

/** Corrects the sizes of a message that broke off: the parser had counted bytes that never came. */
function settle(frame: HttpFrame, wireBytes: number): void {
  const { message } = frame;
  const missing = Math.max(0, frame.wireBytes - wireBytes);
  message.body_bytes = Math.max(frame.shownBytes, 0, message.body_bytes - missing);
}
