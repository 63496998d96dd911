/**
 * One turn of the event loop: signals, output and other connections wait no longer than that,
 * whatever the events at hand cost. In: what was done. Out: when it is over. The clock is read once
 * for some work, of which an event is the least: what one event may cost is bounded elsewhere.
 */

/** With what follows in the same turn, and the largest event, still below 50 ms. */
const TURN_MS = 15;
/** Between two looks at the clock; a record's is 1, some microsecond or two. */
const WORK_A_LOOK = 512;
const EVENT_WORK = 32;

export class Turn {
  readonly #endMs = performance.now() + TURN_MS;
  #left = WORK_A_LOOK;

  /** So many records were written. */
  spend(records: number): void {
    this.#left -= records;
  }

  /** Enough was done to look at the clock: for loops over events that do not ask after each. */
  get isDue(): boolean {
    return this.#left <= 0;
  }

  /** To be asked after each event. */
  get isOver(): boolean {
    this.#left -= EVENT_WORK;
    return this.#left <= 0 && this.look();
  }

  /** Is it over, by the clock? */
  look(): boolean {
    this.#left = WORK_A_LOOK;
    return performance.now() >= this.#endMs;
  }
}
