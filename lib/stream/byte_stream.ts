/**
 * One direction's bytes in order of position, gaps explicit.
 *
 * In: bytes and gaps, each at the stream's end, with when and by whom they moved. Out: a view of the
 * bytes at the front, up to the first gap, consumed from there. Most messages are whole in one
 * operation: their bytes are read in the event's own buffer, and only those that are left over after
 * the event are copied into the stream, once. It never invents bytes and never waits: order is the
 * assembler's work.
 */
import { Cut } from "../capture/abi.ts";
import type { Container } from "../record/record.ts";
import type { BufferPool } from "./buffer_pool.ts";

/** Who moved bytes; one object for as long as nothing changes. */
export interface Owner {
  readonly pid: number;
  readonly fd: number;
  readonly comm: string;
  readonly container?: Container;
}

/** Bytes from `position` on moved at that time, by that owner. */
interface Mark {
  position: number;
  timeNs: number;
  owner: Owner;
  next: Mark | null;
}

interface Gap {
  position: number;
  length: number;
  reason: number;
  next: Gap | null;
}

/** More operations than this within one message share the time of the last one marked. */
const MAX_MARKS = 65536;

/** Up to so many bytes, a loop copies faster than set() with a view. */
const SHORT = 48;

const EMPTY: Uint8Array = new Uint8Array(0);
const NOBODY: Owner = { pid: 0, fd: -1, comm: "" };

export class ByteStream {
  /** Stream position of the first byte that is not consumed. */
  position = 0;
  /** Stream position behind the last byte (or gap) that came. */
  end = 0;
  /** Time of the last byte consumed. */
  lastNs = 0;
  /** Bytes still to be skipped that have not come yet. */
  skipLeft = 0;
  /** Reasons (bit `1 << reason`) of the gaps that a skip went over; the reader resets it to 0. */
  skippedGaps = 0;
  /** Sum of the bytes of these gaps. */
  skippedGapBytes = 0;

  readonly #pool: BufferPool;
  #buffer: Uint8Array = EMPTY;
  /** The buffer is the event's own, until keep(). */
  #borrowed = false;
  #head = 0;
  #tail = 0;
  #firstGap: Gap | null = null;
  #lastGap: Gap | null = null;
  #firstMark: Mark | null = null;
  #lastMark: Mark | null = null;
  #marks = 0;

  constructor(pool: BufferPool) {
    this.#pool = pool;
  }

  /** Sets the position of the first byte; only before anything came. */
  startAt(position: number): void {
    this.position = position;
    this.end = position;
  }

  /** Bytes at the front, before the first gap. */
  get shownBytes(): number {
    return (this.#firstGap === null ? this.end : this.#firstGap.position) - this.position;
  }

  /** Neither bytes nor gaps are there, and none to come is skipped. */
  get isEmpty(): boolean {
    return this.position === this.end && this.skipLeft === 0;
  }

  /** Length of the gap behind the shown bytes; 0 when there is none. */
  get gapBytes(): number {
    return this.#firstGap === null ? 0 : this.#firstGap.length;
  }

  /** Reason of that gap (an index of GAP_REASONS). */
  get gapReason(): number {
    return this.#firstGap === null ? 0 : this.#firstGap.reason;
  }

  /** Bytes of memory held. */
  get heldBytes(): number {
    return this.#borrowed ? 0 : this.#buffer.length;
  }

  /** When the first byte not consumed moved. */
  get frontNs(): number {
    return this.#front()?.timeNs ?? this.lastNs;
  }

  /** Who moved the first byte not consumed. */
  get frontOwner(): Owner {
    return this.#front()?.owner ?? NOBODY;
  }

  /** When the byte before a position moved, if it is not consumed. */
  nsBefore(position: number): number {
    let mark = this.#firstMark;
    while (mark !== null && mark.next !== null && mark.next.position < position) mark = mark.next;
    return mark?.timeNs ?? this.lastNs;
  }

  /** Copies `length` bytes of `source` to the stream's end. */
  append(source: Uint8Array, start: number, length: number, timeNs: number, owner: Owner): void {
    this.#mark(timeNs, owner);
    this.end += length;
    let from = start;
    let left = length;
    if (this.skipLeft > 0) {
      const skipped = Math.min(this.skipLeft, left);
      this.skipLeft -= skipped;
      this.#moveTo(this.position + skipped);
      from += skipped;
      left -= skipped;
    }
    if (left === 0) return;
    if (this.#borrowed) this.keep();
    if (this.#tail + left > this.#buffer.length) this.#makeRoom(left);
    this.#copy(source, from, left);
    this.#tail += left;
  }

  /** As append(), but `source` must stay as it is until keep(). */
  borrow(source: Uint8Array, start: number, length: number, timeNs: number, owner: Owner): void {
    if (this.#buffer !== EMPTY || this.skipLeft > 0 || length === 0) {
      this.append(source, start, length, timeNs, owner);
      return;
    }
    this.#mark(timeNs, owner);
    this.end += length;
    this.#buffer = source;
    this.#borrowed = true;
    this.#head = start;
    this.#tail = start + length;
  }

  /** Copies what is left of borrowed bytes, so that their buffer may change. */
  keep(): void {
    if (!this.#borrowed) return;
    const source = this.#buffer;
    const head = this.#head;
    const live = this.#tail - head;
    this.#borrowed = false;
    this.#buffer = this.#pool.lend(live);
    this.#head = 0;
    this.#tail = 0;
    this.#copy(source, head, live);
    this.#tail = live;
  }

  /** Appends a gap of `length` missing bytes. */
  appendGap(length: number, reason: number, timeNs: number, owner: Owner): void {
    this.#mark(timeNs, owner);
    const position = this.end;
    this.end += length;
    let left = length;
    if (this.skipLeft > 0) {
      const skipped = Math.min(this.skipLeft, left);
      this.skipLeft -= skipped;
      this.#noteSkipped(reason, skipped);
      this.#moveTo(this.position + skipped);
      left -= skipped;
    }
    if (left === 0) return;
    const last = this.#lastGap;
    if (last !== null && last.reason === reason && last.position + last.length === position) {
      last.length += left;
      return;
    }
    const gap: Gap = { position: position + length - left, length: left, reason, next: null };
    if (last === null) this.#firstGap = gap;
    else last.next = gap;
    this.#lastGap = gap;
  }

  /** The bytes at the front, up to the first gap; valid until the stream changes. */
  view(): Uint8Array {
    const shown = this.shownBytes;
    return shown === 0 ? EMPTY : this.#buffer.subarray(this.#head, this.#head + shown);
  }

  /** Consumes `length` of the shown bytes. */
  consume(length: number): void {
    this.#head += length;
    this.#moveTo(this.position + length);
    if (this.#head === this.#tail) this.#release();
  }

  /** Consumes the gap at the front. */
  passGap(): void {
    const gap = this.#firstGap;
    if (gap === null || gap.position !== this.position) return;
    this.#firstGap = gap.next;
    if (gap.next === null) this.#lastGap = null;
    this.#moveTo(gap.position + gap.length);
  }

  /** Consumes `length` bytes from the front on: shown ones, gaps, and those still to come. */
  skip(length: number): void {
    let left = length;
    while (left > 0) {
      const shown = Math.min(this.shownBytes, left);
      if (shown > 0) this.consume(shown);
      left -= shown;
      if (left === 0) return;
      const gap = this.#firstGap;
      if (gap === null) break;
      this.#noteSkipped(gap.reason, Math.min(gap.length, left));
      if (gap.length <= left) {
        left -= gap.length;
        this.passGap();
      } else {
        gap.position += left;
        gap.length -= left;
        this.#moveTo(this.position + left);
        return;
      }
    }
    this.skipLeft += left;
  }

  /** Consumes everything that came; nothing is left to skip. */
  clear(): void {
    this.skipLeft = 0;
    this.skippedGaps = 0;
    this.skippedGapBytes = 0;
    this.#firstGap = null;
    this.#lastGap = null;
    this.#head = this.#tail;
    this.#moveTo(this.end);
    this.#release();
  }

  /** Notes a gap that a skip went over. Bytes that we asked only to count (Cut.PASSED) are no gap. */
  #noteSkipped(reason: number, bytes: number): void {
    if (reason === Cut.PASSED) return;
    this.skippedGaps |= 1 << reason;
    this.skippedGapBytes += bytes;
  }

  #front(): Mark | null {
    let mark = this.#firstMark;
    while (mark !== null && mark.next !== null && mark.next.position <= this.position) {
      mark = mark.next;
    }
    return mark;
  }

  #mark(timeNs: number, owner: Owner): void {
    const last = this.#lastMark;
    if (last !== null && last.timeNs === timeNs && last.owner === owner) return;
    if (this.#marks >= MAX_MARKS) return;
    this.#marks++;
    this.#pool.marks++;
    const mark: Mark = { position: this.end, timeNs, owner, next: null };
    if (last === null) this.#firstMark = mark;
    else last.next = mark;
    this.#lastMark = mark;
  }

  #moveTo(position: number): void {
    if (position === this.position) return;
    this.position = position;
    let mark = this.#firstMark;
    if (mark === null) return;
    let marks = this.#marks;
    while (mark.next !== null && mark.next.position < position) {
      mark = mark.next;
      marks--;
    }
    this.lastNs = mark.timeNs;
    if (position === this.end) {
      this.#firstMark = null;
      this.#lastMark = null;
      marks = 0;
    } else this.#firstMark = mark;
    this.#pool.marks += marks - this.#marks;
    this.#marks = marks;
  }

  #copy(source: Uint8Array, from: number, length: number): void {
    const buffer = this.#buffer;
    const tail = this.#tail;
    if (from === 0 && length === source.length) buffer.set(source, tail);
    else if (length > SHORT) buffer.set(source.subarray(from, from + length), tail);
    else for (let i = 0; i < length; i++) buffer[tail + i] = source[from + i] as number;
  }

  #makeRoom(length: number): void {
    const live = this.#tail - this.#head;
    // Linear: moving down costs no more than the bytes consumed before it, and growing doubles the room.
    if (this.#head * 4 >= live && live + length <= this.#buffer.length) {
      this.#buffer.copyWithin(0, this.#head, this.#tail);
    } else {
      const isMore = live + length > this.#buffer.length;
      const grown = this.#pool.lend(isMore ? live + length : this.#buffer.length + 1);
      if (live > 0) grown.set(this.#buffer.subarray(this.#head, this.#tail));
      if (this.#buffer.length > 0) this.#pool.giveBack(this.#buffer);
      this.#buffer = grown;
    }
    this.#head = 0;
    this.#tail = live;
  }

  #release(): void {
    if (!this.#borrowed && this.#buffer.length > 0) this.#pool.giveBack(this.#buffer);
    this.#borrowed = false;
    this.#buffer = EMPTY;
    this.#head = 0;
    this.#tail = 0;
  }
}
