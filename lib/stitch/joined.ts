/**
 * Which request a response answers where a connection was joined in its middle.
 *
 * In: both queues of a connection, nothing missing since the join. Out: as realign.ts, what may be
 * said of the response in front. Requests of before may be under way, nobody knows how many, and a
 * batch may be asked by several operations: so responses wait until the connection is seen to have
 * answered everything.
 *
 *     a request comes when      as many are answered as asked: nothing was under way
 *                               more are: so many were, and theirs are the oldest responses
 *                               fewer are: it is one of the same batch, or of a client that
 *                               overlaps its turns
 *
 * A client that overlaps its turns may look like that by chance, and one that keeps the same number
 * of requests under way does so all the time: it is believed when its pauses tell (habit.ts), after
 * silence, or at the connection's end. Once a response has waited for a second, and others keep
 * coming, pairs are handed over as they look, and say that they are not certain.
 */
import type { IncompleteReason } from "../record/record.ts";
import type { Timed } from "./exchange.ts";
import { BY_ORDER, type Fronts, type Placement } from "./fronts.ts";
import { Pauses, SILENCE_NS } from "./habit.ts";
import type { Pairing } from "./pairing.ts";

/** Requests that came while answers were due, after which nothing held is waited with any longer. */
const MAX_OVERLAPS = 64;

/** Is what is not known of the fronts that they were joined, and nothing else? Then why. */
export function joinedBy<F>(fronts: Fronts<F>): IncompleteReason | null {
  const { requests, from, responses, at, context: { pairing } } = fronts;
  const losses = [requests[from]?.loss ?? null, responses[at]?.loss ?? null]
    .filter((loss) => loss !== null);
  if (losses.length === 0) return pairing.joined;
  return losses.every(({ isJoin }) => isJoin) ? losses[0]?.reason ?? null : null;
}

/** What becomes of the response in front, where joinedBy(). */
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
    // What comes behind all of these is as if joined there.
    response.loss = null;
    return { drop: requests.length - from, fate: "alone", isCertain: false };
  }
  if (surplus.count > 0) {
    pairing.surplus = surplus.count;
    return alone(response, pairing);
  }
  pairing.joined = null;
  response.loss = null;
  request.loss = null;
  return { ...BY_ORDER, isCertain: surplus.isCertain };
}

/** Its request was not seen; the next one is in the same place. */
function alone<F>(response: Timed<F>, pairing: Pairing): Placement {
  response.loss = null;
  if (pairing.surplus > 0) pairing.surplus--;
  return { drop: 0, fate: "alone", isCertain: false };
}

/** So many responses in front answer requests that were not seen. */
interface Surplus {
  readonly count: number;
  readonly isCertain: boolean;
}

function surplusOf<F>(fronts: Fronts<F>): Surplus | "unknown" | "never" {
  const { requests, from, responses, at, roles, context } = fronts;
  const quietNs = context.nowNs - (responses[responses.length - 1] as Timed<F>).endNs;
  const hasWaited = context.nowNs - (responses[at] as Timed<F>).endNs >= SILENCE_NS;
  // What is quiet for a while is soon quiet for long enough to be certain.
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
        // An operation that made the one before whole is no answered connection's.
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
  // Silence does not tell, for an answer is due.
  const isInVain = rest === "unknown" && hasRested && quietNs >= SILENCE_NS;
  return isInVain ? { count: surplus, isCertain: false } : rest;
}

/**
 * No request tells that was answered: does silence, up to the request `after` or until now, or the
 * end? `surplus` is null while answers are due.
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
    return { count: surplus, isCertain: isQuiet || context.allSeen };
  }
  const late = nowNs - (requests[from] as Timed<F>).endNs >= requestTimeoutNs;
  return ended !== null || late ? "never" : "unknown";
}
