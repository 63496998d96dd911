/**
 * One stream connection: what the traced process says on a socket, or inside its TLS library.
 *
 * In: its data events. Out: records, made by a protocol's session. The states:
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
 * finish() leads from any state to closed. connection.ts waits for late events; prober.ts probes.
 */
import { ANY, type Handover, type Inherited, type Started } from "../../protocols/protocol.ts";
import type { SocketEvent } from "../capture/event.ts";
import { factsOf, type LiveFacts } from "../record/build.ts";
import type { Proxy } from "../record/record.ts";
import type { Owner } from "../stream/byte_stream.ts";
import { BothDirections } from "./both_directions.ts";
import type { Bequest, TrackedConnection } from "./subject.ts";
import type { Role, TrackerContext } from "./context.ts";
import { MAX_MISSES, PROBE_BYTES } from "./detect.ts";
import { FirstBytes } from "./first_bytes.ts";
import type { FinalTotals, OneDirection } from "./one_direction.ts";
import { Prober } from "./prober.ts";
import { openSession, type Session } from "./session.ts";
import { UnknownTotals } from "./unknown.ts";
import { Verdict } from "./verdict.ts";

/** Failures without any frame after which a protocol is refused. */
const MAX_FAILURES = 8;
/** Hand-overs from one protocol to the next in one connection. */
const MAX_SWITCHES = 8;

export type TrackerState = "new" | "probing" | "parsing" | "unknown" | "closed";

export class ConnTracker {
  state: TrackerState = "new";
  readonly #context: TrackerContext;
  readonly #connection: TrackedConnection;
  readonly #facts: LiveFacts;
  readonly #both: BothDirections;
  #session: Session | null = null;
  #totals: UnknownTotals | null = new UnknownTotals();
  readonly #prober: Prober;
  readonly #verdict: Verdict;
  /** What the session began with, until the other direction has confirmed it. */
  #unconfirmed: FirstBytes | null = null;
  #plugin: Started | null = null;
  #switches = 0;
  #wasRefused = false;
  #givenUp = false;

  /** `plaintext` as in the events that it takes, of that library: 0 and null for the socket's own bytes. */
  constructor(
    context: TrackerContext,
    connection: TrackedConnection,
    plaintext: number,
    library: string | null,
  ) {
    this.#context = context;
    this.#connection = connection;
    this.#facts = factsOf(connection, library);
    this.#both = new BothDirections(context, this.#facts);
    this.#prober = new Prober(context, connection, this.#both);
    this.#verdict = new Verdict(context, connection.id, plaintext);
    context.trackers++;
  }

  /** Next positions of both directions, from ENTRY_OPEN. */
  hintStart(egress: number, ingress: number): void {
    this.#totals?.hintStart(egress, ingress);
    this.#both.hintStart({ egress, ingress }, this.#context.losses);
  }

  /** Starts with a protocol that is known before the first byte. */
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
    const direction = this.#both.of(event.direction);
    if (this.#session === null) this.#prober.spoke(direction);
    const { nowNs, losses } = this.#context;
    direction.add(event, owner, losses);
    const other = this.#both.other(direction);
    // Requests that wait behind a loss may have had their time: they go first, see requestsFirst.
    const isDue = other.assembler.waits && this.#session !== null;
    if (isDue) other.expire(nowNs, losses);
    if (isDue || !this.#lookAt(direction)) this.#settle(other, direction);
    direction.stream.keep();
  }

  /**
   * Goes on with what one event left to do, or, before finish() (`isEnding`), with all that waits behind
   * missing bytes; true once nothing is left.
   */
  goOn(isEnding = false): boolean {
    if (this.state === "closed") return true;
    const { nowNs, losses } = this.#context;
    if (isEnding) this.#both.flush(losses);
    else this.#both.expire(nowNs, losses);
    return this.#settle(...this.#both.requestsFirst);
  }

  /** One direction ends at `position`. */
  eof(which: number, position: number, tcp: boolean): void {
    const direction = this.#both.of(which);
    if (direction.ended || this.state === "closed") return;
    direction.eof = { position, tcp };
    this.#checkEof(direction);
  }

  /** Have both directions come up to their final positions? */
  reached(final: FinalTotals): boolean {
    return this.#both.reached(final);
  }

  /** May the process still read bytes that had come before the connection ended? */
  awaitsReader(final: FinalTotals): boolean {
    return !this.#givenUp && this.#both.awaitsReader(final);
  }

  /** Event time passed: missing bytes and missing answers may have had theirs. */
  sweep(): void {
    if (this.state !== "closed" && this.goOn()) this.#session?.tick();
  }

  weigh(): void {
    this.#session?.weigh();
  }

  /** No more events: hands over everything, but drops what goOn() left. `final`: the socket's, where known. */
  finish(reason: "closed" | "trace_end", isEncrypted: boolean, final: FinalTotals | null): void {
    if (this.state === "closed") return;
    if (final !== null) this.#totals?.settle(this.#both.since(final), this.#connection.span());
    this.#both.drop();
    for (const direction of this.#both.requestsFirst) {
      // For a connection that was given up the kernel side sends only totals.
      const end = final === null || this.#givenUp ? null : this.#both.endOf(direction, final);
      direction.finish(end, this.#context.losses);
      if (direction.hasGrown) this.#grew(direction);
      if (reason === "closed" && this.#facts.tls !== undefined) this.#end(direction); // nobody tells where
    }
    const session = this.#session;
    session?.finish(reason, final !== null);
    // A protocol without any frame was a mistake: the connection is unknown.
    const isUnread = session === null || session.frames === 0;
    const { protocol } = this.#facts;
    if (session !== null && isUnread) this.#totals?.refuse(protocol, "no_valid_frame");
    if (!isUnread && this.#totals !== null) this.#totals.tls = this.#isShownEncrypted;
    const isShown = this.#context.showUnknown && (isUnread || this.#isShownEncrypted);
    if (isShown && !isEncrypted) this.#report(reason);
    this.#both.clear();
    this.#moveTo("closed", reason);
    this.#context.trackers--;
  }

  /** Looks at what grew, in that order; false if goOn() must come again first. */
  #settle(first: OneDirection, second: OneDirection): boolean {
    if (this.#lookAt(first) && this.#lookAt(second)) return true;
    this.#context.behind.add(this);
    return false;
  }

  /** Looks at what grew; false if more of that direction can come at once. */
  #lookAt(direction: OneDirection): boolean {
    if (direction.hasGrown) this.#grew(direction);
    if (direction.eof !== null) this.#checkEof(direction);
    return !direction.assembler.isBehind;
  }

  #checkEof(direction: OneDirection): void {
    const { eof, ended } = direction;
    if (eof !== null && !ended && direction.assembler.reached(eof, false)) this.#end(direction);
  }

  #end(direction: OneDirection): void {
    direction.ended = true;
    this.#session?.endSide(this.#both.sideOf(direction), "closed");
    this.#afterSession();
  }

  #grew(direction: OneDirection): void {
    direction.hasGrown = false;
    if (this.#givenUp) direction.stream.clear();
    else if (this.#session === null) this.#probe(direction);
    else if (this.#unconfirmed === null || !this.#revise(this.#unconfirmed, direction)) {
      this.#session.advance(this.#both.sideOf(direction));
      this.#afterSession();
    }
  }

  #probe(direction: OneDirection): void {
    if (this.state === "new") this.#moveTo("probing", "data");
    const { misses } = this.#prober;
    const told = this.#prober.look(direction);
    if (this.#prober.misses > misses && this.state === "probing") {
      this.#moveTo("unknown", "no protocol matches");
    }
    if (told === "hopeless") this.#giveUp("no protocol matches");
    else if (told !== "unsure") this.#start(told.plugin, told.role);
  }

  /**
   * Checks, with the other direction's first bytes, what the first direction's were taken for. If they do
   * not fit, both are read again: as the protocol that fits both; or by probing anew, where the supposed
   * client was seen to answer or the supposed server asks. True when both are read again.
   */
  #revise(first: FirstBytes, direction: OneDirection): boolean {
    const [session, plugin] = [this.#session, this.#plugin];
    if (direction === first.direction) this.#unconfirmed = null;
    if (session === null || plugin === null || direction === first.direction) return false;
    const head = direction.stream.view().subarray(0, PROBE_BYTES);
    const answer = plugin.probe(head, this.#both.sideOf(direction));
    if (answer === "unsure" && first.isAll) return false;
    this.#unconfirmed = null;
    if (answer !== "no" || !first.isAll) return false;
    const isEgress = direction === this.#both.egress;
    const found = this.#prober.detect(isEgress ? head : first.bytes, isEgress ? first.bytes : head);
    const isOdd = this.#facts.role !== (this.#prober.firstSpeaker ?? this.#facts.role);
    if (typeof found === "string" && !isOdd && !this.#prober.asks(head)) return false;
    session.discard();
    first.restore();
    this.#forgetProtocol(plugin.name, "contradicted by the answer");
    if (typeof found !== "string") this.#start(found.plugin, found.role);
    else this.#probe(direction);
    return true;
  }

  #giveUp(why: string): void {
    this.#givenUp = true;
    this.#both.clear();
    this.#moveTo("unknown", why);
    this.#connection.log?.disabled(this.#connection, why);
    this.#verdict.stop();
  }

  #start(plugin: Started, role: Role, inherited: Inherited | null = null): void {
    this.#plugin = plugin;
    this.#facts.protocol = plugin.name;
    this.#facts.role = role;
    this.#both.haveProtocol = true;
    const session = this.#session = openSession(plugin, {
      context: this.#context,
      facts: this.#facts,
      subject: this.#connection,
      log: this.#connection.log,
      transport: "stream",
      requestStream: this.#both.carrying("request").stream,
      responseStream: this.#both.carrying("response").stream,
      start: this.#prober.start,
      unseen: this.#prober.unseen,
      inherited,
      handshake: this.#connection.handshake,
      pass: (side, until) => {
        const isEgress = this.#both.carrying(side) === this.#both.egress;
        this.#verdict.pass(isEgress ? "egress" : "ingress", until);
      },
    });
    this.#unconfirmed = null;
    if (plugin.names.length > 0) {
      this.#announce(plugin, role);
      if (inherited === null) this.#unconfirmed = FirstBytes.ofOnly(this.#both.all);
    }
    for (const side of ["request", "response"] as const) {
      session.advance(side);
      if (this.#both.carrying(side).ended) session.endSide(side, "closed");
    }
    this.#afterSession();
  }

  /** A protocol is decided: logs it, and asks the kernel side to go on sending payload. */
  #announce(plugin: Started, role: Role): void {
    this.#moveTo("parsing", plugin.name);
    this.#connection.log?.protocolDecided(this.#connection, plugin.name, role);
    this.#verdict.keep();
  }

  /** Acts if the session handed over, or proved to be the wrong one. */
  #afterSession(): void {
    const session = this.#session;
    if (session === null) return;
    if (session.next !== undefined) this.#handOver(session, session.next);
    else if (session.frames > 0 && this.#unconfirmed === null) this.#forgetTotals();
    // After one refusal a single failure is enough: no more bytes are lost to a wrong guess.
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
    if (session.frames > 0) this.#forgetTotals();
    const { to, opaque } = next;
    if (opaque !== undefined && to === null) return this.#recognise(opaque, inherited.value);
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
    if (plugin !== undefined) return this.#start(plugin, role, inherited);
    this.#countAnew();
    this.#giveUp(`switched to ${to}`);
  }

  /** A connection that gave records is not reported as unknown, unless encrypted ones are asked for. */
  #forgetTotals(): void {
    if (!this.#isShownEncrypted) this.#totals = null;
  }

  get #isShownEncrypted(): boolean {
    return this.#context.showEncrypted && this.#plugin?.isAlwaysTried === true;
  }

  /** The bytes are encrypted: they are only counted from here on. */
  #recognise(what: "tls", told: unknown): void {
    this.#connection.handshake.told = told;
    this.#connection.log?.tlsSeen(this.#connection);
    if (this.#totals !== null) this.#totals.tls = true;
    this.#giveUp(what);
  }

  /** From here on the bytes are probed like those of a new connection. */
  #startOver(): void {
    this.#countAnew();
    this.#prober.startOver();
    this.#moveTo("probing", "another protocol begins");
    for (const direction of this.#both.all) {
      if (direction.stream.shownBytes > 0) this.#grew(direction);
    }
  }

  #countAnew(): void {
    this.#totals = UnknownTotals.of(this.#both.egress.stream, this.#both.ingress.stream);
    this.#both.startOver();
  }

  #refuse(): void {
    this.#session?.settle();
    this.#forgetProtocol(this.#facts.protocol, "no valid frame");
    this.#prober.midStream = true;
    this.#wasRefused = true;
    this.#both.clear();
    this.#moveTo("unknown", "no valid frame");
    if (++this.#prober.misses >= MAX_MISSES) this.#giveUp("no protocol matches");
  }

  #forgetProtocol(protocol: string, why: string): void {
    this.#context.stats.refuse(protocol);
    this.#connection.log?.protocolRefused(this.#connection, protocol, why);
    this.#totals?.refuse(protocol, why.replaceAll(" ", "_"));
    this.#setUnknown();
  }

  #setUnknown(): void {
    this.#session = null;
    this.#unconfirmed = null;
    this.#facts.protocol = "unknown";
    this.#facts.role = undefined;
    this.#both.haveProtocol = false;
  }

  #report(reason: "closed" | "trace_end"): void {
    const { isOld, roleHint } = this.#connection;
    const facts = { ...this.#facts, protocol: "unknown", role: roleHint ?? undefined };
    this.#totals?.report(this.#context, facts, "stream", reason, isOld);
  }

  #moveTo(state: TrackerState, why: string): void {
    if (this.state === state) return;
    this.#connection.log?.stateChanged(this.#connection, this.state, state, why);
    this.state = state;
  }
}
