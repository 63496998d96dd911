/**
 * What is known of which response answers which request, for one connection.
 *
 * In: how the connection began (from the session), what was lost and when the start of a message was
 * searched for (from the frame drivers), its habit (from the stitchers of this folder). Out: whether
 * order alone pairs the messages in front, and the reason for records where it does not. Plug-ins only
 * read it.
 *
 *     not known                        since                       until
 *     isCertain = false                the middle, a loss          a request out of rest (habit.ts)
 *     isAligned = false                a start not seen, a loss    nothing is left over behind a pair,
 *                                                                  and the next message began later
 *     mayBeInside                      a response's start was      isAligned
 *                                      searched for
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

/** A response without its request waits this long, since that event may still be on its way here. */
export const STRAY_NS = 1e9;
/** Events of two threads of one process may be this much out of order. */
const SLACK_NS = 1e6;

/** What was seen of a connection's beginning. */
export type Start =
  | "seen" // the first bytes
  | "untold" // bytes, of which it cannot be known whether they are the first
  | "joined"; // the middle: bytes before were not seen

/**
 * What was found of the queues' fronts, so that it is not counted again for each response: work would
 * grow with the square of what waits.
 */
export interface Found {
  /** The request in front then, and how many there were. */
  readonly front: Timed<unknown>;
  readonly size: number;
  /** A response that begins then, or later, comes behind the first `sent` requests. */
  startNs: number;
  sent: number;
  /** Of these, where the newest turn begins, and how many answers are due to it; -1: not counted. */
  turn: number;
  due: number;
  /** These many responses, from `alone` on, answer no request that was seen. */
  alone: Timed<unknown> | null;
  left: number;
}

export class Pairing {
  /** Order certainly gives each response its request. */
  isCertain: boolean;
  /** Responses are known to go with their requests. */
  isAligned: boolean;
  /** When the pair was whole behind which nothing was left over; Infinity: that was settled. */
  restNs = Infinity;
  /** Bytes of the server may be the inside of a response: its start was searched for. */
  mayBeInside = false;
  /** Something was lost on this connection before. */
  wasDisturbed = false;
  /** How many answers to unseen requests are due is not known yet; the reason why not. */
  joined: IncompleteReason | null = null;
  /** How many responses in front were found to answer requests that were not seen. */
  surplus = 0;
  /** That they were so many is not certain. */
  isSurplusDoubted = false;
  /** How many responses at most may still come to requests given up behind a loss. */
  doubted = 0;
  /** Why pairs are not certain: the reason of the last loss. */
  reason: IncompleteReason;
  /** What was learnt of the connection's turns. */
  readonly habit = new Habit();
  /** When the last message moved that was given up. */
  lastNs = -Infinity;
  /** How many requests in front were handed over as "no_response", and wait for a late answer. */
  shown = 0;
  /** What realign.ts found last. */
  found: Found | null = null;
  /** A loss before something sent unasked, which counts for the next answer. */
  carried: Loss | null = null;

  readonly #start: Start;

  /** `reason`: why the connection's beginning was not seen. */
  constructor(start: Start = "seen", reason: IncompleteReason = "mid_stream") {
    this.#start = start;
    this.reason = reason;
    this.isAligned = start === "seen";
    this.isCertain = start !== "joined";
  }

  /** From here on it is not known which requests the next responses answer. */
  doubt(): void {
    this.isCertain = false;
    this.habit.doubt();
  }

  /** Nothing was left over: from here on, responses are whole and go with their requests. */
  aligned(): void {
    this.isAligned = true;
    this.mayBeInside = false;
  }

  /** It is known again that the next response answers the request in front. */
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

  /** The reason for a record whose response has no request. */
  get noRequest(): IncompleteReason {
    if (!this.isCertain) return this.reason;
    return this.#start === "seen" ? "one_way" : "mid_stream";
  }

  /**
   * Is the response older than the request? Then it answers one that was not seen. Where there may be
   * such requests, any difference counts.
   */
  isOlder(response: Span, request: Timed<unknown>): boolean {
    const isStrict = !this.isAligned || this.wasDisturbed || request.loss !== null;
    // Not its end, which may be a later response's: HEAD announces a body, or a part was lost.
    if (isStrict) return response.startNs < request.startNs;
    return response.endNs + SLACK_NS < request.startNs;
  }
}
