/**
 * A cursor over values in DER (X.690). In: a range of bytes. Out: one value after the other, their
 * insides by a cursor of their own. A value that does not fit, a length without end and a tag of more
 * than a byte end it: `failed`. It never throws, and nests only as deep as its caller asks.
 */

export const Tag = {
  INTEGER: 2,
  OID: 6,
  UTF8_STRING: 12,
  NUMERIC_STRING: 18,
  PRINTABLE_STRING: 19,
  T61_STRING: 20,
  IA5_STRING: 22,
  UTC_TIME: 23,
  GENERALIZED_TIME: 24,
  VISIBLE_STRING: 26,
  UNIVERSAL_STRING: 28,
  BMP_STRING: 30,
  SEQUENCE: 0x30,
  SET: 0x31,
} as const;

/** Low bits of a tag that continues in the next byte. */
const LONG_TAG = 0x1f;
/** Lengths of more bytes are longer than any message. */
const MAX_LENGTH_BYTES = 3;

export class DerReader {
  failed = false;
  /** The current value: its tag, where it begins, and where its contents lie. */
  tag = -1;
  start = 0;
  from = 0;
  to = 0;
  readonly bytes: Uint8Array;
  readonly #end: number;
  #at: number;

  constructor(bytes: Uint8Array, start: number, end: number) {
    this.bytes = bytes;
    this.#at = start;
    this.#end = Math.min(end, bytes.length);
  }

  /** Goes to the next value; false at the end, and where there is none. */
  next(): boolean {
    if (this.failed || this.#at >= this.#end) return false;
    this.start = this.#at;
    this.tag = this.#byte();
    if ((this.tag & LONG_TAG) === LONG_TAG) this.failed = true;
    const length = this.#length();
    this.from = this.#at;
    if (this.failed || length > this.#end - this.#at) {
      this.failed = true;
      return false;
    }
    this.#at = this.to = this.from + length;
    return true;
  }

  /** Goes to the next value, which must have that tag. */
  expect(tag: number): boolean {
    if (this.next() && this.tag === tag) return true;
    this.failed = true;
    return false;
  }

  /** A cursor over the current value's contents. */
  inside(): DerReader {
    const inside = new DerReader(this.bytes, this.from, this.to);
    inside.failed = this.failed;
    return inside;
  }

  #length(): number {
    const first = this.#byte();
    if (first < 0x80) return first;
    const count = first & 0x7f;
    if (count === 0 || count > MAX_LENGTH_BYTES) this.failed = true;
    let length = 0;
    for (let i = 0; i < count && !this.failed; i++) length = length * 256 + this.#byte();
    return length;
  }

  #byte(): number {
    if (this.#at >= this.#end) {
      this.failed = true;
      return 0;
    }
    return this.bytes[this.#at++] as number;
  }
}
