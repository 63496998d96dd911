/**
 * Bytes of a long skip need not even be sent to user space: the position up to which that holds.
 *
 * In: where the stream ends, and how many bytes behind that are skipped. Out: a position for the source
 * of the events; null once all bytes are needed again.
 */

/** For fewer bytes the kernel side is not told. */
const MIN_PASS = 256 << 10;
/** Most bytes at a time: the kernel side compares positions modulo 2^32. */
const MAX_PASS = 1 << 30;

export class PassingBy {
  #until: number | null = null;
  readonly #tell: (until: number | null) => void;

  constructor(tell: (until: number | null) => void) {
    this.#tell = tell;
  }

  /** The stream came up to `end`, and `skipLeft` bytes behind it are skipped. */
  skip(end: number, skipLeft: number): void {
    const told = this.#until === null ? 0 : this.#until - end;
    if (told > MAX_PASS / 2 || skipLeft - told < MIN_PASS) return;
    this.#until = end + Math.min(skipLeft, MAX_PASS);
    this.#tell(this.#until);
  }

  /** The skip has ended. */
  end(): void {
    if (this.#until === null) return;
    this.#until = null;
    this.#tell(null);
  }
}
