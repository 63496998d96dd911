/**
 * The kernel's monotonic clock, which events carry, and where it stood on the wall clock when the
 * trace began.
 */
import type { Libc } from "../../ffi/libc.ts";
import type { TraceStart } from "./source.ts";

const TRIES = 8;

/** Nanoseconds since the trace began. */
export class KernelClock {
  readonly start: Pick<TraceStart, "base" | "wallSeconds" | "wallNanos">;
  readonly #libc: Libc;
  /** The trace began at this whole second, plus #nanos, of CLOCK_MONOTONIC. */
  readonly #seconds: number;
  readonly #nanos: number;

  constructor(libc: Libc) {
    this.#libc = libc;
    const now = libc.monotonicSince(0);
    this.#seconds = Math.floor(now / 1e9);
    this.#nanos = libc.monotonicSince(this.#seconds);
    const base = BigInt(this.#seconds) * 1000000000n + BigInt(this.#nanos);
    this.start = {
      base: { low: Number(base & 0xffffffffn), high: Number(base >> 32n) },
      ...this.#wallTime(),
    };
  }

  now(): number {
    return this.#libc.monotonicSince(this.#seconds) - this.#nanos;
  }

  /** Wall time of the trace's start: of several readings the one with the least between its ends. */
  #wallTime(): { wallSeconds: number; wallNanos: number } {
    const whole = Math.floor(Date.now() / 1000);
    let least = Infinity;
    let offset = 0;
    for (let i = 0; i < TRIES; i++) {
      const before = this.now();
      const wall = this.#libc.realtimeSince(whole);
      const after = this.now();
      if (after - before >= least) continue;
      least = after - before;
      offset = wall - (before + after) / 2;
    }
    const nanos = Math.round(offset);
    const carry = Math.floor(nanos / 1e9);
    return { wallSeconds: whole + carry, wallNanos: nanos - carry * 1e9 };
  }
}
