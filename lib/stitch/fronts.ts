/**
 * What pairing by order asks and answers: what a protocol's messages are to each other, where both
 * queues stand, and what becomes of the response in front. Types only.
 */
import type { StitchContext } from "./context.ts";
import type { Timed } from "./exchange.ts";

/** What is known of the response in front. */
export interface Placement {
  /** So many requests in front are given up, with `Pairing.reason`. */
  drop: number;
  /** "pair": by order, with the request then in front; "alone": given up; "wait": not yet known. */
  fate: "pair" | "alone" | "wait";
  /** Beyond doubt. */
  isCertain: boolean;
}

/** How requests are answered: once, as often as the server likes, never; or they say nothing. */
export type Due = "once" | "many" | "never" | "nothing";

/**
 * What a response is to the request in front: its answer; sent unasked; nothing at all; or its
 * request must still come.
 */
export type Part = "answers" | "unasked" | "nothing" | "waits";

/** What a protocol's messages are to each other, for pairInOrder(). */
export interface Roles<F> {
  due(request: F): Due;
  /** May it be an answer to a command, whatever that was? */
  isAnswer(response: F): boolean;
  /**
   * `isStranger`: it came before that request, or cannot be its answer. `mayWait`: its request may
   * still be under way to user space.
   */
  part(
    response: Timed<F>,
    request: Timed<F> | undefined,
    isStranger: boolean,
    mayWait: boolean,
  ): Part;
  /** While responses are not known to go with their requests: can it be the answer? */
  fits(response: F, request: F): boolean;
  /** A pair was made: what it means for what comes. */
  paired(response: F, request: F): void;
  /** Messages were lost in front of this one. */
  lost(): void;
}

/** Both queues from their fronts on. */
export interface Fronts<F> {
  readonly requests: readonly Timed<F>[];
  readonly from: number;
  readonly responses: readonly Timed<F>[];
  readonly at: number;
  readonly context: StitchContext<unknown>;
  readonly roles: Roles<F>;
}

export const BY_ORDER: Placement = { drop: 0, fate: "pair", isCertain: false };
