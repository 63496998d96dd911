/**
 * One string of RESP, however its bytes are cut: a body of known length, a streamed one, a long line,
 * or a database file.
 *
 * In: the bytes behind its header. Out: Done and the value, or how much was taken. It copies the first
 * bytes, up to a limit, and counts the rest; it never keeps the bytes that it is shown.
 */
import { KeptBytes } from "../../lib/wire/kept_bytes.ts";
import type { Room } from "../../lib/wire/room.ts";
import { latin1 } from "../../lib/wire/text.ts";
import { isDigit } from "./ascii.ts";
import { type Cursor, lineEnd, Step } from "./cursor.ts";
import type { RedisReply, Value } from "./types.ts";
import { errorValue, Resp, smallInteger, stringValue, verbatimValue } from "./values.ts";

/** A longer string is garbage (the server's proto-max-bulk-len is 512 MiB unless raised). */
export const MAX_STRING = 2 ** 32;
export const DELIMITER_BYTES = 40;
const CR = 13;
const LF = 10;
const EMPTY = new Uint8Array(0);

/** The part of the string that comes next. */
export enum Part {
  None,
  Body,
  BodyEnd,
  /** The CRLF behind a body, which lies in a gap. */
  Passed,
  Chunk,
  Line,
  RdbLast,
  RdbDelimited,
}

export class StringReader {
  part = Part.None;
  /** It begins like a database file, which has no CRLF behind it. */
  maybeRdb = false;
  delimiter: Uint8Array = EMPTY;

  private type = 0;
  private readonly head = new KeptBytes(0);
  private total = 0;
  private left = 0;
  private streamed = false;
  // The bytes to show of a string that is done: source[from, to).
  private source: Uint8Array = EMPTY;
  private from = 0;
  private to = 0;
  private isRdb = false;

  constructor(private readonly room: Room, private readonly at: Cursor) {}

  /** Bytes of memory that strings of this message take, those already taken included. */
  get heldBytes(): number {
    return this.head.heldBytes + 2 * this.room.bytes;
  }

  reset(): void {
    this.part = Part.None;
    this.head.reset(0);
    this.total = 0;
    this.streamed = false;
    this.maybeRdb = false;
    this.isRdb = false;
  }

  /** Starts behind the header, or behind the type byte of a long line. */
  begin(type: number, part: Part, length: number): Step {
    this.type = type;
    this.head.reset(this.room.next);
    this.total = length;
    this.left = length;
    this.streamed = part === Part.Chunk;
    this.part = part;
    return Step.Next;
  }

  /** A `+` or `-` line that is there as a whole, in [start, end). */
  line(bytes: Uint8Array, type: number, start: number, end: number, bare: boolean): Value {
    this.type = type;
    this.total = end - start;
    this.finish(bytes, start, start + Math.min(this.total, this.room.next));
    return this.take(bare);
  }

  read(bytes: Uint8Array, gapBytes: number): Step {
    switch (this.part) {
      case Part.Body:
        return this.readBody(bytes, gapBytes);
      case Part.BodyEnd:
        return this.readBodyEnd(bytes, gapBytes);
      case Part.Passed:
        return this.endBody();
      case Part.Chunk:
        return this.readChunk(bytes);
      case Part.Line:
        return this.readLine(bytes);
      case Part.RdbLast:
        return this.readRdbLast(bytes);
      case Part.RdbDelimited:
        return this.readRdbDelimited(bytes, gapBytes);
      case Part.None:
        return Step.Done;
    }
  }

  /** The value of a string that is done. `bare`: a plain string if possible. */
  take(bare: boolean): Value {
    const value = this.isRdb ? this.rdb() : this.value(this.source, this.from, this.to, bare);
    this.source = EMPTY;
    this.isRdb = false;
    return value;
  }

  /** The value of a string that ends too early; null when nothing of it was seen. */
  abandon(bare: boolean): Value {
    const { part } = this;
    if (part === Part.None || (part === Part.Chunk && this.head.length === 0)) return null;
    if (part === Part.RdbLast || part === Part.RdbDelimited) return this.rdb();
    if (this.streamed && this.head.length === this.total) this.total++; // its end was not seen
    return this.value(this.head.bytes, 0, this.head.length, bare);
  }

  private finish(source: Uint8Array, from: number, to: number): Step {
    this.source = source;
    this.from = from;
    this.to = to;
    this.room.use(to - from);
    this.part = Part.None;
    this.streamed = false;
    this.maybeRdb = false;
    return Step.Done;
  }

  private finishRdb(): Step {
    this.isRdb = true;
    return this.finish(EMPTY, 0, 0);
  }

  private rdb(): RedisReply {
    return { type: "rdb", value_bytes: this.total };
  }

  private value(bytes: Uint8Array, start: number, end: number, bare: boolean): Value {
    const { type, total } = this;
    if (type === Resp.Error || type === Resp.BulkError) return errorValue(bytes, start, end, total);
    if (type === Resp.Verbatim) return verbatimValue(bytes, start, end, total);
    const name = type === Resp.Simple ? "simple_string" : "bulk_string";
    return stringValue(name, bytes, start, end, total, bare);
  }

  private readBody(bytes: Uint8Array, gapBytes: number): Step {
    const end = this.at.pos + this.left;
    if (this.head.length === 0 && !this.streamed && !this.maybeRdb && end + 2 <= bytes.length) {
      if (bytes[end] === CR && bytes[end + 1] === LF) { // the whole string at once
        const start = this.at.pos;
        // If none of its bytes are kept, some may have passed before.
        const shown = this.left === this.total ? Math.min(this.total, this.head.limit) : 0;
        this.at.pos = end + 2;
        return this.finish(bytes, start, start + shown);
      }
    }
    const goal = this.maybeRdb ? this.left - 1 : this.left;
    const here = Math.min(goal, bytes.length - this.at.pos);
    this.keep(bytes, this.at.pos, here);
    this.at.pos += here;
    this.left -= here;
    const missing = goal - here;
    if (missing === 0) {
      this.part = this.maybeRdb ? Part.RdbLast : Part.BodyEnd;
      return Step.Next;
    }
    if (!this.head.isFull && gapBytes === 0) return this.at.more(1);
    this.head.limit = this.head.length; // what lies behind a gap is not joined to what lies before it
    this.at.leap = missing;
    this.left -= missing;
    this.part = this.maybeRdb ? Part.RdbLast : Part.BodyEnd;
    return this.at.more(1);
  }

  private readBodyEnd(bytes: Uint8Array, gapBytes: number): Step {
    const there = bytes.length - this.at.pos;
    if (there === 0 && gapBytes >= 2) { // the CRLF lies in the gap: where it ends is known
      this.at.leap = 2;
      this.part = Part.Passed;
      return this.at.more(1);
    }
    if (there < 2) return this.at.more(2);
    if (bytes[this.at.pos] !== CR || bytes[this.at.pos + 1] !== LF) {
      return this.at.bad("bad_string_end");
    }
    this.at.pos += 2;
    return this.endBody();
  }

  private endBody(): Step {
    if (this.streamed) {
      this.part = Part.Chunk;
      return Step.Next;
    }
    return this.finish(this.head.bytes, 0, this.head.length);
  }

  /** One piece of a streamed string (RESP3 specification, "Streamed strings"). */
  private readChunk(bytes: Uint8Array): Step {
    if (this.at.pos < bytes.length && bytes[this.at.pos] !== Resp.Chunk) {
      return this.at.bad("bad_chunk");
    }
    const end = lineEnd(bytes, this.at.pos);
    if (end === -1) return this.at.more(bytes.length - this.at.pos + 1);
    const length = end < 0 ? NaN : smallInteger(bytes, this.at.pos + 1, end);
    if (!(length >= 0 && length <= MAX_STRING)) return this.at.bad("bad_chunk");
    this.at.pos = end + 2;
    if (length === 0) return this.finish(this.head.bytes, 0, this.head.length);
    this.total += length;
    this.left = length;
    this.part = Part.Body;
    return Step.Next;
  }

  private readLine(bytes: Uint8Array): Step {
    const found = bytes.indexOf(CR, this.at.pos);
    const end = found < 0 ? bytes.length : found;
    this.keep(bytes, this.at.pos, end - this.at.pos);
    this.total += end - this.at.pos;
    this.at.pos = end;
    if (found < 0) return this.at.more(1);
    if (bytes.length < end + 2) return this.at.more(2);
    if (bytes[end + 1] !== LF) return this.at.bad("bad_line_end");
    this.at.pos = end + 2;
    return this.finish(this.head.bytes, 0, this.head.length);
  }

  /** The last byte of what is, or may be, a database file; CRLF behind it makes it a string. */
  private readRdbLast(bytes: Uint8Array): Step {
    if (bytes.length < this.at.pos + (this.maybeRdb ? 3 : 1)) {
      return this.at.more(this.maybeRdb ? 3 : 1);
    }
    if (this.maybeRdb && bytes[this.at.pos + 1] === CR && bytes[this.at.pos + 2] === LF) {
      this.keep(bytes, this.at.pos, 1);
      this.at.pos += 3;
      return this.finish(this.head.bytes, 0, this.head.length);
    }
    this.at.pos += 1;
    return this.finishRdb();
  }

  private readRdbDelimited(bytes: Uint8Array, gapBytes: number): Step {
    const found = indexOfBytes(bytes, this.delimiter, this.at.pos);
    if (found >= 0) {
      this.total += found - this.at.pos;
      this.at.pos = found + DELIMITER_BYTES;
      return this.finishRdb();
    }
    const upTo = gapBytes > 0 ? bytes.length : bytes.length - (DELIMITER_BYTES - 1);
    if (upTo > this.at.pos) {
      this.total += upTo - this.at.pos;
      this.at.pos = upTo;
    }
    this.at.leap = gapBytes;
    this.total += gapBytes;
    return this.at.more(DELIMITER_BYTES);
  }

  private keep(bytes: Uint8Array, from: number, length: number): void {
    this.head.add(bytes, from, from + length);
  }
}

/** "REDIS0011" or "VALKEY080": how a database file begins. */
export function looksLikeRdb(bytes: Uint8Array, at: number): boolean {
  if (bytes.length < at + 9) return false;
  const magic = latin1(bytes, at, at + 6);
  if (magic !== "VALKEY" && !magic.startsWith("REDIS")) return false;
  for (let i = at + 6; i < at + 9; i++) {
    if (!isDigit(bytes[i])) return false;
  }
  return true;
}

function indexOfBytes(bytes: Uint8Array, wanted: Uint8Array, from: number): number {
  const first = wanted[0] as number;
  for (let at = bytes.indexOf(first, from); at >= 0; at = bytes.indexOf(first, at + 1)) {
    if (at + wanted.length > bytes.length) return -1;
    let i = 1;
    while (i < wanted.length && bytes[at + i] === wanted[i]) i++;
    if (i === wanted.length) return at;
  }
  return -1;
}
