/**
 * The shapes of first lines, which probe, resync and parser share.
 *
 * In: ranges of bytes. Out: verdicts and offsets. It never looks further than the line.
 */

export const SP = 0x20;
export const HT = 0x09;
export const CR = 0x0d;
export const LF = 0x0a;
export const COLON = 0x3a;

/** Bytes of empty lines before a request, at most. */
export const MAX_EMPTY = 64;
/** Longest method token: the registry's longest has 16 letters. */
export const MAX_METHOD = 32;

/** "HTTP/1." */
const VERSION = new Uint8Array([0x48, 0x54, 0x54, 0x50, 0x2f, 0x31, 0x2e]);
/** Where its first digit stands: "HTTP/" may be followed by any digit. */
const MAJOR = 5;

/** 1 for a tchar of RFC 9110 section 5.6.2. */
const TOKEN = new Uint8Array(256);
for (const range of ["!!", "#'", "*+", "-.", "09", "AZ", "^z", "||", "~~"]) {
  TOKEN.fill(1, range.charCodeAt(0), range.charCodeAt(1) + 1);
}

export function isToken(byte: number): boolean {
  return TOKEN[byte] === 1;
}

export type Shape = "yes" | "no" | "unsure";

/** Offset of the first byte at or after `from` that is no part of a token, at most `end`. */
export function tokenEnd(bytes: Uint8Array, from: number, end: number): number {
  let at = from;
  while (at < end && TOKEN[bytes[at] as number] === 1) at++;
  return at;
}

/** Does [at, at + 8) say "HTTP/", a digit, a dot and a digit? The caller knows that they are there. */
function isVersion(bytes: Uint8Array, at: number): boolean {
  for (let i = 0; i < VERSION.length; i++) {
    if (i === MAJOR ? !isDigit(bytes[at + i] as number) : bytes[at + i] !== VERSION[i]) {
      return false;
    }
  }
  return isDigit(bytes[at + 7] as number);
}

function isDigit(byte: number): boolean {
  return byte >= 0x30 && byte <= 0x39;
}

/** Does a status line ("HTTP/1.1 200 …") start at `at`? */
export function statusLineShape(bytes: Uint8Array, at: number): Shape {
  const end = Math.min(bytes.length, at + 13);
  for (let i = at; i < end; i++) {
    const byte = bytes[i] as number;
    const nth = i - at;
    if (nth < 7 ? byte !== VERSION[nth] : !isStatusByte(nth, byte)) return "no";
  }
  return end - at === 13 ? "yes" : "unsure";
}

function isStatusByte(nth: number, byte: number): boolean {
  if (nth === 7 || nth === 10 || nth === 11) return isDigit(byte);
  if (nth === 8) return byte === SP;
  if (nth === 9) return byte >= 0x31 && byte <= 0x39;
  return byte === SP || byte === CR || byte === LF;
}

/**
 * Does a request line ("TOKEN SP target SP HTTP/1.x") start at `at`? Without a line end before `end`
 * the answer is "no" or "unsure". As lenient as servers are: it takes several spaces, other versions,
 * and control characters within the target.
 */
export function requestLineShape(bytes: Uint8Array, at: number, end: number): Shape {
  const space = tokenEnd(bytes, at, Math.min(end, at + MAX_METHOD + 1));
  if (space - at > MAX_METHOD) return "no";
  if (space === end) return "unsure";
  if (space === at || bytes[space] !== SP) return "no";
  const target = spacesEnd(bytes, space, end);
  if (target < end && (bytes[target] as number) < SP) return "no";
  for (let i = target; i < end; i++) {
    const byte = bytes[i];
    if (byte === LF) return isRequestLine(bytes, at, i) ? "yes" : "no";
    if (byte === 0) return "no";
  }
  return "unsure";
}

/** Is [at, lineFeed) a whole request line, but for the CR that may end it? */
export function isRequestLine(bytes: Uint8Array, at: number, lineFeed: number): boolean {
  const version = versionStart(bytes, at, lineFeed);
  if (version < 0) return false;
  const space = tokenEnd(bytes, at, Math.min(version, at + MAX_METHOD));
  if (space === at || bytes[space] !== SP || isPreface(bytes, at, space)) return false;
  const target = spacesEnd(bytes, space, version);
  if (target >= version || (bytes[target] as number) <= SP) return false;
  // No server takes a NUL in the target: requestLineShape() refuses it, too.
  return !bytes.subarray(target, version).includes(0);
}

/** Where the version of a request line starts, behind a space; -1 when the line ends in none. */
export function versionStart(bytes: Uint8Array, at: number, lineFeed: number): number {
  let end = bytes[lineFeed - 1] === CR ? lineFeed - 1 : lineFeed;
  while (end > at && bytes[end - 1] === SP) end--;
  const version = end - VERSION.length - 1;
  if (version - at < 4 || bytes[version - 1] !== SP || !isVersion(bytes, version)) return -1;
  return version;
}

/** Offset of the first byte at or after `from` that is no space, at most `end`. */
export function spacesEnd(bytes: Uint8Array, from: number, end: number): number {
  let at = from;
  while (at < end && bytes[at] === SP) at++;
  return at;
}

/** "PRI": a client of HTTP/2 begins with what looks like a request (RFC 9113 section 3.4). */
function isPreface(bytes: Uint8Array, at: number, space: number): boolean {
  return space - at === 3 && bytes[at] === 0x50 && bytes[at + 1] === 0x52 && bytes[at + 2] === 0x49;
}

/** Are all bytes of [from, end) characters of text, without control characters? */
export function isPlain(bytes: Uint8Array, from: number, end: number): boolean {
  for (let i = from; i < end; i++) {
    const byte = bytes[i] as number;
    if (byte < SP || byte === 0x7f) return false;
  }
  return true;
}

const KNOWN_METHODS = [
  "GET POST PUT HEAD DELETE OPTIONS PATCH CONNECT TRACE",
  "PROPFIND PROPPATCH MKCOL COPY MOVE LOCK UNLOCK SEARCH REPORT PURGE QUERY",
].join(" ").split(" ").map((method) => new TextEncoder().encode(`${method} `));

/**
 * Length of the known method at `at`, its space excluded; 0 when there is none; -1 when the bytes up
 * to `end` are the beginning of one.
 */
export function knownMethod(bytes: Uint8Array, at: number, end: number): number {
  const first = bytes[at] as number;
  if (first < 0x43 || first > 0x55) return 0; // C … U
  let isBeginning = false;
  for (const method of KNOWN_METHODS) {
    if (method[0] !== first) continue;
    const there = Math.min(method.length, end - at);
    let same = 1;
    while (same < there && bytes[at + same] === method[same]) same++;
    if (same < there) continue;
    if (same === method.length) return method.length - 1;
    isBeginning = true;
  }
  return isBeginning ? -1 : 0;
}

/** End of the empty lines that servers should ignore before a request (RFC 9112 section 2.2). */
export function skipEmptyLines(bytes: Uint8Array, from: number): number {
  let at = from;
  while (at < bytes.length && (bytes[at] === LF || bytes[at] === CR)) at++;
  return at;
}

/**
 * Offset behind the empty line that ends a head, -1 when it is not there. `start` is the head's
 * first byte, `from` where the search goes on. It looks at every second byte: of two line feeds in a
 * row it meets one.
 */
export function findHeadEnd(bytes: Uint8Array, start: number, from: number): number {
  const end = bytes.length;
  let i = from;
  while (i < end) {
    const byte = bytes[i] as number;
    if (byte > CR) {
      i += 2;
      continue;
    }
    if (byte === LF) {
      if (i > start && bytes[i - 1] === LF) return i + 1;
      const next = bytes[i + 1];
      if (next === LF) return i + 2;
      if (next === CR && bytes[i + 2] === LF) return i + 3;
    } else if (byte === CR && i > start && bytes[i - 1] === LF && bytes[i + 1] === LF) return i + 2;
    i++;
  }
  return -1;
}
