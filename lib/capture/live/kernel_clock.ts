/**
 * The kernel's monotonic clock, which events carry, and where it stands on the wall clock. In: both
 * clocks. Out: nanoseconds since the trace began, and the wall time of that beginning, anew whenever
 * the wall clock was stepped. It sets no clock.
 *
 * The kernel slews both clocks alike, so their difference changes only by steps (settimeofday(), leap
 * seconds, or a machine that slept, when the monotonic clock stands still). A reading adds the time
 * between asking the two clocks: some tens of nanoseconds, more with a preemption. So a change below
 * STEP_NS is taken for noise.
 */
import type { WallStart } from "../../clock.ts";
import type { TraceStart } from "../source.ts";

const TRIES = 8;
const STEP_NS = 1e6;

/** CLOCK_MONOTONIC and CLOCK_REALTIME, in nanoseconds since a whole second of each. */
export interface Clocks {
  monotonicSince(fromSeconds: number): number;
  realtimeSince(fromSeconds: number): number;
}

/** These clocks in a time namespace: there CLOCK_MONOTONIC is ahead of the kernel's, by `aheadNs`. */
export function behind(clocks: Clocks, aheadNs: number): Clocks {
  const seconds = Math.floor(aheadNs / 1e9);
  const nanos = aheadNs - seconds * 1e9;
  return {
    monotonicSince: (fromSeconds) => clocks.monotonicSince(fromSeconds + seconds) - nanos,
    realtimeSince: (fromSeconds) => clocks.realtimeSince(fromSeconds),
  };
}

/** Nanoseconds since the trace began. */
export class KernelClock {
  readonly start: Pick<TraceStart, "base"> & WallStart;
  readonly #clocks: Clocks;
  /** The trace began at this whole second, plus #nanos, of CLOCK_MONOTONIC. */
  readonly #seconds: number;
  readonly #nanos: number;
  /** Wall time of the trace's beginning: this whole second (that of the reading) plus #wallNs. */
  #wallSecond = 0;
  #wallNs = 0;

  constructor(clocks: Clocks) {
    this.#clocks = clocks;
    const now = clocks.monotonicSince(0);
    this.#seconds = Math.floor(now / 1e9);
    this.#nanos = clocks.monotonicSince(this.#seconds);
    const base = BigInt(this.#seconds) * 1000000000n + BigInt(this.#nanos);
    this.#measure();
    this.start = {
      base: { low: Number(base & 0xffffffffn), high: Number(base >> 32n) },
      ...this.#wallStart(),
    };
  }

  now(): number {
    return this.#clocks.monotonicSince(this.#seconds) - this.#nanos;
  }

  /** The trace's beginning in wall time, if the wall clock was stepped since the last call; else null. */
  stepped(): WallStart | null {
    const wall = this.#clocks.realtimeSince(this.#wallSecond);
    const apart = wall - this.now() - this.#wallNs;
    if (Math.abs(apart) < STEP_NS) return null;
    const [second, ns] = [this.#wallSecond, this.#wallNs];
    this.#measure();
    const step = (this.#wallSecond - second) * 1e9 + (this.#wallNs - ns);
    if (Math.abs(step) >= STEP_NS) return this.#wallStart();
    // No step: the old values stay, so that the noise of many readings does not add up to one.
    this.#wallSecond = second;
    this.#wallNs = ns;
    return null;
  }

  /** Takes the best of several readings: the one that took the least time. */
  #measure(): void {
    this.#wallSecond = Math.floor(this.#clocks.realtimeSince(0) / 1e9);
    let least = Infinity;
    for (let i = 0; i < TRIES; i++) {
      const before = this.now();
      const wall = this.#clocks.realtimeSince(this.#wallSecond);
      const after = this.now();
      if (after - before >= least) continue;
      least = after - before;
      this.#wallNs = Math.round(wall - (before + after) / 2);
    }
  }

  #wallStart(): WallStart {
    const carry = Math.floor(this.#wallNs / 1e9);
    return { wallSeconds: this.#wallSecond + carry, wallNanos: this.#wallNs - carry * 1e9 };
  }
}
