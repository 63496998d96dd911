/**
 * Which request a response answers where a connection was joined in its middle.
 *
 * In: both queues of a connection, nothing missing since the join. Out: as realign.ts, what becomes of
 * the response in front. An unknown number of earlier requests may be unanswered at the join, and
 * several operations may ask one batch. So responses wait until a request comes after everything seems
 * answered; then the numbers of requests and responses seen so far say:
 *
 *     as many responses as requests   none was unanswered at the join
 *     n more responses                n were, and the oldest n responses are theirs
 *     fewer responses                 nothing yet: the request is one of the same batch, or of a client
 *                                     that overlaps its turns
 *
 * A client that overlaps its turns may look like that by chance, and one that keeps a fixed number of
 * requests unanswered always does. So the numbers are believed only when the client's pauses confirm
 * them (habit.ts), after silence, or at the connection's end. Once a response has waited for a second,
 * and others keep coming, pairs are handed over as they look, and say that they are not certain.
 */
import type { IncompleteReason } from "../record/record.ts";
import type { Timed } from "./exchange.ts";
import { BY_ORDER, type Fronts, type Placement } from "./fronts.ts";
import { Pauses, SILENCE_NS } from "./habit.ts";
import type { Pairing } from "./pairing.ts";

/** After so many requests that came while answers were due, responses wait no longer. */
const MAX_OVERLAPS = 64;

/** So many responses do not wait for a second: a fast server's would fill the memory. */
const MAX_WAITING = 4096;

/** If the fronts are in doubt only because the connection was joined: the reason; else null. */
export function joinedBy<F>(fronts: Fronts<F>): IncompleteReason | null {
  const { requests, from, responses, at, context: { pairing } } = fronts;
  const losses = [requests[from]?.loss ?? null, responses[at]?.loss ?? null]
    .filter((loss) => loss !== null);
  if (losses.length === 0) return pairing.joined;
  return losses.every(({ isJoin }) => isJoin) ? losses[0]?.reason ?? null : null;
}

/** What becomes of the response in front, where joinedBy() gives a reason. */
export function placeJoined<F>(fronts: Fronts<F>): Placement {
  const { requests, from, responses, at, context: { pairing } } = fronts;
  const response = responses[at] as Timed<F>;
  pairing.reason = pairing.joined ?? pairing.reason;
  const request = requests[from];
  if (request === undefined) return BY_ORDER;
  if (response.startNs < request.startNs) return alone(response, pairing);
  if (pairing.surplus > 0) return alone(response, pairing);
  const surplus = surplusOf(fronts);
  if (surplus === "unknown") return { drop: 0, fate: "wait", isCertain: false };
  if (surplus === "never") {
    // All these are given up, and the messages behind them are as if joined there.
    response.loss = null;
    return { drop: requests.length - from, fate: "alone", isCertain: false };
  }
  if (surplus.count > 0) {
    pairing.surplus = surplus.count;
    pairing.isSurplusDoubted ||= !surplus.isCertain;
    return alone(response, pairing);
  }
  pairing.joined = null;
  response.loss = null;
  request.loss = null;
  const isCertain = surplus.isCertain && !pairing.isSurplusDoubted;
  pairing.isSurplusDoubted = false;
  return { ...BY_ORDER, isCertain };
}

/** The response's request was not seen. The next response is in the same situation. */
function alone<F>(response: Timed<F>, pairing: Pairing): Placement {
  response.loss = null;
  if (pairing.surplus > 0) pairing.surplus--;
  return { drop: 0, fate: "alone", isCertain: false };
}

/** How many responses in front answer requests that were not seen. */
interface Surplus {
  readonly count: number;
  readonly isCertain: boolean;
}

function surplusOf<F>(fronts: Fronts<F>): Surplus | "unknown" | "never" {
  const { requests, from, responses, at, roles, context } = fronts;
  const quietNs = context.nowNs - (responses[responses.length - 1] as Timed<F>).endNs;
  const hasWaited = responses.length - at >= MAX_WAITING ||
    context.nowNs - (responses[at] as Timed<F>).endNs >= SILENCE_NS;
  // A connection that is quiet now will soon be quiet for long enough, and then pairs are certain.
  const isBusy = quietNs < SILENCE_NS / 2;
  let [due, answers, surplus, overlaps, next] = [0, 0, 0, 0, from];
  let pauses = new Pauses();
  let hasRested = false;
  for (let i = at; i < responses.length; i++) {
    const response = responses[i] as Timed<F>;
    if (i > at && response.loss !== null) return "never";
    for (; next < requests.length; next++) {
      const request = requests[next] as Timed<F>;
      if (next > from && request.loss !== null) return "never";
      if (request.startNs > response.startNs) break;
      const before = requests[next - 1];
      if (answers > 0 && before !== undefined && request.startNs > before.startNs) {
        // An operation that completed the request before was not sent when all was answered.
        const isRest = answers - due === surplus && request.startNs > before.endNs;
        const { endNs } = responses[i - 1] as Timed<F>;
        if (isRest && pauses.tell(request.startNs - endNs, endNs - before.startNs)) {
          return { count: surplus, isCertain: true };
        }
        if (isRest && hasWaited && isBusy) return { count: surplus, isCertain: false };
        if (!isRest && ++overlaps === MAX_OVERLAPS) return "never";
        hasRested ||= isRest;
      }
      if (roles.due(request.frame) === "once") due++;
    }
    if (roles.isAnswer(response.frame)) answers++;
    if (answers - due > surplus) {
      surplus = answers - due;
      pauses = new Pauses();
      hasRested = false;
    }
  }
  const after = requests[next];
  if (after !== undefined && after.loss !== null && next > from) return "never";
  const rest = atRest(fronts, answers - due === surplus ? surplus : null, after);
  // Answers are due, so silence does not show that all was answered.
  const isInVain = rest === "unknown" && hasRested && quietNs >= SILENCE_NS;
  return isInVain ? { count: surplus, isCertain: false } : rest;
}

/**
 * Where no request shows that all was answered: does silence, up to the request `after` or until now,
 * or the end of the connection? `surplus` is null while answers are due.
 */
function atRest<F>(
  fronts: Fronts<F>,
  surplus: number | null,
  after: Timed<F> | undefined,
): Surplus | "unknown" | "never" {
  const { requests, from, responses, context } = fronts;
  const { nowNs, requestTimeoutNs, ended, answering } = context;
  const newest = responses[responses.length - 1] as Timed<F>;
  const hasWaited = nowNs - newest.endNs >= SILENCE_NS;
  if (surplus !== null && (ended !== null || hasWaited)) {
    const isQuiet = !answering && (after?.startNs ?? nowNs) - newest.endNs >= SILENCE_NS;
    // The last requests may have been lost, whose answers are in excess; or the last answers, which
    // those of requests before the join make up for.
    const isKnown = isQuiet && context.nothingLost;
    return { count: surplus, isCertain: isKnown || context.allSeen };
  }
  const late = nowNs - (requests[from] as Timed<F>).endNs >= requestTimeoutNs;
  return ended !== null || late ? "never" : "unknown";
}
