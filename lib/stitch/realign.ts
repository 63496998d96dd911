/**
 * Which request a response answers where messages were lost, for protocols that pair by order.
 *
 * In: both queues of a connection, and its habit. Out: what becomes of the response in front. It never
 * guesses: messages that cannot be placed are handed over unpaired, with the reason of the loss.
 *
 * A turn is the requests that one operation moved, or made whole. As a rule connections go in turns:
 * the next one begins when all of the last is answered (clients that do not pipeline, clients that
 * wait for a batch, and every server that reads, works and writes by turns). Behind a loss that
 * means:
 *
 *     turns before the newest   had their answers in the gap
 *     the newest, one request   this response is its answer
 *     the newest, several       with as many responses as requests: these are the answers. With fewer:
 *                               once a response of the next turn has come, they answer the last
 *                               requests; until then the response waits
 *
 * Where events were lost, or may have been, both directions may have lost messages: there a response
 * also waits for the next request, or for the end of that side, which shows that none is missing.
 *
 * A connection that was seen to overlap its turns (the client sends on while answers are due) allows
 * no such conclusion. There every request that may have been answered is given up, and nothing is
 * paired until every answer that may still be due has come, or a request comes after silence.
 *
 * On a connection that was joined in its middle nothing is missing since then, but an unknown number
 * of earlier requests may be unanswered: see joined.ts.
 */
import type { Timed } from "./exchange.ts";
import { joinedBy, placeJoined } from "./joined.ts";
import { BY_ORDER, type Fronts, type Placement } from "./fronts.ts";
import { SILENCE_NS, wholeNs } from "./habit.ts";
import type { Found, Pairing } from "./pairing.ts";

/** Is the order of the frames in front not enough to pair them? */
export function isDoubtful<F>(
  request: Timed<F> | undefined,
  response: Timed<F>,
  pairing: Pairing,
): boolean {
  return pairing.doubted > 0 || pairing.joined !== null || response.loss !== null ||
    (request !== undefined && request.loss !== null);
}

/** What becomes of the response in front and of the requests before it, where isDoubtful(). */
export function placeBehindLoss<F>(fronts: Fronts<F>): Placement {
  const { requests, from, responses, at, context: { pairing } } = fronts;
  const response = responses[at] as Timed<F>;
  if (pairing.doubted > 0) return inDoubt(fronts, sentBefore(fronts));
  pairing.joined = joinedBy(fronts);
  if (pairing.joined !== null) return placeJoined(fronts);
  pairing.surplus = 0;
  const { found } = pairing;
  if (found !== null && found.alone === response && isStill(found, fronts)) {
    return aloneNext(fronts, found, found.left);
  }
  const to = sentBefore(fronts);
  pairing.reason = (response.loss ?? requests[from]?.loss)?.reason ?? "gap";
  // No request was whole before it.
  if (to === from) return isUnderWay(fronts) ? alone(fronts) : BY_ORDER;
  if (pairing.habit.overlaps) {
    // How many answers are due to lost requests is not known.
    const isKnown = response.loss !== null && !hasGap(fronts, from, to);
    return giveUp(fronts, to, isKnown ? countDue(fronts, from, to) : Infinity);
  }
  const next = requests[to];
  // Requests behind the last one were lost, too: the response may answer one of them.
  if (response.loss !== null && next !== undefined && next.loss !== null) {
    return giveUp(fronts, to, 1);
  }
  // Both sides may have lost events; the next request, or that side's end, shows that none is missing.
  const isWhole = next !== undefined || fronts.context.allRequests === true;
  const isBlind = mayBeBoth(fronts) && !isWhole;
  return placeInTurn(fronts, to, isBlind);
}

/**
 * Is the request in front still being sent, behind lost ones? It may be answered early, but the
 * response rather answers one of those.
 */
function isUnderWay<F>(
  { requests, from, responses, at, context: { pairing } }: Fronts<F>,
): boolean {
  const request = requests[from];
  if (request === undefined || request.loss === null) return false;
  const { startNs } = responses[at] as Timed<F>;
  return request.startNs <= startNs &&
    (pairing.habit.batches || pairing.habit.overlaps || request.loss.behindRest);
}

/** Finds the request of the newest turn that is answered, by the number of responses. */
function placeInTurn<F>(fronts: Fronts<F>, to: number, isBlind: boolean): Placement {
  const { requests, responses, at, context } = fronts;
  const { pairing } = context;
  const { turn, due } = turnOf(fronts, to);
  const { loss } = requests[turn] as Timed<F>;
  const isBatch = loss !== null && (pairing.habit.batches || loss.behindRest);
  // A second answer before the next turn would show that one more request was sent.
  const mayCount = loss !== null && requests[to] !== undefined;
  if (due <= 1 && !isBlind && !isBatch && !mayCount) return settle(fronts, turn, to);
  const { answers, end } = countAnswers(fronts, requests[to]);
  const isOver = end === "turn";
  if (isOver || loss === null) {
    if (answers > due) {
      // No lost request could have these answers: parts of a torn response look like whole ones.
      const isTorn = loss === null || (responses[at] as Timed<F>).loss?.behindRest === true;
      return isTorn ? giveUp(fronts, to, answers) : aloneNext(fronts, pairing.found, answers - due);
    }
    if (answers === due && !isBlind) return settle(fronts, turn, to);
  }
  if (isOver && loss === null) return settle(fronts, skipDue(fronts, turn, due - answers), to);
  if (end === "gap") return aloneNext(fronts, pairing.found, answers);
  const { nowNs, requestTimeoutNs, ended } = context;
  const late = nowNs - (requests[turn] as Timed<F>).endNs >= requestTimeoutNs;
  if (!isOver && !late && ended === null) return { drop: 0, fate: "wait", isCertain: false };
  // The turn is over: its answers that came are given up, the next turn's are not.
  if (isOver) return giveUp(fronts, to, answers);
  return giveUp(fronts, to, loss !== null ? Infinity : due);
}

/** The response answers the next request from `first` on; the answers of those before were lost. */
function settle<F>(fronts: Fronts<F>, first: number, to: number): Placement {
  const { requests, from, responses, at } = fronts;
  const isCertain = isOnly(fronts, first) || isLast(fronts, first);
  (responses[at] as Timed<F>).loss = null;
  for (let i = first; i < to; i++) (requests[i] as Timed<F>).loss = null;
  return { drop: first - from, fate: "pair", isCertain };
}

/** Is exactly one answer missing? Order was certain, a whole answer is missing, one request remains. */
function isOnly<F>(fronts: Fronts<F>, first: number): boolean {
  const { requests, from, responses, at, context: { pairing } } = fronts;
  if (!pairing.isCertain || responses[at]?.loss?.isWhole !== true) return false;
  return countDue(fronts, from, first) === 1 && !hasGap(fronts, from, requests.length);
}

/** Have both sides ended, with as many answers left as requests? */
function isLast<F>({ requests, responses, at, context }: Fronts<F>, first: number): boolean {
  if (!context.allSeen) return false;
  return responses.length - at === requests.length - first;
}

/** The response's request is not known. The next response is in the same situation. */
function alone<F>(fronts: Fronts<F>): Placement {
  const { responses, at, context: { pairing } } = fronts;
  const next = responses[at + 1];
  // Unreadable bytes behind a loss of events are part of that loss, not a gap of their own.
  if (next !== undefined && (next.loss === null || pairing.reason === "lost_events")) {
    const behindRest = next.loss?.behindRest === true;
    const { reason } = pairing;
    const isBoth = mayBeBoth(fronts);
    next.loss = { reason, behindRest, mayBeBoth: isBoth, isWhole: false, isJoin: false };
  }
  return { drop: 0, fate: "alone", isCertain: false };
}

/** As alone(), where the same is known of the next answers: `count` of them, this one included. */
function aloneNext<F>(fronts: Fronts<F>, found: Found | null, count: number): Placement {
  if (found !== null) {
    const { responses, at, roles } = fronts;
    let next = at + 1;
    while (next < responses.length && !roles.isAnswer((responses[next] as Timed<F>).frame)) next++;
    found.left = count - 1;
    found.alone = found.left > 0 ? responses[next] ?? null : null;
  }
  return alone(fronts);
}

/** Is all of it true, as no request was taken or came since? */
function isStill<F>({ front, size }: Found, { requests, from }: Fronts<F>): boolean {
  return requests[from] === front && requests.length - from === size;
}

/** May requests be missing behind the last one, by the same loss? */
function mayBeBoth<F>({ requests, from, responses, at }: Fronts<F>): boolean {
  return (responses[at]?.loss ?? requests[from]?.loss)?.mayBeBoth === true;
}

/** Gives up the requests up to `to`, and `responses` responses, this one included. */
function giveUp<F>(fronts: Fronts<F>, to: number, responses: number): Placement {
  const { requests, from, context: { pairing } } = fronts;
  const response = fronts.responses[fronts.at] as Timed<F>;
  response.loss = null;
  pairing.doubted = Math.max(0, responses - 1);
  pairing.lastNs = response.endNs;
  for (let i = from; i < to; i++) {
    pairing.lastNs = Math.max(pairing.lastNs, (requests[i] as Timed<F>).endNs);
  }
  return { drop: to - from, fate: "alone", isCertain: false };
}

function inDoubt<F>(fronts: Fronts<F>, to: number): Placement {
  const { requests, from, responses, at, context: { pairing }, roles } = fronts;
  const response = responses[at] as Timed<F>;
  for (let i = from; i < to; i++) {
    const request = requests[i] as Timed<F>;
    if (request.startNs - pairing.lastNs >= SILENCE_NS) {
      pairing.doubted = 0;
      request.loss = null;
      pairing.found = null;
      const placed = response.loss !== null ? placeBehindLoss({ ...fronts, from: i }) : BY_ORDER;
      return { ...placed, drop: i - from + placed.drop };
    }
    pairing.lastNs = Math.max(pairing.lastNs, request.endNs);
    if (request.loss !== null) pairing.doubted = Infinity;
    else if (roles.due(request.frame) === "once") pairing.doubted++;
  }
  response.loss = null;
  pairing.doubted--;
  pairing.lastNs = Math.max(pairing.lastNs, response.endNs);
  return { drop: to - from, fate: "alone", isCertain: false };
}

/** Index behind the last request that was whole before the response began. */
function sentBefore<F>(fronts: Fronts<F>): number {
  const { requests, from, responses, at, context: { pairing } } = fronts;
  const { startNs } = responses[at] as Timed<F>;
  const front = requests[from];
  if (front === undefined) return from;
  let { found } = pairing;
  if (found === null || !isStill(found, fronts) || startNs < found.startNs) {
    const size = requests.length - from;
    found = { front, size, startNs, sent: 0, turn: -1, due: 0, alone: null, left: 0 };
    pairing.found = found;
  }
  let to = from + found.sent;
  while (to < requests.length && wholeNs(requests[to] as Timed<F>) <= startNs) to++;
  if (to > from + found.sent) found.turn = -1;
  found.sent = to - from;
  found.startNs = startNs;
  return to;
}

/** The newest turn of the requests up to `to`: where it begins, and how many answers are due to it. */
function turnOf<F>(fronts: Fronts<F>, to: number): { turn: number; due: number } {
  const { from, context: { pairing: { found } } } = fronts;
  if (found !== null && found.turn >= 0) return { turn: from + found.turn, due: found.due };
  const turn = newestTurn(fronts, to);
  const due = countDue(fronts, turn, to);
  if (found !== null) {
    found.turn = turn - from;
    found.due = due;
  }
  return { turn, due };
}

/** Index where the newest turn begins; if some of its requests were lost, that of the last part. */
function newestTurn<F>({ requests, from }: Fronts<F>, to: number): number {
  let turn = to - 1;
  const turnNs = wholeNs(requests[turn] as Timed<F>);
  while (turn > from && (requests[turn] as Timed<F>).loss === null) {
    if (wholeNs(requests[turn - 1] as Timed<F>) !== turnNs) break;
    turn--;
  }
  return turn;
}

function countDue<F>({ requests, roles }: Fronts<F>, from: number, to: number): number {
  let due = 0;
  for (let i = from; i < to; i++) if (roles.due((requests[i] as Timed<F>).frame) === "once") due++;
  return due;
}

/** Index behind the next `due` requests that get an answer. */
function skipDue<F>({ requests, roles }: Fronts<F>, from: number, due: number): number {
  let at = from;
  for (let left = due; left > 0; at++) {
    if (roles.due((requests[at] as Timed<F>).frame) === "once") left--;
  }
  return at;
}

function hasGap<F>({ requests }: Fronts<F>, from: number, to: number): boolean {
  for (let i = from; i < to; i++) if ((requests[i] as Timed<F>).loss !== null) return true;
  return false;
}

/**
 * Counts answers from the front on: up to the next turn's ("turn": one of its responses is here, and so
 * are all before it), up to another gap, or as far as they have come.
 */
function countAnswers<F>(
  { responses, at, roles }: Fronts<F>,
  next: Timed<F> | undefined,
): { answers: number; end: "turn" | "gap" | "open" } {
  let answers = 0;
  for (let i = at; i < responses.length; i++) {
    const response = responses[i] as Timed<F>;
    if (i > at && response.loss !== null) return { answers, end: "gap" };
    if (next !== undefined && response.startNs >= wholeNs(next)) return { answers, end: "turn" };
    if (roles.isAnswer(response.frame)) answers++;
  }
  return { answers, end: "open" };
}
