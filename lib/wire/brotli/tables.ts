/** Brotli's tables: lengths, distances and counts by code, and contexts (RFC 7932 sections 4 to 7). */

/** What a code stands for: `first` plus a number of `bits` bits. */
export interface Range {
  first: number;
  bits: number;
}

/** Each range begins where the one before it ends. */
function ranges(first: number, bits: readonly number[]): Range[] {
  let next = first;
  return bits.map((each) => {
    const range = { first: next, bits: each };
    next += 2 ** each;
    return range;
  });
}

export const INSERTS: readonly Range[] = ranges(0, [
  ...[0, 0, 0, 0, 0, 0, 1, 1, 2, 2, 3, 3, 4, 4, 5, 5, 6, 7, 8, 9, 10, 12, 14, 24],
]);
export const COPIES: readonly Range[] = ranges(2, [
  ...[0, 0, 0, 0, 0, 0, 0, 0, 1, 1, 2, 2, 3, 3, 4, 4, 5, 5, 6, 7, 8, 9, 10, 24],
]);
export const COUNTS: readonly Range[] = ranges(1, [
  ...[2, 2, 2, 2, 3, 3, 3, 3, 4, 4, 4, 4, 5, 5, 5, 5, 6, 6, 7, 8, 9, 10, 11, 12, 13, 24],
]);

/** For each 64 commands, the first codes of insert and copy lengths. */
export const COMMANDS: readonly (readonly [number, number])[] = [
  [0, 0],
  [0, 8],
  [0, 0],
  [0, 8],
  [8, 0],
  [8, 8],
  [0, 16],
  [16, 0],
  [8, 16],
  [16, 8],
  [16, 16],
];
/** Commands below this repeat the last distance; the others have a distance code. */
export const EXPLICIT = 128;

/** Distance codes 0 to 15: which of the last four distances, and what is added to it. */
export const NEAR_BACK: readonly number[] = [1, 2, 3, 4, 1, 1, 1, 1, 1, 1, 2, 2, 2, 2, 2, 2];
export const NEAR_BY: readonly number[] = [0, 0, 0, 0, -1, 1, -2, 2, -3, 3, -1, 1, -2, 2, -3, 3];

/** Kinds of ASCII bytes in the contexts of UTF-8 text: the last byte adds four times its kind. */
const KINDS: readonly [RegExp, number][] = [
  [/[\t\n\r]/, 1],
  [/ /, 2],
  [/"/, 4],
  [/%/, 5],
  [/'/, 4],
  [/\(/, 6],
  [/\)/, 7],
  [/,/, 8],
  [/\./, 9],
  [/[;:]/, 8],
  [/</, 6],
  [/=/, 10],
  [/>/, 7],
  [/\d/, 11],
  [/[AEIOU]/, 12],
  [/[A-Z]/, 13],
  [/[[{]/, 6],
  [/[\]}]/, 7],
  [/[aeiou]/, 14],
  [/[a-z]/, 15],
  [/[!#$&*+\-/?@\\^_`|~]/, 3],
];

/** Context of the last byte and the one before it, by mode (section 7.1): LSB6, MSB6, UTF8, signed. */
const CONTEXTS: readonly Uint8Array[] = [
  Uint8Array.from({ length: 256 }, (_, byte) => byte & 63),
  Uint8Array.from({ length: 256 }, (_, byte) => byte >> 2),
  Uint8Array.from({ length: 256 }, (_, byte) => lastKind(byte)),
  Uint8Array.from({ length: 256 }, (_, byte) => magnitude(byte) << 3),
];
const CONTEXTS_BEFORE: readonly Uint8Array[] = [
  new Uint8Array(256),
  new Uint8Array(256),
  Uint8Array.from({ length: 256 }, (_, byte) => kindBefore(byte)),
  Uint8Array.from({ length: 256 }, (_, byte) => magnitude(byte)),
];

/** Two tables: the values of the last byte and of the one before it, whose sum is the context. */
export function contextTables(mode: number): [Uint8Array, Uint8Array] {
  return [CONTEXTS[mode] as Uint8Array, CONTEXTS_BEFORE[mode] as Uint8Array];
}

function lastKind(byte: number): number {
  if (byte >= 0x80) return (byte & 1) + (byte >= 0xc0 ? 2 : 0);
  const character = String.fromCharCode(byte);
  return 4 * (KINDS.find(([characters]) => characters.test(character))?.[1] ?? 0);
}

function kindBefore(byte: number): number {
  if (byte >= 0xe0) return 2;
  if (byte >= 0x7f || byte <= 0x20) return 0;
  const character = String.fromCharCode(byte);
  if (/[a-z]/.test(character)) return 3;
  return /[A-Z\d]/.test(character) ? 2 : 1;
}

function magnitude(byte: number): number {
  return [1, 16, 64, 128, 192, 240, 255].filter((least) => byte >= least).length;
}
