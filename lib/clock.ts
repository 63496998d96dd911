/**
 * Event time as wall time. In: nanoseconds since the trace began. Out: RFC 3339 in UTC with
 * nanoseconds. It never asks what time it is: the trace's start says how the two relate.
 */

const NANOS = 1e9;
const MILLI = 1e6;
const MAX_SECONDS = 8.64e12;

/** "000" to "999", and the same with a Z behind. */
const THREE = Array.from({ length: 1000 }, (_, i) => String(i).padStart(3, "0"));
const THREE_Z = THREE.map((digits) => `${digits}Z`);

export class WallClock {
  readonly #wallSeconds: number;
  readonly #wallNanos: number;
  #second = NaN;
  #secondText = "";
  /** The millisecond of the last time asked for: of busy traces it is the next one's, too. */
  #milliNanos = NaN;
  #milliText = "";

  constructor(start: { readonly wallSeconds: number; readonly wallNanos: number }) {
    this.#wallSeconds = start.wallSeconds;
    this.#wallNanos = start.wallNanos;
  }

  /** "2026-11-21T12:00:00.000000001Z"; exact while `ns` is an integer below 2^53. */
  format(ns: number): string {
    const nanos = this.#wallNanos + ns;
    let rest = nanos - this.#milliNanos;
    if (!(rest >= 0 && rest < MILLI)) rest = this.#moveTo(nanos);
    const micros = (rest / 1000) | 0;
    return this.#milliText + ((THREE[micros] as string) + THREE_Z[(rest - micros * 1000) | 0]);
  }

  /** To the millisecond of `nanos`; what is left of them behind it. */
  #moveTo(nanos: number): number {
    const seconds = Math.floor(nanos / NANOS);
    if (seconds !== this.#second) {
      this.#second = seconds;
      const unix = Math.min(Math.max(this.#wallSeconds + seconds, -MAX_SECONDS), MAX_SECONDS);
      this.#secondText = new Date(unix * 1000).toISOString().slice(0, -4);
    }
    const millis = Math.floor((nanos - seconds * NANOS) / MILLI);
    this.#milliText = this.#secondText + THREE[millis];
    this.#milliNanos = seconds * NANOS + millis * MILLI;
    return nanos - this.#milliNanos;
  }
}
