/**
 * Event time as wall time. In: nanoseconds since the trace began, and what the wall clock showed at
 * that beginning; again when it was stepped. Out: RFC 3339 in UTC with nanoseconds. It never asks
 * what time it is: the trace's start and its events say how the two relate.
 */
import type { WallStart } from "./capture/source.ts";

const NANOS = 1e9;
const MILLI = 1e6;
const MAX_SECONDS = 8.64e12;
/** Steps that are remembered: messages that began before those get the oldest one's time. */
const MAX_STEPS = 16;

/** "000" to "999", and the same with a Z behind. */
const THREE = Array.from({ length: 1000 }, (_, i) => String(i).padStart(3, "0"));
const THREE_Z = THREE.map((digits) => `${digits}Z`);

export class WallClock {
  #wallSeconds: number;
  #wallNanos: number;
  /** From this event time on; what was before is for the clocks of before, the latest first. */
  #sinceNs = -Infinity;
  readonly #before: WallClock[] = [];
  #second = NaN;
  #secondText = "";
  /** The millisecond of the last time asked for: of busy traces it is the next one's, too. */
  #milliNanos = NaN;
  #milliText = "";

  constructor(start: WallStart) {
    this.#wallSeconds = start.wallSeconds;
    this.#wallNanos = start.wallNanos;
  }

  /** The wall clock was stepped: from `sinceNs` on the trace's beginning was at that time. */
  step(sinceNs: number, start: WallStart): void {
    const { wallSeconds, wallNanos } = start;
    const before = new WallClock({ wallSeconds: this.#wallSeconds, wallNanos: this.#wallNanos });
    before.#sinceNs = this.#sinceNs;
    this.#before.unshift(before);
    if (this.#before.length > MAX_STEPS) this.#before.pop();
    this.#wallSeconds = wallSeconds;
    this.#wallNanos = wallNanos;
    this.#sinceNs = sinceNs;
    this.#second = NaN;
    this.#milliNanos = NaN;
  }

  /** "2026-11-21T12:00:00.000000001Z"; exact while `ns` is an integer below 2^53. */
  format(ns: number): string {
    if (ns < this.#sinceNs) return this.#clockAt(ns).#text(ns);
    return this.#text(ns);
  }

  #clockAt(ns: number): WallClock {
    return this.#before.find((clock) => ns >= clock.#sinceNs) ?? this.#before.at(-1) ?? this;
  }

  #text(ns: number): string {
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
