/**
 * Characters of URLs with their percent encoding removed: "=", "%3D" and "%253D" are the same character,
 * of level 0, 1 and 2. In: text and an offset. Out: one number for the character there. Pure.
 */

const PERCENT = 0x25;
/** No real URL is encoded more often. */
const MAX_LEVEL = 4;
const WIDTH = 2 ** 16;
const LEVEL = 2 ** 20;

/** The unit at `at`: code, width and level in one number, for codeOf(), widthOf() and levelOf(). */
export function unitAt(text: string, at: number): number {
  const code = text.charCodeAt(at);
  return code === PERCENT ? encodedAt(text, at) : code + WIDTH;
}

/** The decoded character's code, as charCodeAt() has it. */
export function codeOf(unit: number): number {
  return unit & 0xffff;
}

/** How many characters of the text it takes: 3 for "%3D". */
export function widthOf(unit: number): number {
  return (unit >>> 16) & 15;
}

/** How often it was encoded: 2 for "%253D". */
export function levelOf(unit: number): number {
  return unit >>> 20;
}

function encodedAt(text: string, at: number): number {
  let code = PERCENT;
  let end = at + 1;
  let level = 0;
  while (code === PERCENT && level < MAX_LEVEL) {
    const high = hexDigit(text.charCodeAt(end));
    const low = hexDigit(text.charCodeAt(end + 1));
    if (high < 0 || low < 0) break;
    code = high * 16 + low;
    end += 2;
    level++;
  }
  return code + (end - at) * WIDTH + level * LEVEL;
}

function hexDigit(code: number): number {
  if (code >= 0x30 && code <= 0x39) return code - 0x30;
  const lower = code | 32;
  return lower >= 0x61 && lower <= 0x66 ? lower - 0x57 : -1;
}
