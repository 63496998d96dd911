/**
 * One event as user space sees it: an entry of the kernel's (bpf/abi.h), read in place.
 *
 * In: the words and bytes of a perf sample, a recording's block, or an entry made by encodeEntry().
 * Out: a SocketEvent, reused for every entry; whatever outlives the handler's call must be copied.
 * It never copies payload and never looks into it.
 */
import { Entry, ENTRY_SIZE, Family, Flag } from "./abi.ts";
import { formatAddress } from "../wire/address.ts";

const WORD = 4;
const at = {
  size: Entry.size / WORD,
  sequence: Entry.sequence / WORD,
  time: Entry.time_ns / WORD,
  conn: Entry.conn / WORD,
  position: Entry.position / WORD,
  pid: Entry.pid / WORD,
  tid: Entry.tid / WORD,
  fd: Entry.fd / WORD,
  total: Entry.total / WORD,
  offset: Entry.offset / WORD,
  length: Entry.length / WORD,
  kinds: Entry.kind / WORD,
  flags: Entry.flags / WORD,
  plaintext: Entry.plaintext / WORD,
  ports: Entry.local_port / WORD,
};
const TWO_32 = 4294967296;

/** Start of a trace on the kernel's monotonic clock; event times count from here. */
export interface TimeBase {
  /** CLOCK_MONOTONIC, nanoseconds: low and high 32 bits. */
  readonly low: number;
  readonly high: number;
}

/** One entry, read in place. Fields of entries that have no such thing are 0. */
export class SocketEvent {
  /** EntryKind. */
  kind = 0;
  /** Direction. */
  direction = 0;
  /** Index into OPERATIONS. */
  operation = 0;
  /** Index into SOURCES. */
  source = 0;
  /** Bits of Flag. */
  flags = 0;
  /** Cut: why fewer payload bytes are here than the operation moved. */
  cut = 0;
  family = 0;
  /** Not 0: one of the kernel's rules (bpf/infer/) matched the connection. */
  suspect = 0;
  /** Nanoseconds since the trace began; exact for 104 days. */
  timeNs = 0;
  /** Identity of the socket: the same for every process and fd that shares it. */
  conn = 0;
  /** Stream position of the operation's first byte; modulo 2^32 with Flag.TCP_POSITION. */
  position = 0;
  pid = 0;
  tid = 0;
  fd = 0;
  /** Bytes the whole operation moved. */
  totalBytes = 0;
  /** Where this entry's payload lies within the operation. */
  offset = 0;
  plaintext = 0;
  localPort = 0;
  remotePort = 0;
  sequence = 0;
  /** CPU (ring) it came from; 0 where none is known. */
  cpu = 0;
  /** The buffer the entry lies in: valid only during the handler's call. */
  bytes: Uint8Array = new Uint8Array(0);
  /** Offset of the entry's header in `bytes`. */
  entryStart = 0;
  /** Bytes of the whole entry, padding included. */
  entrySize = 0;
  /** Offset in `bytes` of the payload (or of what follows the header), and its length. */
  payloadStart = 0;
  payloadLength = 0;

  /**
   * Reads the entry at `start` (bytes, a multiple of 4) of `words`/`bytes`, two views of one buffer.
   * False when no whole, plausible entry lies there before `end`.
   */
  read(
    words: Uint32Array,
    bytes: Uint8Array,
    start: number,
    end: number,
    base: TimeBase,
  ): boolean {
    if (end - start < ENTRY_SIZE) return false;
    const w = start >>> 2;
    const size = words[w + at.size] as number;
    const length = words[w + at.length] as number;
    if (size < ENTRY_SIZE || size > end - start || (size & 7) !== 0) return false;
    if (length > size - ENTRY_SIZE) return false;
    this.entryStart = start;
    this.entrySize = size;
    this.sequence = words[w + at.sequence] as number;
    this.timeNs = ((words[w + at.time + 1] as number) - base.high) * TWO_32 +
      ((words[w + at.time] as number) - base.low);
    this.conn = (words[w + at.conn + 1] as number) * TWO_32 + (words[w + at.conn] as number);
    this.position = (words[w + at.position + 1] as number) * TWO_32 +
      (words[w + at.position] as number);
    this.pid = words[w + at.pid] as number;
    this.tid = words[w + at.tid] as number;
    this.fd = (words[w + at.fd] as number) | 0;
    this.totalBytes = words[w + at.total] as number;
    this.offset = words[w + at.offset] as number;
    this.payloadLength = length;
    const kinds = words[w + at.kinds] as number;
    this.kind = kinds & 255;
    this.direction = (kinds >>> 8) & 255;
    this.operation = (kinds >>> 16) & 255;
    this.source = kinds >>> 24;
    const flags = words[w + at.flags] as number;
    this.flags = flags & 255;
    this.cut = (flags >>> 8) & 255;
    this.family = (flags >>> 16) & 255;
    this.suspect = flags >>> 24;
    this.plaintext = words[w + at.plaintext] as number;
    const ports = words[w + at.ports] as number;
    this.localPort = ports & 65535;
    this.remotePort = ports >>> 16;
    this.bytes = bytes;
    this.payloadStart = start + ENTRY_SIZE;
    return true;
  }

  get isDatagram(): boolean {
    return (this.flags & Flag.DATAGRAM) !== 0;
  }

  /** Name of the process at that moment; allocates: not for every event. */
  comm(): string {
    let text = "";
    for (let i = this.entryStart + Entry.comm; i < this.entryStart + Entry.comm + 16; i++) {
      const byte = this.bytes[i] as number;
      if (byte === 0) break;
      text += String.fromCharCode(byte);
    }
    return text;
  }

  /** "10.0.0.1:80" or "[::1]:80"; "unix:" for AF_UNIX, whose names come with ENTRY_OPEN. */
  local(): string {
    if (this.family === Family.UNIX) return "unix:";
    return formatAddress(this.family, this.bytes, this.entryStart + Entry.local, this.localPort);
  }

  /** As local(); empty when the peer is not known (an unconnected UDP socket). */
  remote(): string {
    if (this.family === Family.UNIX) return "unix:";
    if (this.remotePort === 0) return "";
    return formatAddress(this.family, this.bytes, this.entryStart + Entry.remote, this.remotePort);
  }
}

/** What encodeEntry() takes; everything but the kind may be left out. */
export interface EntryFields {
  kind: number;
  direction?: number;
  operation?: number;
  source?: number;
  flags?: number;
  cut?: number;
  family?: number;
  suspect?: number;
  timeNs?: number;
  conn?: number;
  position?: number;
  pid?: number;
  tid?: number;
  fd?: number;
  total?: number;
  offset?: number;
  plaintext?: number;
  sequence?: number;
  localPort?: number;
  remotePort?: number;
  comm?: string;
  local?: Uint8Array;
  remote?: Uint8Array;
  payload?: Uint8Array;
}

function putU64(view: DataView, offset: number, value: number): void {
  view.setUint32(offset, value % TWO_32, true);
  view.setUint32(offset + 4, Math.floor(value / TWO_32), true);
}

/**
 * Bytes of one entry, as the kernel would have written it: for ticks and losses, packet captures
 * and tests. `timeNs` counts from the trace's start when `base` is given, else it is absolute.
 */
export function encodeEntry(fields: EntryFields, base: TimeBase = { low: 0, high: 0 }): Uint8Array {
  const payload = fields.payload ?? new Uint8Array(0);
  const size = (ENTRY_SIZE + payload.length + 7) & ~7;
  const out = new Uint8Array(size);
  const view = new DataView(out.buffer);
  view.setUint32(Entry.size, size, true);
  view.setUint32(Entry.sequence, fields.sequence ?? 0, true);
  const low = base.low + (fields.timeNs ?? 0) % TWO_32;
  const carry = low >= TWO_32 ? 1 : 0;
  view.setUint32(Entry.time_ns, low - carry * TWO_32, true);
  view.setUint32(
    Entry.time_ns + 4,
    base.high + Math.floor((fields.timeNs ?? 0) / TWO_32) + carry,
    true,
  );
  putU64(view, Entry.conn, fields.conn ?? 0);
  putU64(view, Entry.position, fields.position ?? 0);
  view.setUint32(Entry.pid, fields.pid ?? 0, true);
  view.setUint32(Entry.tid, fields.tid ?? fields.pid ?? 0, true);
  view.setInt32(Entry.fd, fields.fd ?? -1, true);
  view.setUint32(Entry.total, fields.total ?? payload.length, true);
  view.setUint32(Entry.offset, fields.offset ?? 0, true);
  view.setUint32(Entry.length, payload.length, true);
  out[Entry.kind] = fields.kind;
  out[Entry.direction] = fields.direction ?? 0;
  out[Entry.operation] = fields.operation ?? 0;
  out[Entry.source] = fields.source ?? 0;
  out[Entry.flags] = fields.flags ?? 0;
  out[Entry.cut] = fields.cut ?? 0;
  out[Entry.family] = fields.family ?? 0;
  out[Entry.suspect] = fields.suspect ?? 0;
  view.setUint32(Entry.plaintext, fields.plaintext ?? 0, true);
  view.setUint16(Entry.local_port, fields.localPort ?? 0, true);
  view.setUint16(Entry.remote_port, fields.remotePort ?? 0, true);
  const comm = fields.comm ?? "";
  for (let i = 0; i < comm.length && i < 15; i++) out[Entry.comm + i] = comm.charCodeAt(i) & 255;
  if (fields.local) out.set(fields.local.subarray(0, 16), Entry.local);
  if (fields.remote) out.set(fields.remote.subarray(0, 16), Entry.remote);
  out.set(payload, ENTRY_SIZE);
  return out;
}
