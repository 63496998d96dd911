/**
 * How much may be shown of one message: of each value, of all of them, and how many.
 *
 * In: what was shown. Out: what may be, and what was left out. It keeps numbers, no values.
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

  /** Takes the place of one value, or row; false when there are enough. */
  addValue(): boolean {
    const hasPlace = this.values < this.maxValues;
    if (hasPlace) this.values++;
    else this.leftOut++;
    return hasPlace;
  }

  /** `bytes` are shown. */
  use(bytes: number): void {
    this.bytes += bytes;
  }

  /** Of `sizeBytes` so many are shown. */
  take(sizeBytes: number): number {
    const bytes = Math.min(sizeBytes, this.next);
    this.bytes += bytes;
    return bytes;
  }

  /** For the next message. */
  reset(): void {
    this.values = 0;
    this.bytes = 0;
    this.leftOut = 0;
  }
}
