/**
 * How much of a stream a plug-in is shown of what is in front, so that its work is linear in the
 * bytes, whatever they are and however often it looks at them.
 *
 * In: what became of the frames in front. Out: a size that doubles as the frame asks for more, begins
 * small behind garbage, and grows again with every frame. What asked beyond one window after the other
 * and was no frame then costs these bytes, unless as many were got through before. All of it follows
 * from positions and from what the plug-in asked for, never from how the bytes were cut.
 */

/** A read or two: nothing is to be seen of it in usual traffic. */
export const LARGEST_FIRST = 64 << 10;
/** Just behind garbage. */
const SMALLEST_FIRST = 256;
/** Bytes that may be looked at in vain without having got through as many. */
const FREE_BYTES = 64 << 10;

export class Window {
  /** Bytes that are shown of what is in front. */
  size = LARGEST_FIRST;
  #first = LARGEST_FIRST;
  /** What was shown of the frame in front, and was not enough. */
  #vain = 0;
  /** The same of former ones that cost a byte only. */
  #vainSum = 0;

  /** The frame in front needs so many bytes. */
  ask(needBytes: number): void {
    while (this.size < needBytes) {
      this.#vain = this.size;
      this.size *= 2;
    }
  }

  /** Another frame, or another part of it, is in front. */
  restart(): void {
    this.size = this.#first;
    this.#vain = 0;
  }

  /** There was a frame. */
  good(): void {
    if (this.#first < LARGEST_FIRST) this.#first *= 2;
  }

  /** There was none: how many bytes are given up with it, `passed` ones having been got through? */
  bad(passed: number): number {
    this.#first = SMALLEST_FIRST;
    const vain = this.#vain;
    if (this.#vainSum + vain > passed + FREE_BYTES) return vain;
    this.#vainSum += vain;
    return 1;
  }
}
