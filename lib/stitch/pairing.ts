/**
 * What pairing by order is told, remembers and answers, and what it knows of time; also where order
 * alone is not enough: behind a loss (realign.ts) and on connections joined in their middle
 * (joined.ts).
 */
import type { IncompleteReason, Span, StitchContext, Timed } from "../../protocols/protocol.ts";

/** After so much silence nothing is taken to be under way: nobody is slower and still awaited. */
export const SILENCE_NS = 1e9;

/** A response without its request waits this long for one that is still under way to user space. */
export const STRAY_NS = 1e9;
/** Two threads of one process may be seen this much out of order. */
const SLACK_NS = 1e6;

/** What pairing remembers of a connection; the protocol's state holds it. */
export interface PairMemory {
  /** Responses still due to requests that were handed over as "no_response". */
  owed: number;
  /** A request was whole before one of an earlier turn was answered. */
  overlaps: boolean;
  /** Turns of several requests were seen. */
  batches: boolean;
  /** Joined in the middle: how many answers are due to requests before that is not known yet. */
  joined: boolean;
  /** So many of the responses in front were found to answer requests of before. */
  surplus: number;
  /** Responses that may still come to requests given up behind a loss: at most so many. */
  doubted: number;
  /** Why those were lost. */
  reason: IncompleteReason;
  /** When the last message moved that was given up. */
  lastNs: number;
}

export function createPairMemory(): PairMemory {
  return {
    owed: 0,
    overlaps: false,
    batches: false,
    joined: false,
    surplus: 0,
    doubted: 0,
    reason: "gap",
    lastNs: -Infinity,
  };
}

/** What is known of the response in front. */
export interface Placement {
  /** So many requests in front are given up, with `memory.reason`. */
  drop: number;
  /** "pair": by order, with the request then in front; "alone": given up; "wait": not yet known. */
  fate: "pair" | "alone" | "wait";
}

/** Which frames take part: not those that are sent unasked, or never answered. */
export interface Roles<F> {
  isDue(request: F): boolean;
  isAnswer(response: F): boolean;
}

/** Both queues from their fronts on. */
export interface Fronts<F> {
  readonly requests: readonly Timed<F>[];
  readonly from: number;
  readonly responses: readonly Timed<F>[];
  readonly at: number;
  readonly context: StitchContext<unknown>;
  readonly memory: PairMemory;
  readonly roles: Roles<F>;
}

export const BY_ORDER: Placement = { drop: 0, fate: "pair" };

/**
 * Was the response there before this request was? Then it answers one that was not seen.
 * `unseenBefore`: there may be such requests.
 */
export function isOlder(response: Span, request: Span, unseenBefore: boolean): boolean {
  // Its end may be that of a later one: of a body that was announced to HEAD, or was lost in part.
  if (unseenBefore) return response.startNs < request.startNs;
  return response.endNs + SLACK_NS < request.startNs;
}
