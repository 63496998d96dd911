/**
 * Watches what goes into the trackers and what comes of it: it sees their events, and is their
 * connection log. In: events, and the log's calls. Out: ConnFacts, bounded in number.
 */
import type { Side } from "../../protocols/protocol.ts";
import { CUTS, Direction, EntryKind, Family, Flag, OPERATIONS } from "../capture/abi.ts";
import type { SocketEvent } from "../capture/event.ts";
import { inodeOf, positionsOf, unixNames } from "../conn/open_names.ts";
import { byDirection, rawBytesOf } from "../conn/raw_bytes.ts";
import type { ConnLog, LogSubject } from "../conn/conn_log.ts";
import type { TraceRecord } from "../record/record.ts";
import { SecretWatch } from "../secrets/raw.ts";
import type { CallFacts, ConnFacts, DirectionFacts } from "./facts.ts";

const MAX_CONNECTIONS = 4096;
const HEAD_BYTES = 64;
const MAX_INVALID = 8;
const INVALID_BYTES = 16;
const TWO_32 = 4294967296;
/** Calls whose bytes /proc/PID/io counts as well. */
const IO_CALLS: ReadonlySet<string> = new Set(["read", "readv", "write", "writev", "sendfile"]);
/** The protocol of records that tell of a handshake, and nothing of what is said behind it. */
const HANDSHAKES = "tls";

export class Observer implements ConnLog {
  readonly level = 2;
  readonly calls = new Map<string, CallFacts>();
  /** Bytes moved on sockets by calls that /proc/PID/io counts, too. */
  socketIoBytes = 0;
  /** Connections beyond those kept. */
  uncounted = 0;
  readonly #connections = new Map<number, ConnFacts>();
  readonly #watches = new Map<number, SecretWatch>();
  #latest: ConnFacts | null = null;

  get connections(): ConnFacts[] {
    return [...this.#connections.values()];
  }

  /** To be called before the pipeline takes the event. */
  onEvent(event: SocketEvent): void {
    if (event.conn === 0 || event.source !== 0) return;
    if (event.kind === EntryKind.OPEN) this.#open(event);
    else if (event.kind === EntryKind.DATA) this.#data(event);
  }

  // The methods of ConnLog.

  wants(): boolean {
    return true;
  }

  opened(on: LogSubject, fresh: boolean | null): void {
    const facts = this.#factsOf(on.id);
    if (facts !== undefined && fresh === true) facts.fresh = true;
  }

  joined(): void {}

  addressLearnt(): void {}

  stateChanged(on: LogSubject, _from: string, to: string): void {
    const facts = this.#factsOf(on.id);
    if (facts !== undefined && to !== "closed") facts.state = to;
  }

  protocolDecided(on: LogSubject, protocol: string, role: "client" | "server"): void {
    const facts = this.#factsOf(on.id);
    if (facts === undefined) return;
    facts.protocol = protocol;
    facts.role = role;
  }

  protocolRefused(on: LogSubject, protocol: string): void {
    const facts = this.#factsOf(on.id);
    if (facts === undefined) return;
    facts.protocol = null;
    if (!facts.refused.includes(protocol)) facts.refused.push(protocol);
  }

  tlsSeen(on: LogSubject): void {
    const facts = this.#factsOf(on.id);
    if (facts === undefined) return;
    facts.tls = true;
    if (facts.protocol === HANDSHAKES) facts.protocol = null;
  }

  disabled(): void {}

  data(): void {}

  frame(on: LogSubject, side: Side): void {
    const facts = this.#factsOf(on.id);
    if (facts !== undefined) facts.frames[side]++;
  }

  gap(on: LogSubject, _side: Side, bytes: number, reason: string): void {
    const facts = this.#factsOf(on.id);
    if (facts !== undefined) add(facts.gaps, reason, bytes);
  }

  invalid(on: LogSubject, side: Side, reason: string, bytes: Uint8Array, position: number): void {
    const facts = this.#factsOf(on.id);
    if (facts === undefined) return;
    const known = facts.invalid.find((one) => one.side === side && one.reason === reason);
    if (known !== undefined) known.count++;
    else if (facts.invalid.length < MAX_INVALID) {
      const head = bytes.subarray(0, INVALID_BYTES);
      const shown = head.slice(0, this.#watches.get(on.id)?.harmless(head) ?? 0);
      const withheld = head.length - shown.length;
      const at = sinceFirst(facts, side, position);
      facts.invalid.push({ side, reason, position: at, bytes: shown, withheld, count: 1 });
    }
  }

  resync(on: LogSubject): void {
    const facts = this.#factsOf(on.id);
    if (facts !== undefined) facts.resyncs++;
  }

  evicted(): void {}

  stitched(on: LogSubject, _exchanges: number, requests: number, responses: number): void {
    const facts = this.#factsOf(on.id);
    if (facts === undefined) return;
    facts.waiting.requests = requests;
    facts.waiting.responses = responses;
  }

  record(on: LogSubject, record: TraceRecord): void {
    const facts = this.#factsOf(on.id);
    if (facts === undefined) return;
    if (isHandshake(record)) return;
    facts.records++;
    if (record.request === null) facts.withoutRequest++;
    else if (record.response === null) facts.withoutResponse++;
    for (const reason of record.incomplete ?? []) add(facts.incomplete, reason, 1);
  }

  /** The latest is looked at first: the same connection is asked for many times in a row. */
  #factsOf(conn: number): ConnFacts | undefined {
    if (this.#latest?.conn === conn) return this.#latest;
    const facts = this.#connections.get(conn);
    if (facts !== undefined) this.#latest = facts;
    return facts;
  }

  #open(event: SocketEvent): void {
    const facts = this.#connectionOf(event);
    if (facts === null) return;
    const starts = positionsOf(event, false);
    const isFresh = (event.flags & Flag.FRESH) !== 0;
    const watch = new SecretWatch(isFresh, starts === null ? null : byDirection(starts));
    this.#watches.set(event.conn, watch);
    facts.inode = inodeOf(event);
    if (event.family !== Family.UNIX) return;
    const names = unixNames(event);
    if (names === null) return;
    facts.local = names.local;
    facts.remote = names.remote;
  }

  #data(event: SocketEvent): void {
    const facts = this.#connectionOf(event);
    if (facts === null) return;
    const isEgress = event.direction === Direction.EGRESS;
    const direction = isEgress ? facts.egress : facts.ingress;
    if (event.offset === 0) {
      if (direction.start < 0) direction.start = event.position;
      this.#count(event, direction);
      if (facts.lastDirection >= 0 && facts.lastDirection !== event.direction) facts.turns++;
      facts.lastDirection = event.direction;
    }
    direction.payloadBytes += event.payloadLength;
    keepHead(direction, event, this.#watchOf(event).take(rawBytesOf(event)));
    if (event.cut !== 0) {
      const missing = event.totalBytes - event.offset - event.payloadLength;
      add(facts.cut, CUTS[event.cut] ?? "other", Math.max(0, missing));
    }
  }

  #watchOf(event: SocketEvent): SecretWatch {
    let watch = this.#watches.get(event.conn);
    if (watch === undefined) {
      watch = new SecretWatch((event.flags & Flag.FRESH) !== 0);
      this.#watches.set(event.conn, watch);
    }
    return watch;
  }

  #count(event: SocketEvent, direction: DirectionFacts): void {
    direction.bytes += event.totalBytes;
    direction.operations++;
    const name = OPERATIONS[event.operation] ?? "other";
    let call = this.calls.get(name);
    if (call === undefined) this.calls.set(name, call = { calls: 0, bytes: 0 });
    call.calls++;
    call.bytes += event.totalBytes;
    if (IO_CALLS.has(name)) this.socketIoBytes += event.totalBytes;
  }

  #connectionOf(event: SocketEvent): ConnFacts | null {
    let facts = this.#factsOf(event.conn);
    if (facts === undefined) {
      if (this.#connections.size >= MAX_CONNECTIONS) {
        if (event.kind === EntryKind.OPEN) this.uncounted++;
        return null;
      }
      this.#connections.set(event.conn, facts = newFacts(event));
    }
    facts.pids.add(event.pid);
    if (event.fd >= 0 && facts.fds.size < HEAD_BYTES) facts.fds.add(event.fd);
    if ((event.flags & Flag.FRESH) !== 0) facts.fresh = true;
    if (facts.remotePort === 0 && event.remotePort !== 0) {
      facts.remotePort = event.remotePort;
      facts.remote = event.remote();
    }
    return facts;
  }
}

function newFacts(event: SocketEvent): ConnFacts {
  return {
    ...nothingSeen(event.conn),
    comm: event.comm(),
    family: event.family === Family.UNIX ? "unix" : "inet",
    isDatagram: event.isDatagram,
    local: event.local(),
    remote: event.remote(),
    localPort: event.localPort,
    remotePort: event.remotePort,
  };
}

/** A connection of which nothing is known yet. */
export function nothingSeen(conn: number): ConnFacts {
  const direction = (): DirectionFacts => ({
    start: -1,
    bytes: 0,
    payloadBytes: 0,
    operations: 0,
    head: new Uint8Array(0),
  });
  return {
    conn,
    pids: new Set(),
    fds: new Set(),
    comm: "",
    family: "inet",
    isDatagram: false,
    local: "",
    remote: "",
    localPort: 0,
    remotePort: 0,
    inode: 0,
    fresh: false,
    egress: direction(),
    ingress: direction(),
    turns: 0,
    lastDirection: -1,
    cut: new Map(),
    state: "new",
    protocol: null,
    role: null,
    refused: [],
    tls: false,
    frames: { request: 0, response: 0 },
    invalid: [],
    gaps: new Map(),
    resyncs: 0,
    records: 0,
    withoutRequest: 0,
    withoutResponse: 0,
    incomplete: new Map(),
    waiting: { requests: 0, responses: 0 },
  };
}

/** Is it a whole one? Then what the connection carries cannot be read; otherwise it says what is missing. */
function isHandshake({ protocol, request, response }: TraceRecord): boolean {
  return protocol === HANDSHAKES && request !== null && response !== null;
}

/** A position counted from the first byte of that side that was seen; TCP's are modulo 2^32. */
function sinceFirst(facts: ConnFacts, side: Side, position: number): number {
  if (facts.isDatagram) return position;
  const isSent = (side === "request") === (facts.role === "client");
  const { start } = isSent ? facts.egress : facts.ingress;
  const since = position - start;
  return since >= 0 ? since : since + TWO_32;
}

/** Adds to the direction's head; `shown`: how many of the event's bytes can be shown. */
function keepHead(direction: DirectionFacts, event: SocketEvent, shown: number): void {
  const room = Math.min(HEAD_BYTES - direction.head.length, event.payloadLength);
  if (room <= 0) return;
  const already = direction.headShown ?? 0;
  if (already === direction.head.length) direction.headShown = already + Math.min(room, shown);
  const head = new Uint8Array(direction.head.length + room);
  head.set(direction.head);
  const { bytes, payloadStart } = event;
  head.set(bytes.subarray(payloadStart, payloadStart + room), direction.head.length);
  direction.head = head;
}

function add(counts: Map<string, number>, name: string, amount: number): void {
  counts.set(name, (counts.get(name) ?? 0) + amount);
}
