/**
 * One datagram socket: every operation is one message, and every remote end a conversation of its own.
 *
 * In: data events. Out: records, from one session for each remote end. Positions are not used:
 * datagrams come in any order, and a lost one is no gap in another. The number of remote ends kept is
 * bounded; the one unused for longest goes first.
 */
import { Direction, Entry, Family, Flag } from "../capture/abi.ts";
import type { SocketEvent } from "../capture/event.ts";
import { factsOf, type LiveFacts } from "../record/build.ts";
import { ByteStream, type Owner } from "../stream/byte_stream.ts";
import { GAP_UNSEEN } from "../stream/gap.ts";
import type { TrackedConnection } from "./subject.ts";
import type { TrackerContext } from "./context.ts";
import { detect, type Head, MAX_MISSES } from "./detect.ts";
import { openSession, type Session } from "./session.ts";
import { UnknownTotals } from "./unknown.ts";

const MAX_PEERS = 4096;
/** A remote end for which nothing waits is forgotten after this. */
const PEER_IDLE_NS = 10e9;
/** So many in one sweep. */
const FORGOTTEN_AT_ONCE = 256;
/** Of memory, beside what every tracker takes: streams, addresses, a session. */
const PEER_BYTES = 2048;
const ADDRESS_BYTES = 16;
const NO_HEAD: Head = { bytes: new Uint8Array(0), full: true };

/** One remote end. */
class Peer {
  lastNs = 0;
  readonly facts: LiveFacts;
  readonly #context: TrackerContext;
  readonly #connection: TrackedConnection;
  readonly #port: number;
  readonly #egress: ByteStream;
  readonly #ingress: ByteStream;
  #session: Session | null = null;
  #totals: UnknownTotals | null = new UnknownTotals();
  #misses = 0;

  constructor(
    context: TrackerContext,
    connection: TrackedConnection,
    remote: string,
    port: number,
  ) {
    this.#context = context;
    this.#connection = connection;
    this.#port = port;
    this.#egress = new ByteStream(context.pool);
    this.#ingress = new ByteStream(context.pool);
    this.facts = factsOf({ local: connection.local, remote, id: connection.id });
    context.trackers++;
    context.queuedBytes += PEER_BYTES;
  }

  get idle(): boolean {
    return this.#session === null || this.#session.idle;
  }

  data(event: SocketEvent, owner: Owner): void {
    this.lastNs = event.timeNs;
    this.#totals?.add(event, owner);
    const egress = event.direction === Direction.EGRESS;
    const stream = egress ? this.#egress : this.#ingress;
    // An earlier datagram whose last part never came.
    if (event.offset === 0 && stream.end > stream.position) stream.clear();
    const before = event.offset - (stream.end - stream.position);
    const reason = event.cut === 0 ? GAP_UNSEEN : event.cut;
    if (before > 0) this.#gap(stream, before, reason, event, owner);
    if (event.payloadLength > 0) {
      const { bytes, payloadStart, payloadLength, timeNs } = event;
      stream.borrow(bytes, payloadStart, payloadLength, timeNs, owner);
    }
    if ((event.flags & Flag.LAST_CHUNK) === 0) {
      stream.keep();
      return;
    }
    const behind = event.totalBytes - event.offset - event.payloadLength;
    if (behind > 0) this.#gap(stream, behind, reason, event, owner);
    this.#complete(egress);
  }

  finish(reason: "closed" | "trace_end"): void {
    const session = this.#session;
    session?.finish(reason, false);
    if (session !== null && session.frames > 0) this.#totals = null;
    if (this.#context.showUnknown && this.#totals !== null) {
      if (session !== null) this.#totals.refuse(this.facts.protocol, "no_valid_frame");
      this.facts.protocol = "unknown";
      this.#totals.report(this.#context, this.facts, "datagram", reason, false);
    }
    this.#egress.clear();
    this.#ingress.clear();
    this.#context.trackers--;
    this.#context.queuedBytes -= PEER_BYTES;
  }

  tick(): void {
    this.#session?.tick();
  }

  weigh(): void {
    this.#session?.weigh();
  }

  #gap(stream: ByteStream, length: number, reason: number, event: SocketEvent, owner: Owner): void {
    this.#context.stats.gap(length, reason);
    stream.appendGap(length, reason, event.timeNs, owner);
  }

  /** Takes the whole datagram that its direction's stream holds. */
  #complete(egress: boolean): void {
    const stream = egress ? this.#egress : this.#ingress;
    if (this.#session === null) this.#probe(egress, stream);
    const session = this.#session;
    if (session === null) {
      stream.clear();
      return;
    }
    session.datagram(egress === (this.facts.role === "client") ? "request" : "response");
    if (session.frames > 0) this.#totals = null;
  }

  #probe(egress: boolean, stream: ByteStream): void {
    if (this.#misses >= MAX_MISSES) return;
    const head: Head = { bytes: stream.view(), full: true };
    const connection = this.#connection;
    const found = detect(
      this.#context.plugins,
      "datagram",
      egress ? head : NO_HEAD,
      egress ? NO_HEAD : head,
      {
        role: connection.roleHint,
        localPort: connection.localPort,
        remotePort: this.#port,
        firstSpeaker: null,
      },
    );
    if (found === "no" || found === "unsure") {
      this.#misses++;
      return;
    }
    this.facts.protocol = found.plugin.name;
    this.facts.role = found.role;
    const client = found.role === "client";
    this.#session = openSession(found.plugin, {
      context: this.#context,
      facts: this.facts,
      subject: connection,
      log: connection.log,
      transport: "datagram",
      requestStream: client ? this.#egress : this.#ingress,
      responseStream: client ? this.#ingress : this.#egress,
      unseen: "mid_stream",
      start: "untold",
      inherited: null,
      pass: () => {},
    });
    connection.log?.protocolDecided(connection, found.plugin.name, found.role);
    connection.keep();
  }
}

export class DatagramTracker {
  readonly #context: TrackerContext;
  readonly #connection: TrackedConnection;
  /** By remote end, the least recently used first. */
  readonly #peers = new Map<string, Peer>();
  #latest: Peer | null = null;
  #latestPort = -1;
  readonly #latestAddress = new Uint8Array(ADDRESS_BYTES);

  constructor(context: TrackerContext, connection: TrackedConnection) {
    this.#context = context;
    this.#connection = connection;
  }

  /** Remote ends. */
  get size(): number {
    return this.#peers.size;
  }

  addressesLearnt(local: string): void {
    for (const peer of this.#peers.values()) peer.facts.local = local;
  }

  data(event: SocketEvent, owner: Owner): void {
    this.#peerOf(event).data(event, owner);
  }

  sweep(): void {
    const nowNs = this.#context.nowNs;
    let left = FORGOTTEN_AT_ONCE;
    for (const [key, peer] of this.#peers) {
      peer.tick();
      if (left === 0 || nowNs - peer.lastNs < PEER_IDLE_NS || !peer.idle) continue;
      this.#forget(key, peer, "closed");
      left--;
    }
  }

  weigh(): void {
    for (const peer of this.#peers.values()) peer.weigh();
  }

  finish(reason: "closed" | "trace_end"): void {
    for (const peer of this.#peers.values()) peer.finish(reason);
    this.#peers.clear();
    this.#latest = null;
  }

  #peerOf(event: SocketEvent): Peer {
    const latest = this.#latest;
    const unnamed = event.remotePort === 0 && event.family !== Family.UNIX;
    if (latest !== null && (unnamed || this.#isLatest(event))) return latest;
    const remote = event.family === Family.UNIX ? this.#connection.remote : event.remote();
    let peer = this.#peers.get(remote);
    if (peer === undefined) {
      if (this.#peers.size >= MAX_PEERS) this.#forgetOldest();
      peer = new Peer(this.#context, this.#connection, remote, event.remotePort);
    } else this.#peers.delete(remote);
    this.#peers.set(remote, peer);
    this.#latest = peer;
    this.#latestPort = event.remotePort;
    const from = event.entryStart + Entry.remote;
    for (let i = 0; i < ADDRESS_BYTES; i++) {
      this.#latestAddress[i] = event.bytes[from + i] as number;
    }
    return peer;
  }

  #isLatest(event: SocketEvent): boolean {
    if (event.remotePort !== this.#latestPort) return false;
    const from = event.entryStart + Entry.remote;
    for (let i = 0; i < ADDRESS_BYTES; i++) {
      if (event.bytes[from + i] !== this.#latestAddress[i]) return false;
    }
    return true;
  }

  #forgetOldest(): void {
    for (const [key, peer] of this.#peers) return this.#forget(key, peer, "trace_end");
  }

  #forget(key: string, peer: Peer, reason: "closed" | "trace_end"): void {
    peer.finish(reason);
    this.#peers.delete(key);
    if (this.#latest === peer) this.#latest = null;
  }
}
