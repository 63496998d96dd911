/**
 * The kernel's monotonic clock, which events carry, and where it stands on the wall clock. In: both
 * clocks. Out: nanoseconds since the trace began, and the wall time of that beginning, anew whenever
 * the wall clock was stepped. It sets no clock.
 *
 * The kernel slews both clocks alike, so that the difference between them changes by steps alone
 * (settimeofday(), leap seconds, a machine that slept: the monotonic clock did not run). What a
 * reading adds is the time between asking the one and the other, some tens of nanoseconds, or a
 * preemption: a difference below STEP_NS is neither believed nor corrected.
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

/** The same where CLOCK_MONOTONIC is ahead of the kernel's own, which no time namespace shifts. */
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
  /** Wall time of that: this whole second (of the reading: near enough for exact numbers) plus #wallNs. */
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

  /** The wall time of the trace's beginning when it is another one than before, else null. */
  stepped(): WallStart | null {
    const wall = this.#clocks.realtimeSince(this.#wallSecond);
    const apart = wall - this.now() - this.#wallNs;
    if (Math.abs(apart) < STEP_NS) return null;
    const [second, ns] = [this.#wallSecond, this.#wallNs];
    this.#measure();
    const step = (this.#wallSecond - second) * 1e9 + (this.#wallNs - ns);
    if (Math.abs(step) >= STEP_NS) return this.#wallStart();
    // Only this reading was held up: the old one stays, for noise must not add up to a step.
    this.#wallSecond = second;
    this.#wallNs = ns;
    return null;
  }

  /** Of several readings the one with the least between its ends. */
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
