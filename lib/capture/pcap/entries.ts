/**
 * Entries for what a packet capture saw: the events of source.ts, written as the kernel side would.
 *
 * In: conversations and their bytes. Out: SocketEvents for the handler in charge. There is no
 * traced process in a capture: the client's end stands for it, with pid 0 and fd -1.
 */
import { CLOSE_TOTALS_SIZE, CloseTotals, Cut, Entry, ENTRY_SIZE, EntryKind, Flag } from "../abi.ts";
import { OPEN_NAMES_SIZE, OpenNames } from "../abi.ts";
import { encodeEntry, type EntryFields, SocketEvent, type TimeBase } from "../event.ts";
import type { EventHandler } from "../source.ts";

const TWO_32 = 4294967296;

/** One connection of the capture; its "local" end is the client's. */
export interface Conversation {
  /** Counts from 1 in order of appearance. */
  readonly id: number;
  readonly family: number;
  readonly localPort: number;
  readonly remotePort: number;
  readonly local: Uint8Array;
  readonly remote: Uint8Array;
  /** Bits of Flag that all its entries carry. */
  flags: number;
  /** Encoded entry heads by Direction: see PcapEntries.data(). */
  readonly heads: Uint8Array[];
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
    const size = (ENTRY_SIZE + captured + 7) & ~7;
    const entry = this.#room(size);
    entry.set(this.#head(of, direction));
    entry.set(bytes.subarray(start, start + captured), ENTRY_SIZE);
    entry.fill(0, ENTRY_SIZE + captured, size);
    entry[Entry.cut] = captured < totalBytes ? Cut.SNAPLEN : Cut.NONE;
    const words = this.#words;
    words[Entry.size / 4] = size;
    words[Entry.length / 4] = captured;
    words[Entry.total / 4] = totalBytes;
    const at = wrap(of, position);
    words[Entry.position / 4] = at % TWO_32;
    words[Entry.position / 4 + 1] = Math.floor(at / TWO_32);
    const since = this.base.low + timeNs;
    words[Entry.time_ns / 4] = since - Math.floor(since / TWO_32) * TWO_32;
    words[Entry.time_ns / 4 + 1] = this.base.high + Math.floor(since / TWO_32);
    this.#handOut(words, entry, size, timeNs);
  }

  open(of: Conversation, egressPosition: number, ingressPosition: number, timeNs: number): void {
    const payload = new Uint8Array(OPEN_NAMES_SIZE);
    const view = new DataView(payload.buffer);
    putU64(view, OpenNames.egress_position, wrap(of, egressPosition));
    putU64(view, OpenNames.ingress_position, wrap(of, ingressPosition));
    this.#send({ ...this.#fields(of, EntryKind.OPEN, timeNs), total: 0, payload });
  }

  close(of: Conversation, totals: Totals, timeNs: number): void {
    const payload = new Uint8Array(CLOSE_TOTALS_SIZE);
    const view = new DataView(payload.buffer);
    putU64(view, CloseTotals.egress_position, wrap(of, totals.egressPosition));
    putU64(view, CloseTotals.ingress_position, wrap(of, totals.ingressPosition));
    putU64(view, CloseTotals.egress_bytes, totals.egressBytes);
    putU64(view, CloseTotals.ingress_bytes, totals.ingressBytes);
    this.#send({ ...this.#fields(of, EntryKind.CLOSE, timeNs), total: 0, payload });
  }

  /** One direction ended at `position`. */
  endOfStream(of: Conversation, direction: number, position: number, timeNs: number): void {
    const fields = this.#fields(of, EntryKind.EOF, timeNs);
    fields.direction = direction;
    fields.position = wrap(of, position);
    this.#send(fields);
  }

  tick(timeNs: number): void {
    this.#send({ kind: EntryKind.TICK, timeNs });
  }

  #fields(of: Conversation, kind: number, timeNs: number): EntryFields {
    return {
      kind,
      timeNs,
      conn: of.id,
      flags: of.flags,
      family: of.family,
      localPort: of.localPort,
      remotePort: of.remotePort,
      local: of.local,
      remote: of.remote,
    };
  }

  // An entry with the fields that all data entries of a direction share, encoded once.
  #head(of: Conversation, direction: number): Uint8Array {
    const flags = of.flags | Flag.LAST_CHUNK;
    const known = of.heads[direction];
    if (known !== undefined && known[Entry.flags] === flags) return known;
    const head = encodeEntry({ ...this.#fields(of, EntryKind.DATA, 0), flags, direction });
    of.heads[direction] = head;
    return head;
  }

  // Room in the one buffer for all data entries: an event is valid only during its handler's call.
  #room(size: number): Uint8Array {
    if (this.#buffer.length < size) {
      this.#buffer = new Uint8Array(size * 2);
      this.#words = new Uint32Array(this.#buffer.buffer);
    }
    return this.#buffer;
  }

  #send(fields: EntryFields): void {
    const bytes = encodeEntry(fields, this.base);
    this.#handOut(new Uint32Array(bytes.buffer), bytes, bytes.length, fields.timeNs ?? 0);
  }

  #handOut(words: Uint32Array, bytes: Uint8Array, size: number, timeNs: number): void {
    this.count++;
    if (timeNs > this.latestNs) this.latestNs = timeNs;
    if (this.#event.read(words, bytes, 0, size, this.base)) this.handler?.(this.#event);
  }
}

// TCP's positions are sequence numbers; a datagram socket's are counts of bytes.
function wrap(of: Conversation, position: number): number {
  return (of.flags & Flag.TCP_POSITION) === 0 ? position : position >>> 0;
}

function putU64(view: DataView, offset: number, value: number): void {
  view.setUint32(offset, value % TWO_32, true);
  view.setUint32(offset + 4, Math.floor(value / TWO_32), true);
}
