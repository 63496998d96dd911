/**
 * Merges all rings into one stream of events in the order of their times. In: the rings of all perf
 * buffers and CPUs, and the time up to which all of them are complete. Out: entries, handed to the
 * handler where they lie, and entries of our own: losses and ticks. It copies no payload.
 *
 * Work goes in rounds. A round takes what the rings hold at its start and hands out what is older
 * than its horizon; what is newer waits, because another CPU may still come with something between.
 * Within a round the ring with the oldest entry is read until another ring's is older, so that the
 * cost of choosing (a heap of rings) is paid for each change of ring, not for each entry.
 */
import { Entry, ENTRY_SIZE, EntryKind } from "../abi.ts";
import { encodeEntry, type EntryFields, SocketEvent, type TimeBase } from "../event.ts";
import type { BufferLoss, EventHandler } from "../source.ts";
import { Turn } from "../turn.ts";

/** A ring that shows one sample at a time (ffi/perf_ring.ts). */
export interface SampleRing {
  readonly cpu: number;
  /** The sample: `bytes[start..end)`, `words` the same memory, valid until the next call. */
  readonly words: Uint32Array;
  readonly bytes: Uint8Array;
  readonly start: number;
  readonly end: number;
  refresh(): void;
  next(): boolean;
}

/** One drain() hands out at most about this much: some 100 µs of work. */
const MAX_ENTRIES = 64;
const MAX_BYTES = 128 * 1024;
const TWO_32 = 4294967296;
const TIME_WORD = Entry.time_ns / 4;

/** Where one ring stands. */
class Lane {
  readonly ring: SampleRing;
  readonly buffer: BufferLoss["buffer"];
  /** Time of the next entry, or Infinity when the ring showed nothing more. */
  time = Infinity;
  /** Where the next entry begins in the ring's sample. */
  start = 0;
  end = 0;
  /** Sequence number that the next entry has unless something was lost. */
  expected = 0;
  lost = 0;

  constructor(ring: SampleRing, buffer: BufferLoss["buffer"]) {
    this.ring = ring;
    this.buffer = buffer;
  }

  /** Finds the next entry and its time, in this sample or the next one. */
  peek(base: TimeBase): void {
    while (this.end - this.start < ENTRY_SIZE) {
      if (!this.ring.next()) {
        this.start = this.end = 0;
        this.time = Infinity;
        return;
      }
      this.start = this.ring.start;
      this.end = this.ring.end;
    }
    const at = (this.start >>> 2) + TIME_WORD;
    const words = this.ring.words;
    this.time = ((words[at + 1] as number) - base.high) * TWO_32 +
      ((words[at] as number) - base.low);
  }
}

/** Merges rings by time; see the file's head. */
export class Merger {
  readonly #base: TimeBase;
  readonly #lanes: Lane[];
  /** Lanes with something to hand out in this round: a binary heap, the oldest entry first. */
  readonly #heap: Lane[] = [];
  readonly #event = new SocketEvent();
  readonly #synthetic = new SocketEvent();
  #horizon = -Infinity;
  /** Latest time handed out, so that entries of our own never go back in time. */
  #latest = 0;

  constructor(
    data: readonly SampleRing[],
    conn: readonly SampleRing[],
    base: TimeBase,
    tls: readonly SampleRing[] = [],
  ) {
    this.#base = base;
    this.#lanes = [
      ...conn.map((ring) => new Lane(ring, "conn_events")),
      ...data.map((ring) => new Lane(ring, "data_events")),
      ...tls.map((ring) => new Lane(ring, "tls_events")),
    ];
  }

  /** Everything of the round was handed out: the next one may begin. */
  get idle(): boolean {
    return this.#heap.length === 0;
  }

  /** Begins a round: entries older than `horizon` (nanoseconds since the trace began). */
  begin(horizon: number): void {
    // An empty lane's time is Infinity, which must stay beyond every horizon.
    this.#horizon = Math.min(horizon, Number.MAX_VALUE);
    this.#heap.length = 0;
    for (const lane of this.#lanes) {
      lane.ring.refresh();
      if (lane.time === Infinity) lane.peek(this.#base);
      if (lane.time <= this.#horizon) this.#push(lane);
    }
  }

  /** Hands out a bounded part of the round, until `turn` is due; the number of entries, 0 at its end. */
  drain(handler: EventHandler, turn: Turn = new Turn()): number {
    let entries = 0;
    let bytes = 0;
    while (this.#heap.length > 0 && entries < MAX_ENTRIES && bytes < MAX_BYTES && !turn.isDue) {
      const lane = this.#heap[0] as Lane;
      const until = Math.min(this.#horizon, this.#secondTime());
      do {
        bytes += this.#handOut(lane, handler);
        entries++;
        lane.peek(this.#base);
      } while (
        lane.time <= until && entries < MAX_ENTRIES && bytes < MAX_BYTES && !turn.isDue
      );
      if (lane.time <= this.#horizon) this.#sink(0);
      else this.#pop();
    }
    return entries;
  }

  /** Hands out an entry of our own; its time is never before what was handed out already. */
  emit(handler: EventHandler, fields: EntryFields, cpu = 0): void {
    const timeNs = Math.max(fields.timeNs ?? 0, this.#latest);
    this.#latest = timeNs;
    const bytes = encodeEntry({ ...fields, timeNs }, this.#base);
    const words = new Uint32Array(bytes.buffer, bytes.byteOffset, bytes.length >>> 2);
    const event = this.#synthetic;
    event.cpu = cpu;
    if (event.read(words, bytes, 0, bytes.length, this.#base)) handler(event);
  }

  /**
   * Losses after the last entry that arrived: `sent` is the kernel's own count of entries for that
   * CPU and buffer. Only when nothing more will come.
   */
  finishLane(
    handler: EventHandler,
    buffer: BufferLoss["buffer"],
    cpu: number,
    sent: number,
  ): number {
    const lane = this.#lanes.find((it) => it.buffer === buffer && it.ring.cpu === cpu);
    if (!lane) return 0;
    const lost = (sent - lane.expected) | 0;
    if (lost <= 0) return 0;
    lane.expected = sent >>> 0;
    this.#reportLost(lane, lost, this.#latest, handler);
    return 1;
  }

  losses(): BufferLoss[] {
    return this.#lanes.filter((lane) => lane.lost > 0).map((lane) => ({
      buffer: lane.buffer,
      cpu: lane.ring.cpu,
      events: lane.lost,
    }));
  }

  /** Hands the lane's next entry out and steps over it; its size. */
  #handOut(lane: Lane, handler: EventHandler): number {
    const event = this.#event;
    const ring = lane.ring;
    if (!event.read(ring.words, ring.bytes, lane.start, lane.end, this.#base)) {
      // No entry, or the padding at a sample's end: the rest of the sample is skipped.
      lane.start = lane.end;
      return 0;
    }
    event.cpu = ring.cpu;
    if (event.sequence !== lane.expected) this.#checkSequence(lane, event, handler);
    else lane.expected = (lane.expected + 1) >>> 0;
    lane.start += event.entrySize;
    if (event.timeNs > this.#latest) this.#latest = event.timeNs;
    handler(event);
    return event.entrySize;
  }

  /** The number is not the expected one: entries before this one are missing. */
  #checkSequence(lane: Lane, event: SocketEvent, handler: EventHandler): void {
    const jump = (event.sequence - lane.expected) | 0;
    if (jump < 0) {
      // An interrupt's entry overtook this one, which was taken for lost.
      lane.lost = Math.max(0, lane.lost - 1);
      return;
    }
    lane.expected = (event.sequence + 1) >>> 0;
    this.#reportLost(lane, jump, event.timeNs, handler);
  }

  #reportLost(lane: Lane, lost: number, timeNs: number, handler: EventHandler): void {
    lane.lost += lost;
    const fields = { kind: EntryKind.LOST, timeNs, total: lost, fd: lane.ring.cpu };
    this.emit(handler, fields, lane.ring.cpu);
  }

  /** Time of the oldest entry of the other lanes. */
  #secondTime(): number {
    const left = this.#heap[1];
    const right = this.#heap[2];
    if (!left) return Infinity;
    return right && right.time < left.time ? right.time : left.time;
  }

  #push(lane: Lane): void {
    const heap = this.#heap;
    let at = heap.length;
    heap.push(lane);
    while (at > 0) {
      const parent = (at - 1) >> 1;
      const above = heap[parent] as Lane;
      if (above.time <= lane.time) break;
      heap[at] = above;
      at = parent;
    }
    heap[at] = lane;
  }

  #pop(): void {
    const last = this.#heap.pop();
    if (!last || this.#heap.length === 0) return;
    this.#heap[0] = last;
    this.#sink(0);
  }

  /** Puts the lane at `from`, whose time has grown, into its place. */
  #sink(from: number): void {
    const heap = this.#heap;
    const lane = heap[from] as Lane;
    let at = from;
    for (;;) {
      let child = 2 * at + 1;
      if (child >= heap.length) break;
      if (
        child + 1 < heap.length && (heap[child + 1] as Lane).time < (heap[child] as Lane).time
      ) child++;
      const below = heap[child] as Lane;
      if (below.time >= lane.time) break;
      heap[at] = below;
      at = child;
    }
    heap[at] = lane;
  }
}
