/**
 * The terms of pairing by order: a protocol's roles for its messages, the fronts of both queues, and
 * what becomes of the response in front. Types only.
 */
import type { StitchContext } from "./context.ts";
import type { Timed } from "./exchange.ts";

/** What becomes of the response in front. */
export interface Placement {
  /** How many requests in front are given up first, with `Pairing.reason`. */
  drop: number;
  /** "pair": with the request then in front; "alone": without one; "wait": not known yet. */
  fate: "pair" | "alone" | "wait";
  /** The pair is certain. */
  isCertain: boolean;
}

/** How a request is answered: once, as often as the server likes, or never; or it says nothing. */
export type Due = "once" | "many" | "never" | "nothing";

/**
 * What a response is to the request in front: its answer; sent unasked; nothing at all; or an answer
 * to a request that has still to come.
 */
export type Part = "answers" | "unasked" | "nothing" | "waits";

/** What a protocol's requests and responses mean to each other, for pairInOrder(). */
export interface Roles<F> {
  due(request: F): Due;
  /** Can the response answer any request at all? */
  isAnswer(response: F): boolean;
  /**
   * `isStranger`: the response came before that request, or cannot be its answer. `mayWait`: the event
   * of its request may still be on its way to user space.
   */
  part(
    response: Timed<F>,
    request: Timed<F> | undefined,
    isStranger: boolean,
    mayWait: boolean,
  ): Part;
  /** Can the response answer that request? Asked while it is not known which request it answers. */
  fits(response: F, request: F): boolean;
  /** A pair was made; the protocol may change what it expects next. */
  paired(response: F, request: F): void;
  /** Messages were lost in front of the next one. */
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
