/**
 * Text from traffic made safe for a terminal, and measured in its columns.
 * In: any string. Out: printable text. Nothing here trusts that a string is well formed.
 */

const PLAIN = /^[\x20-\x7e]*$/;
// Controls, format characters (bidi among them), lone surrogates, unassigned, and line separators.
const UNSAFE = /[\p{C}\p{Zl}\p{Zp}]/gu;
const UNSAFE_BUT_NEWLINE = /(?!\n)[\p{C}\p{Zl}\p{Zp}]/gu;
const COMBINING = /^[\p{Mn}\p{Me}]$/u;
const SHORT: Record<string, string> = { "\n": "\\n", "\r": "\\r", "\t": "\\t" };

/** Every character that a terminal could obey, or that hides or reorders others, as \n, \xNN or \u{N}. */
export function escapeText(text: string): string {
  return PLAIN.test(text) ? text : text.replace(UNSAFE, escapeCharacter);
}

function escapeCharacter(character: string): string {
  const short = SHORT[character];
  if (short !== undefined) return short;
  const code = character.codePointAt(0) ?? 0;
  return code < 256 ? `\\x${code.toString(16).padStart(2, "0")}` : `\\u{${code.toString(16)}}`;
}

/** The same for JSON: what JSON.stringify leaves bare becomes \uNNNN, so that the value stays the same. */
export function escapeJson(json: string): string {
  return PLAIN.test(json) ? json : json.replace(UNSAFE_BUT_NEWLINE, (character) => {
    let out = "";
    for (let i = 0; i < character.length; i++) {
      out += `\\u${character.charCodeAt(i).toString(16).padStart(4, "0")}`;
    }
    return out;
  });
}

/** First and last code point of each range that fills two columns (Unicode's East Asian Width W and F). */
const WIDE: readonly (readonly [number, number])[] = [
  [0x1100, 0x115f],
  [0x231a, 0x231b],
  [0x23e9, 0x23ec],
  [0x25fd, 0x25fe],
  [0x2614, 0x2615],
  [0x2648, 0x2653],
  [0x26aa, 0x26ab],
  [0x26bd, 0x26be],
  [0x2705, 0x2705],
  [0x270a, 0x270b],
  [0x2728, 0x2728],
  [0x274c, 0x274c],
  [0x2753, 0x2757],
  [0x2795, 0x2797],
  [0x2b1b, 0x2b1c],
  [0x2b50, 0x2b55],
  [0x2e80, 0x303e],
  [0x3041, 0x33ff],
  [0x3400, 0x4dbf],
  [0x4e00, 0x9fff],
  [0xa000, 0xa4cf],
  [0xa960, 0xa97f],
  [0xac00, 0xd7a3],
  [0xf900, 0xfaff],
  [0xfe30, 0xfe6f],
  [0xff00, 0xff60],
  [0xffe0, 0xffe6],
  [0x16fe0, 0x18aff],
  [0x1b000, 0x1b2ff],
  [0x1f004, 0x1f0cf],
  [0x1f18e, 0x1f19a],
  [0x1f200, 0x1f320],
  [0x1f32d, 0x1f64f],
  [0x1f680, 0x1f6ff],
  [0x1f7e0, 0x1f7eb],
  [0x1f900, 0x1faff],
  [0x20000, 0x3fffd],
];

/** Columns that one escaped character fills: 0, 1 or 2. */
function characterWidth(character: string): number {
  const code = character.codePointAt(0) ?? 0;
  if (code < 0x300) return 1;
  if (COMBINING.test(character)) return 0;
  for (const [first, last] of WIDE) {
    if (code < first) return 1;
    if (code <= last) return 2;
  }
  return 1;
}

/** Columns that escaped text fills. */
export function textWidth(text: string): number {
  if (PLAIN.test(text)) return text.length;
  let width = 0;
  for (const character of text) width += characterWidth(character);
  return width;
}

/** Escaped text in exactly `width` columns: padded, or cut with "…" at the end. */
export function fitText(text: string, width: number): string {
  const full = textWidth(text);
  if (full <= width) return text + " ".repeat(width - full);
  if (width <= 0) return "";
  let out = "";
  let used = 0;
  for (const character of text) {
    const next = used + characterWidth(character);
    if (next > width - 1) break;
    out += character;
    used = next;
  }
  return `${out}…${" ".repeat(width - 1 - used)}`;
}
