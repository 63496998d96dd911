/**
 * Event time as wall time. In: nanoseconds since the trace began, and the wall time of that beginning,
 * anew whenever the wall clock was stepped. Out: RFC 3339 in UTC with nanoseconds. It reads no clock:
 * the trace's start and its events say how the two relate.
 */
import { JsonBuffer } from "./wire/json.ts";

const NANOS = 1e9;
const UTC = 0x5a;
const MAX_SECONDS = 8.64e12;
/** Steps that are remembered: messages before the oldest of them get the wall time of that one. */
const MAX_STEPS = 16;

/** Unix time of a trace's beginning: whole seconds, and nanoseconds within that second. */
export interface WallStart {
  readonly wallSeconds: number;
  readonly wallNanos: number;
}

/** A moment of a trace, which JSON shows as a string. */
export class WallTime {
  readonly #clock: WallClock;
  readonly #ns: number;

  constructor(clock: WallClock, ns: number) {
    this.#clock = clock;
    this.#ns = ns;
  }

  /** "2026-11-21T12:00:00.000000001Z". */
  toString(): string {
    return this.#clock.format(this.#ns);
  }

  toJSON(): string {
    return this.toString();
  }

  /** Writes toString() to `out`, without quotes. */
  write(out: JsonBuffer): void {
    this.#clock.write(this.#ns, out);
  }
}

export class WallClock {
  #wallSeconds: number;
  #wallNanos: number;
  /** This clock holds from this event time on; before it, those of `#before`, the latest first. */
  #sinceNs = -Infinity;
  readonly #before: WallClock[] = [];
  /** The second that was formatted last: on busy traces the next time is in the same one. */
  #secondNanos = NaN;
  #secondBytes = new Uint8Array(0);

  constructor(start: WallStart) {
    this.#wallSeconds = start.wallSeconds;
    this.#wallNanos = start.wallNanos;
  }

  /** The wall clock was stepped: from `sinceNs` on, the trace's beginning has this wall time. */
  step(sinceNs: number, start: WallStart): void {
    const { wallSeconds, wallNanos } = start;
    const before = new WallClock({ wallSeconds: this.#wallSeconds, wallNanos: this.#wallNanos });
    before.#sinceNs = this.#sinceNs;
    this.#before.unshift(before);
    if (this.#before.length > MAX_STEPS) this.#before.pop();
    this.#wallSeconds = wallSeconds;
    this.#wallNanos = wallNanos;
    this.#sinceNs = sinceNs;
    this.#secondNanos = NaN;
  }

  /** "2026-11-21T12:00:00.000000001Z"; exact while `ns` is an integer below 2^53. */
  format(ns: number): string {
    const out = new JsonBuffer(64);
    this.write(ns, out);
    return new TextDecoder().decode(out.bytes.subarray(0, out.length));
  }

  /** Writes format() to `out` as bytes. */
  write(ns: number, out: JsonBuffer): void {
    const clock = ns < this.#sinceNs ? this.#clockAt(ns) : this;
    const nanos = clock.#wallNanos + ns;
    let rest = nanos - clock.#secondNanos;
    if (!(rest >= 0 && rest < NANOS)) rest = clock.#moveTo(nanos);
    out.raw(clock.#secondBytes);
    out.digits(rest, 9);
    out.byte(UTC);
  }

  #clockAt(ns: number): WallClock {
    return this.#before.find((clock) => ns >= clock.#sinceNs) ?? this.#before.at(-1) ?? this;
  }

  /** Formats the second that `nanos` lie in, if it is another one; returns the nanoseconds within it. */
  #moveTo(nanos: number): number {
    const seconds = Math.floor(nanos / NANOS);
    const unix = Math.min(Math.max(this.#wallSeconds + seconds, -MAX_SECONDS), MAX_SECONDS);
    const text = new Date(unix * 1000).toISOString().slice(0, -4);
    this.#secondBytes = new TextEncoder().encode(text);
    this.#secondNanos = seconds * NANOS;
    return nanos - this.#secondNanos;
  }
}
