/**
 * The static dictionary of brotli (RFC 7932 section 8 and appendix A).
 *
 * In: the runtime's own decoder. Out: the dictionary's 122,784 bytes, sorted by the words' length. They
 * are not kept in a file: that decoder has them, and here it decodes content that names every word once.
 */

/** By a word's length, 0 to 24 bytes: there are 2^n words of that length (none for 0). */
export const WORD_BITS: readonly number[] = [
  ...[0, 0, 0, 0, 10, 10, 11, 11, 10, 10, 10, 10, 10],
  ...[9, 9, 8, 7, 7, 8, 7, 7, 6, 6, 5, 5],
];
/** Where the words of each length begin. */
export const WORD_STARTS: readonly number[] = startsOf(WORD_BITS);
const DICTIONARY_BYTES = 122_784;
const FIRST = 4;

/** With a window of 2^10, a distance beyond this names a word. */
const REACH = (1 << 10) - 16;
/** Codes of distances from 765 on: how many extra bits each takes, and its first distance. */
const DISTANCES: readonly { code: number; bits: number; first: number }[] = [
  { code: 31, bits: 8, first: 765 },
  { code: 32, bits: 9, first: 1021 },
  { code: 33, bits: 9, first: 1533 },
  { code: 34, bits: 10, first: 2045 },
];
/** Commands that insert nothing and copy `from` bytes or more, as their extra bits say. */
const COPIES: readonly { from: number; bits: number; command: number }[] = [
  ...[4, 5, 6, 7, 8, 9].map((from) => ({ from, bits: 0, command: 128 + from - 2 })),
  { from: 10, bits: 1, command: 192 },
  { from: 12, bits: 1, command: 193 },
  { from: 14, bits: 2, command: 194 },
  { from: 18, bits: 2, command: 195 },
  { from: 22, bits: 3, command: 196 },
];

function startsOf(wordBits: readonly number[]): number[] {
  let at = 0;
  return wordBits.map((bits, length) => {
    const start = at;
    if (bits > 0) at += length << bits;
    return start;
  });
}

/** `decode`: a decoder of whole, valid content. */
export function readDictionary(decode: (content: Uint8Array) => Uint8Array): Uint8Array {
  const words = decode(everyWord()).slice(REACH);
  if (words.length !== DICTIONARY_BYTES) {
    throw new Error(`Cannot read the dictionary of brotli: it has ${words.length} bytes`);
  }
  return words;
}

/** Brotli content: REACH zeros, so that a word's distance does not depend on where it stands, then every
 * word. */
function everyWord(): Uint8Array {
  const out = new BitWriter();
  out.write(0b0100001, 7); // a window of 2^10
  out.write(0, 1); // not the last block
  out.write(0, 2); // 16 bits of length
  out.write(REACH - 1, 16);
  out.write(1, 1); // uncompressed
  out.align();
  for (let i = 0; i < REACH; i++) out.write(0, 8);
  for (let length = FIRST; length < WORD_BITS.length; length++) writeWords(out, length);
  out.write(0b11, 2); // the last block, which is empty
  return out.bytes();
}

function writeWords(out: BitWriter, length: number): void {
  const words = 1 << (WORD_BITS[length] ?? 0);
  const copy = COPIES.findLast(({ from }) => from <= length);
  if (copy === undefined) return;
  out.write(0, 1);
  out.write(0, 2);
  out.write(length * words - 1, 16);
  out.write(0, 1 + 3 + 6 + 2 + 2); // one block of each kind, plain distances, one tree of each
  out.write(0b0001, 4); // one literal: 0
  out.write(0, 8);
  out.write(0b0001, 4); // one command
  out.write(copy.command, 10);
  out.write(0b1101, 4); // four distances, of two bits each
  for (const { code } of DISTANCES) out.write(code, 6);
  out.write(0, 1);
  for (let word = 0; word < words; word++) {
    const distance = REACH + 1 + word;
    const nth = DISTANCES.findLastIndex(({ first }) => first <= distance);
    const { bits = 0, first = 0 } = DISTANCES[nth] ?? {};
    out.write(length - copy.from, copy.bits);
    out.write((nth >> 1) | ((nth & 1) << 1), 2);
    out.write(distance - first, bits);
  }
}

class BitWriter {
  readonly #bytes: number[] = [];
  #bits = 0;
  #count = 0;

  write(value: number, bits: number): void {
    this.#bits |= value << this.#count;
    this.#count += bits;
    while (this.#count >= 8) {
      this.#bytes.push(this.#bits & 255);
      this.#bits >>>= 8;
      this.#count -= 8;
    }
  }

  align(): void {
    if (this.#count > 0) this.write(0, 8 - this.#count);
  }

  bytes(): Uint8Array {
    this.align();
    return Uint8Array.from(this.#bytes);
  }
}
