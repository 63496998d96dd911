/**
 * The first bytes of something that comes in pieces.
 *
 * In: pieces. Out: as many of their bytes, from the first on, as the limit allows. It copies, grows by
 * doubling, and never beyond the limit.
 */

/** Memory that is not left to the collector. */
const LARGE_BYTES = 2048;

export class KeptBytes {
  /** Those kept are the first `length` of these. */
  bytes = new Uint8Array(0);
  length = 0;

  constructor(public limit: number) {}

  /** Nothing more is kept. */
  get isFull(): boolean {
    return this.length >= this.limit;
  }

  /** Bytes of memory. */
  get heldBytes(): number {
    return this.bytes.length;
  }

  /** The next bytes: [start, end). */
  add(from: Uint8Array, start: number, end: number): void {
    const take = Math.min(end - start, this.limit - this.length);
    if (take <= 0) return;
    this.#reserve(this.length + take);
    this.bytes.set(from.subarray(start, start + take), this.length);
    this.length += take;
  }

  /** Begins anew, in the same memory. */
  reset(limit: number): void {
    this.length = 0;
    this.limit = limit;
  }

  /** Forgets them and gives the memory back; a view of it is empty then. */
  release(): void {
    if (this.bytes.length >= LARGE_BYTES) this.bytes.buffer.transfer(0);
    this.bytes = new Uint8Array(0);
    this.length = 0;
  }

  #reserve(needBytes: number): void {
    if (needBytes <= this.bytes.length) return;
    const sizeBytes = Math.min(this.limit, Math.max(needBytes, this.bytes.length * 2));
    // What was kept before is let go of at once, and not left to the collector.
    this.bytes = new Uint8Array(this.bytes.buffer.transfer(sizeBytes));
  }
}
