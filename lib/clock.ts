/**
 * Event time as wall time. In: nanoseconds since the trace began. Out: RFC 3339 in UTC with
 * nanoseconds. It never asks what time it is: the trace's start says how the two relate.
 */

const NANOS = 1e9;
const MAX_SECONDS = 8.64e12;

export class WallClock {
  readonly #wallSeconds: number;
  readonly #wallNanos: number;
  #second = NaN;
  #prefix = "";

  constructor(start: { readonly wallSeconds: number; readonly wallNanos: number }) {
    this.#wallSeconds = start.wallSeconds;
    this.#wallNanos = start.wallNanos;
  }

  /** "2026-11-21T12:00:00.000000001Z"; exact while `ns` is an integer below 2^53. */
  format(ns: number): string {
    const nanos = this.#wallNanos + ns;
    const seconds = Math.floor(nanos / NANOS);
    if (seconds !== this.#second) {
      this.#second = seconds;
      const unix = Math.min(Math.max(this.#wallSeconds + seconds, -MAX_SECONDS), MAX_SECONDS);
      this.#prefix = new Date(unix * 1000).toISOString().slice(0, -4);
    }
    const fraction = nanos - seconds * NANOS + NANOS;
    return this.#prefix + String(fraction).slice(1) + "Z";
  }
}
