/**
 * The first bytes of something that comes in pieces.
 *
 * In: pieces. Out: a copy of their first bytes, as many as the limit allows. Its memory grows by
 * doubling, never beyond the limit.
 */

/** Memory of this size and more is freed at once, not left to the collector. */
const LARGE_BYTES = 2048;

export class KeptBytes {
  /** The first `length` of these are kept. */
  bytes = new Uint8Array(0);
  length = 0;

  constructor(public limit: number) {}

  /** The limit is reached: add() keeps nothing more. */
  get isFull(): boolean {
    return this.length >= this.limit;
  }

  /** Bytes of memory. */
  get heldBytes(): number {
    return this.bytes.length;
  }

  /** Adds the bytes [start, end) of `from`. */
  add(from: Uint8Array, start: number, end: number): void {
    const take = Math.min(end - start, this.limit - this.length);
    if (take <= 0) return;
    this.#reserve(this.length + take);
    this.bytes.set(from.subarray(start, start + take), this.length);
    this.length += take;
  }

  /** Forgets the bytes and keeps the memory. */
  reset(limit: number): void {
    this.length = 0;
    this.limit = limit;
  }

  /** Forgets the bytes and frees the memory; views of it become empty. */
  release(): void {
    if (this.bytes.length >= LARGE_BYTES) this.bytes.buffer.transfer(0);
    this.bytes = new Uint8Array(0);
    this.length = 0;
  }

  #reserve(needBytes: number): void {
    if (needBytes <= this.bytes.length) return;
    const sizeBytes = Math.min(this.limit, Math.max(needBytes, this.bytes.length * 2));
    // transfer() frees the old memory at once, which the collector would do later.
    this.bytes = new Uint8Array(this.bytes.buffer.transfer(sizeBytes));
  }
}
