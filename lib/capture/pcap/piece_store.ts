/**
 * Pieces of payload that wait for others: segments behind a gap, fragments of a datagram.
 *
 * In: bytes with the positions and the time that they belong to. Out: a number for each piece, by which
 * it is read and dropped. Pieces lie in cells of one size, in slabs that are used again and given back
 * as soon as they are empty, so nothing is left to the collector. It does not bound itself: costOf()
 * is for who does.
 */

const CELL_BYTES = 128;
const SLAB_CELLS = 2048;
/** A piece's first cell begins with these numbers, of 8 bytes each. */
const Head = { FROM: 0, TO: 1, TIME: 2, LENGTH: 3 } as const;
const HEAD_BYTES = 32;
const NUMBERS_A_CELL = CELL_BYTES / 8;
/** A cell with its link, and the piece's number in the list of its owner. */
const CELL_COST = CELL_BYTES + 4;
const PIECE_COST = 12;
const NONE = -1;

interface Slab {
  readonly bytes: Uint8Array<ArrayBuffer>;
  readonly numbers: Float64Array<ArrayBuffer>;
  /** The cell behind each cell: of the same piece, or free like it. */
  readonly next: Int32Array<ArrayBuffer>;
  firstFree: number;
  used: number;
}

export class PieceStore {
  readonly #slabs: (Slab | undefined)[] = [];
  /** Slabs with a free cell, by their index. */
  readonly #open: number[] = [];
  #slabCount = 0;

  /** Memory that it has now. */
  get heldBytes(): number {
    return this.#slabCount * SLAB_CELLS * CELL_COST;
  }

  /** Memory of a piece of that many bytes. */
  static costOf(length: number): number {
    return PIECE_COST + CELL_COST * Math.ceil((HEAD_BYTES + length) / CELL_BYTES);
  }

  /** Copies bytes[start, end), which belong to positions [from, to); the piece's number. */
  put(
    from: number,
    to: number,
    timeNs: number,
    bytes: Uint8Array,
    start: number,
    end: number,
  ): number {
    const piece = this.#take();
    const { numbers } = this.#slab(piece);
    const at = (piece % SLAB_CELLS) * NUMBERS_A_CELL;
    numbers[at + Head.FROM] = from;
    numbers[at + Head.TO] = to;
    numbers[at + Head.TIME] = timeNs;
    numbers[at + Head.LENGTH] = end - start;
    let cell = piece;
    let offset = HEAD_BYTES;
    for (let done = start; done < end;) {
      if (offset === CELL_BYTES) {
        const next = this.#take();
        this.#slab(cell).next[cell % SLAB_CELLS] = next;
        cell = next;
        offset = 0;
      }
      const count = Math.min(end - done, CELL_BYTES - offset);
      const into = (cell % SLAB_CELLS) * CELL_BYTES + offset;
      this.#slab(cell).bytes.set(bytes.subarray(done, done + count), into);
      done += count;
      offset += count;
    }
    return piece;
  }

  from(piece: number): number {
    return this.#number(piece, Head.FROM);
  }

  to(piece: number): number {
    return this.#number(piece, Head.TO);
  }

  timeNs(piece: number): number {
    return this.#number(piece, Head.TIME);
  }

  /** Bytes that it has: fewer than its positions when the snaplen cut it. */
  length(piece: number): number {
    return this.#number(piece, Head.LENGTH);
  }

  /** Copies its bytes to `at` of `into`, where there is room for them. */
  read(piece: number, into: Uint8Array, at: number): void {
    let cell = piece;
    let offset = HEAD_BYTES;
    for (let left = this.length(piece); left > 0;) {
      const { bytes, next } = this.#slab(cell);
      const count = Math.min(left, CELL_BYTES - offset);
      const start = (cell % SLAB_CELLS) * CELL_BYTES + offset;
      into.set(bytes.subarray(start, start + count), at);
      at += count;
      left -= count;
      cell = next[cell % SLAB_CELLS] as number;
      offset = 0;
    }
  }

  /** Forgets it; its number may be given to another one. */
  drop(piece: number): void {
    for (let cell = piece; cell !== NONE;) {
      const { next } = this.#slab(cell);
      const following = next[cell % SLAB_CELLS] as number;
      this.#giveBack(cell);
      cell = following;
    }
  }

  #number(piece: number, which: number): number {
    const { numbers } = this.#slab(piece);
    return numbers[(piece % SLAB_CELLS) * NUMBERS_A_CELL + which] as number;
  }

  #slab(cell: number): Slab {
    return this.#slabs[Math.floor(cell / SLAB_CELLS)] as Slab;
  }

  // A free cell, with none behind it.
  #take(): number {
    const index = this.#open.at(-1) ?? this.#addSlab();
    const slab = this.#slabs[index] as Slab;
    const cell = slab.firstFree;
    slab.firstFree = slab.next[cell] as number;
    slab.next[cell] = NONE;
    slab.used++;
    if (slab.firstFree === NONE) this.#open.pop();
    return index * SLAB_CELLS + cell;
  }

  #addSlab(): number {
    const buffer = new ArrayBuffer(SLAB_CELLS * CELL_BYTES);
    const next = new Int32Array(SLAB_CELLS);
    for (let i = 0; i < SLAB_CELLS; i++) next[i] = i + 1 < SLAB_CELLS ? i + 1 : NONE;
    const unused = this.#slabs.indexOf(undefined);
    const index = unused < 0 ? this.#slabs.length : unused;
    const [bytes, numbers] = [new Uint8Array(buffer), new Float64Array(buffer)];
    this.#slabs[index] = { bytes, numbers, next, firstFree: 0, used: 0 };
    this.#slabCount++;
    this.#open.push(index);
    return index;
  }

  #giveBack(cell: number): void {
    const index = Math.floor(cell / SLAB_CELLS);
    const slab = this.#slabs[index] as Slab;
    if (slab.firstFree === NONE) this.#open.push(index);
    slab.next[cell % SLAB_CELLS] = slab.firstFree;
    slab.firstFree = cell % SLAB_CELLS;
    slab.used--;
    // One empty slab is kept for what comes next.
    if (slab.used > 0 || this.#open.length === 1) return;
    this.#open.splice(this.#open.indexOf(index), 1);
    this.#slabs[index] = undefined;
    this.#slabCount--;
    slab.bytes.buffer.transfer(0);
    slab.next.buffer.transfer(0);
  }
}
