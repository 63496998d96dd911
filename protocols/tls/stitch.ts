/**
 * Makes one exchange of the records of a handshake.
 *
 * In: both queues; what the records say is in the state. Out: the exchange, once nothing more can be
 * read. Until then the ClientHello stays in its queue, joined with a second one, as do the server's
 * records that show something, as one; all others are taken off.
 *
 *     request    the ClientHello's records
 *     response   the server's, up to the ServerHello or ServerHelloDone; its alert
 */
import { joinHalves, mergeReasons } from "../../lib/stitch/halves.ts";
import type { IncompleteReason, StitchContext, Stitched, Timed } from "../protocol.ts";
import type { Handshake, TlsState } from "./state.ts";
import type { TlsExchange, TlsFrame, TlsResponse } from "./types.ts";

type Queue = Timed<TlsFrame>[];

export function stitch(
  requests: Queue,
  responses: Queue,
  context: StitchContext<TlsState>,
): Stitched<TlsExchange>[] {
  const { state } = context;
  const asked = gather(requests), answer = gather(responses);
  if (context.ended === "closed" && context.allSeen) state.ended();
  const reasons = whyNow(asked, context);
  if (reasons === null) return [];
  const exchange = { request: state.handshake.request, response: responseOf(state.handshake) };
  const isNew = !state.isTold && (asked?.shown !== true || exchange.response !== null);
  if (asked !== null && reasons.includes("no_response")) asked.shown = true;
  else {
    requests.length = responses.length = 0;
    state.isOver = state.isTold = true;
  }
  return isNew && state.hasHello ? [joined(exchange, asked, answer, reasons, context)] : [];
}

function joined(
  exchange: TlsExchange,
  asked: Timed<TlsFrame> | null,
  answer: Timed<TlsFrame> | null,
  reasons: IncompleteReason[],
  { pairing }: StitchContext<TlsState>,
): Stitched<TlsExchange> {
  const request = exchange.request === null ? null : asked;
  const response = exchange.response === null ? null : answer;
  const missing: IncompleteReason[] = [];
  // On a connection that was seen from its start, only a loss hides a hello.
  if (exchange.request === null) {
    missing.push(pairing.noRequest === "one_way" ? "gap" : pairing.noRequest);
  } else if (exchange.response === null && reasons.length === 0) missing.push("gap");
  const lost = request?.frame.isInitial === false ? request.loss : null;
  if (lost !== null) missing.push(lost.reason);
  const lostOfServer = response?.loss ?? null;
  if (lostOfServer !== null && !lostOfServer.isJoin) missing.push(lostOfServer.reason);
  const stitched = joinHalves(exchange, request, response, null);
  return { ...stitched, incomplete: mergeReasons(stitched.incomplete, [...missing, ...reasons]) };
}

/**
 * Joins the frames that show something to one, in front; null where there is none. What was lost before
 * any other frame was lost before these.
 */
function gather(queue: Queue): Timed<TlsFrame> | null {
  let first: Timed<TlsFrame> | null = null;
  let before: Timed<TlsFrame> | null = null;
  for (const timed of queue) {
    if (!timed.frame.isShown) {
      if (timed.loss !== null) before ??= timed;
    } else if (first === null) {
      first = timed;
      first.loss ??= before === null ? null : before.loss;
    } else {
      first.bytes += timed.bytes;
      first.endNs = timed.endNs;
      first.incomplete = mergeReasons(first.incomplete, timed.incomplete);
    }
  }
  queue.length = 0;
  const kept = first ?? before;
  if (kept !== null) queue.push(kept);
  return first;
}

/** The exchange is to be shown now, for these reasons if it is not over by itself; null: not yet. */
function whyNow(
  asked: Timed<TlsFrame> | null,
  { state, ended, overflow, nowNs, requestTimeoutNs }: StitchContext<TlsState>,
): IncompleteReason[] | null {
  const late: IncompleteReason[] = asked?.shown === true ? ["late"] : [];
  if (state.isEndless) return [...late, "truncated"];
  if (state.isOver || state.handshake.alert?.encrypted === true) return late;
  const end = overflow ?? ended;
  if (end !== null) return [...late, end];
  if (asked === null || asked.shown || nowNs - asked.endNs < requestTimeoutNs) return null;
  return state.handshake.response === null ? ["no_response"] : ["timeout"];
}

function responseOf({ response, retry, certificate, alert }: Handshake): TlsResponse | null {
  const hello_retry_request = retry ?? undefined;
  if (response === null) {
    return alert === null ? null : { type: "alert", alert, hello_retry_request };
  }
  const { malformed, ...shown } = response;
  return {
    ...shown,
    hello_retry_request,
    certificate: certificate ?? undefined,
    alert: alert ?? undefined,
    malformed,
  };
}
