/**
 * Bytes of traffic as text, and comparing them. In: a range of bytes. Out: strings, or null where the
 * bytes are no text. Never throws on traffic, never keeps the bytes.
 */

interface Slicer {
  latin1Slice(start: number, end: number): string;
  utf8Slice(start: number, end: number): string;
  base64Slice(start: number, end: number): string;
  compare(that: Uint8Array, thatStart: number, thatEnd: number, start: number, end: number): number;
}

// Deno's global Buffer: its slices are six times as fast as TextDecoder on short ranges. Loading it
// takes some milliseconds, so it is first touched when traffic arrives, not at start-up.
let slicer: Slicer | undefined;
function loaded(): Slicer {
  const buffer: { Buffer?: { prototype: Slicer } } = globalThis;
  if (!buffer.Buffer) throw new Error("Cannot decode text: this runtime has no global Buffer");
  return slicer = buffer.Buffer.prototype;
}

/** Loads Buffer now, so that the first text from traffic does not wait for it. */
export function prepareText(): void {
  const bytes = new Uint8Array(LONG_TEXT);
  utf8(bytes, 0, bytes.length);
}

/** Up to so many bytes a call of the runtime costs more than the text does. */
const SHORT_TEXT = 16;
/** Room for the characters of a short text, of each length. */
const shortRooms = Array.from({ length: SHORT_TEXT + 1 }, (_, length) => new Array(length).fill(0));

/** One character a byte; null when a byte is above `highest`, and of longer texts. */
function shortText(bytes: Uint8Array, start: number, end: number, highest: number): string | null {
  const room: number[] | undefined = shortRooms[end - start];
  if (room === undefined || end > bytes.length) return null;
  for (let i = 0; i < room.length; i++) {
    const byte = bytes[start + i] as number;
    if (byte > highest) return null;
    room[i] = byte;
  }
  return String.fromCharCode.apply(null, room);
}

/** A string with a character for each byte. */
export function latin1(bytes: Uint8Array, start: number, end: number): string {
  return shortText(bytes, start, end, 0xff) ??
    (slicer ?? loaded()).latin1Slice.call(bytes, start, end);
}

/** Are the first `length` of `known` at `start` of `bytes`? */
export function hasAt(
  bytes: Uint8Array,
  start: number,
  known: Uint8Array,
  length: number,
): boolean {
  const end = start + length;
  if (end > bytes.length || length > known.length) return false;
  // `bytes` compares itself with `known`, not the reverse: Deno 2.9 also checks the end of the target's
  // range against the source's length.
  return (slicer ?? loaded()).compare.call(bytes, known, 0, length, start, end) === 0;
}

/** UTF-8; null when the range is not valid UTF-8. */
export function utf8(bytes: Uint8Array, start: number, end: number): string | null {
  if (end - start >= LONG_TEXT) return utf8Long(bytes, start, end);
  const short = shortText(bytes, start, end, 0x7f);
  if (short !== null) return short;
  const text = (slicer ?? loaded()).utf8Slice.call(bytes, start, end);
  // Invalid bytes become this character, but the traffic may also have had it.
  return text.includes("\ufffd") ? utf8Checked(bytes, start, end) : text;
}

/** From this many bytes on it is faster to look first whether all are ASCII. */
const LONG_TEXT = 256;

let isAscii: ((bytes: Uint8Array) => boolean) | undefined;

/** The last long text, since the same is often sent again; kept once two in a row had its length. */
const last: { length: number; text: string | null; bytes: Uint8Array } = {
  length: 0,
  text: null,
  bytes: new Uint8Array(4096),
};

function utf8Long(bytes: Uint8Array, start: number, end: number): string | null {
  const length = end - start;
  const isSameLength = length === last.length;
  const kept = isSameLength ? last.text : null;
  if (kept !== null && hasAt(bytes, start, last.bytes, length)) return kept;
  last.length = length;
  last.text = null;
  isAscii ??= process.getBuiltinModule("node:buffer").isAscii;
  const range = bytes.subarray(start, end);
  if (!isAscii(range)) return utf8Checked(bytes, start, end);
  const text = (slicer ?? loaded()).latin1Slice.call(bytes, start, end);
  if (isSameLength && length <= last.bytes.length) {
    last.bytes.set(range);
    last.text = text;
  }
  return text;
}

function utf8Checked(bytes: Uint8Array, start: number, end: number): string | null {
  try {
    return new TextDecoder("utf-8", { fatal: true, ignoreBOM: true }).decode(
      bytes.subarray(start, end),
    );
  } catch {
    return null;
  }
}

/** Standard base64 with padding (RFC 4648 section 4). */
export function base64(bytes: Uint8Array, start: number, end: number): string {
  return (slicer ?? loaded()).base64Slice.call(bytes, start, end);
}

/**
 * The last offset, at most `end`, that does not cut a UTF-8 sequence in two: where a display cut
 * may fall without turning text into base64.
 */
export function utf8CutBefore(bytes: Uint8Array, start: number, end: number): number {
  let lead = end - 1;
  const lowest = Math.max(start, end - 4);
  while (lead >= lowest && ((bytes[lead] as number) & 0xc0) === 0x80) lead--;
  if (lead < lowest) return end;
  const byte = bytes[lead] as number;
  const need = byte >= 0xf0 ? 4 : byte >= 0xe0 ? 3 : byte >= 0xc0 ? 2 : 1;
  return lead + need > end ? lead : end;
}
