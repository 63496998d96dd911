/**
 * What a run counted, by stage, protocol and reason. In: increments from every stage. Out: one plain
 * object. It never reads a clock; loss that is not counted here is a defect.
 */
import { SOURCES } from "./capture/abi.ts";
import { UserKind } from "./capture/user_entries.ts";
import type { AssemblyStats } from "./stream/assembler.ts";
import { gapName } from "./stream/gap.ts";

/** Names by EntryKind, then of the UserKinds. */
const KINDS = [
  "other",
  "data",
  "open",
  "close",
  "exit",
  "tick",
  "lost",
  "eof",
  "start",
  "bound",
  "container",
  "wall_clock",
  "age",
] as const;
const FIRST_USER_KIND = KINDS.indexOf("container");

/** Counts by name. */
export type Counts = Record<string, number>;

/** Counts of one protocol; sessions keep hold of theirs. */
export interface ProtocolCounts {
  frames: number;
  records: number;
  /** Records whose response is an error; counted only where statistics are asked for. */
  errors: number;
}

/** What toJSON() gives. */
export interface StatsJson {
  events: Counts;
  payload_bytes: number;
  /** Plain text inside TLS, by library: operations, and how many of them had no known socket. */
  plaintext: Record<string, { events: number; bytes: number; unbound: number }>;
  passed_bytes: number;
  filtered_events: number;
  connections: { opened: number; closed: number; evicted: number; open: number };
  lost_entries: Counts;
  duplicate_bytes: number;
  reordered: number;
  gaps: Record<string, { count: number; bytes: number }>;
  frames: Counts;
  invalid: Record<string, Counts>;
  resyncs: { count: number; bytes: number };
  abandoned: Counts;
  records: Counts;
  errors: Counts;
  incomplete: Counts;
  unmatched: { requests: number; responses: number };
  filtered_records: number;
  dropped_records: number;
  refused: Counts;
}

export class Stats implements AssemblyStats {
  readonly events: number[] = KINDS.map(() => 0);
  payloadBytes = 0;
  /** Events that a filter of this process took out (replay). */
  filteredEvents = 0;
  opened = 0;
  closed = 0;
  evicted = 0;
  /** Body bytes beyond --max-body that the kernel side was asked only to count. */
  passedBytes = 0;
  duplicateBytes = 0;
  reordered = 0;
  waitingBytes = 0;
  resyncs = 0;
  resyncBytes = 0;
  unmatchedRequests = 0;
  unmatchedResponses = 0;
  /** Records that a filter of this process took out (--role). */
  filteredRecords = 0;
  /** Records that the output could not take in time. */
  droppedRecords = 0;
  readonly gaps = new Map<string, { count: number; bytes: number }>();
  readonly protocols = new Map<string, ProtocolCounts>();
  readonly invalid = new Map<string, Map<string, number>>();
  readonly abandoned = new Map<string, number>();
  readonly incomplete = new Map<string, number>();
  /** By protocol, connections that were taken for it first, and then not. */
  readonly refused = new Map<string, number>();
  readonly lost = new Map<string, number>();
  readonly #plaintext = new Map<string, { events: number; bytes: number; unbound: number }>();

  /** One event of that EntryKind or UserKind. */
  event(kind: number): void {
    const at = kind < FIRST_USER_KIND ? kind : userKindIndex(kind);
    this.events[at] = (this.events[at] as number) + 1;
  }

  /** An operation on plain text inside a TLS library; `source` is an index of SOURCES. */
  plaintext(source: number, bytes: number, isUnbound: boolean): void {
    const library = SOURCES[source] ?? "other";
    let counts = this.#plaintext.get(library);
    if (counts === undefined) {
      this.#plaintext.set(library, counts = { events: 0, bytes: 0, unbound: 0 });
    }
    counts.events++;
    counts.bytes += bytes;
    if (isUnbound) counts.unbound++;
  }

  get openConnections(): number {
    return this.opened - this.closed - this.evicted;
  }

  get recordCount(): number {
    let sum = 0;
    for (const counts of this.protocols.values()) sum += counts.records;
    return sum;
  }

  get lostEntries(): number {
    let sum = 0;
    for (const count of this.lost.values()) sum += count;
    return sum;
  }

  /** `reason` is an index of GAP_REASONS. */
  gap(bytes: number, reason: number): void {
    this.#countGap(gapName(reason), bytes);
  }

  /** Bytes of a known protocol that the kernel side had filtered before the protocol was known. */
  filteredMessage(bytes: number): void {
    this.#countGap("filtered_message", bytes);
  }

  #countGap(name: string, bytes: number): void {
    const counted = this.gaps.get(name);
    if (counted === undefined) this.gaps.set(name, { count: 1, bytes });
    else {
      counted.count++;
      counted.bytes += bytes;
    }
  }

  /** The counts of one protocol, which the caller counts up. */
  protocol(name: string): ProtocolCounts {
    let counts = this.protocols.get(name);
    if (counts === undefined) {
      this.protocols.set(name, counts = { frames: 0, records: 0, errors: 0 });
    }
    return counts;
  }

  /** Bytes that were no frame of their protocol; traffic cannot make the number of reasons grow. */
  invalidFrame(protocol: string, reason: string): void {
    let reasons = this.invalid.get(protocol);
    if (reasons === undefined) this.invalid.set(protocol, reasons = new Map());
    bump(reasons, reasons.size < 100 || reasons.has(reason) ? reason : "other");
  }

  resync(bytes: number): void {
    this.resyncs++;
    this.resyncBytes += bytes;
  }

  /** Takes back the count of a record without response: its whole exchange follows. */
  cameLate(counts: ProtocolCounts): void {
    counts.records--;
    this.unmatchedRequests--;
    const missed = this.incomplete.get("no_response") ?? 0;
    this.incomplete.set("no_response", Math.max(0, missed - 1));
  }

  /** A frame that ended before it was whole. */
  abandon(reason: string): void {
    bump(this.abandoned, reason);
  }

  incompleteRecord(reason: string): void {
    bump(this.incomplete, reason);
  }

  refuse(protocol: string): void {
    bump(this.refused, protocol);
  }

  /** Entries that a ring could not take: `buffer` is "data_events" or "conn_events". */
  lostEntriesOf(buffer: string, cpu: number, entries: number): void {
    const name = `${buffer}/${cpu}`;
    this.lost.set(name, (this.lost.get(name) ?? 0) + entries);
  }

  toJSON(): StatsJson {
    return {
      events: Object.fromEntries(KINDS.map((kind, i) => [kind, this.events[i] ?? 0])),
      payload_bytes: this.payloadBytes,
      plaintext: Object.fromEntries(this.#plaintext),
      passed_bytes: this.passedBytes,
      filtered_events: this.filteredEvents,
      connections: {
        opened: this.opened,
        closed: this.closed,
        evicted: this.evicted,
        open: this.openConnections,
      },
      lost_entries: Object.fromEntries(this.lost),
      duplicate_bytes: this.duplicateBytes,
      reordered: this.reordered,
      gaps: Object.fromEntries(this.gaps),
      frames: this.#byProtocol("frames"),
      invalid: Object.fromEntries(
        [...this.invalid].map(([protocol, reasons]) => [protocol, Object.fromEntries(reasons)]),
      ),
      resyncs: { count: this.resyncs, bytes: this.resyncBytes },
      abandoned: Object.fromEntries(this.abandoned),
      records: this.#byProtocol("records"),
      errors: this.#byProtocol("errors"),
      incomplete: Object.fromEntries(this.incomplete),
      unmatched: { requests: this.unmatchedRequests, responses: this.unmatchedResponses },
      filtered_records: this.filteredRecords,
      dropped_records: this.droppedRecords,
      refused: Object.fromEntries(this.refused),
    };
  }

  #byProtocol(what: keyof ProtocolCounts): Counts {
    const counts: Counts = {};
    for (const [name, of] of this.protocols) if (of[what] > 0) counts[name] = of[what];
    return counts;
  }
}

function userKindIndex(kind: number): number {
  const index = kind - UserKind.CONTAINER;
  return index >= 0 && index < KINDS.length - FIRST_USER_KIND ? FIRST_USER_KIND + index : 0;
}

function bump(counts: Map<string, number>, name: string): void {
  counts.set(name, (counts.get(name) ?? 0) + 1);
}
