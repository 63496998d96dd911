/**
 * RESP values as JSON. In: the type and bytes of one value. Out: its compact or its typed form
 * (types.ts). Never keeps the bytes.
 */
import { exactNumber } from "../../lib/wire/number.ts";
import { shownText } from "../../lib/wire/shown.ts";
import { base64, latin1, utf8, utf8CutBefore } from "../../lib/wire/text.ts";
import type { ErrorReply, ListReply, ScalarReply, StringReply, Value } from "./types.ts";

type StringType = "simple_string" | "bulk_string" | "verbatim_string";

/** First bytes of a value (https://redis.io/docs/reference/protocol-spec). */
export const Resp = {
  Simple: 0x2b, // +
  Error: 0x2d, // -
  Integer: 0x3a, // :
  Bulk: 0x24, // $
  Array: 0x2a, // *
  Nil: 0x5f, // _
  Double: 0x2c, // ,
  Boolean: 0x23, // #
  BigNumber: 0x28, // (
  BulkError: 0x21, // !
  Verbatim: 0x3d, // =
  Map: 0x25, // %
  Set: 0x7e, // ~
  Push: 0x3e, // >
  Attribute: 0x7c, // |
  Chunk: 0x3b, // ;
  End: 0x2e, // .
} as const;

/** A string of `total` bytes, of which [start, end) were kept. `bare`: a plain string if possible. */
export function stringValue(
  type: StringType,
  bytes: Uint8Array,
  start: number,
  end: number,
  total: number,
  bare: boolean,
): string | StringReply {
  const whole = end - start === total;
  const text = shownText(bytes, start, end, !whole);
  if (whole && text !== null) {
    if (bare) return text;
    return type === "simple_string"
      ? { type, value: text }
      : { type, value: text, value_bytes: total };
  }
  const reply: StringReply = text !== null
    ? { type, value: text, value_bytes: total }
    : { type, value_base64: base64(bytes, start, end), value_bytes: total };
  if (!whole) reply.value_truncated = true;
  return reply;
}

/** `txt:Some text`: three letters of format, a colon, the text. */
export function verbatimValue(
  bytes: Uint8Array,
  start: number,
  end: number,
  total: number,
): StringReply {
  if (end - start < 4 || bytes[start + 3] !== 0x3a) {
    return asReply(stringValue("verbatim_string", bytes, start, end, total, false));
  }
  const body = asReply(
    stringValue("verbatim_string", bytes, start + 4, end, total - 4, false),
  );
  const { type, ...rest } = body;
  return { type, format: latin1(bytes, start, start + 3), ...rest };
}

function asReply(value: string | StringReply): StringReply {
  return typeof value === "string" ? { type: "simple_string", value } : value;
}

/** The first word is a code when it is in capitals; MOVED and ASK carry a slot and an address. */
export function errorValue(
  bytes: Uint8Array,
  start: number,
  end: number,
  total: number,
): ErrorReply {
  const whole = end - start === total;
  const cut = whole ? end : utf8CutBefore(bytes, start, end);
  const codeEnd = codeLength(bytes, start, cut);
  const messageStart = codeEnd === start || codeEnd === cut ? codeEnd : codeEnd + 1;
  const message = utf8(bytes, messageStart, cut) ?? latin1(bytes, messageStart, cut);
  const reply: ErrorReply = { type: "error", message };
  if (codeEnd > start) {
    const code = latin1(bytes, start, codeEnd);
    const error: ErrorReply = { type: "error", code, message };
    if (code === "MOVED" || code === "ASK") addTarget(error, message);
    if (!whole) error.message_truncated = true;
    return error;
  }
  if (!whole) reply.message_truncated = true;
  return reply;
}

/** Offset behind the leading word of capitals, or `start` when there is none. */
function codeLength(bytes: Uint8Array, start: number, end: number): number {
  let i = start;
  for (; i < end; i++) {
    const byte = bytes[i] as number;
    const capital = byte >= 0x41 && byte <= 0x5a;
    const other = byte === 0x5f || (byte >= 0x30 && byte <= 0x39);
    if (!capital && !(other && i > start)) break;
  }
  const ends = i === end || bytes[i] === 0x20;
  return ends && i - start >= 2 ? i : start;
}

/** "3999 127.0.0.1:6381" (cluster specification: MOVED and ASK redirection). */
function addTarget(error: ErrorReply, message: string): void {
  const space = message.indexOf(" ");
  const slot = Number(message.slice(0, Math.max(space, 0)));
  if (space < 1 || !Number.isInteger(slot) || slot < 0 || slot > 16383) return;
  const end = message.indexOf(" ", space + 1);
  error.slot = slot;
  error.target = end < 0 ? message.slice(space + 1) : message.slice(space + 1, end);
}

/** A decimal integer in [start, end); NaN when it is none or beyond 15 digits. */
export function smallInteger(bytes: Uint8Array, start: number, end: number): number {
  let i = start;
  const first = bytes[i];
  const signed = first === 0x2d || first === 0x2b;
  if (signed) i++;
  if (i >= end || end - i > 15) return NaN;
  let number = 0;
  for (; i < end; i++) {
    const digit = (bytes[i] as number) - 0x30;
    if (digit < 0 || digit > 9) return NaN;
    number = number * 10 + digit;
  }
  return first === 0x2d && number !== 0 ? -number : number;
}

/** `:n`, exact; null when it is no integer. */
export function integerValue(
  bytes: Uint8Array,
  start: number,
  end: number,
): number | string | null {
  const small = smallInteger(bytes, start, end);
  if (small === small) return small;
  if (!isDecimal(bytes, start, end) || end - start > 20) return null;
  return exactNumber(latin1(bytes, start, end));
}

/** Digits with at most one sign before them. */
export function isDecimal(bytes: Uint8Array, start: number, end: number): boolean {
  let i = start;
  if (bytes[i] === 0x2d || bytes[i] === 0x2b) i++;
  if (i >= end) return false;
  for (; i < end; i++) {
    const byte = bytes[i] as number;
    if (byte < 0x30 || byte > 0x39) return false;
  }
  return true;
}

/** `,n`: a number, or "inf", "-inf", "nan"; null when it is none of them. */
export function doubleValue(bytes: Uint8Array, start: number, end: number): number | string | null {
  if (end <= start || end - start > 400) return null;
  const text = latin1(bytes, start, end);
  if (text === "inf" || text === "-inf" || text === "nan") return text;
  for (let i = start; i < end; i++) {
    const byte = bytes[i] as number;
    const digit = byte >= 0x30 && byte <= 0x39;
    if (!digit && !"+-.eE".includes(String.fromCharCode(byte))) return null;
  }
  const number = Number(text);
  return Number.isFinite(number) ? number : null;
}

/** A scalar as an object: one without a plain form, or the reply itself. */
export function scalar(type: ScalarReply["type"], value: number | string | boolean): ScalarReply {
  return { type, value };
}

/** An aggregate from its flat items; `plain`: a whole array may be a list. */
export function listValue(
  type: ListReply["type"],
  items: Value[],
  count: number,
  plain: boolean,
): Value[] | ListReply {
  const value = type === "map" ? pairs(items) : items;
  const whole = value.length === count;
  if (plain && whole && type === "array") return items;
  return whole ? { type, value } : { type, value, count, value_truncated: true };
}

/** [k, v, k, v] as [[k, v], [k, v]]; a key without its value is left out. */
export function pairs(items: Value[]): [Value, Value][] {
  const out: [Value, Value][] = [];
  for (let i = 0; i + 1 < items.length; i += 2) {
    out.push([items[i] as Value, items[i + 1] as Value]);
  }
  return out;
}
