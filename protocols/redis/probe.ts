/**
 * Is this Redis? In: the first bytes of a direction. Out: yes, no or unsure; never a yes for the
 * other line protocols that share its words (HTTP, memcached, SMTP, NATS, POP3).
 */
import type { Probe, Side } from "../protocol.ts";
import { latin1 } from "../../lib/wire/text.ts";
import { isDigit, isNameByte } from "./ascii.ts";
import { isKnownCommand, isSharedWord, isSubscription } from "./commands.ts";
import { Resp, smallInteger } from "./values.ts";

type Answer = Probe;

const CR = 13;
const LF = 10;
/** Lines that other protocols have, too: so many of them are believed. */
const MAX_LINES = 16;
const MAX_INLINE = 256;
/** A command of unknown name, or a reply's words, are believed when so many bytes have the shape. */
const ENOUGH = 1024;
/** A bulk string so long is believed by its beginning. */
const LONG_STRING = 64;
/** First words of what a server sends to subscribers: a list of strings that looks like a command. */
const PUBLISHED: ReadonlySet<string> = new Set(["message", "pmessage", "smessage"]);

export function probe(head: Uint8Array, side: Side): Answer {
  if (head.length === 0) return "unsure";
  return side === "request" ? probeRequest(head) : probeResponse(head);
}

function probeRequest(head: Uint8Array): Answer {
  const { end: start, isNothing } = skipNothing(head);
  if (start >= head.length) return isNothing ? "likely" : "unsure";
  if (head[start] !== Resp.Array) return probeInline(head.subarray(start));
  let pos = start;
  for (let line = 0; line < MAX_LINES; line++) {
    const size = countLine(head, pos, Resp.Array);
    if (typeof size === "string") return size;
    if (size.value < 1 || size.value > 2 ** 20) return "no";
    const first = countLine(head, size.end, Resp.Bulk);
    if (typeof first === "string") return first;
    if (first.value < 1 || first.value > 64) return "no";
    const end = first.end + first.value;
    for (let i = first.end; i < Math.min(end, head.length); i++) {
      if (!isNameByte(head[i])) return "no";
    }
    if (head.length < end + 2) return "unsure";
    if (head[end] !== CR || head[end + 1] !== LF) return "no";
    const name = latin1(head, first.end, end);
    if (PUBLISHED.has(name)) return "no";
    const command = name.toUpperCase();
    // A confirmation of SUBSCRIBE begins with the command's name, too, but ends with a number.
    if (isSubscription(command)) return areStrings(head, end + 2, size.value - 1);
    // A reply may be a list of strings, too: a known command's name or a second list decides.
    if (line > 0 || isKnownCommand(command)) return "yes";
    const next = skipStrings(head, end + 2, size.value - 1);
    if (next === null) return "no";
    if (next >= head.length) return head.length >= ENOUGH ? "yes" : "likely";
    pos = next;
  }
  return "unsure";
}

/**
 * Offset behind what a server ignores before a command: empty lines and empty lists (`isNothing`:
 * there was an empty list).
 */
function skipNothing(head: Uint8Array): { end: number; isNothing: boolean } {
  let [end, isNothing] = [0, false];
  for (let line = 0; line < MAX_LINES; line++) {
    if (head[end] === CR || head[end] === LF) end++;
    else {
      const size = countLine(head, end, Resp.Array);
      if (typeof size === "string" || size.value > 0) break;
      end = size.end;
      isNothing = true;
    }
  }
  return { end, isNothing };
}

/** Offset behind `count` bulk strings, or the head's end if that comes first; null when one is none. */
function skipStrings(head: Uint8Array, from: number, count: number): number | null {
  let pos = from;
  for (let i = 0; i < count && pos < head.length; i++) {
    const size = countLine(head, pos, Resp.Bulk);
    if (size === "no") return null;
    if (size === "unsure") return head.length;
    if (size.value < 0) return null;
    pos = size.end + size.value + 2;
  }
  return Math.min(pos, head.length);
}

/** Do `count` bulk strings follow? */
function areStrings(head: Uint8Array, from: number, count: number): Answer {
  let pos = from;
  for (let i = 0; i < count; i++) {
    const size = countLine(head, pos, Resp.Bulk);
    if (typeof size === "string") return size;
    if (size.value < 0) return "no";
    pos = size.end + size.value + 2;
  }
  return "yes";
}

interface CountLine {
  value: number;
  /** Offset behind the CRLF. */
  end: number;
}

/** Reads the line `type` number CRLF. */
function countLine(head: Uint8Array, at: number, type: number): CountLine | "no" | "unsure" {
  if (at >= head.length) return "unsure";
  if (head[at] !== type) return "no";
  let i = at + 1;
  if (head[i] === 0x2d) i++;
  while (i < head.length && i - at < 14 && isDigit(head[i])) i++;
  if (i >= head.length) return "unsure";
  if (head[i] !== CR || i === at + 1) return "no";
  if (i + 1 >= head.length) return "unsure";
  if (head[i + 1] !== LF) return "no";
  const value = smallInteger(head, at + 1, i);
  return value === value ? { value, end: i + 2 } : "no";
}

/** An inline command of a known name. Other protocols have such lines, too: then the answer decides. */
function probeInline(head: Uint8Array): Answer {
  let end = 0;
  while (end < head.length && isNameByte(head[end])) end++;
  if (end === 0 || end > 32) return "no";
  if (end === head.length) return "unsure";
  const name = latin1(head, 0, end).toUpperCase();
  if (!isKnownCommand(name)) return "no";
  const stop = head.indexOf(LF);
  const last = stop < 0 ? head.length : stop;
  if (last > MAX_INLINE) return "no";
  for (let i = end; i < last; i++) {
    const byte = head[i] as number;
    if (byte < 0x20 && byte !== 9 && !(byte === CR && (i + 1 === last))) return "no";
  }
  const line = latin1(head, end, last);
  if (line.includes(" HTTP/") || (line !== "" && !" \t\r".includes(line.charAt(0)))) return "no";
  if (stop < 0) return "unsure";
  return isSharedWord(name) ? "unsure" : "likely";
}

function probeResponse(head: Uint8Array): Answer {
  let pos = 0;
  for (let line = 0; line < MAX_LINES; line++) {
    if (pos >= head.length) return "unsure";
    const type = head[pos] as number;
    if (type === Resp.Simple || type === Resp.Error) {
      const verdict = probeText(head, pos);
      if (typeof verdict === "string") return verdict;
      pos = verdict.end; // other protocols say +OK and -ERR, too
      continue;
    }
    return probeTyped(head, pos, type);
  }
  return "yes";
}

const TELLING = new Set([
  "+PONG",
  "+QUEUED",
  "+FULLRESYNC",
  "+CONTINUE",
  "+RESET",
  "-WRONGTYPE",
  "-MOVED",
  "-ASK",
  "-NOAUTH",
  "-WRONGPASS",
  "-NOSCRIPT",
  "-LOADING",
  "-BUSY",
  "-READONLY",
  "-EXECABORT",
  "-CLUSTERDOWN",
  "-CROSSSLOT",
  "-NOPERM",
  "-NOPROTO",
  "-MASTERDOWN",
  "-OOM",
  "-MISCONF",
]);

/** One `+` or `-` line: "yes", "no", "unsure", or its end when other protocols have it, too. */
function probeText(head: Uint8Array, at: number): Answer | { end: number } {
  const last = Math.min(head.length, at + MAX_INLINE);
  let end = at + 1;
  for (; end < last && head[end] !== CR; end++) {
    if ((head[end] as number) < 0x20) return "no";
  }
  if (end === at + MAX_INLINE) return "no";
  if (end + 1 >= head.length) return "unsure";
  if (head[end + 1] !== LF) return "no";
  const text = latin1(head, at, end);
  const space = text.indexOf(" ");
  const word = space < 0 ? text : text.slice(0, space);
  if (TELLING.has(word)) {
    return word === "+PONG" && space >= 0 ? "no" : "yes";
  }
  if (word === "-ERR") return text.startsWith("-ERR '") ? "no" : telling(text, end);
  if (word === "+OK") return space < 0 ? { end: end + 2 } : "no"; // POP3 greets with "+OK text"
  return text.length > 1 && isNameByte(head[at + 1]) ? { end: end + 2 } : "no";
}

/** "yes" for error messages that only Redis has; else the line's end. */
function telling(text: string, end: number): Answer | { end: number } {
  const known = text.startsWith("-ERR unknown command") || text.startsWith("-ERR value is not") ||
    text.startsWith("-ERR wrong number of arguments") || text.startsWith("-ERR syntax error");
  return known ? "yes" : { end: end + 2 };
}

function probeTyped(head: Uint8Array, at: number, type: number): Answer {
  switch (type) {
    case Resp.Integer: {
      const line = countLine(head, at, type);
      return typeof line === "string" ? line : "yes";
    }
    case Resp.Bulk:
    case Resp.BulkError:
    case Resp.Verbatim:
      return probeString(head, at, type);
    case Resp.Array:
    case Resp.Map:
    case Resp.Set:
    case Resp.Push:
    case Resp.Attribute:
      return probeList(head, at, type);
    case Resp.Nil:
      return shape(head, at, /^_\r\n/, 3);
    case Resp.Boolean:
      return shape(head, at, /^#[tf]\r\n/, 4);
    case Resp.Double:
    case Resp.BigNumber:
      return shape(head, at, /^[,(][-+]?(?:inf|nan|[0-9][0-9.eE+-]{0,30})\r\n/, 40);
    default:
      return "no";
  }
}

/** Does `pattern` match at `at`? It must have no part that can match in two ways (backtracking). */
function shape(head: Uint8Array, at: number, pattern: RegExp, longest: number): Answer {
  const text = latin1(head, at, Math.min(head.length, at + longest));
  if (pattern.test(text)) return "yes";
  return text.length >= longest || text.includes("\n") ? "no" : "unsure";
}

function probeString(head: Uint8Array, at: number, type: number): Answer {
  if (type === Resp.Bulk && (head[at + 1] === 0x45 || head[at + 1] === 0x3f)) {
    return shape(head, at, /^\$(?:EOF:[0-9a-f]{40}|\?)\r\n/, 47);
  }
  const line = countLine(head, at, type);
  if (typeof line === "string") return line;
  if (line.value < 0) return line.value === -1 && type === Resp.Bulk ? "yes" : "no";
  // One byte of a long string is enough, since its end is not waited for and nothing may undo a yes.
  if (line.value >= LONG_STRING) return head.length > line.end ? "yes" : "unsure";
  const end = line.end + line.value;
  if (end + 2 > head.length) return "unsure";
  return head[end] === CR && head[end + 1] === LF ? "yes" : "no";
}

const FIRST_BYTES = new Set<number>([
  Resp.Simple,
  Resp.Error,
  Resp.Integer,
  Resp.Bulk,
  Resp.Array,
  Resp.Nil,
  Resp.Double,
  Resp.Boolean,
  Resp.BigNumber,
  Resp.BulkError,
  Resp.Verbatim,
  Resp.Map,
  Resp.Set,
  Resp.Push,
  Resp.Attribute,
]);

function probeList(head: Uint8Array, at: number, type: number): Answer {
  if (head[at + 1] === 0x3f) return shape(head, at, /^[*%~>]\?\r\n/, 4);
  const line = countLine(head, at, type);
  if (typeof line === "string") return line;
  if (line.value < -1 || (line.value === -1 && type !== Resp.Array)) return "no";
  // A client may send an empty array, too.
  if (line.value < 1) return type === Resp.Array ? "likely" : "yes";
  const first = head[line.end];
  if (first === undefined) return "unsure";
  if (!FIRST_BYTES.has(first)) return "no";
  return type === Resp.Array && first === Resp.Bulk ? probeWords(head, line) : "yes";
}

/** An array of strings is a reply unless it may be a command: its first word is a command's name. */
function probeWords(head: Uint8Array, list: CountLine): Answer {
  const first = countLine(head, list.end, Resp.Bulk);
  if (typeof first === "string") return first;
  if (first.value < 1 || first.value > 64) return first.value >= -1 ? "yes" : "no";
  const end = first.end + first.value;
  if (head.length < end + 2) return "unsure";
  if (head[end] !== CR || head[end + 1] !== LF) return "no";
  for (let i = first.end; i < end; i++) if (!isNameByte(head[i])) return "yes";
  const name = latin1(head, first.end, end);
  if (PUBLISHED.has(name)) return "yes";
  // The first word may name a command of a module.
  if (!isKnownCommand(name.toUpperCase())) return "likely";
  // Commands are strings throughout: anything else inside makes it a reply ("subscribe", "ch", 1).
  const rest = skipStrings(head, end + 2, list.value - 1);
  return rest === null ? "yes" : "unsure";
}
