/**
 * A cursor over the bytes of one message.
 *
 * In: a range of bytes. Out: numbers and text in wire order; a number is big endian unless its name
 * says otherwise. A read past the end gives 0 or "" and sets `failed`, and so does every later read; it
 * never throws and never copies the bytes.
 */
import { formatIpv4, formatIpv6 } from "./address.ts";
import { exactNumber } from "./number.ts";
import { base64, utf8 } from "./text.ts";

const HEX = "0123456789abcdef";
const TOO_LONG = Infinity;
const TWO_32 = 4294967296;

export class ByteReader {
  failed = false;
  constructor(
    protected readonly bytes: Uint8Array,
    protected at: number,
    protected readonly end: number,
  ) {}

  get left(): number {
    return this.failed ? 0 : this.end - this.at;
  }

  /** Offset of what is read next. */
  get offset(): number {
    return this.at;
  }

  u8(): number {
    const at = this.take(1);
    return at < 0 ? 0 : this.bytes[at] as number;
  }

  u16(): number {
    const at = this.take(2);
    return at < 0 ? 0 : ((this.bytes[at] as number) << 8) | (this.bytes[at + 1] as number);
  }

  u32(): number {
    const high = this.u16();
    return high * 65536 + this.u16();
  }

  i32(): number {
    return this.u32() | 0;
  }

  /** Exact: it stays below 2^53. */
  u48(): number {
    const high = this.u16();
    return high * TWO_32 + this.u32();
  }

  /** A number, or its decimal digits as a string from 2^53 on, where numbers are not exact. */
  u64(): number | string {
    const high = this.u32();
    return unsigned64(high, this.u32());
  }

  /** A number, or digits, as u64(). */
  i64(): number | string {
    const high = this.i32();
    return signed64(high, this.u32());
  }

  u16le(): number {
    const low = this.u8();
    return low | (this.u8() << 8);
  }

  u24le(): number {
    const low = this.u16le();
    return low | (this.u8() << 16);
  }

  u32le(): number {
    const low = this.u16le();
    return low + this.u16le() * 65536;
  }

  i32le(): number {
    return this.u32le() | 0;
  }

  u64le(): number | string {
    const low = this.u32le();
    return unsigned64(this.u32le(), low);
  }

  i64le(): number | string {
    const low = this.u32le();
    return signed64(this.i32le(), low);
  }

  /** Seven bits a byte, the lowest first, the top bit set on all but the last; fails beyond 32 bits. */
  varint(): number {
    let value = 0;
    for (let scale = 1; scale <= 2 ** 28; scale *= 128) {
      const byte = this.u8();
      value += (byte & 127) * scale;
      if (byte < 128) return value < TWO_32 ? value : this.failNumber();
    }
    return this.failNumber();
  }

  /** A varint whose lowest bit is the sign: 0, -1, 1, -2 … */
  zigzag(): number {
    const value = this.varint();
    return (value >>> 1) ^ -(value & 1);
  }

  /** A varint of up to 64 bits, shown as u64() does; fails beyond. */
  varint64(): number | string {
    const { high, low } = this.varintHalves();
    return unsigned64(high, low);
  }

  /** A zigzag of up to 64 bits, shown as i64() does. */
  zigzag64(): number | string {
    const { high, low } = this.varintHalves();
    const sign = -(low & 1);
    return signed64((high >>> 1) ^ sign, (((low >>> 1) | (high << 31)) ^ sign) >>> 0);
  }

  skip(length: number): void {
    this.take(length);
  }

  /** UTF-8; fails on bytes that are not. */
  text(length: number): string {
    const at = this.take(length);
    if (at < 0) return "";
    return utf8(this.bytes, at, at + length) ?? this.fail();
  }

  hex(length: number, separator = ""): string {
    const at = this.take(length);
    if (at < 0) return "";
    let text = "";
    for (let i = at; i < at + length; i++) {
      const byte = this.bytes[i] as number;
      if (i > at) text += separator;
      text += (HEX[byte >> 4] as string) + (HEX[byte & 15] as string);
    }
    return text;
  }

  base64(length: number): string {
    const at = this.take(length);
    return at < 0 ? "" : base64(this.bytes, at, at + length);
  }

  /** An address of which only the first `length` bytes are there; the others are zero. */
  ipv4(length = 4): string {
    const at = this.take(length <= 4 ? length : TOO_LONG);
    if (at < 0) return "";
    return length === 4 ? formatIpv4(this.bytes, at) : formatIpv4(this.padded(at, length), 0);
  }

  ipv6(length = 16): string {
    const at = this.take(length <= 16 ? length : TOO_LONG);
    if (at < 0) return "";
    return length === 16 ? formatIpv6(this.bytes, at) : formatIpv6(this.padded(at, length), 0);
  }

  fail(): "" {
    this.failed = true;
    return "";
  }

  /** Steps over `length` bytes and returns their offset; -1 where they are not all there. */
  protected take(length: number): number {
    if (this.failed || length > this.end - this.at || length < 0) {
      this.failed = true;
      return -1;
    }
    const at = this.at;
    this.at += length;
    return at;
  }

  /** Two halves of 32 bits: a BigInt a number would cost more than the rest of its message. */
  private varintHalves(): { high: number; low: number } {
    let low = 0, high = 0;
    for (let bits = 0; bits < 70; bits += 7) {
      const byte = this.u8(), part = byte & 127;
      if (bits < 28) low |= part << bits;
      else if (bits > 28) high |= part << (bits - 32);
      else {
        low |= part << 28;
        high = part >>> 4;
      }
      if (byte > 127) continue;
      // Of the tenth byte one bit is left.
      if (bits < 63 || byte < 2) return { high: high >>> 0, low: low >>> 0 };
      break;
    }
    this.failed = true;
    return { high: 0, low: 0 };
  }

  private failNumber(): number {
    this.failed = true;
    return 0;
  }

  private padded(at: number, length: number): Uint8Array {
    const out = new Uint8Array(16);
    out.set(this.bytes.subarray(at, at + length));
    return out;
  }
}

/** Uses BigInt only for values that a number cannot hold. */
function unsigned64(high: number, low: number): number | string {
  if (high < 0x200000) return high * TWO_32 + low;
  return exactNumber(BigInt(high) * BigInt(TWO_32) + BigInt(low));
}

function signed64(high: number, low: number): number | string {
  if (high >= -0x200000 && high < 0x200000 && !(high === -0x200000 && low === 0)) {
    return high * TWO_32 + low;
  }
  return exactNumber(BigInt(high) * BigInt(TWO_32) + BigInt(low));
}
