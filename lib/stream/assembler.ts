/**
 * Puts one direction's operations in order of their positions.
 *
 * In: data events, nearly in order: those of threads that share a socket may be swapped, and each
 * operation may come in several entries. Out: bytes and gaps appended to a ByteStream. Bytes behind
 * missing ones wait for a bounded event time and up to a bounded size; then the missing bytes are a
 * gap. If events were lost meanwhile they are a gap at once: they will hardly come, and copying the
 * bytes that wait would make us lose more. It never reorders bytes that were handed on.
 *
 * Of what waited, one call hands on a bounded part: while `isBehind`, expire() or flush() must be called
 * again before the next add().
 */
import { Flag } from "../capture/abi.ts";
import type { SocketEvent } from "../capture/event.ts";
import type { ByteStream, Owner } from "./byte_stream.ts";
import { GAP_DROPPED, GAP_LOST, GAP_MISSING, GAP_UNSEEN } from "./gap.ts";

/** Missing bytes may come this much later than those behind them. */
export const REORDER_NS = 100e6;
const MAX_WAITING_BYTES = 1 << 20;
/** Pieces that wait at most: while one of two writers is held up, the other may write many small ones. */
const MAX_WAITING_CHUNKS = 4096;
/** Bytes that waited of which one call hands on so many, and one piece more. */
const HANDED_ON_AT_ONCE = 64 << 10;
/** Memory of a chunk besides its bytes, measured on the heap. */
const CHUNK_BYTES = 320;
/** A larger jump from the told start to the first byte means a wrong start, not a gap. */
const MAX_START_GAP = 64 << 20;

/** A piece behind missing bytes; `bytes` is null where these are known to be missing (`reason`). */
interface Chunk {
  position: number;
  length: number;
  bytes: Uint8Array | null;
  reason: number;
  timeNs: number;
  owner: Owner;
  /** How many losses were reported before it came. */
  losses: number;
}

/** Counts of disorder and loss, of one stream or of all. */
export interface AssemblyStats {
  duplicateBytes: number;
  reordered: number;
  /** Memory of what is kept behind missing bytes. */
  waitingBytes: number;
  gap(bytes: number, reason: number): void;
}

export class Assembler {
  readonly stream: ByteStream;
  readonly #stats: AssemblyStats;
  #started = false;
  #moved = false;
  #startHint: number | null = null;
  /** In order of position, those before `#first` being done with. */
  #waiting: Chunk[] | null = null;
  #first = 0;
  #waitingBytes = 0;
  #lossesSeen = 0;
  /** How much this call may still hand on of what waited. */
  #mayHandOn = HANDED_ON_AT_ONCE;
  /** flush() was called: missing bytes are not waited for. */
  #isFlushing = false;

  constructor(stream: ByteStream, stats: AssemblyStats) {
    this.stream = stream;
    this.#stats = stats;
  }

  /** Is something waiting behind missing bytes? */
  get waits(): boolean {
    return this.#waiting !== null;
  }

  /** Bytes that waited may be handed on, which one call did not do with all of them. */
  get isBehind(): boolean {
    if (this.#waiting === null) return false;
    const first = this.#waiting[this.#first];
    return first !== undefined && (this.#isFlushing || first.position <= this.stream.end);
  }

  /** Position of the next byte, from ENTRY_OPEN: believed only when the first data fits it. */
  hintStart(position: number, losses: number): void {
    if (this.#started) return;
    this.#startHint = position;
    this.#lossesSeen = losses;
  }

  /**
   * Takes a data event, whose bytes the stream may borrow: see ByteStream.keep(). `losses` counts the
   * loss reports of the trace so far: a jump with a new one since this stream's last bytes is
   * "lost_events", another is "unseen".
   */
  add(event: SocketEvent, owner: Owner, losses: number): void {
    this.#mayHandOn = HANDED_ON_AT_ONCE;
    const start = this.#unwrap(event) + event.offset;
    if (!this.#started) this.#begin(start, event, losses);
    const length = event.payloadLength;
    const stream = this.stream;
    if (start > stream.end && event.offset > 0 && event.cut !== 0) {
      // Missing within one operation: the entry says why (`cut`).
      if (start - event.offset <= stream.end) {
        this.#gap(start - stream.end, event.cut, event.timeNs, owner);
      }
    }
    if (start > stream.end && this.#waiting === null && losses > this.#lossesSeen) {
      this.#gap(start - stream.end, GAP_LOST, event.timeNs, owner);
    }
    if (length > 0) {
      if (start === stream.end && this.#waiting === null) {
        stream.borrow(event.bytes, event.payloadStart, length, event.timeNs, owner);
        this.#lossesSeen = losses;
      } else {
        this.#place(event, start, length, 0, owner, losses);
      }
    }
    const missing = event.totalBytes - event.offset - length;
    if (missing > 0 && (event.flags & Flag.LAST_CHUNK) !== 0) {
      const reason = event.cut === 0 ? GAP_UNSEEN : event.cut;
      if (start + length === stream.end && this.#waiting === null) {
        this.#gap(missing, reason, event.timeNs, owner);
        this.#lossesSeen = losses;
      } else {
        this.#place(event, start + length, missing, reason, owner, losses);
      }
    }
    this.#moved = true;
    if (this.#waiting !== null) this.#expire(event.timeNs, losses);
  }

  /** Gives up on bytes that were missing for too long. True when the stream grew. */
  expire(nowNs: number, losses: number): boolean {
    this.#mayHandOn = HANDED_ON_AT_ONCE;
    return this.#expire(nowNs, losses);
  }

  /** Gives up on all missing bytes: no more events will come. True when the stream grew. */
  flush(losses: number): boolean {
    this.#isFlushing = true;
    return this.expire(Infinity, losses);
  }

  /** Drops what waits: there is no memory for it. */
  drop(): void {
    const waiting = this.#waiting ?? [];
    for (const chunk of waiting.slice(this.#first)) {
      this.#count(chunk, -1);
      this.#stats.gap(chunk.length, chunk.bytes === null ? chunk.reason : GAP_DROPPED);
    }
    this.#waiting = null;
    this.#first = 0;
  }

  #expire(nowNs: number, losses: number): boolean {
    let grew = false;
    while (this.#waiting !== null && this.#mayHandOn > 0) {
      const first = this.#waiting[this.#first] as Chunk;
      const isReady = this.#isFlushing || first.position <= this.stream.end;
      if (!isReady && !this.#isGivenUp(first, nowNs, losses)) return grew;
      this.#giveUp(losses);
      grew = true;
    }
    return grew;
  }

  /** Are the bytes before the first waiting piece no longer waited for? */
  #isGivenUp(first: Chunk, nowNs: number, losses: number): boolean {
    const isFull = this.#waitingBytes > MAX_WAITING_BYTES ||
      (this.#waiting?.length ?? 0) - this.#first > MAX_WAITING_CHUNKS;
    return isFull || losses > this.#lossesSeen || nowNs - first.timeNs >= REORDER_NS;
  }

  /**
   * Has everything up to the final position come? TCP counts a FIN as one byte more. While no byte of
   * the direction was seen, the position says nothing, and `hasMoved` says whether any moved.
   */
  reached(final: { position: number; tcp: boolean }, hasMoved: boolean): boolean {
    if (this.#waiting !== null) return false;
    if (!this.#moved) return !hasMoved;
    const end = this.stream.end;
    const left = final.tcp ? (final.position - end) | 0 : final.position - end;
    return left <= (final.tcp ? 1 : 0);
  }

  #unwrap(event: SocketEvent): number {
    if ((event.flags & Flag.TCP_POSITION) === 0) return event.position;
    const reference = this.#started ? this.stream.end : this.#startHint ?? event.position;
    return reference + ((event.position - reference) | 0);
  }

  #begin(start: number, event: SocketEvent, losses: number): void {
    this.#started = true;
    const hint = this.#startHint;
    let from = start;
    if (hint === null) this.#lossesSeen = losses;
    else if (start > hint && start - hint <= MAX_START_GAP) {
      // A hint taken before the handshake does not count the SYN.
      const handshake = (event.flags & Flag.TCP_POSITION) !== 0 && start - hint === 1;
      if (!handshake) from = hint;
    }
    this.stream.startAt(from);
  }

  #gap(length: number, reason: number, timeNs: number, owner: Owner): void {
    this.#stats.gap(length, reason);
    this.stream.appendGap(length, reason, timeNs, owner);
  }

  /** Puts a piece (reason 0: the event's payload) where it belongs, before or behind others. */
  #place(
    event: SocketEvent,
    start: number,
    length: number,
    reason: number,
    owner: Owner,
    losses: number,
  ): void {
    const end = this.stream.end;
    let from = start;
    let left = length;
    const clash = this.#clash(start, length);
    if (clash !== null) {
      const gap = this.#gapBefore(clash, length);
      // Two writers at once: both positions were read after both had written, so the bytes of one of
      // them belong before where they claim to be; the further, the longer it was held up.
      if (gap !== null) from = gap;
      else if (clash.position > from) left = clash.position - from;
      else left = 0;
    } else if (from < end) {
      left = Math.max(0, start + length - end);
      from = end;
    }
    if (left < length) this.#stats.duplicateBytes += length - left;
    if (left === 0) return;
    const skipped = from === start || clash !== null ? 0 : from - start;
    const bytes = reason === 0
      ? event.bytes.slice(event.payloadStart + skipped, event.payloadStart + skipped + left)
      : null;
    const { timeNs } = event;
    this.#wait({ position: from, length: left, bytes, reason, timeNs, owner, losses });
    this.#drain();
  }

  /** The first waiting piece that overlaps these bytes; waiting pieces do not overlap each other. */
  #clash(start: number, length: number): Chunk | null {
    const chunk = this.#waiting?.[this.#indexBehind(start)];
    return chunk !== undefined && chunk.position < start + length ? chunk : null;
  }

  /** Index of the first waiting piece that ends behind `position`. */
  #indexBehind(position: number): number {
    const waiting = this.#waiting ?? [];
    let [low, high] = [this.#first, waiting.length];
    while (low < high) {
      const middle = (low + high) >>> 1;
      const { position: start, length } = waiting[middle] as Chunk;
      if (start + length > position) high = middle;
      else low = middle + 1;
    }
    return low;
  }

  /** The nearest place before `chunk` where exactly `length` bytes are missing; null without one. */
  #gapBefore(chunk: Chunk, length: number): number | null {
    let end = this.stream.end;
    let gap: number | null = null;
    const waiting = this.#waiting ?? [];
    for (let at = this.#first; at < waiting.length; at++) {
      const other = waiting[at] as Chunk;
      if (other.position - end === length) gap = end;
      if (other === chunk) break;
      end = other.position + other.length;
    }
    return gap;
  }

  #wait(chunk: Chunk): void {
    const waiting = this.#waiting ??= [];
    waiting.splice(this.#indexBehind(chunk.position), 0, chunk);
    this.#count(chunk, 1);
    if (chunk.position > this.stream.end) this.#stats.reordered++;
  }

  #count({ bytes, length }: Chunk, sign: number): void {
    const copied = bytes === null ? 0 : length;
    this.#waitingBytes += sign * copied;
    this.#stats.waitingBytes += sign * (copied + CHUNK_BYTES);
  }

  /** Hands on pieces that are no longer behind missing bytes, as many as one call may. */
  #drain(): void {
    const waiting = this.#waiting;
    if (waiting === null) return;
    while (this.#first < waiting.length && this.#mayHandOn > 0) {
      const chunk = waiting[this.#first] as Chunk;
      const end = this.stream.end;
      if (chunk.position > end) break;
      this.#first++;
      this.#count(chunk, -1);
      const known = end - chunk.position;
      if (known >= chunk.length) continue;
      const length = chunk.length - known;
      this.#mayHandOn -= length;
      if (chunk.bytes === null) this.#gap(length, chunk.reason, chunk.timeNs, chunk.owner);
      else this.stream.append(chunk.bytes, known, length, chunk.timeNs, chunk.owner);
      // Events lost while it waited may have had the bytes behind it.
      this.#lossesSeen = chunk.losses;
    }
    if (this.#first === waiting.length) this.#waiting = null;
    else if (this.#first * 2 < waiting.length) return;
    else waiting.splice(0, this.#first);
    this.#first = 0;
  }

  #giveUp(losses: number): void {
    const first = this.#waiting?.[this.#first];
    if (first === undefined) return;
    const reason = losses > this.#lossesSeen ? GAP_LOST : GAP_MISSING;
    const missing = first.position - this.stream.end;
    if (missing > 0) this.#gap(missing, reason, first.timeNs, first.owner);
    this.#drain();
  }
}
