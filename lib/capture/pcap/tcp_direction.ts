/**
 * One direction of a TCP connection, put in order from captured segments (RFC 9293 section 3.4).
 *
 * In: segments as they were captured, repeated, reordered, overlapping, cut or missing. Out: bytes
 * in order of their positions, each position once; where bytes are missing the position jumps. What
 * came first wins an overlap. It never makes up a byte, and holds back at most MAX_HELD_BYTES.
 */

const MAX_HELD_BYTES = 4 << 20;
const MAX_HELD_SEGMENTS = 4096;
/** Memory of a held segment besides its bytes, measured on the heap. */
const SEGMENT_BYTES = 320;
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

/** Positions [from, to) that are held; `bytes` are the captured ones, from `from` on. */
interface Held {
  from: number;
  to: number;
  bytes: Uint8Array;
  timeNs: number;
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
  /** Bytes of segments that came again, or too late. */
  duplicateBytes = 0;
  gapBytes = 0;
  /** Memory of the segments that are held. */
  heldBytes = 0;
  #ackedTo = 0;
  #firstPosition = 0;
  #held: Held[] = [];

  /** `id` is Direction.EGRESS or INGRESS. */
  constructor(readonly id: number, readonly sink: SegmentSink) {}

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

  /** A segment of `totalBytes`, of which bytes[start, end) were captured. */
  segment(
    sequence: number,
    bytes: Uint8Array,
    start: number,
    end: number,
    totalBytes: number,
    nowNs: number,
  ): void {
    const from = this.#unwrap(sequence);
    const to = from + totalBytes;
    if (to <= this.next || (this.fin >= 0 && from >= this.fin)) {
      this.duplicateBytes += totalBytes;
      return;
    }
    const seen = Math.max(0, this.next - from);
    this.duplicateBytes += seen;
    const first = Math.min(end, start + seen);
    if (from <= this.next && this.#held.length === 0) {
      this.#handOut(to, bytes, first, end, nowNs);
      return;
    }
    this.#hold(from + seen, to, bytes, first, end, nowNs);
    this.#handOutHeld(nowNs);
    while (this.heldBytes > MAX_HELD_BYTES || this.#held.length > MAX_HELD_SEGMENTS) {
      this.giveUpGap(nowNs);
    }
  }

  /** Gives up gaps that waited long enough by `nowNs`; see giveUpGap() for `sinceNs`. */
  expire(nowNs: number, sinceNs: number): void {
    for (let first = this.#held[0]; first !== undefined; first = this.#held[0]) {
      const wait = this.#ackedTo >= first.from ? ACKED_GRACE_NS : HOLD_NS;
      if (nowNs - first.timeNs < wait) return;
      this.giveUpGap(sinceNs);
    }
  }

  /** Gives up the first gap; the bytes behind it get their capture time, or `sinceNs` if later. */
  giveUpGap(sinceNs: number): void {
    const first = this.#held[0];
    if (first === undefined) return;
    this.gapBytes += first.from - this.next;
    this.next = first.from;
    this.#handOutHeld(Math.max(first.timeNs, sinceNs));
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
    let count = 0;
    for (let held = this.#held[0]; held !== undefined; held = this.#held[count]) {
      if (held.from > this.next) break;
      count++;
      this.heldBytes -= SEGMENT_BYTES + held.bytes.length;
      this.#handOut(held.to, held.bytes, 0, held.bytes.length, Math.max(held.timeNs, timeNs));
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
    let at = this.#held.length;
    while (at > 0 && (this.#held[at - 1] as Held).to > from) at--;
    let cursor = from;
    while (cursor < to) {
      const other = this.#held[at];
      const stop = other === undefined ? to : Math.min(to, other.from);
      if (stop > cursor) {
        const copyFrom = Math.min(end, start + (cursor - from));
        const copyTo = Math.min(end, start + (stop - from));
        const copy = bytes.slice(copyFrom, copyTo);
        this.heldBytes += SEGMENT_BYTES + copy.length;
        this.#held.splice(at++, 0, { from: cursor, to: stop, bytes: copy, timeNs });
      }
      if (other === undefined) break;
      if (other.from < to) {
        this.duplicateBytes += Math.min(to, other.to) - Math.max(cursor, other.from);
      }
      cursor = Math.max(cursor, other.to);
      at++;
    }
  }
}
