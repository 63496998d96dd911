/**
 * How brotli writes its prefix codes, context maps and counts (RFC 7932 sections 3, 7.3, 9.2).
 *
 * In: bits. Out: what they describe; null where they are not valid. It never throws.
 */
import { type BitReader, type PrefixCode, prefixCode, singleCode } from "./bits.ts";

const LENGTH_ORDER: readonly number[] = [
  ...[1, 2, 3, 4, 0, 5, 17, 6, 16, 7, 8, 9, 10, 11, 12, 13, 14, 15],
];
/** The lengths of code lengths have a fixed code of two to four bits. */
const LENGTHS_CODE: PrefixCode = prefixCode(Uint8Array.of(2, 4, 3, 2, 2, 4));
const FULL = 1 << 15;
const REPEAT = 16;

/** A code described by its one to four symbols, or by the length of every symbol. */
export function readCode(bits: BitReader, alphabet: number): PrefixCode | null {
  const skipped = bits.read(2);
  return skipped === 1 ? readSimple(bits, alphabet) : readLengths(bits, alphabet, skipped);
}

function readSimple(bits: BitReader, alphabet: number): PrefixCode | null {
  const count = bits.read(2) + 1;
  const width = 32 - Math.clz32(alphabet - 1);
  const symbols: number[] = [];
  for (let i = 0; i < count; i++) {
    const symbol = bits.read(width);
    if (symbol >= alphabet || symbols.includes(symbol)) return null;
    symbols.push(symbol);
  }
  if (count === 1) return singleCode(symbols[0] as number);
  const isSkewed = count === 3 || (count === 4 && bits.read(1) === 1);
  const lengths = new Uint8Array(alphabet);
  symbols.forEach((symbol, i) => {
    if (isSkewed) lengths[symbol] = Math.min(i + 1, count - 1);
    else lengths[symbol] = count >> 1;
  });
  return prefixCode(lengths);
}

function readLengths(bits: BitReader, alphabet: number, skipped: number): PrefixCode | null {
  const code = readLengthsCode(bits, skipped);
  if (code === null) return null;
  const lengths = new Uint8Array(alphabet);
  let [symbol, room, last, repeated, repeatedLength] = [0, FULL, 8, 0, 0];
  while (symbol < alphabet && room > 0 && !bits.isOut) {
    const length = bits.symbol(code);
    if (length < REPEAT) {
      lengths[symbol++] = length;
      repeated = 0;
      if (length === 0) continue;
      last = length;
      room -= FULL >> length;
      continue;
    }
    const width = length - REPEAT + 2;
    const again = length === REPEAT ? last : 0;
    if (again !== repeatedLength) repeated = 0;
    repeatedLength = again;
    const before = repeated;
    repeated = (repeated > 0 ? (repeated - 2) << width : 0) + bits.read(width) + 3;
    const more = repeated - before;
    if (symbol + more > alphabet) return null;
    lengths.fill(again, symbol, symbol + more);
    symbol += more;
    if (again > 0) room -= more * (FULL >> again);
  }
  return room === 0 ? prefixCode(lengths) : null;
}

function readLengthsCode(bits: BitReader, skipped: number): PrefixCode | null {
  const lengths = new Uint8Array(LENGTH_ORDER.length);
  let [room, count, only] = [32, 0, 0];
  for (let i = skipped; i < LENGTH_ORDER.length && room > 0; i++) {
    const length = bits.symbol(LENGTHS_CODE);
    if (length === 0) continue;
    const symbol = LENGTH_ORDER[i] as number;
    lengths[symbol] = length;
    room -= 32 >> length;
    count++;
    only = symbol;
  }
  if (count === 1) return singleCode(only);
  return room === 0 ? prefixCode(lengths) : null;
}

/** A number from 1 to 256 in 1 to 11 bits. */
export function readCount(bits: BitReader): number {
  if (bits.read(1) === 0) return 1;
  const width = bits.read(3);
  return 1 + (1 << width) + bits.read(width);
}

/** For each of `size` contexts, the number of its code, below `trees`. */
export function readContextMap(bits: BitReader, size: number, trees: number): Uint8Array | null {
  const map = new Uint8Array(size);
  if (trees < 2) return map;
  const runs = bits.read(1) === 0 ? 0 : bits.read(4) + 1;
  const code = readCode(bits, trees + runs);
  if (code === null) return null;
  for (let at = 0; at < size && !bits.isOut;) {
    const symbol = bits.symbol(code);
    if (symbol > runs) map[at++] = symbol - runs;
    else {
      at += (1 << symbol) + bits.read(symbol);
      if (at > size) return null;
    }
  }
  if (bits.read(1) === 1) moveToFront(map);
  return map;
}

function moveToFront(map: Uint8Array): void {
  const order = Uint8Array.from({ length: 256 }, (_, i) => i);
  for (let at = 0; at < map.length; at++) {
    const index = map[at] as number;
    const value = order[index] as number;
    map[at] = value;
    order.copyWithin(1, 0, index);
    order[0] = value;
  }
}
