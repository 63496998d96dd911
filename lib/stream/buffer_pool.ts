/**
 * Buffers lent to streams. In: sizes. Out: byte arrays of a power of two. A stream gives its buffer
 * back as soon as it is empty, so that idle connections hold none and busy ones share a warm few.
 * It never clears a buffer and never lends one twice.
 */

const SMALLEST_BITS = 12;
const LARGEST_KEPT_BITS = 20;
const KEPT_BYTES = 4 << 20;
/** Memory that is not left to the collector, which may take its time. */
const LARGE_BYTES = 64 << 10;
/** A mark, measured on the heap. */
const MARK_BYTES = 96;

export class BufferPool {
  /** Bytes lent now. */
  lentBytes = 0;
  /** What streams remember of when their bytes moved: a mark an operation. */
  marks = 0;
  #keptBytes = 0;
  readonly #kept: Uint8Array[][] = [];

  constructor() {
    for (let bits = SMALLEST_BITS; bits <= LARGEST_KEPT_BITS; bits++) this.#kept.push([]);
  }

  /** What counts against the memory limit. */
  get heldBytes(): number {
    return this.lentBytes + MARK_BYTES * this.marks;
  }

  /** A buffer of at least `minBytes`. */
  lend(minBytes: number): Uint8Array {
    const bits = Math.max(SMALLEST_BITS, 32 - Math.clz32(minBytes - 1));
    const buffer = this.#kept[bits - SMALLEST_BITS]?.pop();
    if (buffer !== undefined) {
      this.#keptBytes -= buffer.length;
      this.lentBytes += buffer.length;
      return buffer;
    }
    const fresh = new Uint8Array(2 ** bits);
    this.lentBytes += fresh.length;
    return fresh;
  }

  /** Takes back what lend() gave; the caller forgets it. */
  giveBack(buffer: Uint8Array): void {
    this.lentBytes -= buffer.length;
    const kept = this.#kept[31 - Math.clz32(buffer.length) - SMALLEST_BITS];
    if (kept === undefined || this.#keptBytes + buffer.length > KEPT_BYTES) {
      if (buffer.length >= LARGE_BYTES && buffer.buffer instanceof ArrayBuffer) {
        buffer.buffer.transfer(0);
      }
      return;
    }
    this.#keptBytes += buffer.length;
    kept.push(buffer);
  }
}
