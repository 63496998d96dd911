/**
 * How much of one message may be shown: bytes of each value, bytes of all values, number of values.
 *
 * In: sizes of what is shown. Out: how much more may be, and how many values were left out. It keeps no
 * values.
 */
export class Room {
  values = 0;
  bytes = 0;
  /** So many values found no place. */
  leftOut = 0;

  constructor(
    readonly maxValueBytes: number,
    readonly maxBytes: number = maxValueBytes,
    readonly maxValues: number = 1000,
  ) {}

  /** Bytes that may be shown of the next value. */
  get next(): number {
    return Math.max(0, Math.min(this.maxValueBytes, this.maxBytes - this.bytes));
  }

  /** Counts one more value, or row; false when there are enough already. */
  addValue(): boolean {
    const hasPlace = this.values < this.maxValues;
    if (hasPlace) this.values++;
    else this.leftOut++;
    return hasPlace;
  }

  /** Counts `bytes` as shown. */
  use(bytes: number): void {
    this.bytes += bytes;
  }

  /** How many bytes of a value of `sizeBytes` are shown; counts them. */
  take(sizeBytes: number): number {
    const bytes = Math.min(sizeBytes, this.next);
    this.bytes += bytes;
    return bytes;
  }

  /** Begins the next message. */
  reset(): void {
    this.values = 0;
    this.bytes = 0;
    this.leftOut = 0;
  }
}
