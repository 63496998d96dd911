/**
 * Remembers connections that were closed and forgotten not long ago. In: their ids. Out: was this one
 * of them? Bounded in number and in event time: an id is remembered for 60 to 120 seconds.
 */
const TURN_NS = 60e9;
const MAX_IDS = 16384;

export class RecentIds {
  #young = new Set<number>();
  #old = new Set<number>();
  #turnedNs = -Infinity;

  add(id: number, nowNs: number): void {
    this.#turn(nowNs);
    this.#young.add(id);
  }

  has(id: number, nowNs: number): boolean {
    if (this.#young.size + this.#old.size === 0) return false;
    this.#turn(nowNs);
    return this.#young.has(id) || this.#old.has(id);
  }

  delete(id: number): void {
    this.#young.delete(id);
    this.#old.delete(id);
  }

  #turn(nowNs: number): void {
    const since = nowNs - this.#turnedNs;
    if (since < TURN_NS && this.#young.size < MAX_IDS) return;
    this.#old = since < 2 * TURN_NS ? this.#young : new Set();
    this.#young = new Set();
    this.#turnedNs = nowNs;
  }
}
