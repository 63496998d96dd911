/**
 * Unpacks a gzip file (RFC 1952, RFC 1951) piece by piece.
 *
 * In: pieces of the file. Out: the unpacked bytes, as they are asked for. Both go through buffers of a
 * fixed size, so that no file can cost more memory. The runtime's own decoder goes on with a next piece
 * only asynchronously, and files are read synchronously here. Several gzip files back to back are one.
 */
import { crc32 } from "./format.ts";

const INPUT_BYTES = 128 * 1024;
const HISTORY_BYTES = 32 * 1024;
const ROOM_BYTES = 64 * 1024;
const LONGEST_COPY = 258;
/** More bytes than a symbol with its extra bits takes, and than a block's head takes. */
const SYMBOL_BYTES = 8;
const BLOCK_HEAD_BYTES = 512;

const CUT = "gzip data is cut";
const DAMAGED = "gzip data is damaged";

const END_OF_BLOCK = 256;
const MAX_CODE_BITS = 15;
const LENGTH_BASE = [
  3,
  4,
  5,
  6,
  7,
  8,
  9,
  10,
  11,
  13,
  15,
  17,
  19,
  23,
  27,
  31,
  35,
  43,
  51,
  59,
  67,
  83,
]
  .concat([99, 115, 131, 163, 195, 227, 258]);
const LENGTH_BITS = [0, 0, 0, 0, 0, 0, 0, 0, 1, 1, 1, 1, 2, 2, 2, 2, 3, 3, 3, 3, 4, 4, 4, 4]
  .concat([5, 5, 5, 5, 0]);
const DISTANCE_BITS = [0, 0, 0, 0].concat(...Array.from({ length: 13 }, (_, i) => [i + 1, i + 1]));
const DISTANCE_BASE = DISTANCE_BITS.map((_, code) =>
  code < 4 ? code + 1 : 1 + (2 + (code & 1)) * 2 ** ((code >> 1) - 1)
);
/** The order in which the lengths of the code-length code come (RFC 1951 section 3.2.7). */
const LENGTH_ORDER = [16, 17, 18, 0, 8, 7, 9, 6, 10, 5, 11, 4, 12, 3, 13, 2, 14, 1, 15];
const HeadFlag = { CHECKSUM: 2, EXTRA: 4, NAME: 8, COMMENT: 16 } as const;

/** A prefix code: by the next `bits` bits, symbol << 4 | length; 0 where there is no symbol. */
interface Code {
  readonly bits: number;
  readonly table: Uint16Array;
}

/** True when a gzip file starts at `at` (two bytes are there). */
export function isGzip(bytes: Uint8Array, at: number): boolean {
  return bytes[at] === 0x1f && bytes[at + 1] === 0x8b;
}

class Damaged extends Error {}

export class Inflater {
  /** take() gives no more bytes. */
  ended = false;
  /** Why it ended before the file's end; null when it did not. */
  failure: string | null = null;
  readonly #input = new Uint8Array(INPUT_BYTES);
  #at = 0;
  #end = 0;
  #isLast = false;
  #bits = 0;
  #bitCount = 0;
  readonly #out = new Uint8Array(HISTORY_BYTES + ROOM_BYTES);
  #taken = 0;
  #written = 0;
  #next: "head" | "block" | "stored" | "symbols" | "tail" = "head";
  #isFirst = true;
  #isFinal = false;
  #storedBytes = 0;
  #literals: Code = { bits: 0, table: new Uint16Array(1) };
  #distances: Code = { bits: 0, table: new Uint16Array(1) };
  #checksum = 0;
  #memberBytes = 0;
  /** #out is part of the checksum up to here. */
  #summed = 0;

  /** Where the caller puts the next piece (at least one byte of room); it then calls added(). */
  room(): Uint8Array<ArrayBuffer> {
    this.#input.copyWithin(0, this.#at, this.#end);
    this.#end -= this.#at;
    this.#at = 0;
    return this.#input.subarray(this.#end);
  }

  /** `count` bytes were put into room(); null: the file ended. */
  added(count: number | null): void {
    if (count === null) this.#isLast = true;
    else this.#end += count;
  }

  /** Unpacks into `into`; 0 bytes when it needs more of the file, or ended. */
  take(into: Uint8Array): number {
    if (this.#taken === this.#written && !this.ended) this.#unpack();
    const count = Math.min(into.length, this.#written - this.#taken);
    into.set(this.#out.subarray(this.#taken, this.#taken + count));
    this.#taken += count;
    return count;
  }

  #unpack(): void {
    const kept = Math.min(this.#written, HISTORY_BYTES);
    this.#out.copyWithin(0, this.#written - kept, this.#written);
    this.#taken = this.#written = this.#summed = kept;
    try {
      while (this.#step());
    } catch (error) {
      if (!(error instanceof Damaged)) throw error;
      this.failure = error.message;
      this.ended = true;
    }
    this.#sum();
  }

  // False when there is no room, not enough input, or nothing more to do.
  #step(): boolean {
    switch (this.#next) {
      case "head":
        return this.#readHead();
      case "block":
        return this.#has(BLOCK_HEAD_BYTES) && this.#readBlockHead();
      case "stored":
        return this.#copyStored();
      case "symbols":
        return this.#readSymbols();
      case "tail":
        return this.#readTail();
    }
  }

  // Are `count` bytes of input there, or, at the file's end, all that are left?
  #has(count: number): boolean {
    return this.#isLast || this.#end - this.#at >= count;
  }

  #take(count: number): number {
    while (this.#bitCount < count) {
      if (this.#at >= this.#end) throw new Damaged(CUT);
      this.#bits |= (this.#input[this.#at++] as number) << this.#bitCount;
      this.#bitCount += 8;
    }
    const value = this.#bits & ((1 << count) - 1);
    this.#bits >>>= count;
    this.#bitCount -= count;
    return value;
  }

  #symbol({ bits, table }: Code): number {
    while (this.#bitCount < bits && this.#at < this.#end) {
      this.#bits |= (this.#input[this.#at++] as number) << this.#bitCount;
      this.#bitCount += 8;
    }
    const entry = table[this.#bits & ((1 << bits) - 1)] as number;
    const length = entry & 15;
    if (length > this.#bitCount) throw new Damaged(CUT);
    if (length === 0) throw new Damaged(DAMAGED);
    this.#bits >>>= length;
    this.#bitCount -= length;
    return entry >>> 4;
  }

  // RFC 1952 section 2.3. Zeros between members are passed over: tapes and disks pad with them.
  #readHead(): boolean {
    if (!this.#isFirst) {
      while (this.#at < this.#end && this.#input[this.#at] === 0) this.#at++;
      if (this.#isLast && this.#at === this.#end) {
        this.ended = true;
        return false;
      }
    }
    const size = this.#headBytes();
    if (size === null) {
      const isHopeless = this.#isLast || this.#end - this.#at >= INPUT_BYTES;
      if (isHopeless) throw new Damaged(this.#isLast ? CUT : DAMAGED);
      return false;
    }
    this.#at += size;
    this.#isFirst = this.#isFinal = false;
    this.#checksum = this.#memberBytes = 0;
    this.#next = "block";
    return true;
  }

  // Size of a member's head; null when it is not all there.
  #headBytes(): number | null {
    const bytes = this.#input;
    const from = this.#at;
    if (this.#end - from < 10) return null;
    if (!isGzip(bytes, from) || bytes[from + 2] !== 8) throw new Damaged(DAMAGED);
    const flags = bytes[from + 3] as number;
    let at = from + 10;
    if ((flags & HeadFlag.EXTRA) !== 0) {
      at += 2 + ((bytes[at] as number) | ((bytes[at + 1] as number) << 8));
    }
    for (const flag of [HeadFlag.NAME, HeadFlag.COMMENT]) {
      if ((flags & flag) === 0) continue;
      const zero = bytes.subarray(0, this.#end).indexOf(0, at);
      if (zero < 0) return null;
      at = zero + 1;
    }
    if ((flags & HeadFlag.CHECKSUM) !== 0) at += 2;
    return at <= this.#end ? at - from : null;
  }

  #readBlockHead(): boolean {
    this.#isFinal = this.#take(1) === 1;
    const type = this.#take(2);
    if (type === 3) throw new Damaged(DAMAGED);
    if (type === 0) {
      this.#take(this.#bitCount & 7);
      this.#storedBytes = this.#take(16);
      if ((this.#take(16) ^ 0xffff) !== this.#storedBytes) throw new Damaged(DAMAGED);
      this.#next = "stored";
    } else {
      if (type === 1) this.#useFixedCodes();
      else this.#readCodes();
      this.#next = "symbols";
    }
    return true;
  }

  #useFixedCodes(): void {
    const lengths = new Uint8Array(288).fill(8);
    lengths.fill(9, 144, 256).fill(7, 256, 280);
    this.#literals = buildCode(lengths);
    this.#distances = buildCode(new Uint8Array(30).fill(5));
  }

  // RFC 1951 section 3.2.7.
  #readCodes(): void {
    const literals = this.#take(5) + 257;
    const distances = this.#take(5) + 1;
    const count = this.#take(4) + 4;
    const ofLengths = new Uint8Array(19);
    for (const symbol of LENGTH_ORDER.slice(0, count)) ofLengths[symbol] = this.#take(3);
    const code = buildCode(ofLengths);
    const lengths = new Uint8Array(literals + distances);
    for (let at = 0; at < lengths.length;) {
      const symbol = this.#symbol(code);
      if (symbol < 16) {
        lengths[at++] = symbol;
        continue;
      }
      if (symbol === 16 && at === 0) throw new Damaged(DAMAGED);
      const value = symbol === 16 ? lengths[at - 1] as number : 0;
      const times = symbol === 18
        ? this.#take(7) + 11
        : symbol === 17
        ? this.#take(3) + 3
        : this.#take(2) + 3;
      if (at + times > lengths.length) throw new Damaged(DAMAGED);
      lengths.fill(value, at, at += times);
    }
    this.#literals = buildCode(lengths.subarray(0, literals));
    this.#distances = buildCode(lengths.subarray(literals));
  }

  #copyStored(): boolean {
    // No bits are left over: at most 22 are read ahead, and the block's length took 32.
    const count = Math.min(
      this.#storedBytes,
      this.#end - this.#at,
      this.#out.length - this.#written,
    );
    this.#out.set(this.#input.subarray(this.#at, this.#at + count), this.#written);
    this.#at += count;
    this.#written += count;
    this.#storedBytes -= count;
    if (this.#storedBytes === 0) return this.#endBlock();
    if (this.#isLast && this.#at === this.#end && this.#written < this.#out.length) {
      throw new Damaged(CUT);
    }
    return false;
  }

  #readSymbols(): boolean {
    const out = this.#out;
    const limit = out.length - LONGEST_COPY;
    while (this.#written <= limit) {
      if (!this.#has(SYMBOL_BYTES)) return false;
      const symbol = this.#symbol(this.#literals);
      if (symbol < END_OF_BLOCK) out[this.#written++] = symbol;
      else if (symbol === END_OF_BLOCK) return this.#endBlock();
      else this.#copy(symbol - END_OF_BLOCK - 1);
    }
    return false;
  }

  #copy(lengthCode: number): void {
    const base = LENGTH_BASE[lengthCode];
    if (base === undefined) throw new Damaged(DAMAGED);
    const length = base + this.#take(LENGTH_BITS[lengthCode] ?? 0);
    const distanceCode = this.#symbol(this.#distances);
    const nearest = DISTANCE_BASE[distanceCode];
    if (nearest === undefined) throw new Damaged(DAMAGED);
    const distance = nearest + this.#take(DISTANCE_BITS[distanceCode] ?? 0);
    const out = this.#out;
    let to = this.#written;
    if (distance > to) throw new Damaged(DAMAGED);
    const end = to + length;
    for (; to < end; to++) out[to] = out[to - distance] as number;
    this.#written = end;
  }

  #endBlock(): boolean {
    this.#next = this.#isFinal ? "tail" : "block";
    return true;
  }

  #readTail(): boolean {
    if (!this.#has(SYMBOL_BYTES)) return false;
    this.#sum();
    this.#take(this.#bitCount & 7);
    const checksum = (this.#take(16) | (this.#take(16) << 16)) >>> 0;
    const size = (this.#take(16) | (this.#take(16) << 16)) >>> 0;
    if (checksum !== this.#checksum || size !== this.#memberBytes % 2 ** 32) {
      throw new Damaged(DAMAGED);
    }
    this.#next = "head";
    return true;
  }

  // Adds to the checksum what was written since the last call; called before bytes are handed out or
  // overwritten, and before the checksum is compared.
  #sum(): void {
    this.#checksum = crc32(this.#out.subarray(this.#summed, this.#written), this.#checksum);
    this.#memberBytes += this.#written - this.#summed;
    this.#summed = this.#written;
  }
}

function buildCode(lengths: Uint8Array): Code {
  const counts = new Uint16Array(MAX_CODE_BITS + 1);
  for (const length of lengths) counts[length] = (counts[length] as number) + 1;
  counts[0] = 0;
  let bits = MAX_CODE_BITS;
  while (bits > 1 && counts[bits] === 0) bits--;
  const firsts = new Uint32Array(MAX_CODE_BITS + 2);
  for (let length = 1; length <= MAX_CODE_BITS; length++) {
    firsts[length + 1] = ((firsts[length] as number) + (counts[length] as number)) << 1;
    if ((firsts[length] as number) + (counts[length] as number) > 1 << length) {
      throw new Damaged(DAMAGED);
    }
  }
  const table = new Uint16Array(1 << bits);
  lengths.forEach((length, symbol) => {
    if (length === 0) return;
    const code = firsts[length] as number;
    firsts[length] = code + 1;
    for (let at = reversed(code, length); at < table.length; at += 1 << length) {
      table[at] = (symbol << 4) | length;
    }
  });
  return { bits, table };
}

// Codes are stored with the highest bit first, numbers with the lowest: reverses a code for the table.
function reversed(code: number, length: number): number {
  let out = 0;
  for (let i = 0; i < length; i++) out |= ((code >>> i) & 1) << (length - 1 - i);
  return out;
}
