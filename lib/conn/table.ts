/**
 * All connections of a run, by identity of their sockets.
 *
 * In: events. Out: calls of their connections. It bounds the memory of all of them together: beyond the
 * limit the connections idle for longest are ended and counted. Time is the events' own.
 */
import { EntryKind } from "../capture/abi.ts";
import type { SocketEvent } from "../capture/event.ts";
import type { Turn } from "../capture/turn.ts";
import { containerIn, UserKind } from "../capture/user_entries.ts";
import { CommNames } from "./comm_names.ts";
import { Connection } from "./connection.ts";
import type { TrackerContext } from "./context.ts";
import { Slots } from "../wire/slots.ts";
import { RecentIds } from "./recent_ids.ts";

/** How often (event time) timeouts are looked at. */
const SWEEP_NS = 50e6;
/** Connections that are swept during one event, or a 32nd of them all if that is more. */
const SWEPT_AT_ONCE = 1024;
/** A tracker that ends in a sweep counts as so many connections. */
const ENDING_WORK = 16;
/** Connections with their trackers that are ended during one event to make room ahead. */
const WORK_AT_ONCE = 64;
/** Connections that are passed over during one event, because they moved bytes since they were last in front. */
const SPARED_AT_ONCE = 1024;
/** Estimated memory of a connection and of each of its trackers. */
const CONNECTION_BYTES = 1024;
const TRACKER_BYTES = 1024;
/** Processes in containers that are kept: more than a machine runs, fewer than a file can name. */
const MAX_CONTAINERS = 65536;

export class ConnTable {
  readonly #context: TrackerContext;
  readonly #limitBytes: number;
  /** In the order in which they began, or were passed over when room was made. */
  readonly #connections = new Map<number, Connection>();
  /** Connections that moved data last, found faster than in the map. */
  readonly #recent = new Slots<Connection>();
  readonly #byOwner = new Map<number, Set<Connection>>();
  readonly #names = new CommNames();
  readonly #retired = new RecentIds();
  #nextSweepNs = -Infinity;
  /** How far the current sweep has come; null: none. */
  #sweeping: Iterator<Connection, undefined> | null = null;
  /** How far weighing the connections' queues has come; null: it was not needed. */
  #weighing: Iterator<Connection, undefined> | null = null;
  /** Room is made until an eighth of the limit is free. */
  #makesRoom = false;

  constructor(context: TrackerContext, memoryLimitBytes: number) {
    this.#context = context;
    this.#limitBytes = memoryLimitBytes;
  }

  get size(): number {
    return this.#connections.size;
  }

  /** Name of the process that an event is about, at that moment. */
  commOf(event: SocketEvent): string {
    return this.#names.nameOf(event);
  }

  onEvent(event: SocketEvent): void {
    const context = this.#context;
    if (context.behind.size > 0) this.catchUp(null);
    if (event.timeNs > context.nowNs) context.nowNs = event.timeNs;
    if (context.nowNs >= this.#nextSweepNs) this.#sweep();
    switch (event.kind) {
      case EntryKind.DATA:
        this.#data(event);
        break;
      case EntryKind.OPEN:
        if (event.conn !== 0) this.#open(event);
        break;
      case EntryKind.CLOSE:
        this.#connections.get(event.conn)?.close(event);
        break;
      case EntryKind.EOF:
        this.#connections.get(event.conn)?.eof(event);
        break;
      case EntryKind.EXIT:
        this.#exit(event.pid);
        break;
      case UserKind.AGE:
        if (event.conn !== 0) this.#begin(event).aged(event.totalBytes > 0);
        break;
      case UserKind.CONTAINER:
        this.#contain(event);
        break;
    }
    context.outbox.afterEvent();
  }

  /** Does what earlier events left, until `turn` is over; true once nothing is left. */
  catchUp(turn: Turn | null): boolean {
    const { behind } = this.#context;
    if (!this.#empty(turn)) return false;
    for (const each of behind) {
      for (let isDone = false; !isDone;) {
        isDone = each.goOn();
        if (isDone) behind.delete(each);
        // What it completed goes out before it completes more.
        if (turn?.look() === true || !this.#empty(turn)) return false;
      }
    }
    return true;
  }

  /** Hands out the records that wait until `turn` is over; true once none is left. */
  #empty(turn: Turn | null): boolean {
    while (!this.#context.outbox.handOut()) if (turn?.look() === true) return false;
    return true;
  }

  /** No more events: ends connections until `turn` is over; true once none is left. */
  finish(turn: Turn | null = null): boolean {
    for (const connection of this.#connections.values()) {
      if (!this.catchUp(turn)) return false;
      if (!connection.flush() && !this.catchUp(turn)) return false;
      connection.finish("trace_end");
      this.#context.stats.closed++;
      this.#connections.delete(connection.id);
      if (turn?.look() === true) return false;
    }
    if (!this.catchUp(turn)) return false;
    this.#recent.clear();
    this.#byOwner.clear();
    return true;
  }

  #open(event: SocketEvent): void {
    this.#begin(event).open(event, this.#names.nameOf(event));
    if (this.heldBytes > this.#limitBytes || this.#makesRoom) this.#relieve();
  }

  /** After an ENTRY_CLOSE the same socket may connect anew, under the same id. */
  #begin(event: SocketEvent): Connection {
    const before = this.#connections.get(event.conn);
    if (before?.hasEnded === true) {
      if (!before.flush()) this.catchUp(null);
      before.finish("closed");
      this.#forget(before);
      this.#context.stats.closed++;
    }
    this.#retired.delete(event.conn);
    return this.#connectionOf(event);
  }

  #data(event: SocketEvent): void {
    if (event.conn === 0) return;
    let connection = this.#recent.get(event.conn);
    if (connection?.id !== event.conn) {
      connection = this.#connections.get(event.conn);
      this.#recent.set(event.conn, connection);
    }
    if (connection === undefined) {
      // Late bytes of a connection that has ended open no new one.
      if (this.#retired.has(event.conn, this.#context.nowNs)) return;
      connection = this.#connectionOf(event);
    }
    if (connection.data(event, this.#names.nameOf(event))) this.#own(connection, event.pid);
    if (this.heldBytes > this.#limitBytes || this.#makesRoom) this.#relieve();
  }

  #connectionOf(event: SocketEvent): Connection {
    let connection = this.#connections.get(event.conn);
    if (connection === undefined) {
      connection = new Connection(this.#context, event);
      this.#connections.set(event.conn, connection);
      this.#context.stats.opened++;
    }
    return connection;
  }

  #own(connection: Connection, pid: number): void {
    const owned = this.#byOwner.get(pid);
    if (owned === undefined) this.#byOwner.set(pid, new Set([connection]));
    else owned.add(connection);
  }

  #contain(event: SocketEvent): void {
    const { containers } = this.#context;
    const { pid } = event;
    const container = containerIn(event);
    if (container === null) containers.delete(pid);
    else if (containers.size < MAX_CONTAINERS) containers.set(pid, container);
    for (const connection of this.#byOwner.get(pid) ?? []) connection.moved(pid);
  }

  #exit(pid: number): void {
    this.#context.containers.delete(pid);
    const owned = this.#byOwner.get(pid);
    if (owned === undefined) return;
    this.#byOwner.delete(pid);
    for (const connection of owned) connection.ownerGone(pid);
  }

  /** Makes one part of a sweep, so that with very many connections no event takes long. */
  #sweep(): void {
    this.#sweeping ??= this.#connections.values();
    const context = this.#context;
    let left = Math.max(SWEPT_AT_ONCE, this.#connections.size >>> 5);
    while (left > 0) {
      const { value: connection, done } = this.#sweeping.next();
      if (done === true) {
        this.#sweeping = null;
        this.#nextSweepNs = context.nowNs + SWEEP_NS;
        return;
      }
      left -= connection.trackers;
      const { trackers } = context;
      if (connection.sweep()) {
        this.#forget(connection);
        context.stats.closed++;
      }
      left -= ENDING_WORK * (trackers - context.trackers);
    }
    if (this.heldBytes < this.#limitBytes / 4) {
      context.weighs = false;
      this.#weighing = null;
    }
  }

  #forget(connection: Connection): void {
    this.#connections.delete(connection.id);
    this.#recent.set(connection.id, undefined);
    if (connection.isFinal) this.#retired.add(connection.id, this.#context.nowNs);
    for (const pid of connection.owners) {
      const owned = this.#byOwner.get(pid);
      owned?.delete(connection);
      if (owned?.size === 0) this.#byOwner.delete(pid);
    }
  }

  /** Estimated bytes of memory in use. */
  get heldBytes(): number {
    const context = this.#context;
    return context.pool.heldBytes + context.stats.waitingBytes +
      this.#connections.size * CONNECTION_BYTES + context.trackers * TRACKER_BYTES +
      context.queuedBytes + context.source.heldBytes;
  }

  /** Memory may be beyond the limit: weighs queued frames until it is not, then ends connections. */
  #relieve(): void {
    this.#context.weighs = true;
    this.#weighing ??= this.#connections.values();
    while (this.heldBytes > this.#limitBytes) {
      const { value: connection, done } = this.#weighing.next();
      if (done === true) break;
      connection.weigh();
    }
    if (this.heldBytes > this.#limitBytes || this.#makesRoom) this.#evict();
  }

  /**
   * Ends connections from the front until an eighth of the limit is free again. One that moved bytes
   * since it was last in front goes behind the others instead: nearly the order of idleness, without
   * sorting. Down to the limit at once; the room ahead is made a part at each event.
   */
  #evict(): void {
    const enough = this.#limitBytes - this.#limitBytes / 8;
    this.#makesRoom = true;
    let spared = 0;
    for (let work = 0; this.heldBytes > enough;) {
      if (work >= WORK_AT_ONCE && this.heldBytes <= this.#limitBytes) return;
      const { value: connection } = this.#connections.values().next();
      if (connection === undefined) break;
      if (connection.hasMoved() && spared < SPARED_AT_ONCE) {
        this.#requeue(connection);
        spared++;
      } else work += this.#end(connection);
    }
    this.#makesRoom = false;
  }

  #requeue(connection: Connection): void {
    this.#connections.delete(connection.id);
    this.#connections.set(connection.id, connection);
  }

  /** Ends a connection, which goes on but is no longer looked at. Returns 1 and the number of its trackers. */
  #end(connection: Connection): number {
    const { trackers } = this.#context;
    connection.log?.evicted(connection, "memory limit");
    connection.finish("trace_end");
    this.#forget(connection);
    this.#context.stats.evicted++;
    return 1 + trackers - this.#context.trackers;
  }
}
