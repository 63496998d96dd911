/**
 * One turn of the event loop: signals, output and other connections wait no longer than that,
 * whatever the events at hand cost. In: nothing. Out: when it is over. The clock is read once for
 * some events: each is bounded.
 */

/** With what follows in the same turn, and the largest event, still below 50 ms. */
const TURN_MS = 15;
/** Events, or connections at the end of a trace, that share one look at the clock. */
const EVENTS_A_LOOK = 16;

export class Turn {
  readonly #endMs = performance.now() + TURN_MS;
  readonly #every: number;
  #left: number;

  /** The clock is looked at every so many times that it is asked. */
  constructor(every: number = EVENTS_A_LOOK) {
    this.#every = every;
    this.#left = every;
  }

  /** To be asked after each event, or each few of them. */
  get isOver(): boolean {
    if (--this.#left > 0) return false;
    this.#left = this.#every;
    return performance.now() >= this.#endMs;
  }
}
