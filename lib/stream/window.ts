/**
 * How many bytes at the front of a stream a plug-in is shown, so that its work is linear in the bytes,
 * whatever they are and however often it looks at them.
 *
 * In: what became of the frames in front. Out: a size that doubles when a frame asks for more, begins
 * small behind garbage, and grows again with every frame. If a start asks for several windows and then
 * is no frame, all these bytes are given up with it, unless as many were taken before. The size follows
 * from positions and from what the plug-in asked for, never from how the bytes were chunked.
 */

/** First window in usual traffic: so large that it makes no difference there. */
export const LARGEST_FIRST = 64 << 10;
/** First window just behind garbage. */
const SMALLEST_FIRST = 256;
/** Bytes that may be looked at in vain before as many must have been taken. */
const FREE_BYTES = 64 << 10;

export class Window {
  /** How many bytes at the front are shown. */
  size = LARGEST_FIRST;
  #first = LARGEST_FIRST;
  /** Bytes that were shown of the frame in front, and were not enough. */
  #vain = 0;
  /** Sum of these over former starts that were no frame and cost one byte only. */
  #vainSum = 0;

  /** The frame in front needs so many bytes. */
  ask(needBytes: number): void {
    while (this.size < needBytes) {
      this.#vain = this.size;
      this.size *= 2;
    }
  }

  /** Another frame, or another part of one, is in front. */
  restart(): void {
    this.size = this.#first;
    this.#vain = 0;
  }

  /** There was a frame. */
  good(): void {
    if (this.#first < LARGEST_FIRST) this.#first *= 2;
  }

  /** There was no frame: how many bytes are given up, when `passed` bytes were taken before. */
  bad(passed: number): number {
    this.#first = SMALLEST_FIRST;
    const vain = this.#vain;
    if (this.#vainSum + vain > passed + FREE_BYTES) return vain;
    this.#vainSum += vain;
    return 1;
  }
}
