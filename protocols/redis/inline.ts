/**
 * Inline commands: a line of words, as typed by hand (https://redis.io/docs/reference/protocol-spec,
 * "Inline commands"; quoting as the server's sdssplitargs() does it).
 *
 * In: bytes. Out: the words of one line. A line with control bytes or too many words is refused.
 */
import type { Invalid, NeedMore } from "../protocol.ts";
import { isLetter, isNameByte } from "./ascii.ts";
import type { Value } from "./types.ts";
import { stringValue } from "./values.ts";

/** The server's PROTO_INLINE_MAX_SIZE. */
const MAX_INLINE = 64 * 1024;
const MAX_WORDS = 1000;
/** A longer first word is no command's name. */
const MAX_NAME = 64;
const LF = 10;
const CR = 13;

/** A whole line of `length` bytes, as a command's arguments. */
export interface InlineLine {
  kind: "line";
  args: Value[];
  length: number;
}

/** `scanned`: how many bytes of the line were searched before, without finding its end. */
export function parseInline(
  bytes: Uint8Array,
  maxBytes: number,
  scanned: number,
): InlineLine | NeedMore | Invalid {
  if (!isStart(bytes[0])) return { kind: "invalid", reason: "bad_command" };
  const last = Math.min(bytes.length, MAX_INLINE);
  let end = 0;
  while (end < last && isNameByte(bytes[end])) end++;
  if (end > MAX_NAME || (end < last && !endsName(bytes[end]))) {
    return { kind: "invalid", reason: "bad_inline" };
  }
  for (end = Math.max(end, scanned); end < last; end++) {
    const byte = bytes[end] as number;
    if (byte === LF) break;
    if (byte < 0x20 && byte !== CR && byte !== 9) return { kind: "invalid", reason: "bad_inline" };
  }
  if (end === MAX_INLINE) return { kind: "invalid", reason: "inline_too_long" };
  if (end === last) return { kind: "need_more", minBytes: bytes.length + 1 };
  const lineEnd = end > 0 && bytes[end - 1] === CR ? end - 1 : end;
  const args = splitWords(bytes.subarray(0, lineEnd), maxBytes);
  if (args === null) return { kind: "invalid", reason: "unbalanced_quotes" };
  return { kind: "line", args, length: end + 1 };
}

function endsName(byte: number | undefined): boolean {
  return byte === 0x20 || byte === 9 || byte === CR || byte === LF;
}

function isStart(byte: number | undefined): boolean {
  return byte === CR || byte === LF || isLetter(byte);
}

/** Words between blanks, "…" with escapes, '…' with \' only. Null when a quote is not closed. */
export function splitWords(line: Uint8Array, maxBytes: number): Value[] | null {
  const words: Value[] = [];
  const word = new Uint8Array(line.length);
  let i = 0;
  while (i < line.length) {
    while (i < line.length && isBlank(line[i])) i++;
    if (i >= line.length) break;
    let length = 0;
    while (i < line.length && !isBlank(line[i])) {
      const byte = line[i] as number;
      if (byte !== 0x22 && byte !== 0x27) {
        word[length++] = byte;
        i++;
        continue;
      }
      const next = byte === 0x22
        ? doubleQuoted(line, i + 1, word, length)
        : singleQuoted(line, i + 1, word, length);
      if (next.end < 0 || (next.end < line.length && !isBlank(line[next.end]))) return null;
      i = next.end;
      length = next.length;
    }
    const shown = Math.min(length, maxBytes);
    if (words.length < MAX_WORDS) {
      words.push(stringValue("bulk_string", word, 0, shown, length, true));
    }
  }
  return words;
}

/** Where a quoted part ended (-1: nowhere), and the length of the word then. */
interface Quoted {
  end: number;
  length: number;
}

function doubleQuoted(line: Uint8Array, from: number, word: Uint8Array, length: number): Quoted {
  for (let i = from; i < line.length; i++) {
    const byte = line[i] as number;
    if (byte === 0x22) return { end: i + 1, length };
    if (byte !== 0x5c || i + 1 >= line.length) {
      word[length++] = byte;
      continue;
    }
    const escaped = line[++i] as number;
    const high = escaped === 0x78 ? hexDigit(line[i + 1]) : -1;
    const low = high >= 0 ? hexDigit(line[i + 2]) : -1;
    if (low >= 0) {
      word[length++] = high * 16 + low;
      i += 2;
    } else {
      word[length++] = ESCAPES.get(escaped) ?? escaped;
    }
  }
  return { end: -1, length };
}

function singleQuoted(line: Uint8Array, from: number, word: Uint8Array, length: number): Quoted {
  for (let i = from; i < line.length; i++) {
    const byte = line[i] as number;
    if (byte === 0x27) return { end: i + 1, length };
    const quote = byte === 0x5c && line[i + 1] === 0x27;
    word[length++] = quote ? 0x27 : byte;
    if (quote) i++;
  }
  return { end: -1, length };
}

/** \n \r \t \b \a */
const ESCAPES: ReadonlyMap<number, number> = new Map([
  [0x6e, 10],
  [0x72, 13],
  [0x74, 9],
  [0x62, 8],
  [0x61, 7],
]);

function hexDigit(byte: number | undefined): number {
  if (byte === undefined) return -1;
  if (byte >= 0x30 && byte <= 0x39) return byte - 0x30;
  const lower = byte | 0x20;
  return lower >= 0x61 && lower <= 0x66 ? lower - 0x57 : -1;
}

function isBlank(byte: number | undefined): boolean {
  return byte === 0x20 || byte === 9 || byte === CR || byte === 0;
}
