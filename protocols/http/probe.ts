/**
 * Is this HTTP/1, and where does the next message start?
 *
 * In: the first bytes of a direction, or bytes from anywhere in it. Out: a verdict, or an offset. Of a
 * line with a known method it needs PROBE_BYTES at most, since the kernel side sends only 256 bytes of
 * a connection that is not recognised yet.
 */
import type { ParseContext, Probe, Side } from "../protocol.ts";
import { disturb, type HttpState } from "./state.ts";
import {
  CR,
  isPlain,
  isRequestLine,
  isToken,
  knownMethod,
  LF,
  MAX_EMPTY,
  MAX_METHOD,
  requestLineShape,
  skipEmptyLines,
  SP,
  spacesEnd,
  statusLineShape,
  tokenEnd,
} from "./shape.ts";

/** A known method and so many bytes of a request target are enough. */
const PROBE_BYTES = 200;
/** Servers accept no longer lines. */
const PROBE_LINE = 16 * 1024;

export function probe(head: Uint8Array, side: Side): Probe {
  if (side === "response") return statusLineShape(head, 0);
  const start = skipEmptyLines(head, 0);
  if (start > MAX_EMPTY) return "no";
  if (start === head.length) return "unsure";
  const enough = start + PROBE_BYTES, limit = start + PROBE_LINE;
  const early = requestLineShape(head, start, Math.min(head.length, enough));
  if (early !== "unsure" || head.length < enough) return early;
  if (isPlain(head, start, enough) && knownMethod(head, start, enough) > 0) return "yes";
  const shape = requestLineShape(head, start, Math.min(head.length, limit));
  if (shape !== "unsure") return shape;
  if (head.length >= limit) return "no";
  return isLongTarget(head, start, enough) ? "likely" : "unsure";
}

/** Do a word and a path without an end come? The other side must then confirm that it is HTTP. */
function isLongTarget(head: Uint8Array, start: number, end: number): boolean {
  const target = spacesEnd(head, tokenEnd(head, start, end), end);
  return head[target] === 0x2f && isPlain(head, target, end) &&
    head.subarray(target, end).indexOf(SP) < 0;
}

/** As Protocol.findBoundary. A request may start in the middle of a line: bodies end anywhere. */
export function findBoundary(
  bytes: Uint8Array,
  from: number,
  context: ParseContext<HttpState>,
): number {
  disturb(context.state, context.side);
  if (context.side === "response") return findResponse(bytes, from);
  const before = from > 0 ? bytes[from - 1] : context.before?.at(-1);
  return findRequest(bytes, from, before === LF || before === undefined);
}

function findResponse(bytes: Uint8Array, from: number): number {
  for (let i = from; i < bytes.length; i++) {
    if (bytes[i] === 0x48 && statusLineShape(bytes, i) !== "no") return i;
  }
  return bytes.length;
}

function findRequest(bytes: Uint8Array, from: number, startsLine: boolean): number {
  let line = from;
  while (line < bytes.length) {
    const found = lineFeedFrom(bytes, line);
    const end = found < 0 ? bytes.length : found;
    // All starts in one line need the same end: without "HTTP/x.y" there the line is passed at once.
    if (found < 0 || endsInVersion(bytes, line, end)) {
      const start = findInLine(bytes, line, end, found >= 0, line > from || startsLine);
      if (start >= 0) return start;
    }
    line = end + 1;
  }
  return bytes.length;
}

/** Where the next line feed is; -1 when there is none. A call of the runtime costs as much as 20 bytes. */
function lineFeedFrom(bytes: Uint8Array, line: number): number {
  const near = Math.min(bytes.length, line + 16);
  for (let i = line; i < near; i++) if (bytes[i] === LF) return i;
  return bytes.indexOf(LF, near);
}

/** Does the line end like "M / HTTP/1.1", the shortest there is? */
function endsInVersion(bytes: Uint8Array, line: number, lineFeed: number): boolean {
  const end = bytes[lineFeed - 1] === CR ? lineFeed - 1 : lineFeed;
  return end - line >= 12 && bytes[end - 9] === SP && bytes[end - 8] === 0x48;
}

/** The first start of a request in [line, end), which may be the rest of a line; -1 when there is none. */
function findInLine(
  bytes: Uint8Array,
  line: number,
  end: number,
  isWhole: boolean,
  startsLine: boolean,
): number {
  const first = afterControls(bytes, line, end);
  const tail = isWhole ? end - 12 : end - 1;
  for (let i = first; i <= tail; i++) {
    const length = i === line && startsLine ? anyMethod(bytes, i, end) : knownMethod(bytes, i, end);
    if (length === 0) continue;
    const target = i + length + 1;
    // The method, or what stands behind it, is not all there yet.
    if (length < 0 || target >= end) {
      if (!isWhole) return i;
    } else if (startsTarget(bytes, i, target) && (!isWhole || isRequestLine(bytes, i, end))) {
      return i;
    }
  }
  return -1;
}

/** Where a request line can begin: behind the line's last control character. */
function afterControls(bytes: Uint8Array, line: number, end: number): number {
  // A CR at the end is, or may become, part of the line end.
  let at = bytes[end - 1] === CR ? end - 1 : end;
  while (at > line && (bytes[at - 1] as number) >= SP) at--;
  return at;
}

/**
 * As knownMethod(), for any method in capitals at a possible start of a line. 0 when a known one is in
 * it, as in "XYZGET": there the end of a body and a request share a line.
 */
function anyMethod(bytes: Uint8Array, at: number, end: number): number {
  const known = knownMethod(bytes, at, end);
  if (known !== 0) return known;
  let space = at;
  while (space < end && isCapital(bytes[space] as number)) {
    const inner = space > at ? knownMethod(bytes, space, end) : 0;
    if (inner !== 0) return inner > 0 ? 0 : -1;
    space++;
  }
  const length = space - at;
  if (length > MAX_METHOD) return 0;
  if (space === end) return -1;
  return length >= 3 && bytes[space] === SP ? length : 0;
}

function isCapital(byte: number): boolean {
  return (byte >= 0x41 && byte <= 0x5a) || byte === 0x2d || byte === 0x5f;
}

/** Does a target start there: "/", "*", the "h" of a URL, or a host behind CONNECT? */
function startsTarget(bytes: Uint8Array, method: number, target: number): boolean {
  const byte = bytes[target] as number;
  if (byte === 0x2f || byte === 0x2a || byte === 0x68) return true;
  const isConnect = target - method === 8 && bytes[method + 2] === 0x4e;
  return isConnect && (isToken(byte) || byte === 0x5b);
}
