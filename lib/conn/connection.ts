/**
 * One socket's life: who shares it, its two ends, its trackers, and its end.
 *
 * In: every event of one `conn`. Out: calls of its trackers: one for the socket's own bytes, one for
 * each plain-text stream of a TLS library, or one for a datagram socket. After ENTRY_CLOSE (or the
 * exit of the last owner) it is closing: it waits for late events, up to the final positions or for
 * CLOSING_NS of event time. Bytes that had been received when a TCP connection ended may be read much
 * later: it waits LINGERING_NS for these, while an owner lives and has not read to the end.
 */
import type { Span } from "../../protocols/protocol.ts";
import { Family, Flag, PLAINTEXT_IDS, SOURCES } from "../capture/abi.ts";
import type { SocketEvent } from "../capture/event.ts";
import type { Proxy } from "../record/record.ts";
import type { Owner } from "../stream/byte_stream.ts";
import type { Role, TrackerContext } from "./context.ts";
import { DatagramTracker } from "./datagram.ts";
import { Handshake } from "./handshake.ts";
import type { FinalTotals } from "./one_direction.ts";
import { type Positions, positionsOf, totalsOf, unixNames } from "./open_names.ts";
import type { ConnLog } from "./conn_log.ts";
import type { Bequest, TrackedConnection } from "./subject.ts";
import { ConnTracker } from "./tracker.ts";

/** How long events of a closed connection are waited for. */
const CLOSING_NS = 100e6;
/** How long a process's reads of bytes received before the end are waited for. */
const LINGERING_NS = 60e9;
/** Of plain text whose socket is not known nobody tells the end: it has ended when it was idle for so long. */
const UNBOUND_NS = 300e9;
/** Plain-text streams of one socket, one after the other. */
const MAX_PLAINTEXTS = 64;

export class Connection implements TrackedConnection {
  readonly id: number;
  readonly isUnbound: boolean;
  readonly handshake: Handshake;
  /** Process and descriptor that last moved bytes. */
  pid = 0;
  fd = -1;
  lastNs = 0;
  /** The connection had moved nothing before its first event. */
  fresh = false;
  /**
   * Whether it is fresh cannot be known. A unix socket counts no bytes; ENTRY_OPEN is its first
   * operation seen, not its making; children inherit sockets; inode numbers come from a pool of each
   * CPU. Only UserKind.AGE tells. In recordings without it the bytes decide: see ConnTracker.
   */
  isUntold = false;
  roleHint: Role | null = null;
  local = "";
  remote = "";
  localPort = 0;
  remotePort = 0;
  proxy: Proxy | undefined = undefined;
  log: ConnLog | null = null;
  /** Processes that moved bytes on it and still live. */
  readonly owners: number[] = [];
  /** Everything was handed over; late events are ignored. */
  closed = false;
  /** When it had last moved bytes, by the last hasMoved(). */
  #movedNs = -1;

  readonly #context: TrackerContext;
  readonly #firstNs: number;
  /** The process at ENTRY_OPEN. */
  #openedBy: Owner | null = null;
  #hasAge = false;
  #owner: Owner | null = null;
  #socket: ConnTracker | null = null;
  #plaintexts: Map<number, ConnTracker> | null = null;
  #datagrams: DatagramTracker | null = null;
  /** What the socket's clear text leaves to the plain-text stream inside TLS (STARTTLS). */
  #bequest: Bequest | null = null;
  #starts: Positions | null = null;
  #closingSinceNs = -1;
  #closingByExit = false;
  #final: FinalTotals | null = null;
  #kept = false;

  constructor(context: TrackerContext, event: SocketEvent) {
    this.#context = context;
    this.id = event.conn;
    this.handshake = new Handshake(context);
    this.isUnbound = event.conn >= PLAINTEXT_IDS;
    this.isUntold = this.isUnbound;
    this.#firstNs = this.lastNs = this.#movedNs = event.timeNs;
  }

  /** It began during the trace, but its ENTRY_OPEN was lost. */
  get isUnopened(): boolean {
    return !this.isOld && this.#openedBy === null && this.#context.hasOpens && !this.isUnbound;
  }

  /** UserKind.AGE says whether it is older than the trace. */
  aged(isOlder: boolean): void {
    this.fresh = !isOlder;
    this.#hasAge = true;
  }

  /** Known to have moved bytes before its first event. */
  get isOld(): boolean {
    return !this.fresh && !this.isUntold;
  }

  /** ENTRY_CLOSE was seen: the socket may connect anew, with another ENTRY_OPEN of the same id. */
  get hasEnded(): boolean {
    return this.#closingSinceNs >= 0 && !this.#closingByExit;
  }

  /** The kernel told the final positions: later events of this id are not a new connection's. */
  get isFinal(): boolean {
    return this.#final?.tcp === true;
  }

  /** What it is made of: itself and its trackers. */
  get trackers(): number {
    return 1 + (this.#plaintexts?.size ?? 0) + (this.#datagrams?.size ?? 0);
  }

  /** Did it move bytes since this was last asked? What it began with counts for nothing. */
  hasMoved(): boolean {
    const isSince = this.lastNs > this.#movedNs;
    this.#movedNs = this.lastNs;
    return isSince;
  }

  /** ENTRY_DATA. True when a process moved bytes on it for the first time. */
  data(event: SocketEvent, comm: string): boolean {
    if (this.closed) return false;
    const isNew = this.#touch(event, comm);
    if (this.log !== null && this.log.level > 1) this.log.data(this, event);
    if (this.#owner !== null) this.#route(event, this.#owner);
    if (this.#closingSinceNs >= 0) {
      // Another process still uses it after the known owners are gone.
      if (this.#closingByExit) this.#closingSinceNs = -1;
      else this.#finishWhenReached();
    }
    return isNew;
  }

  /** From its first event to its last, and who moved bytes on it last. */
  span(): Span {
    const { comm = "", container } = this.#owner ?? this.#openedBy ?? {};
    const { pid, fd, lastNs } = this;
    return { startNs: this.#firstNs, endNs: lastNs, bytes: 0, pid, fd, comm, container };
  }

  /** ENTRY_OPEN. */
  open(event: SocketEvent, comm: string): void {
    this.#context.hasOpens = true;
    this.#openedBy = this.#ownerOf(event, comm);
    if (this.#owner === null) {
      this.pid = event.pid;
      this.fd = event.fd;
    }
    this.#watch();
    this.#learn(event);
    if (event.family === Family.UNIX) {
      const names = unixNames(event);
      if (names !== null) this.#setAddresses(names.local, names.remote);
    }
    this.#starts = positionsOf(event, false);
    if (this.#starts !== null) {
      this.#socket?.hintStart(this.#starts.egress, this.#starts.ingress);
    }
    this.log?.opened(this, this.isUntold ? null : this.fresh, this.#starts);
  }

  /** ENTRY_EOF. */
  eof(event: SocketEvent): void {
    if (this.closed || event.isDatagram) return;
    const tracker = event.plaintext === 0 ? this.#socket : this.#plaintexts?.get(event.plaintext);
    tracker?.eof(event.direction, event.position, (event.flags & Flag.TCP_POSITION) !== 0);
  }

  /** ENTRY_CLOSE. */
  close(event: SocketEvent): void {
    if (this.closed) return;
    if (this.#owner === null) this.lastNs = event.timeNs;
    this.#closingSinceNs = this.#context.nowNs;
    this.#closingByExit = false;
    const positions = positionsOf(event, true);
    const tcp = (event.flags & Flag.TCP_POSITION) !== 0;
    const totals = totalsOf(event);
    if (positions !== null && totals !== null) {
      this.#final = { positions, totals, unread: event.totalBytes, tcp };
    }
    this.#finishWhenReached();
  }

  /** The process was found to be in another container than before, or in one. */
  moved(pid: number): void {
    const owner = this.#owner;
    if (owner?.pid !== pid) return;
    this.#owner = { ...owner, container: this.#context.containers.get(pid) };
  }

  /** An owner ended. */
  ownerGone(pid: number): void {
    const index = this.owners.indexOf(pid);
    if (index >= 0) this.owners.splice(index, 1);
    if (this.owners.length > 0 || this.closed) return;
    if (this.#closingSinceNs < 0) this.#closingByExit = true;
    this.#closingSinceNs = this.#context.nowNs;
  }

  /** Event time passed. True when the connection can be forgotten. */
  sweep(): boolean {
    const nowNs = this.#context.nowNs;
    const since = this.#closingSinceNs < 0 ? -1 : nowNs - this.#closingSinceNs;
    if (this.closed) return since >= CLOSING_NS;
    if (this.isUnbound && nowNs - this.lastNs >= UNBOUND_NS) this.#closingSinceNs = this.lastNs;
    this.handshake.sweep();
    this.#eachStream((tracker) => tracker.sweep());
    this.#datagrams?.sweep();
    if (since < CLOSING_NS || (since < LINGERING_NS && this.#lingers())) return false;
    if (!this.flush()) return false;
    this.finish("closed");
    return true;
  }

  /** Calls Session.weigh() of all sessions. */
  weigh(): void {
    this.#eachStream((tracker) => tracker.weigh());
    this.#datagrams?.weigh();
  }

  /** Before finish(): goes on with what waits behind missing bytes; false while trackers are `behind` with it. */
  flush(): boolean {
    let isDone = true;
    this.#eachStream((tracker) => isDone = tracker.goOn(true) && isDone);
    return isDone;
  }

  /** Ends the connection: its trackers hand over everything, but drop what flush() left. */
  finish(reason: "closed" | "trace_end"): void {
    if (this.closed) return;
    this.closed = true;
    const why = this.#closingSinceNs >= 0 ? "closed" : reason;
    if (this.#plaintexts !== null) {
      for (const tracker of this.#plaintexts.values()) tracker.finish(why, false, null);
    }
    // What the socket's own bytes came to does not matter, and most of them were not sent.
    const isEncrypted = this.#plaintexts !== null;
    this.#socketAtEnd()?.finish(why, isEncrypted, isEncrypted ? null : this.#final);
    this.#datagrams?.finish(why);
    this.handshake.show();
    // It is kept for a while yet, to tell what comes late; its trackers are done with.
    this.#socket = this.#datagrams = this.#plaintexts = null;
  }

  /** Takes the addresses that a PROXY header named. */
  proxyLearnt(proxy: Proxy): void {
    this.proxy = proxy;
    this.#eachStream((tracker) => tracker.proxyLearnt(proxy));
  }

  /** The socket's bytes are TLS from here on: `bequest` is for the plain-text stream inside. */
  bequeath(bequest: Bequest): void {
    this.#bequest = bequest;
  }

  /** Asks the kernel side to go on sending this connection's payload. */
  keep(): void {
    if (this.#kept) return;
    this.#kept = true;
    this.#context.verdict(this.id, "keep");
  }

  /** The socket's own bytes first, then plain text inside them. */
  #eachStream(step: (tracker: ConnTracker) => void): void {
    if (this.#socket !== null) step(this.#socket);
    if (this.#plaintexts === null) return;
    for (const tracker of this.#plaintexts.values()) step(tracker);
  }

  #finishWhenReached(): void {
    const final = this.#final;
    if (final === null || this.#datagrams !== null || this.#plaintexts !== null) return;
    const { totals } = final;
    const reached = this.#socket === null
      ? totals.egress === 0 && totals.ingress === 0
      : this.#socket.reached(final);
    if (reached) this.finish("closed");
  }

  /** A tracker for a socket without data events: of some (io_uring multishot) only the totals tell. */
  #socketAtEnd(): ConnTracker | null {
    const final = this.#final;
    if (this.#socket !== null || this.#datagrams !== null || this.#plaintexts !== null) {
      return this.#socket;
    }
    const moved = final !== null && final.totals.egress + final.totals.ingress > 0;
    return moved ? this.#openSocket() : null;
  }

  #openSocket(): ConnTracker {
    const socket = this.#socket = new ConnTracker(this.#context, this, 0, null);
    if (this.#starts !== null) socket.hintStart(this.#starts.egress, this.#starts.ingress);
    return socket;
  }

  #lingers(): boolean {
    const final = this.#final;
    if (final === null || this.owners.length === 0 || this.#socket === null) return false;
    return this.#socket.awaitsReader(final);
  }

  /** Notes who moved the bytes; true for a process that had not moved any on this connection. */
  #touch(event: SocketEvent, comm: string): boolean {
    this.lastNs = event.timeNs;
    const owner = this.#owner;
    if (owner !== null && owner.pid === event.pid && owner.fd === event.fd && owner.comm === comm) {
      if (this.remote === "" && event.remotePort !== 0) this.#learn(event);
      return false;
    }
    this.#owner = this.#ownerOf(event, comm);
    this.pid = event.pid;
    this.fd = event.fd;
    this.#watch();
    this.#learn(event);
    if (this.owners.includes(event.pid)) return false;
    this.owners.push(event.pid);
    return true;
  }

  #ownerOf({ pid, fd }: SocketEvent, comm: string): Owner {
    return { pid, fd, comm, container: this.#context.containers.get(pid) };
  }

  #watch(): void {
    const log = this.#context.log;
    if (log === null) return;
    const isLate = this.log === null && this.owners.length > 0;
    this.log = log.wants(this.pid, this.fd) ? log : null;
    if (isLate) this.log?.joined(this);
  }

  #learn(event: SocketEvent): void {
    if ((event.flags & Flag.FRESH) !== 0) this.fresh = true;
    if ((event.flags & Flag.CLIENT) !== 0) this.roleHint = "client";
    else if ((event.flags & Flag.SERVER) !== 0) this.roleHint ??= "server";
    if (event.family === Family.UNIX) {
      this.isUntold = !this.fresh && !this.#hasAge;
      if (this.local === "") this.#setAddresses("unix:", "unix:");
      return;
    }
    if (event.localPort !== 0) this.localPort = event.localPort;
    if (event.remotePort !== 0 && !event.isDatagram) this.remotePort = event.remotePort;
    const hasLocal = this.local !== "" || event.localPort === 0;
    const hasRemote = this.remote !== "" || event.remotePort === 0 || event.isDatagram;
    if (hasLocal && hasRemote) return;
    this.#setAddresses(
      hasLocal ? this.local : event.local(),
      hasRemote ? this.remote : event.remote(),
    );
  }

  #setAddresses(local: string, remote: string): void {
    this.local = local;
    this.remote = remote;
    this.#eachStream((tracker) => tracker.addressesLearnt(local, remote));
    this.#datagrams?.addressesLearnt(local);
    this.log?.addressLearnt(this, local, remote);
  }

  #route(event: SocketEvent, owner: Owner): void {
    if (event.isDatagram) {
      this.#datagrams ??= new DatagramTracker(this.#context, this);
      this.#datagrams.data(event, owner);
    } else if (event.plaintext === 0) {
      (this.#socket ?? this.#openSocket()).data(event, owner);
    } else this.#plaintextOf(event).data(event, owner);
  }

  #plaintextOf(event: SocketEvent): ConnTracker {
    const plaintexts = this.#plaintexts ??= new Map();
    let tracker = plaintexts.get(event.plaintext);
    if (tracker === undefined) {
      for (const [plaintext, oldest] of plaintexts) {
        if (plaintexts.size < MAX_PLAINTEXTS) break;
        oldest.finish("closed", false, null);
        plaintexts.delete(plaintext);
      }
      this.handshake.leaveOut();
      const library = SOURCES[event.source] ?? "other";
      tracker = new ConnTracker(this.#context, this, event.plaintext, library);
      plaintexts.set(event.plaintext, tracker);
      if (this.#bequest !== null) tracker.inherit(this.#bequest);
      this.#bequest = null;
    }
    return tracker;
  }
}
