/**
 * A connection's habit (does its client wait for all responses before it asks again?), learnt from its
 * pairs, and what the habit says where messages were lost.
 *
 * In: pairs, and whatever else was taken off the queues, in order. Out: whether everything asked so far
 * has been answered when a request comes.
 *
 * A turn is a number of requests with their responses. A client that waits for the end of a turn has
 * nothing unanswered when it sends again; nor has any client after a long silence. Of other clients
 * that is not known: one that always keeps three requests unanswered looks, by the order of its
 * messages, like one that keeps none. A client's pauses tell them apart: if responses always come soon
 * after a request and never in a long pause, they answer the requests just before.
 */
import type { Span, Timed } from "./exchange.ts";

/** After so much silence no request is taken to be unanswered: no client waits longer. */
export const SILENCE_NS = 1e9;

/** Turns in a row that make a habit: asked by one operation each, or by several. */
const FEW_TURNS = 3;
const MANY_TURNS = 32;
/** How many turns in a row must follow the habit before it is believed again. */
const RESTS = 3;

/** A pause is long if it is so many times as long as the server takes, before and after it. */
const LONG = 4;
/** How many more long pauses than others are needed. */
const ENOUGH_PAUSES = 8;

/** Do a client's pauses show that nothing was unanswered in them? */
export class Pauses {
  #score = 0;
  #pauseNs = 0;
  #waitNs = 0;

  /** Takes a pause: a turn begins `pauseNs` after the last answer, which took `waitNs`. True: they do. */
  tell(pauseNs: number, waitNs: number): boolean {
    if (this.#pauseNs > LONG * Math.max(this.#waitNs, waitNs)) this.#score++;
    else if (this.#score > 0) this.#score--;
    this.#pauseNs = pauseNs;
    this.#waitNs = waitNs;
    return this.#score >= ENOUGH_PAUSES;
  }
}

export class Habit {
  /** Turns of several requests were seen. */
  batches = false;
  /** A request was whole before one of an earlier operation was answered: turns overlap. */
  overlaps = false;
  /** A request was sent after one answer and before others that were due: there are no turns. */
  #sendsOn = false;
  /** Turns seen so far. */
  #turns = 0;
  /** When the last taken request began and ended, and when the last answer ended. */
  #askedNs = -Infinity;
  #askedEndNs = -Infinity;
  #answeredNs = -Infinity;
  /** How many turns followed the habit since it was doubted, and when the last one began. */
  #rests = 0;
  #restNs = -Infinity;
  #pauses: Pauses | null = null;

  /** Does the client wait for all answers of a turn? */
  get isTurns(): boolean {
    return !this.#sendsOn && this.#turns >= (this.overlaps ? MANY_TURNS : FEW_TURNS);
  }

  /** Something was lost, or contradicts the habit: only turns after this count for rests(). */
  doubt(): void {
    this.#rests = 0;
    this.#pauses = null;
  }

  /** Takes the beginning of a turn while the habit is doubted. True once enough turns followed it. */
  rests({ startNs }: Span): boolean {
    if (startNs <= this.#restNs) return false;
    this.#restNs = startNs;
    this.#rests++;
    this.#pauses ??= new Pauses();
    const [pauseNs, waitNs] = [startNs - this.#answeredNs, this.#answeredNs - this.#askedNs];
    return this.#pauses.tell(pauseNs, waitNs) || (this.isTurns && this.#rests >= RESTS);
  }

  /** Takes a request that was paired or given up. */
  asked({ startNs, endNs }: Span): void {
    this.#askedNs = startNs;
    this.#askedEndNs = Math.max(endNs, this.#askedEndNs);
  }

  /** Takes a response that was paired or given up. */
  answered({ endNs }: Span): void {
    if (endNs > this.#answeredNs) this.#answeredNs = endNs;
  }

  /** Learns from a pair before it is taken. One that is not certain can only show an overlap. */
  learn(requests: readonly Timed<unknown>[], at: number, response: Span, isCertain: boolean): void {
    const request = requests[at] as Timed<unknown>;
    if (isCertain && this.beginsTurn(request)) this.#turns++;
    const newest = requests[requests.length - 1] as Timed<unknown>;
    if (newest === request) return;
    this.#learnFrom(request, newest, response);
    if (wholeNs(newest) === wholeNs(request)) return;
    this.#learnFrom(request, requests[at + 1] as Timed<unknown>, response);
  }

  /** A pair that is certain, of the only request there is: as learn(), asked() and answered(). */
  turn(request: Span, response: Span): void {
    if (this.beginsTurn(request)) this.#turns++;
    this.asked(request);
    this.answered(response);
  }

  /** Was it sent after the last answer, and the request before it not? */
  beginsTurn({ startNs }: Span): boolean {
    return this.#askedNs < this.#answeredNs && this.#answeredNs < startNs;
  }

  /** Was it sent when nothing had moved for SILENCE_NS? */
  isOutOfSilence({ startNs }: Span): boolean {
    const lastNs = Math.max(this.#answeredNs, this.#askedEndNs);
    return lastNs > -Infinity && startNs - lastNs >= SILENCE_NS;
  }

  /** Index of the oldest request from `from` on that was sent since the last answer. */
  newest(requests: readonly Timed<unknown>[], from: number): number {
    let at = from;
    while (at < requests.length && (requests[at] as Span).startNs <= this.#answeredNs) at++;
    return at;
  }

  #learnFrom(request: Timed<unknown>, later: Timed<unknown>, response: Span): void {
    const [ns, laterNs] = [wholeNs(request), wholeNs(later)];
    if (laterNs === ns) this.batches = true;
    else if (laterNs < response.startNs) this.overlaps = true;
    const isBetween = request.startNs < this.#answeredNs && this.#answeredNs < later.startNs;
    if (isBetween && later.startNs < response.startNs) this.#sendsOn = true;
  }
}

/** The earliest time at which a request was whole: an end that was not seen may have moved at once. */
export function wholeNs<F>({ startNs, endNs, incomplete }: Timed<F>): number {
  return incomplete.length === 0 ? endNs : startNs;
}
