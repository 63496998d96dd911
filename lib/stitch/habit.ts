/**
 * How a connection goes, learnt from its pairs; and what that tells where messages were lost.
 *
 * In: pairs, and whatever else was taken off the queues, in order. Out: whether all that was asked is
 * answered when a request comes.
 *
 * A turn ends when all of it is answered. A client that waits for that is at rest whenever it sends
 * after an answer; so is one that comes out of silence, whatever its habits. Of others nothing is
 * known until then: one that keeps the same number of requests under way all the time looks, in the
 * order of its messages, like one that keeps none. Yet no server answers at once whenever it is asked
 * and never while nobody asks, unless that is what it answers: by that a client's pauses tell.
 */
import type { Span, Timed } from "./exchange.ts";

/** After so much silence nothing is taken to be under way: nobody is slower and still awaited. */
export const SILENCE_NS = 1e9;

/** Turns in a row that make a habit: asked by one operation each, or by several. */
const FEW_TURNS = 3;
const MANY_TURNS = 32;
/** So many turns in a row must go by the habit before it is believed again. */
const RESTS = 3;

/** A pause is long when it is so many times as long as the server takes, before and after it. */
const LONG = 4;
/** So many more are long than are not. */
const ENOUGH_PAUSES = 8;

/** Do a client's pauses tell that nothing was under way in them? */
export class Pauses {
  #score = 0;
  #pauseNs = 0;
  #waitNs = 0;

  /** A turn begins, `pauseNs` after the last answer, which came `waitNs` after the last request. */
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
  /** A request was whole before one of an earlier operation was answered. */
  overlaps = false;
  /** A request was sent after an answer, while others were due: there are no turns. */
  #sendsOn = false;
  /** Turns seen so far. */
  #turns = 0;
  /** When the last request began that was taken, and when the last one, and the last answer, ended. */
  #askedNs = -Infinity;
  #askedEndNs = -Infinity;
  #answeredNs = -Infinity;
  /** Turns that went by the habit since it was doubted, and when the last one began. */
  #rests = 0;
  #restNs = -Infinity;
  #pauses: Pauses | null = null;

  /** Does the client wait for all answers of a turn? */
  get isTurns(): boolean {
    return !this.#sendsOn && this.#turns >= (this.overlaps ? MANY_TURNS : FEW_TURNS);
  }

  /** Something was lost, or contradicts: what was seen since then tells nothing. */
  doubt(): void {
    this.#rests = 0;
    this.#pauses = null;
  }

  /** A turn begins while that is doubted. True once enough did, all answered and nothing else. */
  rests({ startNs }: Span): boolean {
    if (startNs <= this.#restNs) return false;
    this.#restNs = startNs;
    this.#rests++;
    this.#pauses ??= new Pauses();
    const [pauseNs, waitNs] = [startNs - this.#answeredNs, this.#answeredNs - this.#askedNs];
    return this.#pauses.tell(pauseNs, waitNs) || (this.isTurns && this.#rests >= RESTS);
  }

  /** That request was paired, or given up. */
  asked({ startNs, endNs }: Span): void {
    this.#askedNs = startNs;
    this.#askedEndNs = Math.max(endNs, this.#askedEndNs);
  }

  /** That answer was, too. */
  answered({ endNs }: Span): void {
    if (endNs > this.#answeredNs) this.#answeredNs = endNs;
  }

  /** A pair, before it is taken: of the request at `at`. What is not certain can only warn. */
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

  /** The first request since an answer; with none before it that was not answered by then. */
  beginsTurn({ startNs }: Span): boolean {
    return this.#askedNs < this.#answeredNs && this.#answeredNs < startNs;
  }

  /** Did it come when nothing had moved for long? */
  isOutOfSilence({ startNs }: Span): boolean {
    const lastNs = Math.max(this.#answeredNs, this.#askedEndNs);
    return lastNs > -Infinity && startNs - lastNs >= SILENCE_NS;
  }

  /** The oldest request from `from` on that was sent since the last answer. */
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

/** When a request was whole, at the earliest: an end that was not seen may have moved at once. */
export function wholeNs<F>({ startNs, endNs, incomplete }: Timed<F>): number {
  return incomplete.length === 0 ? endNs : startNs;
}
