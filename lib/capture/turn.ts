/**
 * How long one turn of the event loop may take, so that signals and output do not wait longer, whatever
 * the events cost. In: nothing. Out: whether the turn is over. The clock is read once for some events,
 * since each event's cost is bounded.
 */

/** With the largest event, and whatever else follows in the turn, this stays below 50 ms. */
const TURN_MS = 15;
/** The clock is read once for so many events, or connections at the end of a trace. */
const EVENTS_A_LOOK = 16;

export class Turn {
  readonly #endMs = performance.now() + TURN_MS;
  readonly #every: number;
  #left: number;

  /** `every`: isOver reads the clock once in so many calls. */
  constructor(every: number = EVENTS_A_LOOK) {
    this.#every = every;
    this.#left = every;
  }

  /** To be called after each event, or after each few. */
  get isOver(): boolean {
    if (--this.#left > 0) return false;
    this.#left = this.#every;
    return performance.now() >= this.#endMs;
  }
}
