/**
 * Reads one RESP value after another, however its bytes are cut.
 *
 * In: the bytes behind those already taken. Out: Done with a value, or how much was taken and what
 * is missing. Every byte is looked at once: what was read is kept here as the value in progress,
 * bounded in count and bytes. Never keeps the bytes, never trusts a length, never recurses.
 *
 *     value     = +text CRLF | -text CRLF | :int CRLF | _ CRLF | #t CRLF | ,double CRLF | (int CRLF
 *               | $len CRLF bytes CRLF | !len … | =len … | $? CRLF *(;len CRLF bytes CRLF) ;0 CRLF
 *               | *n CRLF values | ~n … | >n … | %n CRLF pairs | |n CRLF pairs value | *? CRLF values .CRLF
 *     rdb       = $len CRLF bytes | $EOF:delimiter CRLF bytes delimiter       (no CRLF behind)
 */
import { Cursor, lineEnd, Step } from "./cursor.ts";
import { DELIMITER_BYTES, looksLikeRdb, MAX_STRING, Part, StringReader } from "./strings.ts";
import type { ListReply, RedisReply, Value } from "./types.ts";
import {
  doubleValue,
  integerValue,
  isDecimal,
  listValue,
  pairs,
  Resp,
  scalar,
  smallInteger,
} from "./values.ts";
import { Room } from "../../lib/wire/room.ts";
import { latin1 } from "../../lib/wire/text.ts";

/** Values kept of one message; further ones are read and counted. */
export const MAX_VALUES = 1000;
/** How deep aggregates may be inside one another. */
export const MAX_DEPTH = 128;
/** Bytes of text kept of one message, in multiples of what is kept of one string. */
const TEXT_FACTOR = 16;
const MAX_RDB = 2 ** 50;
const MAX_COUNT = 2 ** 32;
interface Level {
  type: ListReply["type"] | "attribute";
  /** Values still to come; -1 until an end mark. */
  left: number;
  count: number;
  items: Value[];
  attributes: [Value, Value][] | null;
}

/** Estimated memory of a value without its text. */
const VALUE_BYTES = 128;

export class ValueReader {
  /** After `+FULLRESYNC` the next `$` is the database file. */
  expectRdb = false;
  value: Value = null;
  /** Items and count of a command (commands only). */
  items: Value[] = [];
  count = 0;
  readonly at = new Cursor();

  private readonly string: StringReader;
  private readonly stack: Level[] = [];
  private attributes: [Value, Value][] | null = null;
  private readonly room: Room;

  constructor(readonly maxBytes: number, readonly commands: boolean) {
    this.room = new Room(maxBytes, maxBytes * TEXT_FACTOR, MAX_VALUES);
    this.string = new StringReader(this.room, this.at);
  }

  /** A value is in progress: bytes of it were taken. */
  get active(): boolean {
    return this.string.part !== Part.None || this.stack.length > 0 || this.attributes !== null;
  }

  /** Bytes of memory that the value in progress takes. */
  get heldBytes(): number {
    return this.string.heldBytes + VALUE_BYTES * this.room.values;
  }

  /** A string here may be shown as a plain string: it is inside an aggregate, without attributes. */
  private get bare(): boolean {
    return this.stack.length > 0 && this.attributes === null;
  }

  /** Forgets the value in progress. */
  reset(): void {
    this.string.reset();
    this.stack.length = 0;
    this.attributes = null;
    this.room.reset();
  }

  /** Reads on. After Done `value` is set; after Bad `reason`; after More `pos`, `leap` and `need`. */
  read(bytes: Uint8Array, gapBytes: number): Step {
    this.at.pos = 0;
    this.at.leap = 0;
    for (;;) {
      const step = this.step(bytes, gapBytes);
      if (step === Step.Next) continue;
      if (step === Step.Done) this.reset();
      return step;
    }
  }

  /** Ends the value in progress where it is; null when there is nothing to show. */
  abandon(): Value {
    let value = this.string.abandon(this.bare);
    for (let level = this.stack.pop(); level !== undefined; level = this.stack.pop()) {
      if (value !== null) level.items.push(value);
      if (level.type === "attribute") continue;
      value = this.close(level, this.stack.length === 0);
      if (level.left < 0) value = cutList(level);
    }
    this.reset();
    return value;
  }

  private step(bytes: Uint8Array, gapBytes: number): Step {
    if (this.string.part === Part.None) return this.readValue(bytes);
    const step = this.string.read(bytes, gapBytes);
    return step === Step.Done ? this.deliver(this.string.take(this.bare)) : step;
  }

  private readValue(bytes: Uint8Array): Step {
    const type = bytes[this.at.pos];
    if (type === undefined) return this.at.more(1);
    if (this.commands) {
      if (type !== (this.stack.length === 0 ? Resp.Array : Resp.Bulk)) {
        return this.at.bad("bad_command");
      }
    } else if (!isValueType(type)) return this.at.bad("bad_type");
    const end = lineEnd(bytes, this.at.pos);
    if (end === -1) return this.at.more(bytes.length - this.at.pos + 1);
    if (end === -3) return this.at.bad("bad_line_end");
    if (type === Resp.Simple || type === Resp.Error) {
      if (end === -2) {
        this.at.pos++;
        return this.string.begin(type, Part.Line, 0);
      }
      return this.readText(bytes, type, end);
    }
    if (end === -2) return this.at.bad("line_too_long");
    if (isString(type)) return this.beginString(bytes, type, end);
    if (isAggregate(type)) return this.beginList(bytes, type, end);
    return this.readScalar(bytes, type, end);
  }

  private readText(bytes: Uint8Array, type: number, end: number): Step {
    const value = this.string.line(bytes, type, this.at.pos + 1, end, this.bare);
    this.at.pos = end + 2;
    return this.deliver(value);
  }

  private readScalar(bytes: Uint8Array, type: number, end: number): Step {
    const start = this.at.pos + 1;
    let value: Value = null;
    const top = this.stack.length === 0 || this.attributes !== null;
    if (type === Resp.Integer) {
      const number = integerValue(bytes, start, end);
      if (number === null) return this.at.bad("bad_integer");
      value = top || typeof number === "string" ? scalar("integer", number) : number;
    } else if (type === Resp.Nil) {
      if (end !== start) return this.at.bad("bad_null");
      value = { type: "nil" };
    } else if (type === Resp.Boolean) {
      const letter = bytes[start];
      if (end !== start + 1 || (letter !== 0x74 && letter !== 0x66)) {
        return this.at.bad("bad_boolean");
      }
      value = top ? scalar("boolean", letter === 0x74) : letter === 0x74;
    } else if (type === Resp.Double) {
      const number = doubleValue(bytes, start, end);
      if (number === null) return this.at.bad("bad_double");
      value = scalar("double", number);
    } else if (type === Resp.BigNumber) {
      if (!isDecimal(bytes, start, end)) return this.at.bad("bad_big_number");
      value = scalar("big_number", latin1(bytes, start, end));
    } else { // the end mark of a streamed aggregate
      const level = this.stack.at(-1);
      if (end !== start || level === undefined || level.left >= 0) return this.at.bad("bad_end");
      this.at.pos = end + 2;
      this.stack.pop();
      return this.finish(level);
    }
    this.at.pos = end + 2;
    return this.deliver(value);
  }

  private beginString(bytes: Uint8Array, type: number, end: number): Step {
    const start = this.at.pos + 1;
    const top = this.stack.length === 0 && !this.commands;
    if (bytes[start] === 0x3f && end === start + 1 && type === Resp.Bulk && !this.commands) {
      this.at.pos = end + 2;
      return this.string.begin(type, Part.Chunk, 0);
    }
    if (top && type === Resp.Bulk && bytes[start] === 0x45) return this.beginDelimited(bytes, end);
    const length = smallInteger(bytes, start, end);
    if (length === -1 && !this.commands) {
      this.at.pos = end + 2;
      return this.deliver({ type: "nil" });
    }
    if (top && this.expectRdb && type === Resp.Bulk && length > 0 && length < MAX_RDB) {
      this.at.pos = end + 2;
      this.string.begin(type, Part.RdbLast, length);
      this.expectRdb = false;
      this.at.leap = length - 1;
      return this.at.leap > 0 ? this.at.more(1) : Step.Next;
    }
    if (!(length >= 0 && length <= MAX_STRING)) return this.at.bad("bad_length");
    const body = end + 2;
    if (top && type === Resp.Bulk && length >= 18) { // an RDB file has a header and a checksum
      const first = bytes[body];
      if (bytes.length < body + 9 && (first === undefined || first === 0x52 || first === 0x56)) {
        return this.at.more(body + 9 - this.at.pos);
      }
      this.string.maybeRdb = looksLikeRdb(bytes, body);
    }
    this.at.pos = body;
    return this.string.begin(type, Part.Body, length);
  }

  private beginDelimited(bytes: Uint8Array, end: number): Step {
    const start = this.at.pos + 1;
    if (end - start !== 4 + DELIMITER_BYTES || latin1(bytes, start, start + 4) !== "EOF:") {
      return this.at.bad("bad_length");
    }
    this.string.delimiter = bytes.slice(start + 4, end);
    this.expectRdb = false;
    this.at.pos = end + 2;
    return this.string.begin(Resp.Bulk, Part.RdbDelimited, 0);
  }

  private beginList(bytes: Uint8Array, type: number, end: number): Step {
    const start = this.at.pos + 1;
    const streamed = bytes[start] === 0x3f && end === start + 1 && type !== Resp.Attribute &&
      !this.commands;
    const count = streamed ? 0 : smallInteger(bytes, start, end);
    if (count < 0 && (this.commands || (count === -1 && type === Resp.Array))) {
      this.at.pos = end + 2;
      return this.deliver({ type: "nil" });
    }
    if (!(count >= 0 && count <= MAX_COUNT)) return this.at.bad("bad_count");
    if (this.stack.length >= MAX_DEPTH) return this.at.bad("too_deep");
    if (this.commands && count > 0 && bytes.length === end + 2) {
      return this.at.more(end + 3 - this.at.pos); // findBoundary() looks at the next byte, too
    }
    this.at.pos = end + 2;
    const twice = type === Resp.Map || type === Resp.Attribute ? 2 : 1;
    const level: Level = {
      type: listType(type),
      left: streamed ? -1 : count * twice,
      count,
      items: [],
      attributes: this.attributes,
    };
    this.attributes = null;
    if (level.left === 0) return this.finish(level);
    this.stack.push(level);
    return Step.Next;
  }

  /** A level is complete: hands it to the one around it. */
  private finish(level: Level): Step {
    if (level.type === "attribute") {
      this.attributes = joinedPairs(level.attributes, pairs(level.items));
      return Step.Next;
    }
    const value = this.close(level, this.stack.length === 0);
    this.attributes = level.attributes;
    return this.deliver(value);
  }

  private close(level: Level, top: boolean): Value {
    if (this.commands) {
      this.items = level.items;
      this.count = level.count;
      return level.items;
    }
    const type = level.type === "attribute" ? "map" : level.type;
    const plain = !top && level.attributes === null;
    const paired = type === "map" && level.left < 0;
    return listValue(type, level.items, paired ? level.count >>> 1 : level.count, plain);
  }

  /** Puts a whole value where it belongs, and closes every level it completes. */
  private deliver(value: Value): Step {
    if (this.attributes !== null) {
      if (isReply(value)) value.attributes = this.attributes;
      this.attributes = null;
    }
    const level = this.stack.at(-1);
    if (level === undefined) {
      this.value = value;
      return Step.Done;
    }
    if (this.room.addValue()) level.items.push(value);
    if (level.left < 0) {
      level.count += 1;
      return Step.Next;
    }
    if (--level.left > 0) return Step.Next;
    this.stack.pop();
    return this.finish(level);
  }
}

/** Joins attributes of a value that has several maps of them, up to MAX_VALUES pairs. */
function joinedPairs(first: [Value, Value][] | null, more: [Value, Value][]): [Value, Value][] {
  if (first === null) return more;
  for (const pair of more) if (first.length < MAX_VALUES) first.push(pair);
  return first;
}

/** An aggregate that was cut: of a streamed one the true count is not known. */
function cutList(level: Level): ListReply {
  const type = level.type === "attribute" ? "map" : level.type;
  const value = type === "map" ? pairs(level.items) : level.items;
  return { type, value, value_truncated: true };
}

/** Is the value a RedisReply, not a plain string, number, boolean, null or list? */
export function isReply(value: Value | undefined): value is RedisReply {
  return typeof value === "object" && value !== null && !Array.isArray(value);
}

function isString(type: number): boolean {
  return type === Resp.Bulk || type === Resp.BulkError || type === Resp.Verbatim;
}

function isAggregate(type: number): boolean {
  return type === Resp.Array || type === Resp.Map || type === Resp.Set || type === Resp.Push ||
    type === Resp.Attribute;
}

function isValueType(type: number): boolean {
  return type === Resp.Simple || type === Resp.Error || type === Resp.Integer || isString(type) ||
    isAggregate(type) || type === Resp.Nil || type === Resp.Double || type === Resp.Boolean ||
    type === Resp.BigNumber || type === Resp.End;
}

function listType(type: number): Level["type"] {
  if (type === Resp.Map) return "map";
  if (type === Resp.Set) return "set";
  if (type === Resp.Push) return "push";
  return type === Resp.Attribute ? "attribute" : "array";
}
