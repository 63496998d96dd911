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
 * the connection's, see connection.ts; which protocol it is, is found by probing.ts.
 */
import {
  ANY,
  type Handover,
  type IncompleteReason,
  type Inherited,
  type Side,
  type Started,
} from "../../protocols/protocol.ts";
import { Direction, SOURCES } from "../capture/abi.ts";
import type { SocketEvent } from "../capture/event.ts";
import type { Passing } from "../capture/source.ts";
import type { Owner } from "../stream/byte_stream.ts";
import type { Bequest, TrackedConnection } from "./subject.ts";
import type { Role, TrackerContext } from "./context.ts";
import { endOf, type FinalTotals, Flow } from "./flow.ts";
import { Probing } from "./probing.ts";
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
  };
  readonly #plaintext: number;
  readonly #egress: Flow;
  readonly #ingress: Flow;
  readonly #probing: Probing;
  #session: Session | null = null;
  #totals: UnknownTotals | null = new UnknownTotals();
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
    this.#egress = new Flow(context, true);
    this.#ingress = new Flow(context, false);
    this.#probing = new Probing(context, connection, this.#egress, this.#ingress);
    this.#facts = {
      protocol: "unknown",
      role: undefined,
      local: connection.local,
      remote: connection.remote,
      conn: connection.id,
      library: source === 0 ? "" : SOURCES[source] ?? "",
    };
    context.trackers++;
  }

  /** Next positions of both directions, from ENTRY_OPEN. */
  hintStart(egress: number, ingress: number): void {
    this.#totals?.hintStart(egress, ingress);
    this.#egress.hintStart(egress, this.#context.losses);
    this.#ingress.hintStart(ingress, this.#context.losses);
  }

  /** What it speaks was told before its first byte. */
  inherit(bequest: Bequest): void {
    this.#startNamed(bequest);
  }

  addressesLearnt(local: string, remote: string): void {
    this.#facts.local = local;
    this.#facts.remote = remote;
  }

  data(event: SocketEvent, owner: Owner): void {
    if (this.state === "closed") return;
    this.#totals?.add(event, owner);
    if (this.#givenUp) return;
    const egress = event.direction === Direction.EGRESS;
    this.#probing.speaks(egress ? "client" : "server");
    const flow = egress ? this.#egress : this.#ingress;
    flow.add(event, owner, this.#context.losses);
    const other = egress ? this.#ingress : this.#egress;
    // As #requestsFirst(): what came behind a loss of requests may have had its time.
    if (other.assembler.waits && this.#session !== null) this.#expire(other);
    this.#grew(flow);
    flow.stream.keep();
    if (flow.eof !== null) this.#checkEof(flow);
  }

  /** One direction will not move any more bytes than up to `position`. */
  eof(direction: number, position: number, tcp: boolean): void {
    const flow = direction === Direction.EGRESS ? this.#egress : this.#ingress;
    if (flow.ended || this.state === "closed") return;
    flow.eof = { position, tcp };
    this.#checkEof(flow);
  }

  /** Have both directions come up to their final positions? */
  reached(final: FinalTotals): boolean {
    if (this.#egress.assembler.waits || this.#ingress.assembler.waits) return false;
    return this.#leftOf("egress", final) === 0 && this.#leftOf("ingress", final) === 0;
  }

  /** May the process still read what had come before the connection ended? */
  awaitsReader(final: FinalTotals): boolean {
    return !this.#givenUp && this.#ingress.awaits(endOf("ingress", final));
  }

  /** Event time passed: missing bytes and missing answers may have had theirs. */
  sweep(): void {
    if (this.state === "closed") return;
    for (const way of this.#requestsFirst()) {
      this.#expire(way === "egress" ? this.#egress : this.#ingress);
    }
    this.#session?.tick();
  }

  /** As Session.weigh(). */
  weigh(): void {
    this.#session?.weigh();
  }

  /** Nothing more will come: hands over everything. `final` is the socket's, where it is known. */
  finish(reason: "closed" | "trace_end", isEncrypted: boolean, final: FinalTotals | null): void {
    if (this.state === "closed") return;
    if (final !== null) this.#totals?.settle(final.totals, this.#connection.span());
    for (const way of this.#requestsFirst()) {
      const flow = way === "egress" ? this.#egress : this.#ingress;
      // Of a connection given up the kernel tells totals only.
      const end = final === null || this.#givenUp ? null : endOf(way, final);
      if (flow.finish(end, this.#context.losses)) this.#grew(flow);
    }
    const session = this.#session;
    session?.finish(reason, final !== null);
    // A protocol that was suspected and never gave a frame is no answer.
    if (session === null || session.frames === 0) {
      if (session !== null) this.#totals?.refuse(this.#facts.protocol, "no_valid_frame");
      if (this.#context.showUnknown && !isEncrypted) this.#report(reason);
    }
    this.#egress.stream.clear();
    this.#ingress.stream.clear();
    this.#moveTo("closed", reason);
    this.#context.trackers--;
  }

  /** Behind a loss a response must not be paired before its request is let through. */
  #requestsFirst(): readonly ("egress" | "ingress")[] {
    return this.#facts.role === "client" ? ["egress", "ingress"] : ["ingress", "egress"];
  }

  #leftOf(way: "egress" | "ingress", final: FinalTotals): number {
    return (way === "egress" ? this.#egress : this.#ingress).left(endOf(way, final));
  }

  #expire(flow: Flow): void {
    const assembler = flow.assembler;
    if (assembler.waits && assembler.expire(this.#context.nowNs, this.#context.losses)) {
      this.#grew(flow);
    }
    if (flow.eof !== null) this.#checkEof(flow);
  }

  #checkEof(flow: Flow): void {
    const eof = flow.eof;
    if (eof === null || flow.ended || !flow.assembler.reached(eof, false)) return;
    flow.ended = true;
    this.#session?.endSide(this.#sideOf(flow), "closed");
    this.#afterSession();
  }

  #sideOf(flow: Flow): Side {
    return (flow === this.#egress) === (this.#facts.role === "client") ? "request" : "response";
  }

  #grew(flow: Flow): void {
    if (this.#givenUp) flow.stream.clear();
    else if (this.#session === null) this.#probe(flow);
    else {
      this.#session.advance(this.#sideOf(flow));
      this.#afterSession();
    }
  }

  // Probing.

  #probe(flow: Flow): void {
    if (this.state === "new") this.#moveTo("probing", "data");
    const found = this.#probing.look(flow);
    this.#noteMisses();
    if (found !== null) this.#start(found.plugin, found.role);
  }

  #noteMisses(): void {
    const probing = this.#probing;
    if (probing.hasMissed && this.state === "probing") {
      this.#moveTo("unknown", "no protocol matches");
    }
    if (probing.isHopeless) this.#giveUp("no protocol matches");
  }

  #giveUp(why: string): void {
    this.#givenUp = true;
    this.#probing.clearFlows();
    this.#moveTo("unknown", why);
    this.#connection.trace?.disabled(this.#connection, why);
    // A library's plain text is no business of the kernel's filter on the socket.
    if (this.#plaintext === 0) this.#context.verdict(this.#connection.id, "stop");
  }

  // Parsing.

  #start(plugin: Started, role: Role, inherited: Inherited | null = null): void {
    this.#facts.protocol = plugin.name;
    this.#facts.role = role;
    const client = role === "client";
    this.#egress.hasProtocol = true;
    this.#ingress.hasProtocol = true;
    const session = this.#session = openSession(plugin, {
      context: this.#context,
      facts: this.#facts,
      subject: this.#connection,
      trace: this.#connection.trace,
      transport: "stream",
      requestStream: (client ? this.#egress : this.#ingress).stream,
      responseStream: (client ? this.#ingress : this.#egress).stream,
      // Of a unix socket no more is known than that it looks fresh: pairing is careful, too.
      start: this.#probing.isMidStream ? "joined" : this.#connection.isUntold ? "untold" : "seen",
      inherited,
      pass: (side, until) => this.#pass(side, until),
    });
    if (plugin.names.length > 0) this.#announce(plugin, role);
    for (const side of ["request", "response"] as const) {
      session.advance(side);
      const flow = client === (side === "request") ? this.#egress : this.#ingress;
      if (flow.ended) session.endSide(side, "closed");
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
    const isEgress = (side === "request") === (this.#facts.role === "client");
    this.#passing = { ...this.#passing, [isEgress ? "egress" : "ingress"]: until };
    this.#context.verdict(this.#connection.id, "keep", this.#passing);
  }

  /** Did the session hand over, or prove to be the wrong one? */
  #afterSession(): void {
    const session = this.#session;
    if (session === null) return;
    if (session.next !== undefined) this.#handOver(session, session.next);
    else if (session.frames > 0) this.#totals = null;
    // Once bitten: another protocol's bytes must not be lost to the same mistake.
    else if (session.failures >= (this.#wasRefused ? 1 : MAX_FAILURES)) this.#refuse();
  }

  #handOver(session: Session, next: Handover): void {
    const inherited = session.bequeath();
    session.settle();
    const role = this.#facts.role ?? "client";
    this.#forgetProtocol();
    this.#probing.isMidStream = false;
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
    this.#probing.startOver();
    this.#moveTo("probing", "another protocol begins");
    for (const flow of [this.#egress, this.#ingress]) {
      if (flow.stream.shownBytes > 0) this.#grew(flow);
    }
  }

  #refuse(): void {
    const protocol = this.#facts.protocol;
    this.#context.stats.refuse(protocol);
    this.#connection.trace?.protocolRefused(this.#connection, protocol, "no valid frame");
    this.#totals?.refuse(protocol, "no_valid_frame");
    this.#session?.settle();
    this.#forgetProtocol();
    this.#probing.isMidStream = true;
    this.#wasRefused = true;
    this.#probing.clearFlows();
    this.#moveTo("unknown", "no valid frame");
    this.#probing.miss();
    this.#noteMisses();
  }

  #forgetProtocol(): void {
    this.#session = null;
    this.#facts.protocol = "unknown";
    this.#facts.role = undefined;
    this.#egress.hasProtocol = false;
    this.#ingress.hasProtocol = false;
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
