/**
 * How much of one message may be shown: bytes of each value, bytes of all values, number of values.
 *
 * In: sizes of what is shown. Out: how much more may be, and whether anything was left out. It keeps
 * no values.
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

  /** Counts one more value; false when there are enough already. */
  addValue(): boolean {
    if (this.values < this.maxValues) {
      this.values++;
      return true;
    }
    this.isCut = true;
    return false;
  }

  /** Counts `bytes` as shown. */
  use(bytes: number): void {
    this.bytes += bytes;
  }

  /** How many bytes of a value of `sizeBytes` are shown; counts them. */
  take(sizeBytes: number): number {
    const bytes = Math.min(sizeBytes, this.next);
    if (bytes < sizeBytes) this.isCut = true;
    this.bytes += bytes;
    return bytes;
  }

  /** Begins the next message. */
  reset(): void {
    this.isCut = false;
    this.values = 0;
    this.bytes = 0;
  }
}

/** Rows of a table: the first ones, as far as there is room, and the number of all. */
export class Rows<T> {
  readonly shown: T[] = [];
  count = 0;
  readonly #room: Room;

  constructor(room: Room) {
    this.#room = room;
  }

  /** Counts one more row. True: the caller decodes it and adds it to `shown`. */
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
