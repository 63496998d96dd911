/**
 * Domain names on the wire (RFC 1035 section 4.1.4) as text.
 *
 * In: a message and an offset. Out: presentation form and the offset behind the name. It never
 * throws, follows a pointer only backwards, and reads at most 255 octets of labels.
 */
import { latin1 } from "../../lib/wire/text.ts";

const MAX_NAME_BYTES = 255;
const DOT = 46;
const BACKSLASH = 92;
const ZERO = 48;

// The text of the name being read, made a string in one call; an octet takes four ("\007") at most.
const text = new Uint8Array(4 * MAX_NAME_BYTES);

/** Reads the names of one message: the bytes from `origin`, where pointers count from, to `end`. */
export class NameReader {
  /** Offset behind the name read last. */
  after = 0;
  // The last bare pointer's target and its name: most records repeat their owner by the same pointer.
  private target = -1;
  private pointed = "";

  constructor(
    private readonly bytes: Uint8Array,
    private readonly origin: number,
    private readonly end: number,
  ) {}

  /** The name at `offset`, no trailing dot (the root: "."); null when it is cut, loops or is too long. */
  read(offset: number): string | null {
    const first = offset < this.end ? this.bytes[offset] as number : 0;
    if (first < 0xc0) return this.follow(offset);
    const target = offset + 1 < this.end
      ? ((first & 63) << 8) | (this.bytes[offset + 1] as number)
      : -1;
    if (target < 0 || target !== this.target || this.origin + target >= offset) {
      const name = this.follow(offset);
      if (name !== null) [this.target, this.pointed] = [target, name];
      return name;
    }
    this.after = offset + 2;
    return this.pointed;
  }

  private follow(offset: number): string | null {
    const bytes = this.bytes;
    let at = offset;
    let lowest = offset; // a pointer must lead below where this part of the name began: no loops
    let after = -1;
    let size = 1;
    let written = 0;
    for (;;) {
      if (at >= this.end) return null;
      const length = bytes[at] as number;
      if (length === 0) break;
      if (length > 63) {
        if (length < 0xc0 || at + 2 > this.end) return null;
        const target = this.origin + (((length & 63) << 8) | (bytes[at + 1] as number));
        if (target >= lowest) return null;
        if (after < 0) after = at + 2;
        at = lowest = target;
        continue;
      }
      const next = at + 1 + length;
      size += length + 1;
      if (size > MAX_NAME_BYTES || next > this.end) return null;
      if (written > 0) text[written++] = DOT;
      written = writeLabel(bytes, at + 1, next, written);
      at = next;
    }
    this.after = after < 0 ? at + 1 : after;
    return written === 0 ? "." : latin1(text, 0, written);
  }
}

/** Writes a label with "\." "\\" and "\DDD" for octets that are no visible ASCII (RFC 1035 5.1). */
function writeLabel(bytes: Uint8Array, start: number, end: number, to: number): number {
  for (let i = start; i < end; i++) {
    const c = bytes[i] as number;
    if (c === DOT || c === BACKSLASH) {
      text[to++] = BACKSLASH;
      text[to++] = c;
    } else if (c > 32 && c < 127) {
      text[to++] = c;
    } else {
      text[to++] = BACKSLASH;
      text[to++] = ZERO + Math.floor(c / 100);
      text[to++] = ZERO + Math.floor(c / 10) % 10;
      text[to++] = ZERO + c % 10;
    }
  }
  return to;
}

/**
 * Offset behind the name at `offset`, found without following pointers.
 * -1 when it is no name; `limit` + 1 when it is cut at `limit`.
 */
export function skipName(bytes: Uint8Array, offset: number, limit: number): number {
  let at = offset;
  while (at < limit) {
    const length = bytes[at] as number;
    if (length === 0) return at + 1;
    if (length >= 0xc0) return at + 2 > limit ? limit + 1 : at + 2;
    if (length > 63) return -1;
    at += length + 1;
    if (at - offset >= MAX_NAME_BYTES) return -1;
  }
  return limit + 1;
}
