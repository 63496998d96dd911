/**
 * A cursor over the data of one record.
 *
 * In: a range of a message. Out: numbers, names and text in wire order. A read past the end gives
 * zero or "" and sets `failed`, once and for all; it never throws and never keeps the bytes.
 */
import { formatIpv4, formatIpv6 } from "../../lib/wire/address.ts";
import { base64, utf8 } from "../../lib/wire/text.ts";
import type { NameReader } from "./name.ts";

const HEX = "0123456789abcdef";
const TOO_LONG = Infinity;

export class DataReader {
  failed = false;
  constructor(
    private readonly bytes: Uint8Array,
    private at: number,
    private readonly end: number,
    private readonly names: NameReader,
  ) {}

  get left(): number {
    return this.failed ? 0 : this.end - this.at;
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

  /** Exact below 2^53; times and sizes stay below. */
  u48(): number {
    const high = this.u16();
    return high * 4294967296 + this.u32();
  }

  /** Compression is followed wherever it stands, also where RFC 3597 forbids it. */
  name(): string {
    if (this.failed) return "";
    const name = this.names.read(this.at);
    if (name === null || this.names.after > this.end) return this.fail();
    this.at = this.names.after;
    return name;
  }

  /** `length` bytes, the rest zero. */
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

  /** UTF-8; fails where it is not. */
  text(length: number): string {
    const at = this.take(length);
    if (at < 0) return "";
    return utf8(this.bytes, at, at + length) ?? this.fail();
  }

  /** A length byte and as much text (RFC 1035 section 3.3, <character-string>). */
  string(): string {
    return this.text(this.u8());
  }

  /** Character strings up to the end. */
  strings(): string[] {
    const out: string[] = [];
    while (this.left > 0) out.push(this.string());
    return out;
  }

  /** A reader on the same bytes: reading there leaves this one where it is. */
  fork(): DataReader {
    return new DataReader(this.bytes, this.at, this.end, this.names);
  }

  /** The same reader on the next `length` bytes. */
  part(length: number): DataReader {
    const at = this.take(length);
    const start = at < 0 ? this.end : at;
    return new DataReader(this.bytes, start, start + (at < 0 ? 0 : length), this.names);
  }

  fail(): "" {
    this.failed = true;
    return "";
  }

  private padded(at: number, length: number): Uint8Array {
    const out = new Uint8Array(16);
    out.set(this.bytes.subarray(at, at + length));
    return out;
  }

  private take(length: number): number {
    if (this.failed || length > this.end - this.at) {
      this.failed = true;
      return -1;
    }
    const at = this.at;
    this.at += length;
    return at;
  }
}
