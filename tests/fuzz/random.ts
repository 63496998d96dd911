/**
 * Choices that depend on nothing but a seed. In: numbers. Out: a Random, the same for the same ones.
 */
import { seeded } from "../support/events.ts";

/** Lengths and counts that break what trusts them. */
const EXTREMES: readonly number[] = [
  ...[0, 1, 2, 127, 128, 255, 256, 32767, 32768, 65535, 65536, 1 << 20, 1 << 24],
  ...[2 ** 31 - 1, 2 ** 31, 2 ** 32 - 1, 2 ** 32, 2 ** 48, 2 ** 53 - 2 ** 34],
];

export class Random {
  readonly #next: () => number;

  constructor(...seeds: number[]) {
    let state = 0;
    for (const seed of seeds) state = Math.imul(state ^ seed, 0x9e3779b1) ^ (state >>> 15);
    this.#next = seeded(state);
  }

  /** A whole number in [0, limit). */
  below(limit: number): number {
    return Math.floor(this.#next() * limit);
  }

  chance(probability: number): boolean {
    return this.#next() < probability;
  }

  /** One of a list that is not empty. */
  pick<T>(list: readonly T[]): T {
    return list[this.below(list.length)] as T;
  }

  /** Mostly small, at most `limit`: each doubling is half as likely. */
  small(limit: number): number {
    let most = 2;
    while (most < limit && this.chance(0.5)) most *= 2;
    return Math.min(limit, this.below(most) + 1);
  }

  /** A number near a limit of some encoding, below 2^53. */
  extreme(): number {
    return Math.max(0, this.pick(EXTREMES) + (this.chance(0.3) ? this.below(5) - 2 : 0));
  }

  bytes(length: number): Uint8Array {
    return Uint8Array.from({ length }, () => this.below(256));
  }
}
