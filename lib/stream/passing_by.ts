/**
 * What is to be skipped for long need not even be sent: up to where nobody will look at a stream.
 *
 * In: where the stream ends, and how much of what is to come is skipped. Out: a position to tell the
 * source of the events; null once all is looked at again.
 */

/** Less is not worth telling the kernel. */
const MIN_PASS = 256 << 10;
/** Told at once, at most: the kernel compares positions modulo 2^32. */
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

  /** Nothing is skipped any more. */
  end(): void {
    if (this.#until === null) return;
    this.#until = null;
    this.#tell(null);
  }
}
