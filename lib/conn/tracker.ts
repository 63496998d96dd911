/**
 * One stream connection: what the traced process says on a socket, or inside its TLS library.
 *
 * In: its data events. Out: records, by way of a protocol's session. The states:
 *
 *     state     meaning                                   leaves by
 *     new       nothing moved yet                         first byte → probing
 *     probing   bytes held (bounded) until a probe tells  yes → parsing · all no → unknown
 *                                                         yes, and opaque (TLS) → unknown
 *     parsing   a session takes the bytes                 switch → parsing | unknown
 *                                                         nothing but failures → unknown
 *     unknown   bytes counted; every operation probed     yes → parsing · given up: only counted
 *     closed    everything handed over                    —
 *
 * Any state leaves to closed by finish(); "closing" (final positions known, bytes still under way) is
 * the connection's, see connection.ts; which protocol it is, is found by prober.ts.
 */
import {
  ANY,
  type Handover,
  type IncompleteReason,
  type Inherited,
  type Side,
  type Started,
} from "../../protocols/protocol.ts";
import { SOURCES } from "../capture/abi.ts";
import type { SocketEvent } from "../capture/event.ts";
import type { Passing } from "../capture/source.ts";
import type { Proxy } from "../record/record.ts";
import type { Owner } from "../stream/byte_stream.ts";
import { BothWays } from "./both_ways.ts";
import type { Bequest, TrackedConnection } from "./subject.ts";
import type { Role, TrackerContext } from "./context.ts";
import { PROBE_BYTES } from "./detect.ts";
import { FirstBytes } from "./first_bytes.ts";
import type { FinalTotals, Flow } from "./flow.ts";
import { MAX_MISSES, Prober } from "./prober.ts";
import { openSession, type Session } from "./session.ts";
import { UnknownTotals } from "./unknown.ts";

/** Failures without one frame after which a protocol is refused. */
const MAX_FAILURES = 8;
/** Hand-overs from one protocol to the next in one connection. */
const MAX_SWITCHES = 8;

const ALL_LOOKED_AT: Passing = { egress: null, ingress: null };

export type TrackerState = "new" | "probing" | "parsing" | "unknown" | "closed";

export class ConnTracker {
  state: TrackerState = "new";
  readonly #context: TrackerContext;
  readonly #connection: TrackedConnection;
  readonly #facts: {
    protocol: string;
    role: Role | undefined;
    local: string;
    remote: string;
    conn: number;
    library: string;
    proxy: Proxy | undefined;
  };
  readonly #plaintext: number;
  readonly #ways: BothWays;
  #session: Session | null = null;
  #totals: UnknownTotals | null = new UnknownTotals();
  readonly #prober: Prober;
  /** What the session began with, until the other direction has confirmed it. */
  #unconfirmed: FirstBytes | null = null;
  #plugin: Started | null = null;
  #switches = 0;
  #wasRefused = false;
  #givenUp = false;
  #passing = ALL_LOOKED_AT;

  /** `plaintext` and `source` as in the events that it takes: 0 for the socket's own bytes. */
  constructor(
    context: TrackerContext,
    connection: TrackedConnection,
    plaintext: number,
    source: number,
  ) {
    this.#context = context;
    this.#connection = connection;
    this.#plaintext = plaintext;
    this.#facts = {
      protocol: "unknown",
      role: undefined,
      local: connection.local,
      remote: connection.remote,
      conn: connection.id,
      library: source === 0 ? "" : SOURCES[source] ?? "",
      proxy: connection.proxy,
    };
    this.#ways = new BothWays(context, this.#facts);
    this.#prober = new Prober(context, connection, this.#ways.egress, this.#ways.ingress);
    context.trackers++;
  }

  /** Next positions of both directions, from ENTRY_OPEN. */
  hintStart(egress: number, ingress: number): void {
    this.#totals?.hintStart(egress, ingress);
    this.#ways.egress.hintStart(egress, this.#context.losses);
    this.#ways.ingress.hintStart(ingress, this.#context.losses);
  }

  /** What it speaks was told before its first byte. */
  inherit(bequest: Bequest): void {
    this.#startNamed(bequest);
  }

  addressesLearnt(local: string, remote: string): void {
    this.#facts.local = local;
    this.#facts.remote = remote;
  }

  proxyLearnt(proxy: Proxy): void {
    this.#facts.proxy = proxy;
  }

  data(event: SocketEvent, owner: Owner): void {
    if (this.state === "closed") return;
    this.#totals?.add(event, owner);
    if (this.#givenUp) return;
    const flow = this.#ways.of(event.direction);
    this.#prober.spoke(flow);
    const { nowNs, losses } = this.#context;
    flow.add(event, owner, losses);
    const other = this.#ways.other(flow);
    // What came behind a loss of requests may have had its time, see requestsFirst.
    const isDue = other.assembler.waits && this.#session !== null;
    if (isDue) this.#settle(other, other.assembler.expire(nowNs, losses));
    this.#grew(flow);
    flow.stream.keep();
    if (flow.eof !== null) this.#checkEof(flow);
  }

  /** One direction will not move any more bytes than up to `position`. */
  eof(direction: number, position: number, tcp: boolean): void {
    const flow = this.#ways.of(direction);
    if (flow.ended || this.state === "closed") return;
    flow.eof = { position, tcp };
    this.#checkEof(flow);
  }

  /** Have both directions come up to their final positions? */
  reached(final: FinalTotals): boolean {
    return this.#ways.reached(final);
  }

  /** May the process still read what had come before the connection ended? */
  awaitsReader(final: FinalTotals): boolean {
    const { ingress } = this.#ways;
    return !this.#givenUp && ingress.awaits(this.#ways.endOf(ingress, final));
  }

  /** Event time passed: missing bytes and missing answers may have had theirs. */
  sweep(): void {
    if (this.state === "closed") return;
    const grown = this.#ways.expire(this.#context.nowNs, this.#context.losses);
    for (const flow of this.#ways.requestsFirst) this.#settle(flow, grown.includes(flow));
    this.#session?.tick();
  }

  /** As Session.weigh(). */
  weigh(): void {
    this.#session?.weigh();
  }

  /** Nothing more will come: hands over everything. `final` is the socket's, where it is known. */
  finish(reason: "closed" | "trace_end", isEncrypted: boolean, final: FinalTotals | null): void {
    if (this.state === "closed") return;
    if (final !== null) this.#totals?.settle(this.#ways.since(final), this.#connection.span());
    for (const flow of this.#ways.requestsFirst) {
      // Of a connection given up the kernel tells totals only.
      const end = final === null || this.#givenUp ? null : this.#ways.endOf(flow, final);
      if (flow.finish(end, this.#context.losses)) this.#grew(flow);
    }
    const session = this.#session;
    session?.finish(reason, final !== null);
    // A protocol that was suspected and never gave a frame is no answer.
    if (session === null || session.frames === 0) {
      if (session !== null) this.#totals?.refuse(this.#facts.protocol, "no_valid_frame");
      if (this.#context.showUnknown && !isEncrypted) this.#report(reason);
    }
    this.#ways.clear();
    this.#moveTo("closed", reason);
    this.#context.trackers--;
  }

  #settle(flow: Flow, hasGrown: boolean): void {
    if (hasGrown) this.#grew(flow);
    if (flow.eof !== null) this.#checkEof(flow);
  }

  #checkEof(flow: Flow): void {
    const eof = flow.eof;
    if (eof === null || flow.ended || !flow.assembler.reached(eof, false)) return;
    flow.ended = true;
    this.#session?.endSide(this.#ways.sideOf(flow), "closed");
    this.#afterSession();
  }

  #grew(flow: Flow): void {
    if (this.#givenUp) flow.stream.clear();
    else if (this.#session === null) this.#probe(flow);
    else if (this.#unconfirmed === null || !this.#revise(this.#unconfirmed, flow)) {
      this.#session.advance(this.#ways.sideOf(flow));
      this.#afterSession();
    }
  }

  #probe(flow: Flow): void {
    if (this.state === "new") this.#moveTo("probing", "data");
    const { misses } = this.#prober;
    const told = this.#prober.look(flow);
    if (this.#prober.misses > misses && this.state === "probing") {
      this.#moveTo("unknown", "no protocol matches");
    }
    if (told === "hopeless") this.#giveUp("no protocol matches");
    else if (told !== "unsure") this.#start(told.plugin, told.role);
  }

  /**
   * The other direction's first bytes: do they fit what the first ones were taken for? If not, both are
   * read again: as what fits both; or anew, where the one that should have asked was seen to answer, or
   * the one that should answer asks. True when that was done.
   */
  #revise(first: FirstBytes, flow: Flow): boolean {
    const [session, plugin] = [this.#session, this.#plugin];
    if (flow === first.flow) this.#unconfirmed = null;
    if (session === null || plugin === null || flow === first.flow) return false;
    const head = flow.stream.view().subarray(0, PROBE_BYTES);
    const answer = plugin.probe(head, this.#ways.sideOf(flow));
    if (answer === "unsure" && first.isAll) return false;
    this.#unconfirmed = null;
    if (answer !== "no" || !first.isAll) return false;
    const isEgress = flow === this.#ways.egress;
    const found = this.#prober.detect(isEgress ? head : first.bytes, isEgress ? first.bytes : head);
    const isOdd = this.#facts.role !== (this.#prober.firstSpeaker ?? this.#facts.role);
    if (typeof found === "string" && !isOdd && !this.#prober.asks(head)) return false;
    session.discard();
    first.restore();
    this.#forgetProtocol(plugin.name, "contradicted by the answer");
    if (typeof found !== "string") this.#start(found.plugin, found.role);
    else this.#probe(flow);
    return true;
  }

  #giveUp(why: string): void {
    this.#givenUp = true;
    this.#ways.clear();
    this.#moveTo("unknown", why);
    this.#connection.trace?.disabled(this.#connection, why);
    // A library's plain text is no business of the kernel's filter on the socket.
    if (this.#plaintext === 0) this.#context.verdict(this.#connection.id, "stop");
  }

  #start(plugin: Started, role: Role, inherited: Inherited | null = null): void {
    this.#plugin = plugin;
    this.#facts.protocol = plugin.name;
    this.#facts.role = role;
    this.#ways.haveProtocol = true;
    const session = this.#session = openSession(plugin, {
      context: this.#context,
      facts: this.#facts,
      subject: this.#connection,
      trace: this.#connection.trace,
      transport: "stream",
      requestStream: this.#ways.carrying("request").stream,
      responseStream: this.#ways.carrying("response").stream,
      start: this.#prober.start,
      unseen: this.#prober.unseen,
      inherited,
      pass: (side, until) => this.#pass(side, until),
    });
    this.#unconfirmed = null;
    if (plugin.names.length > 0) {
      this.#announce(plugin, role);
      if (inherited === null) this.#unconfirmed = FirstBytes.ofOnly(this.#ways.all);
    }
    for (const side of ["request", "response"] as const) {
      session.advance(side);
      if (this.#ways.carrying(side).ended) session.endSide(side, "closed");
    }
    this.#afterSession();
  }

  /** There will be records: the kernel shall go on sending payload. */
  #announce(plugin: Started, role: Role): void {
    this.#moveTo("parsing", plugin.name);
    this.#connection.trace?.protocolDecided(this.#connection, plugin.name, role);
    this.#passing = ALL_LOOKED_AT;
    if (this.#plaintext === 0) this.#context.verdict(this.#connection.id, "keep");
  }

  /** The socket's bytes up to there need only be counted. */
  #pass(side: Side, until: number | null): void {
    if (this.#plaintext !== 0) return;
    const isEgress = this.#ways.carrying(side) === this.#ways.egress;
    this.#passing = { ...this.#passing, [isEgress ? "egress" : "ingress"]: until };
    this.#context.verdict(this.#connection.id, "keep", this.#passing);
  }

  /** Did the session hand over, or prove to be the wrong one? */
  #afterSession(): void {
    const session = this.#session;
    if (session === null) return;
    if (session.next !== undefined) this.#handOver(session, session.next);
    else if (session.frames > 0 && this.#unconfirmed === null) this.#totals = null;
    // Once bitten: another protocol's bytes must not be lost to the same mistake.
    else if (session.frames === 0 && session.failures >= (this.#wasRefused ? 1 : MAX_FAILURES)) {
      this.#refuse();
    }
  }

  #handOver(session: Session, next: Handover): void {
    const inherited = session.bequeath();
    session.settle();
    const role = this.#facts.role ?? "client";
    this.#setUnknown();
    this.#prober.handOver();
    // With records of its own a connection is not reported as unknown.
    if (session.frames > 0) this.#totals = null;
    const { to, opaque } = next;
    if (opaque !== undefined && to === null) return this.#recognise(opaque);
    this.#totals = null;
    if (opaque !== undefined && to !== null && to !== ANY) {
      this.#connection.bequeath({ to, role, inherited });
    }
    if (++this.#switches > MAX_SWITCHES) this.#giveUp("too many hand-overs");
    else if (to === ANY || opaque !== undefined) this.#startOver();
    else this.#startNamed({ to: to ?? "an unknown protocol", role, inherited });
  }

  #startNamed({ to, role, inherited }: Bequest): void {
    const plugin = this.#context.plugins.find(({ name }) => name === to);
    if (plugin === undefined) this.#giveUp(`switched to ${to}`);
    else this.#start(plugin, role, inherited);
  }

  /** Nobody can read what it is. */
  #recognise(what: "tls"): void {
    this.#connection.trace?.tlsSeen(this.#connection);
    if (this.#totals !== null) this.#totals.tls = true;
    this.#giveUp(what);
  }

  /** What comes now is looked at like a connection of its own. */
  #startOver(): void {
    this.#totals = new UnknownTotals();
    this.#ways.startOver();
    this.#prober.startOver();
    this.#moveTo("probing", "another protocol begins");
    for (const flow of this.#ways.all) {
      if (flow.stream.shownBytes > 0) this.#grew(flow);
    }
  }

  #refuse(): void {
    this.#session?.settle();
    this.#forgetProtocol(this.#facts.protocol, "no valid frame");
    this.#prober.midStream = true;
    this.#wasRefused = true;
    this.#ways.clear();
    this.#moveTo("unknown", "no valid frame");
    if (++this.#prober.misses >= MAX_MISSES) this.#giveUp("no protocol matches");
  }

  #forgetProtocol(protocol: string, why: string): void {
    this.#context.stats.refuse(protocol);
    this.#connection.trace?.protocolRefused(this.#connection, protocol, why);
    this.#totals?.refuse(protocol, why.replaceAll(" ", "_"));
    this.#setUnknown();
  }

  #setUnknown(): void {
    this.#session = null;
    this.#unconfirmed = null;
    this.#facts.protocol = "unknown";
    this.#facts.role = undefined;
    this.#ways.haveProtocol = false;
  }

  #report(reason: "closed" | "trace_end"): void {
    if (this.#totals === null) return;
    const incomplete: IncompleteReason[] = reason === "trace_end" ? ["trace_end"] : [];
    if (this.#connection.isOld) incomplete.push("mid_stream");
    this.#facts.protocol = "unknown";
    this.#facts.role = this.#connection.roleHint ?? undefined;
    this.#totals.report(this.#context, this.#facts, "stream", incomplete);
  }

  #moveTo(state: TrackerState, why: string): void {
    const from = this.state;
    if (from === state) return;
    this.state = state;
    this.#connection.trace?.stateChanged(this.#connection, from, state, why);
  }
}
