/**
 * How long one turn of the event loop may take, so that signals and output do not wait longer, whatever
 * the events cost. In: how much was done. Out: whether the turn is over. The clock is read once for
 * some work, since the cost of each event is bounded (lib/conn/outbox.ts, lib/conn/table.ts).
 */

/** With the largest event, and whatever else follows in the turn, this stays below 50 ms. */
const TURN_MS = 10;
/** The clock is read once for so much work; a record is 1 (one or two microseconds). */
const WORK_A_LOOK = 512;
const EVENT_WORK = 32;

export class Turn {
  #endMs = performance.now() + TURN_MS;
  #left = WORK_A_LOOK;

  /** Counts records that were written. */
  spend(records: number): void {
    this.#left -= records;
  }

  /** No more events now: what the last one left is to be done first. */
  end(): void {
    this.#endMs = -Infinity;
    this.#left = 0;
  }

  /** Enough was done to read the clock. */
  get isDue(): boolean {
    return this.#left <= 0;
  }

  /** To be called after each event. */
  get isOver(): boolean {
    this.#left -= EVENT_WORK;
    return this.#left <= 0 && this.look();
  }

  /** As isOver, but reads the clock in any case. */
  look(): boolean {
    this.#left = WORK_A_LOOK;
    return performance.now() >= this.#endMs;
  }
}
