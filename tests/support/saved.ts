/**
 * Recordings as the contract test uses them: the entries of every connection of a real trace, and the
 * ways in which they are run again: whole, chunked, cut, with bytes missing, joined late, damaged.
 *
 * In: a recording, and places in its payload. Out: entries, all that is not changed as it was: times,
 * positions, ticks, losses, the other connections.
 */
import { Cut, Entry, EntryKind, Flag } from "../../lib/capture/abi.ts";
import type { EntryFields, SocketEvent } from "../../lib/capture/event.ts";
import { openReplay } from "../../lib/capture/replay.ts";
import type { Plugin } from "../../protocols/protocol.ts";
import { seeded, Trace } from "./events.ts";

export type Entries = readonly EntryFields[];

/** A place in the payload of entry `entry`. */
export interface SavedPlace {
  entry: number;
  offset: number;
}

/** Every entry of a recording, in order. */
export function readEntries(path: string): EntryFields[] {
  using source = openReplay(path);
  const entries: EntryFields[] = [];
  while (!source.ended) source.drain((event) => entries.push(fieldsOf(event)));
  if (source.failure !== null) throw source.failure;
  return entries;
}

function fieldsOf(event: SocketEvent): EntryFields {
  const { bytes, entryStart, payloadStart, payloadLength } = event;
  const address = (at: number): Uint8Array => bytes.slice(entryStart + at, entryStart + at + 16);
  return {
    kind: event.kind,
    direction: event.direction,
    operation: event.operation,
    source: event.source,
    flags: event.flags,
    cut: event.cut,
    family: event.family,
    suspect: event.suspect,
    timeNs: event.timeNs,
    conn: event.conn,
    position: event.position,
    pid: event.pid,
    tid: event.tid,
    fd: event.fd,
    total: event.totalBytes,
    offset: event.offset,
    plaintext: event.plaintext,
    sequence: event.sequence,
    localPort: event.localPort,
    remotePort: event.remotePort,
    comm: event.comm(),
    local: address(Entry.local),
    remote: address(Entry.remote),
    payload: bytes.slice(payloadStart, payloadStart + payloadLength),
  };
}

/** Runs entries to the end of their trace; fails when something stays behind in memory. */
export function runEntries(plugins: readonly Plugin[], entries: Entries): Trace {
  const trace = new Trace({ protocols: plugins, showUnknown: true });
  trace.feedAll(entries);
  trace.finish();
  const held = trace.pipeline.heldBytes;
  if (held !== 0) throw new Error(`Cannot end cleanly: ${held} bytes are still held`);
  return trace;
}

function payloadOf(entry: EntryFields): Uint8Array {
  return entry.payload ?? new Uint8Array(0);
}

function has(entry: EntryFields, flag: number): boolean {
  return ((entry.flags ?? 0) & flag) !== 0;
}

function isData(entry: EntryFields): boolean {
  return entry.kind === EntryKind.DATA;
}

/** At most `limit` places, evenly spread over all payload. */
export function placesIn(entries: Entries, limit: number): SavedPlace[] {
  const total = entries.reduce((sum, one) => sum + (isData(one) ? payloadOf(one).length : 0), 0);
  const stride = Math.max(1, total / limit);
  const found: SavedPlace[] = [];
  let at = 0;
  let next = 0;
  entries.forEach((one, entry) => {
    if (!isData(one)) return;
    const end = at + payloadOf(one).length;
    for (; next < end; next += stride) found.push({ entry, offset: Math.floor(next) - at });
    at = end;
  });
  return found;
}

/** Where an operation begins: all such places, or `limit` of them. */
export function operationsIn(entries: Entries, limit: number): SavedPlace[] {
  const all = entries.flatMap((one, entry) =>
    isData(one) && (one.offset ?? 0) === 0 ? [{ entry, offset: 0 }] : []
  );
  const stride = Math.max(1, all.length / limit);
  return all.filter((_, i) => Math.floor(i / stride) !== Math.floor((i - 1) / stride));
}

/** Each entry as several of the same operation, of `size` bytes. */
export function inParts(entries: Entries, size: number): EntryFields[] {
  return entries.flatMap((one) => isData(one) ? partsOf(one, size) : [one]);
}

function partsOf(one: EntryFields, size: number): EntryFields[] {
  const payload = payloadOf(one);
  if (payload.length <= size) return [one];
  const parts: EntryFields[] = [];
  for (let at = 0; at < payload.length; at += size) {
    const last = at + size >= payload.length;
    parts.push({
      ...one,
      offset: (one.offset ?? 0) + at,
      payload: payload.subarray(at, at + size),
      cut: last ? one.cut ?? Cut.NONE : Cut.NONE,
      flags: last ? one.flags ?? 0 : (one.flags ?? 0) & ~Flag.LAST_CHUNK,
    });
  }
  return parts;
}

/**
 * Each operation of a stream whose beginning was seen as several, of `size` bytes. (Joined in the
 * middle, where an operation begins is what the search for a message goes by.)
 */
export function inOperations(entries: Entries, size: number): EntryFields[] {
  return entries.flatMap((one) => {
    const isWhole = isData(one) && has(one, Flag.FRESH) && !has(one, Flag.DATAGRAM) &&
      one.cut === Cut.NONE && has(one, Flag.LAST_CHUNK) && one.offset === 0;
    if (!isWhole || one.total !== payloadOf(one).length) return [one];
    const parts: EntryFields[] = [];
    for (let at = 0; at < one.total; at += size) {
      parts.push(slice(one, at, Math.min(at + size, one.total)));
    }
    return parts;
  });
}

/** Bytes [from, to) of an entry's payload, as an operation of their own. */
function slice(one: EntryFields, from: number, to: number): EntryFields {
  const start = (one.position ?? 0) + (one.offset ?? 0) + from;
  const payload = payloadOf(one).subarray(from, to);
  return {
    ...one,
    position: has(one, Flag.TCP_POSITION) ? start % 2 ** 32 : start,
    offset: 0,
    total: payload.length,
    cut: Cut.NONE,
    flags: (one.flags ?? 0) | Flag.LAST_CHUNK,
    payload,
  };
}

/** One entry split in two of the same operation at a place. */
export function splitEntry(entries: Entries, { entry, offset }: SavedPlace): EntryFields[] {
  return entries.flatMap((one, i) => {
    if (i !== entry || offset === 0) return [one];
    const rest = payloadOf(one).subarray(offset);
    const first = partsOf(one, offset).slice(0, 1);
    return [...first, { ...one, offset: (one.offset ?? 0) + offset, payload: rest }];
  });
}

/** Nothing comes behind a place. */
export function cutBehind(entries: Entries, { entry, offset }: SavedPlace): EntryFields[] {
  const one = entries[entry];
  const kept = entries.slice(0, entry);
  if (one === undefined || offset === 0) return kept;
  return [...kept, ...has(one, Flag.DATAGRAM) ? [] : [slice(one, 0, offset)]];
}

/** `length` bytes from a place on were not captured (within their entry). */
export function without(
  entries: Entries,
  { entry, offset }: SavedPlace,
  length: number,
): EntryFields[] {
  return entries.flatMap((one, i) => {
    if (i !== entry) return [one];
    const payload = payloadOf(one);
    if (has(one, Flag.DATAGRAM)) {
      return [{ ...one, payload: payload.subarray(0, offset), cut: Cut.SNAPLEN }];
    }
    const end = Math.min(payload.length, offset + length);
    const left: EntryFields[] = offset > 0 ? [slice(one, 0, offset)] : [];
    if (end < payload.length) left.push(slice(one, end, payload.length));
    return left;
  });
}

/** The trace begins at a place; connections that there are by then are known to be older. */
export function joinedBehind(entries: Entries, { entry, offset }: SavedPlace): EntryFields[] {
  const older = new Set(entries.slice(0, entry + 1).map(({ conn }) => conn ?? 0));
  const hints = Flag.FRESH | Flag.CLIENT | Flag.SERVER;
  return entries.slice(entry).map((one, i) => {
    const joined = i === 0 && !has(one, Flag.DATAGRAM)
      ? slice(one, offset, payloadOf(one).length)
      : one;
    if (!older.has(joined.conn ?? 0)) return joined;
    return { ...joined, flags: (joined.flags ?? 0) & ~hints };
  });
}

/** Some bytes of the payload changed, taken out or repeated; the same for the same seed. */
export function damaged(entries: Entries, seed: number): EntryFields[] {
  const random = seeded(seed);
  const below = (limit: number): number => Math.floor(random() * limit);
  const out = [...entries];
  const places = placesIn(entries, 1000);
  for (let i = 1 + below(6); i > 0; i--) {
    const place = places[below(places.length)];
    const one = place === undefined ? undefined : out[place.entry];
    if (place === undefined || one === undefined) break;
    const payload = payloadOf(one).slice();
    const at = Math.min(place.offset, payload.length - 1);
    const to = Math.min(payload.length, at + 1 + below(16));
    const kind = below(3);
    if (at < 0) continue;
    if (kind === 0) payload[at] = below(256);
    else if (kind === 1) payload.copyWithin(at, to);
    else payload.copyWithin(to, at);
    out[place.entry] = { ...one, payload };
  }
  return out;
}
