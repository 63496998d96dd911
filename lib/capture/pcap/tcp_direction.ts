/**
 * One direction of a TCP connection, put in order from captured segments (RFC 9293 section 3.4).
 *
 * In: segments as they were captured, repeated, reordered, overlapping, cut or missing. Out: bytes
 * in order of their positions, each position once; where bytes are missing the position jumps. What
 * came first wins an overlap. It never makes up a byte, and holds back at most MAX_HELD_BYTES.
 */
import type { HeldSegments } from "./held_segments.ts";

const MAX_HELD_BYTES = 4 << 20;
const MAX_HELD_SEGMENTS = 4096;
/** A gap that the receiver acknowledged was missed by the capture: nothing will fill it. */
const ACKED_GRACE_NS = 10e6;
/** Other gaps may still be filled by a retransmission. */
const HOLD_NS = 5e9;
/** Largest window (RFC 7323): bytes further ahead are another connection's. */
const MAX_WINDOW_BYTES = 2 ** 30;
/** After a pause, bytes further ahead are another connection's: Linux starts the next one of equal
 * ports 15.6 MB higher for each second. */
const MAX_JUMP_BYTES = 8 << 20;
/** Bytes that the peer may still have had on their way when a reset ended the connection. */
const MAX_UNDER_WAY_BYTES = 1 << 20;
/** In a capture that began in the middle, segments may come so far before the first one's bytes. */
const MAX_BEHIND_BYTES = 16 << 20;

/** Takes bytes that are in order; `totalBytes` counts those that the snaplen cut off, too. */
export interface SegmentSink {
  onBytes(
    direction: TcpDirection,
    position: number,
    bytes: Uint8Array,
    start: number,
    end: number,
    totalBytes: number,
    timeNs: number,
  ): void;
}

/** Positions are sequence numbers unwrapped to a count that only grows. */
export class TcpDirection {
  /** Initial sequence number; -1 when its SYN was not seen. */
  isn = -1;
  started = false;
  /** A segment of this direction came, not only acknowledgements of it. */
  heard = false;
  /** Sequence number that it was started at. */
  first = 0;
  /** Position of the next byte to hand out. */
  next = 0;
  /** Position of the FIN, behind the last byte; -1 until it was seen. */
  fin = -1;
  /** Bytes handed out, cut ones included. */
  bytes = 0;
  #ackedTo = 0;
  #firstPosition = 0;
  /** Memory of what is held. */
  #heldBytes = 0;
  /** Segments that are held, by their numbers: sorted by position, disjoint. */
  readonly #held: number[] = [];
  readonly #segments: HeldSegments;

  /** `id` is Direction.EGRESS or INGRESS. */
  constructor(readonly id: number, readonly sink: SegmentSink, segments: HeldSegments) {
    this.#segments = segments;
  }

  get isHolding(): boolean {
    return this.#held.length > 0;
  }

  /** Everything up to the FIN was handed out. */
  get isFinished(): boolean {
    return this.fin >= 0 && this.next >= this.fin;
  }

  /** Takes the sequence number of the direction's SYN. */
  knowInitial(sequence: number): void {
    this.isn = sequence;
    if (!this.started) this.startAt((sequence + 1) >>> 0);
    this.#firstPosition = Math.min(this.#firstPosition, this.#unwrap((sequence + 1) >>> 0));
  }

  /** Takes the sequence number of the first byte. */
  startAt(sequence: number): void {
    this.started = true;
    this.first =
      this.next =
      this.#ackedTo =
      this.#firstPosition =
        sequence;
  }

  /**
   * Can bytes [sequence, sequence + length) be this connection's? Not when they lie before its first
   * byte or behind its last. `isQuiet`: none came for so long that none is on its way.
   */
  covers(sequence: number, length: number, isQuiet: boolean, closed: boolean): boolean {
    if (!this.started) return true;
    const ahead = (sequence - (this.next >>> 0)) | 0;
    const from = this.next + ahead;
    // A keep-alive repeats the last byte sent.
    const start = this.#firstPosition - 1;
    const slack = this.isn >= 0 || isQuiet ? 0 : MAX_BEHIND_BYTES;
    if (from < start - slack) return false;
    // The FIN takes a number of its own.
    if (this.fin >= 0) return from + length <= this.fin + 1;
    if (closed) return ahead <= (isQuiet ? 0 : MAX_UNDER_WAY_BYTES);
    return ahead <= (isQuiet ? MAX_JUMP_BYTES : MAX_WINDOW_BYTES);
  }

  /** Is this sequence number near the next byte's? */
  isNear(sequence: number): boolean {
    return Math.abs((sequence - (this.next >>> 0)) | 0) <= MAX_BEHIND_BYTES;
  }

  /** The peer has acknowledged all bytes before this sequence number. */
  acknowledge(sequence: number): void {
    const position = this.#unwrap(sequence);
    if (position > this.#ackedTo) this.#ackedTo = position;
  }

  /** The stream ends at this sequence number. */
  finishAt(sequence: number): void {
    if (this.fin < 0) this.fin = this.#unwrap(sequence);
  }

  /** When the first gap is given up, should nothing fill it; Infinity without a gap. */
  get dueNs(): number {
    const first = this.#held[0];
    if (first === undefined) return Infinity;
    const isAcked = this.#ackedTo >= this.#segments.from(first);
    return this.#segments.timeNs(first) + (isAcked ? ACKED_GRACE_NS : HOLD_NS);
  }

  /** A segment of `totalBytes`, of which bytes[start, end) were captured. */
  segment(
    sequence: number,
    bytes: Uint8Array,
    start: number,
    end: number,
    totalBytes: number,
    nowNs: number,
  ): void {
    const { counts } = this.#segments;
    const from = this.#unwrap(sequence);
    const to = from + totalBytes;
    if (to <= this.next || (this.fin >= 0 && from >= this.fin)) {
      counts.duplicateBytes += totalBytes;
      return;
    }
    const seen = Math.max(0, this.next - from);
    counts.duplicateBytes += seen;
    const first = Math.min(end, start + seen);
    if (from <= this.next && this.#held.length === 0) {
      this.#handOut(to, bytes, first, end, nowNs);
      return;
    }
    this.#hold(from + seen, to, bytes, first, end, nowNs);
    this.#handOutHeld(nowNs);
    while (this.#heldBytes > MAX_HELD_BYTES || this.#held.length > MAX_HELD_SEGMENTS) {
      counts.earlyGaps++;
      this.giveUpGap(nowNs);
    }
  }

  /** Gives up gaps that waited long enough by `nowNs`; see giveUpGap() for `sinceNs`. */
  expire(nowNs: number, sinceNs: number): void {
    while (nowNs >= this.dueNs) this.giveUpGap(sinceNs);
  }

  /** Gives up the first gap; the bytes behind it get their capture time, or `sinceNs` if later. */
  giveUpGap(sinceNs: number): void {
    const first = this.#held[0];
    if (first === undefined) return;
    const segments = this.#segments;
    const from = segments.from(first);
    segments.counts.gapBytes += from - this.next;
    this.next = from;
    this.#handOutHeld(Math.max(segments.timeNs(first), sinceNs));
  }

  /** Gives up every gap. */
  giveUpAll(sinceNs: number): void {
    while (this.#held.length > 0) this.giveUpGap(sinceNs);
  }

  // The position nearest to `next` that is this sequence number modulo 2^32.
  #unwrap(sequence: number): number {
    return this.next + ((sequence - (this.next >>> 0)) | 0);
  }

  #handOut(
    to: number,
    bytes: Uint8Array,
    start: number,
    end: number,
    timeNs: number,
  ): void {
    const from = this.next;
    this.next = to;
    this.bytes += to - from;
    this.sink.onBytes(this, from, bytes, start, end, to - from, timeNs);
  }

  #handOutHeld(timeNs: number): void {
    const segments = this.#segments;
    let count = 0;
    for (let held = this.#held[0]; held !== undefined; held = this.#held[count]) {
      if (segments.from(held) > this.next) break;
      count++;
      this.#heldBytes -= segments.costOf(held);
      const [to, sinceNs] = [segments.to(held), segments.timeNs(held)];
      const bytes = segments.take(held);
      this.#handOut(to, bytes, 0, bytes.length, Math.max(sinceNs, timeNs));
    }
    if (count > 0) this.#held.splice(0, count);
  }

  // Holds those bytes that no held segment has; the list stays sorted and disjoint.
  #hold(
    from: number,
    to: number,
    bytes: Uint8Array,
    start: number,
    end: number,
    timeNs: number,
  ): void {
    const segments = this.#segments;
    let at = this.#firstBehind(from);
    let cursor = from;
    while (cursor < to) {
      const other = this.#held[at];
      const otherFrom = other === undefined ? to : segments.from(other);
      const stop = Math.min(to, otherFrom);
      if (stop > cursor) {
        const copyFrom = Math.min(end, start + (cursor - from));
        const copyTo = Math.min(end, start + (stop - from));
        const held = segments.put(cursor, stop, timeNs, bytes, copyFrom, copyTo);
        this.#heldBytes += segments.costOf(held);
        this.#held.splice(at++, 0, held);
      }
      if (other === undefined) break;
      const otherTo = segments.to(other);
      if (otherFrom < to) {
        segments.counts.duplicateBytes += Math.min(to, otherTo) - Math.max(cursor, otherFrom);
      }
      cursor = Math.max(cursor, otherTo);
      at++;
    }
  }

  // The place of the first held segment that has bytes behind `position`.
  #firstBehind(position: number): number {
    let low = 0;
    let high = this.#held.length;
    // Mostly it is behind all of them.
    if (high > 0 && this.#segments.to(this.#held[high - 1] as number) <= position) return high;
    while (low < high) {
      const middle = (low + high) >>> 1;
      if (this.#segments.to(this.#held[middle] as number) > position) high = middle;
      else low = middle + 1;
    }
    return low;
  }
}
