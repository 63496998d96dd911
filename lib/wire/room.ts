/**
 * How much may be shown of one message: of each value, of all of them, and how many.
 *
 * In: what was shown. Out: what may be, and whether all was. It keeps numbers, no values.
 */
export class Room {
  /** Something was not shown, or not as a whole. */
  isCut = false;
  values = 0;
  bytes = 0;

  constructor(
    readonly maxValueBytes: number,
    readonly maxBytes: number = maxValueBytes,
    readonly maxValues: number = 1000,
  ) {}

  /** Bytes that may be shown of the next value. */
  get next(): number {
    return Math.max(0, Math.min(this.maxValueBytes, this.maxBytes - this.bytes));
  }

  /** Takes the place of one value; false when there are enough. */
  addValue(): boolean {
    if (this.values < this.maxValues) {
      this.values++;
      return true;
    }
    this.isCut = true;
    return false;
  }

  /** `bytes` are shown. */
  use(bytes: number): void {
    this.bytes += bytes;
  }

  /** Of `sizeBytes` so many are shown. */
  take(sizeBytes: number): number {
    const bytes = Math.min(sizeBytes, this.next);
    if (bytes < sizeBytes) this.isCut = true;
    this.bytes += bytes;
    return bytes;
  }

  /** For the next message. */
  reset(): void {
    this.isCut = false;
    this.values = 0;
    this.bytes = 0;
  }
}

/** Rows of a table: those that there is room for, and the number of all. */
export class Rows<T> {
  readonly shown: T[] = [];
  count = 0;
  readonly #room: Room;

  constructor(room: Room) {
    this.#room = room;
  }

  /** There is one more. True: it is to be decoded, and added to `shown`. */
  next(): boolean {
    this.count++;
    if (this.#room.next === 0) this.#room.isCut = true;
    return this.#room.next > 0 && this.#room.addValue();
  }

  /** Rows are missing, or a value of one is cut. */
  get isTruncated(): boolean {
    return this.#room.isCut;
  }
}
