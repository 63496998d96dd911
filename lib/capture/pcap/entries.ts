/**
 * Entries for what a packet capture saw: the events of source.ts, written as the kernel side would.
 *
 * In: conversations and their bytes. Out: SocketEvents for the handler in charge. There is no
 * traced process in a capture: the client's end stands for it, with pid 0 and fd -1.
 */
import {
  CLOSE_TOTALS_SIZE,
  CloseTotals,
  Cut,
  Entry,
  ENTRY_SIZE,
  EntryKind,
  Family,
  Flag,
  OPEN_NAMES_SIZE,
  OpenNames,
} from "../abi.ts";
import { SocketEvent, type TimeBase } from "../event.ts";
import type { EventHandler } from "../source.ts";

const WORD = 4;
const TWO_32 = 4294967296;
const NO_FD = 0xffffffff;

/** One connection of the capture; its "local" end is the client's. */
export interface Conversation {
  /** Counts from 1 in order of appearance. */
  readonly id: number;
  readonly family: number;
  /**
   * A character for each byte: address of the local end, of the remote end, port of the local end, of the
   * remote end; then what tells equal ones apart.
   */
  readonly key: string;
  /** Bits of Flag that all its entries carry. */
  flags: number;
}

/** Final positions and bytes moved, by Direction. */
export interface Totals {
  egressPosition: number;
  ingressPosition: number;
  egressBytes: number;
  ingressBytes: number;
}

/** Hands entries to the handler of the current drain(). */
export class PcapEntries {
  handler: EventHandler | null = null;
  /** Entries handed out. */
  count = 0;
  /** Latest time handed out, nanoseconds since the capture began. */
  latestNs = 0;
  readonly #event = new SocketEvent();
  #buffer = new Uint8Array(4096);
  #words = new Uint32Array(this.#buffer.buffer);

  constructor(readonly base: TimeBase) {}

  /** Hands out bytes[start, end), of the `totalBytes` that one segment or datagram moved. */
  data(
    of: Conversation,
    direction: number,
    position: number,
    bytes: Uint8Array,
    start: number,
    end: number,
    totalBytes: number,
    timeNs: number,
  ): void {
    const captured = Math.min(end - start, totalBytes);
    const entry = this.#begin(of, EntryKind.DATA, captured, timeNs);
    entry.set(bytes.subarray(start, start + captured), ENTRY_SIZE);
    entry[Entry.direction] = direction;
    entry[Entry.flags] = of.flags | Flag.LAST_CHUNK;
    entry[Entry.cut] = captured < totalBytes ? Cut.SNAPLEN : Cut.NONE;
    this.#words[Entry.total / WORD] = totalBytes;
    this.#putU64(Entry.position, wrap(of, position));
    this.#handOut(timeNs);
  }

  open(of: Conversation, egressPosition: number, ingressPosition: number, timeNs: number): void {
    this.#begin(of, EntryKind.OPEN, OPEN_NAMES_SIZE, timeNs).fill(
      0,
      ENTRY_SIZE,
      ENTRY_SIZE + OPEN_NAMES_SIZE,
    );
    this.#putU64(ENTRY_SIZE + OpenNames.egress_position, wrap(of, egressPosition));
    this.#putU64(ENTRY_SIZE + OpenNames.ingress_position, wrap(of, ingressPosition));
    this.#handOut(timeNs);
  }

  close(of: Conversation, totals: Totals, timeNs: number): void {
    this.#begin(of, EntryKind.CLOSE, CLOSE_TOTALS_SIZE, timeNs);
    this.#putU64(ENTRY_SIZE + CloseTotals.egress_position, wrap(of, totals.egressPosition));
    this.#putU64(ENTRY_SIZE + CloseTotals.ingress_position, wrap(of, totals.ingressPosition));
    this.#putU64(ENTRY_SIZE + CloseTotals.egress_bytes, totals.egressBytes);
    this.#putU64(ENTRY_SIZE + CloseTotals.ingress_bytes, totals.ingressBytes);
    this.#handOut(timeNs);
  }

  /** One direction ended at `position`. */
  endOfStream(of: Conversation, direction: number, position: number, timeNs: number): void {
    this.#begin(of, EntryKind.EOF, 0, timeNs)[Entry.direction] = direction;
    this.#putU64(Entry.position, wrap(of, position));
    this.#handOut(timeNs);
  }

  tick(timeNs: number): void {
    this.#begin(null, EntryKind.TICK, 0, timeNs);
    this.#handOut(timeNs);
  }

  // The head of an entry with so much payload behind it, in the one buffer for all of them: an event is
  // valid only during its handler's call.
  #begin(of: Conversation | null, kind: number, payload: number, timeNs: number): Uint8Array {
    const size = (ENTRY_SIZE + payload + 7) & ~7;
    const entry = this.#room(size);
    const words = this.#words;
    words.fill(0, 0, ENTRY_SIZE / WORD);
    words.fill(0, size / WORD - 2, size / WORD);
    words[Entry.size / WORD] = size;
    words[Entry.length / WORD] = payload;
    words[Entry.fd / WORD] = NO_FD;
    entry[Entry.kind] = kind;
    const since = this.base.low + timeNs;
    words[Entry.time_ns / WORD] = since - Math.floor(since / TWO_32) * TWO_32;
    words[Entry.time_ns / WORD + 1] = this.base.high + Math.floor(since / TWO_32);
    if (of === null) return entry;
    this.#putU64(Entry.conn, of.id);
    entry[Entry.flags] = of.flags;
    entry[Entry.family] = of.family;
    putEnds(of, entry);
    return entry;
  }

  #room(size: number): Uint8Array {
    if (this.#buffer.length < size) {
      this.#buffer = new Uint8Array((size * 2 + 7) & ~7);
      this.#words = new Uint32Array(this.#buffer.buffer);
    }
    return this.#buffer;
  }

  #putU64(offset: number, value: number): void {
    this.#words[offset / WORD] = value % TWO_32;
    this.#words[offset / WORD + 1] = Math.floor(value / TWO_32);
  }

  #handOut(timeNs: number): void {
    this.count++;
    if (timeNs > this.latestNs) this.latestNs = timeNs;
    const size = this.#words[Entry.size / WORD] as number;
    if (this.#event.read(this.#words, this.#buffer, 0, size, this.base)) {
      this.handler?.(this.#event);
    }
  }
}

// TCP's positions are sequence numbers; a datagram socket's are counts of bytes.
function wrap(of: Conversation, position: number): number {
  return (of.flags & Flag.TCP_POSITION) === 0 ? position : position >>> 0;
}

// Ports lie in an entry as numbers of this machine's order, in a key as they were on the wire.
function putEnds({ key, family }: Conversation, entry: Uint8Array): void {
  const size = family === Family.INET ? 4 : 16;
  for (let i = 0; i < size; i++) {
    entry[Entry.local + i] = key.charCodeAt(i);
    entry[Entry.remote + i] = key.charCodeAt(size + i);
  }
  entry[Entry.local_port] = key.charCodeAt(2 * size + 1);
  entry[Entry.local_port + 1] = key.charCodeAt(2 * size);
  entry[Entry.remote_port] = key.charCodeAt(2 * size + 3);
  entry[Entry.remote_port + 1] = key.charCodeAt(2 * size + 2);
}
