/**
 * Brotli content (RFC 7932).
 *
 * In: coded bytes, all of them or their beginning, the dictionary, and how many decoded bytes are
 * wanted. Out: so many of them, and how it ended. It never throws on traffic. Its work is bounded, that
 * of building prefix codes too, since a few bytes may describe many codes.
 *
 * The runtime has a decoder, but for invalid content it leaks the codes (a megabyte for some hundred
 * bytes), and prints a message on standard output, among the records.
 */
import { BitReader, type PrefixCode } from "./bits.ts";
import { readCode, readContextMap, readCount } from "./codes.ts";
import { WORD_BITS, WORD_STARTS } from "./dictionary.ts";
import {
  COMMANDS,
  contextTables,
  COPIES,
  COUNTS,
  EXPLICIT,
  INSERTS,
  NEAR_BACK,
  NEAR_BY,
  type Range,
} from "./tables.ts";
import { MAX_WORD_BYTES, TRANSFORMS, writeWord } from "./transforms.ts";

export interface Unfolded {
  bytes: Uint8Array;
  /** "wanted": as many bytes as wanted were decoded; "cut": the coded bytes end too early. */
  end: "whole" | "wanted" | "cut" | "corrupt";
  /** Bytes behind the content's end. */
  leftBytes: number;
}

type End = Unfolded["end"];

const COMMAND_ALPHABET = 704;
const LITERAL_CONTEXTS = 64;
const DISTANCE_CONTEXTS = 4;
const OUT_OF_REACH = 16;
/** Length of the block where there is one type only: it never ends. */
const ENDLESS = 2 ** 32;
/** Symbols of codes that may be described: so many, and so many more for each byte that is wanted. */
const FREE_EFFORT = 1 << 16;
const MAX_EFFORT_RATIO = 4;
const FIRST_ROOM = 4096;

export function decodeBrotli(
  content: Uint8Array,
  dictionary: () => Uint8Array,
  wantedBytes: number,
): Unfolded {
  const decoder = new Decoder(content, dictionary, wantedBytes);
  const end = decoder.run();
  return { bytes: decoder.bytes(), end, leftBytes: decoder.bits.leftBytes };
}

/** Which code the next symbols of one kind (literals, commands, distances) use, and how many do. */
interface Blocks {
  types: number;
  typeCode: PrefixCode | null;
  countCode: PrefixCode | null;
  left: number;
  type: number;
  typeBefore: number;
}

interface Codes {
  literals: Blocks;
  commands: Blocks;
  distances: Blocks;
  postfix: number;
  direct: number;
  modes: number[];
  literalMap: Uint8Array;
  distanceMap: Uint8Array;
  literalCodes: PrefixCode[];
  commandCodes: PrefixCode[];
  distanceCodes: PrefixCode[];
}

class Decoder {
  readonly bits: BitReader;
  #out: Uint8Array;
  #at = 0;
  #reach = 0;
  #effort = 0;
  /** The last four distances, the last one first. */
  #near: [number, number, number, number] = [4, 11, 15, 16];

  constructor(
    content: Uint8Array,
    private readonly dictionary: () => Uint8Array,
    private readonly wantedBytes: number,
  ) {
    this.bits = new BitReader(content);
    this.#out = new Uint8Array(Math.min(wantedBytes, FIRST_ROOM) + MAX_WORD_BYTES);
  }

  bytes(): Uint8Array {
    return this.#out.subarray(0, Math.min(this.#at, this.wantedBytes));
  }

  run(): End {
    const window = this.#readWindow();
    if (window === 0) return this.#wrong();
    this.#reach = 2 ** window - OUT_OF_REACH;
    while (true) {
      const isLast = this.bits.read(1) === 1;
      if (isLast && this.bits.read(1) === 1) break;
      const end = this.#block(isLast);
      if (end !== null) return end;
      if (this.#at >= this.wantedBytes) return "wanted";
      if (this.bits.isOut) return "cut";
      if (isLast) break;
    }
    if (this.bits.isOut) return "cut";
    return this.bits.align() ? "whole" : "corrupt";
  }

  /** The end for invalid content: "cut" if it ran out of bits, which then read as zeros. */
  #wrong(): End {
    return this.bits.isOut ? "cut" : "corrupt";
  }

  /** Bits of the window; 0: not valid. */
  #readWindow(): number {
    const { bits } = this;
    if (bits.read(1) === 0) return 16;
    const large = bits.read(3);
    if (large > 0) return 17 + large;
    const small = bits.read(3);
    return small === 1 ? 0 : small === 0 ? 17 : 8 + small;
  }

  /** Decodes one meta-block. Null: another follows. */
  #block(isLast: boolean): End | null {
    const { bits } = this;
    const nibbles = bits.read(2);
    if (nibbles === 3) return this.#passMetadata();
    const length = bits.read(16) + (nibbles > 0 ? bits.read(4 * nibbles) * 65536 : 0) + 1;
    if (nibbles > 0 && length <= 2 ** (12 + 4 * nibbles)) return this.#wrong();
    if (!isLast && bits.read(1) === 1) return this.#copyPlain(length);
    const codes = this.#readCodes();
    if (codes === null || bits.isOut) return this.#wrong();
    return new Commands(this, codes, length).run();
  }

  #passMetadata(): End | null {
    const { bits } = this;
    if (bits.read(1) === 1) return this.#wrong();
    const width = bits.read(2);
    const size = width === 0 ? 0 : bits.read(8 * width) + 1;
    if (width > 1 && size <= 2 ** (8 * (width - 1))) return this.#wrong();
    if (!bits.align()) return this.#wrong();
    for (let left = size; left > 0 && !bits.isOut; left--) bits.read(8);
    return null;
  }

  #copyPlain(length: number): End | null {
    const { bits } = this;
    if (!bits.align()) return this.#wrong();
    for (let left = length; left > 0 && this.#at < this.wantedBytes; left--) {
      const byte = bits.read(8);
      if (bits.isOut) return "cut";
      this.put(byte);
    }
    return null;
  }

  #readCodes(): Codes | null {
    const { bits } = this;
    const literals = this.#readBlocks(), commands = this.#readBlocks();
    const distances = this.#readBlocks();
    if (literals === null || commands === null || distances === null) return null;
    const postfix = bits.read(2);
    const direct = bits.read(4) << postfix;
    const modes = Array.from({ length: literals.types }, () => bits.read(2));
    const literalTrees = readCount(bits);
    const literalMap = this.#readMap(LITERAL_CONTEXTS * literals.types, literalTrees);
    const distanceTrees = readCount(bits);
    const distanceMap = this.#readMap(DISTANCE_CONTEXTS * distances.types, distanceTrees);
    if (literalMap === null || distanceMap === null) return null;
    const distanceAlphabet = 16 + direct + (48 << postfix);
    const literalCodes = this.#readAll(literalTrees, 256);
    const commandCodes = this.#readAll(commands.types, COMMAND_ALPHABET);
    const distanceCodes = this.#readAll(distanceTrees, distanceAlphabet);
    if (literalCodes === null || commandCodes === null || distanceCodes === null) return null;
    const kinds = { literals, commands, distances, postfix, direct, modes };
    return { ...kinds, literalMap, distanceMap, literalCodes, commandCodes, distanceCodes };
  }

  #readBlocks(): Blocks | null {
    const types = readCount(this.bits);
    const blocks: Blocks = {
      types,
      typeCode: null,
      countCode: null,
      left: ENDLESS,
      type: 0,
      typeBefore: 1,
    };
    if (types < 2) return blocks;
    blocks.typeCode = this.#read(types + 2);
    blocks.countCode = this.#read(COUNTS.length);
    if (blocks.typeCode === null || blocks.countCode === null) return null;
    blocks.left = this.readRange(COUNTS[this.bits.symbol(blocks.countCode)]);
    return blocks;
  }

  #readMap(size: number, trees: number): Uint8Array | null {
    return this.#isTooMuch(size) ? null : readContextMap(this.bits, size, trees);
  }

  #readAll(count: number, alphabet: number): PrefixCode[] | null {
    const codes: PrefixCode[] = [];
    for (let i = 0; i < count; i++) {
      const code = this.#read(alphabet);
      if (code === null) return null;
      codes.push(code);
    }
    return codes;
  }

  #read(alphabet: number): PrefixCode | null {
    return this.bits.isOut || this.#isTooMuch(alphabet) ? null : readCode(this.bits, alphabet);
  }

  #isTooMuch(symbols: number): boolean {
    this.#effort += symbols;
    return this.#effort > FREE_EFFORT + MAX_EFFORT_RATIO * this.wantedBytes;
  }

  // Called by Commands.

  get isEnough(): boolean {
    return this.#at >= this.wantedBytes;
  }

  get written(): number {
    return this.#at;
  }

  readRange(range: Range | undefined): number {
    return range === undefined ? 0 : range.first + this.bits.read(range.bits);
  }

  /** The decoded byte `distance` back; 0 where there is none. */
  back(distance: number): number {
    return this.#out[this.#at - distance] ?? 0;
  }

  put(byte: number): void {
    if (this.#at >= this.#out.length) this.#grow(1);
    this.#out[this.#at++] = byte;
  }

  /** Copies earlier bytes, or a word of the dictionary; how many bytes, 0 when there is no such word. */
  copy(distance: number, length: number): number {
    const reach = Math.min(this.#reach, this.#at);
    if (distance > reach) return this.#word(distance - reach - 1, length);
    const wanted = Math.min(length, this.wantedBytes - this.#at);
    if (this.#at + wanted > this.#out.length) this.#grow(wanted);
    const out = this.#out;
    let at = this.#at;
    for (const end = at + wanted; at < end; at++) out[at] = out[at - distance] as number;
    this.#at = at;
    return length;
  }

  #word(id: number, length: number): number {
    const width = WORD_BITS[length] ?? 0;
    const transform = Math.floor(id / 2 ** width);
    if (width === 0 || transform >= TRANSFORMS) return 0;
    if (this.#at + MAX_WORD_BYTES > this.#out.length) this.#grow(MAX_WORD_BYTES);
    const from = (WORD_STARTS[length] as number) + length * (id & ((1 << width) - 1));
    const before = this.#at;
    this.#at = writeWord(this.dictionary(), from, length, transform, this.#out, before);
    return this.#at - before;
  }

  #grow(byBytes: number): void {
    const out = new Uint8Array(Math.max(2 * this.#out.length, this.#at + byBytes));
    out.set(this.#out.subarray(0, this.#at));
    this.#out = out;
  }

  /** The distance that a code stands for; 0 where there is none. */
  distance(code: number, postfix: number, direct: number): number {
    if (code < NEAR_BACK.length) {
      const near = this.#near[(NEAR_BACK[code] as number) - 1] as number;
      return Math.max(0, near + (NEAR_BY[code] as number));
    }
    const plain = code - NEAR_BACK.length;
    if (plain < direct) return plain + 1;
    const rest = plain - direct;
    const width = 1 + (rest >> (postfix + 1));
    const high = rest >> postfix;
    const first = ((2 + (high & 1)) << width) - 4;
    const low = rest & ((1 << postfix) - 1);
    return ((first + this.bits.read(width)) << postfix) + low + direct + 1;
  }

  /** Remembers a distance that was given by its own code, unless it names a word. */
  noteDistance(distance: number): void {
    if (distance > Math.min(this.#reach, this.#at)) return;
    const [first, second, third] = this.#near;
    this.#near = [distance, first, second, third];
  }
}

/** The commands of one block of `left` decoded bytes: literals, then a copy. */
class Commands {
  constructor(
    private readonly decoder: Decoder,
    private readonly codes: Codes,
    private left: number,
  ) {}

  run(): End | null {
    const { decoder, codes } = this;
    const { bits } = decoder;
    const commands = codes.commands;
    while (this.left > 0 && !decoder.isEnough) {
      if (commands.left-- === 0) this.#switch(commands);
      const symbol = bits.symbol(codes.commandCodes[commands.type] as PrefixCode);
      const [insert, copy] = COMMANDS[symbol >> 6] as readonly [number, number];
      const inserted = decoder.readRange(INSERTS[insert + ((symbol >> 3) & 7)]);
      const copied = decoder.readRange(COPIES[copy + (symbol & 7)]);
      if (bits.isOut) return "cut";
      if (inserted > this.left) return "corrupt";
      const end = this.#insert(inserted) ?? this.#copy(copied, symbol < EXPLICIT);
      if (end !== null) return end;
    }
    return null;
  }

  #insert(count: number): End | null {
    const { decoder, codes } = this;
    const { bits } = decoder;
    const { literals, literalMap, literalCodes, modes } = codes;
    let [last, before] = contextTables(modes[literals.type] as number);
    let [one, two] = [decoder.back(1), decoder.back(2)];
    for (let i = count; i > 0 && !decoder.isEnough; i--) {
      if (literals.left-- === 0) {
        this.#switch(literals);
        [last, before] = contextTables(modes[literals.type] as number);
      }
      const context = (last[one] as number) | (before[two] as number);
      const tree = literalMap[LITERAL_CONTEXTS * literals.type + context] as number;
      two = one;
      one = bits.symbol(literalCodes[tree] as PrefixCode);
      if (bits.isOut) return "cut";
      decoder.put(one);
    }
    this.left -= count;
    return null;
  }

  #copy(count: number, isLast: boolean): End | null {
    const { decoder } = this;
    if (this.left === 0 || decoder.isEnough) return null;
    const code = isLast ? 0 : this.#distanceCode(count);
    const distance = decoder.distance(code, this.codes.postfix, this.codes.direct);
    if (decoder.bits.isOut) return "cut";
    if (distance === 0) return "corrupt";
    if (code > 0) decoder.noteDistance(distance);
    const copied = decoder.copy(distance, count);
    if (copied === 0 || copied > this.left) return "corrupt";
    this.left -= copied;
    return null;
  }

  #distanceCode(copied: number): number {
    const { distances, distanceMap, distanceCodes } = this.codes;
    if (distances.left-- === 0) this.#switch(distances);
    const context = Math.min(copied, 5) - 2;
    const tree = distanceMap[DISTANCE_CONTEXTS * distances.type + context] as number;
    return this.decoder.bits.symbol(distanceCodes[tree] as PrefixCode);
  }

  /** Begins the next block of one kind: reads its type, and its length, less the symbol being read. */
  #switch(blocks: Blocks): void {
    const { types, typeCode, countCode, type, typeBefore } = blocks;
    if (typeCode === null || countCode === null) return;
    const { bits } = this.decoder;
    const code = bits.symbol(typeCode);
    blocks.type = code === 0 ? typeBefore : code === 1 ? (type + 1) % types : code - 2;
    blocks.typeBefore = type;
    blocks.left = this.decoder.readRange(COUNTS[bits.symbol(countCode)]) - 1;
  }
}
