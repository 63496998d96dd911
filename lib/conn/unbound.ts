/**
 * Plain text inside TLS whose socket is not known yet: it waits until that is found, or has had its time.
 *
 * In: every event. Out: the same, in their order but for those that waited: these come with the socket's
 * connection, or, after WAIT_NS of event time, as they were, unless that is not wanted. It looks into no
 * payload.
 */
import { Entry, EntryKind, Flag, PLAINTEXT_IDS } from "../capture/abi.ts";
import { SocketEvent, type TimeBase } from "../capture/event.ts";

/** A session sends what it has encrypted at once; a process that is just found takes some rounds longer. */
const WAIT_NS = 200e6;
/** What waits, of one stream and together. */
const MAX_STREAM_BYTES = 1 << 20;
const MAX_BYTES = 8 << 20;
/** Streams of which it is known that they wait, or waited in vain. */
const MAX_STREAMS = 16384;

interface Stream {
  /** When its first event came; -1: it waited in vain, and waits no more. */
  sinceNs: number;
  readonly entries: Uint8Array<ArrayBuffer>[];
  bytes: number;
}

/** See the file's head. */
export class Unbound {
  readonly #base: TimeBase;
  readonly #next: (event: SocketEvent) => void;
  readonly #drop: ((events: number) => void) | null;
  readonly #event = new SocketEvent();
  /** By SocketEvent.plaintext, in the order in which they began. */
  readonly #streams = new Map<number, Stream>();
  /** Time of the oldest stream that waits; Infinity: none does. */
  #oldestNs = Infinity;
  #bytes = 0;

  /**
   * `next` gets every event, but where `drop` is given, none whose socket is not found: these are counted
   * to it. `base`: what event times count from.
   */
  constructor(
    base: TimeBase,
    next: (event: SocketEvent) => void,
    drop: ((events: number) => void) | null,
  ) {
    this.#drop = drop;
    this.#base = base;
    this.#next = next;
  }

  onEvent(event: SocketEvent): void {
    if (event.timeNs - this.#oldestNs > WAIT_NS) this.#expire(event.timeNs);
    if (event.plaintext !== 0 && this.#takes(event)) return;
    this.#next(event);
  }

  /** No more events. */
  finish(): void {
    this.#expire(Infinity);
  }

  /** False when the event goes on as it is. */
  #takes(event: SocketEvent): boolean {
    const { kind, plaintext } = event;
    const stream = this.#streams.get(plaintext);
    if (event.conn < PLAINTEXT_IDS) {
      if (stream === undefined) return false;
      this.#streams.delete(plaintext);
      this.#release(stream, event);
      return false;
    }
    if (kind !== EntryKind.DATA) return false;
    if (stream?.sinceNs === -1) {
      this.#drop?.(1);
      return this.#drop !== null;
    }
    this.#wait(stream ?? this.#begin(event), event);
    return true;
  }

  #begin({ plaintext, timeNs }: SocketEvent): Stream {
    if (this.#streams.size >= MAX_STREAMS) this.#forget();
    const stream = { sinceNs: timeNs, entries: [], bytes: 0 };
    this.#streams.set(plaintext, stream);
    this.#oldestNs = Math.min(this.#oldestNs, timeNs);
    return stream;
  }

  #wait(stream: Stream, { bytes, entryStart, entrySize }: SocketEvent): void {
    const entry = new Uint8Array(bytes.subarray(entryStart, entryStart + entrySize));
    stream.entries.push(entry);
    stream.bytes += entrySize;
    this.#bytes += entrySize;
    if (stream.bytes > MAX_STREAM_BYTES || this.#bytes > MAX_BYTES) this.#giveUp(stream);
  }

  /** Streams that have waited long enough, in their order. */
  #expire(nowNs: number): void {
    this.#oldestNs = Infinity;
    for (const stream of this.#streams.values()) {
      if (stream.sinceNs < 0) continue;
      if (nowNs - stream.sinceNs > WAIT_NS) this.#giveUp(stream);
      else this.#oldestNs = Math.min(this.#oldestNs, stream.sinceNs);
    }
  }

  #giveUp(stream: Stream): void {
    stream.sinceNs = -1;
    this.#release(stream, null);
  }

  #forget(): void {
    for (const [plaintext, stream] of this.#streams) {
      if (stream.sinceNs >= 0) this.#giveUp(stream);
      this.#streams.delete(plaintext);
      return;
    }
  }

  /** Hands on what waited, as of the connection of `found`. */
  #release(stream: Stream, found: SocketEvent | null): void {
    this.#bytes -= stream.bytes;
    stream.bytes = 0;
    if (found === null && this.#drop !== null) this.#drop(stream.entries.splice(0).length);
    for (const entry of stream.entries.splice(0)) {
      if (found !== null) bind(entry, found);
      const words = new Uint32Array(entry.buffer);
      const event = this.#event;
      if (event.read(words, entry, 0, entry.length, this.#base)) this.#next(event);
    }
  }
}

/** Fields of an entry that tell of its socket, as ranges of bytes. */
const OF_SOCKET = [
  [Entry.conn, Entry.position],
  [Entry.fd, Entry.total],
  [Entry.family, Entry.suspect],
  [Entry.local_port, Entry.comm],
  [Entry.local, Entry.remote + 16],
] as const;

function bind(entry: Uint8Array, { bytes, entryStart, flags }: SocketEvent): void {
  for (const [from, to] of OF_SOCKET) {
    entry.set(bytes.subarray(entryStart + from, entryStart + to), from);
  }
  const role = flags & (Flag.FRESH | Flag.CLIENT | Flag.SERVER);
  entry[Entry.flags] = (entry[Entry.flags] ?? 0) | role;
}
