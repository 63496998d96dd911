/**
 * Bits of brotli, the lowest of a byte first, and prefix codes over them (RFC 7932 sections 1.5.2, 3).
 *
 * In: bytes. Out: numbers and symbols. Behind the last byte it reads zeros and sets `isOut`; it never
 * throws.
 */

/** Longest code. */
const MAX_BITS = 15;
/** Codes up to this long are looked up at once. */
const ROOT_BITS = 8;

export class BitReader {
  /** Offset of the next byte that is not in `#bits` yet. */
  #at = 0;
  #bits = 0;
  #count = 0;
  #missing = 0;

  constructor(private readonly bytes: Uint8Array) {}

  /** More bits were read than there are. */
  get isOut(): boolean {
    return this.#missing > this.#count;
  }

  /** Bytes of which no bit was read. */
  get leftBytes(): number {
    return Math.max(0, this.bytes.length - this.#at + ((this.#count - this.#missing) >> 3));
  }

  /** 24 bits at most. */
  read(bits: number): number {
    if (bits > 16) return this.read(16) + this.read(bits - 16) * 65536;
    if (this.#count < bits) this.#fill();
    const value = this.#bits & ((1 << bits) - 1);
    this.#bits >>>= bits;
    this.#count -= bits;
    return value;
  }

  /** Passes the rest of a byte; false when it is not zeros. */
  align(): boolean {
    return this.read(this.#count & 7) === 0;
  }

  symbol(code: PrefixCode): number {
    if (this.#count < MAX_BITS) this.#fill();
    const entry = code.root[this.#bits & code.rootMask] as number;
    const bits = entry & 15;
    if (entry === LONG) return this.#longSymbol(code);
    this.#bits >>>= bits;
    this.#count -= bits;
    return entry >> 4;
  }

  /** Reads a code longer than ROOT_BITS bit by bit: codes of one length are consecutive numbers. */
  #longSymbol({ counts, symbols }: PrefixCode): number {
    let [code, first, index] = [0, 0, 0];
    for (let length = 1; length <= MAX_BITS; length++) {
      code |= this.read(1);
      const count = counts[length] as number;
      if (code - first < count) return symbols[index + code - first] as number;
      index += count;
      first = (first + count) << 1;
      code <<= 1;
    }
    return 0;
  }

  /** Makes `#bits` hold at least 17 bits. */
  #fill(): void {
    while (this.#count <= 16) {
      if (this.#at < this.bytes.length) {
        this.#bits |= (this.bytes[this.#at++] as number) << this.#count;
      } else this.#missing += 8;
      this.#count += 8;
    }
  }
}

const LONG = 0xffff;

/** A prefix code for the symbols whose length is not 0; it is complete: every run of bits is a code. */
export interface PrefixCode {
  /** By the next bits: symbol << 4 | length; LONG where the code is longer than those. */
  root: Uint16Array;
  rootMask: number;
  /** Symbols of each length, and all of them in order. */
  counts: Uint16Array;
  symbols: Uint16Array;
}

/** The code of a single symbol, which takes no bits. */
export function singleCode(symbol: number): PrefixCode {
  const nothing = new Uint16Array(0);
  return { root: Uint16Array.of(symbol << 4), rootMask: 0, counts: nothing, symbols: nothing };
}

export function prefixCode(lengths: Uint8Array): PrefixCode {
  const counts = new Uint16Array(MAX_BITS + 1);
  for (const length of lengths) counts[length] = (counts[length] as number) + 1;
  counts[0] = 0;
  const next = new Uint16Array(MAX_BITS + 1);
  let longest = 0;
  for (let length = 1; length <= MAX_BITS; length++) {
    next[length] = (next[length - 1] as number) + (counts[length - 1] as number);
    if ((counts[length] as number) > 0) longest = length;
  }
  const symbols = new Uint16Array((next[longest] as number) + (counts[longest] as number));
  for (let symbol = 0; symbol < lengths.length; symbol++) {
    const length = lengths[symbol] as number;
    if (length === 0) continue;
    const at = next[length] as number;
    symbols[at] = symbol;
    next[length] = at + 1;
  }
  const rootBits = Math.min(ROOT_BITS, longest);
  return {
    root: rootOf(counts, symbols, rootBits),
    rootMask: (1 << rootBits) - 1,
    counts,
    symbols,
  };
}

function rootOf(counts: Uint16Array, symbols: Uint16Array, rootBits: number): Uint16Array {
  const root = new Uint16Array(1 << rootBits).fill(LONG);
  let [code, index] = [0, 0];
  for (let length = 1; length <= rootBits; length++) {
    for (let left = counts[length] as number; left > 0; left--) {
      const entry = ((symbols[index++] as number) << 4) | length;
      for (let at = reversed(code++, length); at < root.length; at += 1 << length) root[at] = entry;
    }
    code <<= 1;
  }
  return root;
}

function reversed(code: number, length: number): number {
  let [out, rest] = [0, code];
  for (let i = 0; i < length; i++, rest >>= 1) out = (out << 1) | (rest & 1);
  return out;
}
