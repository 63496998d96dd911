/**
 * What is known, and not known, of which response answers which request: of one connection, in one
 * place.
 *
 * In: how the connection began (the session), what was lost (the frame drivers), how it goes (the
 * stitchers of this folder). Out: whether order alone pairs the messages in front, and the reason
 * that stands in records where it does not. Plug-ins may read it, and write nothing.
 *
 *     unknown                          since                       until
 *     isCertain = false                the middle, a loss          a request out of rest (habit.ts)
 *     isAligned = false                a start not seen, a loss    nothing is left over behind a pair, and
 *                                                                  what comes next began later
 *     wasDisturbed                     a loss                      for good
 *     joined                           the middle, an overflow     all asked is seen answered (joined.ts)
 *     doubted > 0                      a loss that cannot be       so many responses came (realign.ts)
 *                                      placed
 *     Timed.loss of a frame in front   a loss just before it       it is placed (realign.ts)
 *
 * Pairs that are made while isCertain is false carry `reason`.
 */
import type { IncompleteReason } from "../record/record.ts";
import type { Loss, Span, Timed } from "./exchange.ts";
import { Habit } from "./habit.ts";

/** A response without its request waits this long for one that is still under way to user space. */
export const STRAY_NS = 1e9;
/** Two threads of one process may be seen this much out of order. */
const SLACK_NS = 1e6;

/** What was seen of a connection's beginning. */
export type Start =
  | "seen" // its first bytes
  | "untold" // nobody can tell whether there were bytes before
  | "joined"; // its middle: there were

export class Pairing {
  /** Each response goes with the request that order gives it, beyond doubt. */
  isCertain: boolean;
  /** Responses are known to go with their requests. */
  isAligned: boolean;
  /** Nothing was left over behind a pair that was whole then; Infinity: that is settled. */
  restNs = Infinity;
  /** Something was lost here once. */
  wasDisturbed = false;
  /** Nobody knows yet how many answers are due to requests that were not seen: why not. */
  joined: IncompleteReason | null = null;
  /** So many of the responses in front were found to answer requests of before. */
  surplus = 0;
  /** Responses that may still come to requests given up behind a loss: at most so many. */
  doubted = 0;
  /** Why something is not known: the loss last met. */
  reason: IncompleteReason;
  /** How it goes. */
  readonly habit = new Habit();
  /** When the last message moved that was given up. */
  lastNs = -Infinity;
  /** So many requests in front were handed over as "no_response", and wait for a late answer. */
  shown = 0;
  /** A loss before something sent unasked: it is the next answer's. */
  carried: Loss | null = null;

  readonly #start: Start;

  /** `reason`: why its beginning was not seen. */
  constructor(start: Start = "seen", reason: IncompleteReason = "mid_stream") {
    this.#start = start;
    this.reason = reason;
    this.isAligned = start === "seen";
    this.isCertain = start !== "joined";
  }

  /** It is not known whose the next responses are. */
  doubt(): void {
    this.isCertain = false;
    this.habit.doubt();
  }

  /** It is known again whose the next response is: that of the request in front. */
  settled(): void {
    this.isCertain = true;
    this.doubted = 0;
    this.joined = null;
    this.carried = null;
  }

  /** Nothing is in doubt, and no request in front was handed over already. */
  get isPlain(): boolean {
    return this.isCertain && this.isAligned && this.shown === 0 && this.carried === null;
  }

  /** Why there is no request to a response. */
  get noRequest(): IncompleteReason {
    if (!this.isCertain) return this.reason;
    return this.#start === "seen" ? "one_way" : "mid_stream";
  }

  /**
   * Was the response there before this request was? Then it answers one that was not seen. Where
   * there may be such requests, by however little.
   */
  isOlder(response: Span, request: Timed<unknown>): boolean {
    const isStrict = !this.isAligned || this.wasDisturbed || request.loss !== null;
    // Its end may be that of a later one: of a body that was announced to HEAD, or was lost in part.
    if (isStrict) return response.startNs < request.startNs;
    return response.endNs + SLACK_NS < request.startNs;
  }
}
