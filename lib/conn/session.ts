/**
 * One protocol at work on one connection (or one datagram peer): two drivers, two queues, stitching.
 *
 * In: calls when a side's stream grew. Out: records, to the context's emit. Only this file knows the
 * protocol's type parameters.
 */
import type {
  Exchange,
  Handover,
  IncompleteReason,
  Inherited,
  Protocol,
  Side,
  Started,
  Timed,
} from "../../protocols/protocol.ts";
import type { RecordFacts } from "../record/build.ts";
import type { ProtocolCounts } from "../stats.ts";
import type { ByteStream } from "../stream/byte_stream.ts";
import { Pairing, type Start } from "../stitch/pairing.ts";
import { emptyQueue } from "../stitch/queue.ts";
import type { DriverReport } from "../stream/driver_place.ts";
import { FrameDriver } from "../stream/frame_driver.ts";
import type { ConnLog, LogSubject } from "./conn_log.ts";
import type { TrackerContext } from "./context.ts";
import type { Handshake } from "./handshake.ts";
import { Holdings } from "./holdings.ts";
import { RecordsOut } from "./records_out.ts";
import { StitchFacts } from "./stitch_facts.ts";

const DEFAULT_TIMEOUT_MS = 30_000;
/** Queues up to this long are stitched at every new frame. */
const FEW_QUEUED = 256;
/** Longer ones once they grew by a sixteenth, so that work is linear in the frames, or at tick(). */
const GROWTH = 16;
/** So many frames apart a state is asked what it holds, while it is in none. */
const FEW_FRAMES = 16;

/** What a session works with. */
export interface SessionPlace {
  readonly context: TrackerContext;
  /** Columns of the connection's records; addresses may be filled in later. */
  readonly facts: RecordFacts;
  readonly subject: LogSubject;
  readonly log: ConnLog | null;
  readonly transport: "stream" | "datagram";
  readonly requestStream: ByteStream;
  readonly responseStream: ByteStream;
  /** What was seen of the connection's beginning. */
  readonly start: Start;
  /** If it was not seen: why. */
  readonly unseen: IncompleteReason;
  /** What the protocol before this one handed over. */
  readonly inherited: Inherited | null;
  /** See DriverReport.pass(). */
  pass(side: Side, until: number | null): void;
  /** Where a handshake's record waits. */
  readonly handshake?: Handshake;
}

export interface Session {
  /** Set once the protocol handed over to another. */
  readonly next: Handover | undefined;
  /** Frames found, and failures to find one. */
  readonly frames: number;
  readonly failures: number;
  /** No request waits for its response, and no frame for its other bytes. */
  readonly idle: boolean;
  /** Takes the frames of that side's stream, which grew. */
  advance(side: Side): void;
  /** Takes the whole datagram that that side's stream holds. */
  datagram(side: Side): void;
  /** Event time passed: requests may have waited too long. */
  tick(): void;
  /** That side's stream will not grow any more. */
  endSide(side: Side, reason: IncompleteReason): void;
  /** Hands over everything. `isFinal`: all bytes came, up to final positions that are known. */
  finish(reason: "closed" | "trace_end", isFinal: boolean): void;
  /** Hands over what is queued, without asking the streams for more. */
  settle(): void;
  /** Forgets what is queued: it was misread. */
  discard(): void;
  /** With `next`, before settle(): what the next protocol gets from this one. */
  bequeath(): Inherited;
  /** Weighs the queued frames (Holdings.weigh()). */
  weigh(): void;
}

export function openSession(plugin: Started, place: SessionPlace): Session {
  return plugin.open((protocol, trace) => new TypedSession(protocol, trace, place));
}

class TypedSession<F, S, X extends Exchange, T> implements Session, DriverReport {
  readonly #protocol: Protocol<F, S, X, T>;
  readonly #place: SessionPlace;
  readonly #counts: ProtocolCounts;
  readonly #requests = emptyQueue<Timed<F>>();
  readonly #responses = emptyQueue<Timed<F>>();
  readonly #requestDriver: FrameDriver<F, S, X, T>;
  readonly #responseDriver: FrameDriver<F, S, X, T>;
  readonly #stitchFacts: StitchFacts<S>;
  /** How many frames the last stitching left in the queues, and how many came since. */
  #left = 0;
  #fresh = 0;
  readonly #holdings: Holdings<F>;
  readonly #out: RecordsOut<F, S, X, T>;
  /** Frames since the state was asked what it holds; was one in progress then? */
  #unnoted = FEW_FRAMES;
  #wasInFrame = false;

  constructor(protocol: Protocol<F, S, X, T>, trace: T, place: SessionPlace) {
    this.#protocol = protocol;
    this.#place = place;
    const { context, transport, start, unseen } = place;
    const { maxFrameBytes, pool } = context;
    this.#counts = context.stats.protocol(protocol.name);
    const state = protocol.createState(trace, place.inherited);
    const pairing = new Pairing(start, unseen);
    const common = { protocol, transport, state, pairing, report: this, maxFrameBytes, pool };
    this.#requestDriver = new FrameDriver({
      ...common,
      side: "request",
      stream: place.requestStream,
      queue: this.#requests,
    });
    this.#responseDriver = new FrameDriver({
      ...common,
      side: "response",
      stream: place.responseStream,
      queue: this.#responses,
    });
    this.#holdings = new Holdings(context, this.#requests, this.#responses);
    this.#out = new RecordsOut(protocol, place, this.#counts);
    this.#stitchFacts = new StitchFacts({
      state,
      pairing,
      requestTimeoutNs: 1e6 *
        (context.requestTimeoutMs ?? protocol.requestTimeoutMs ?? DEFAULT_TIMEOUT_MS),
      context,
      requestDriver: this.#requestDriver,
      responseDriver: this.#responseDriver,
      responseStream: place.responseStream,
    });
    if (start !== "seen" && transport === "stream") this.#findStarts();
    if (start === "joined") {
      this.#requestDriver.join(unseen);
      this.#responseDriver.join(unseen);
    }
  }

  /** Resyncs a side whose first bytes its probe refuses: they are the rest of an unseen message. */
  #findStarts(): void {
    const { requestStream, responseStream } = this.#place;
    const begins = (stream: ByteStream, side: Side): boolean => {
      const probe = stream.shownBytes === 0 ? "yes" : this.#protocol.probe(stream.view(), side);
      return probe === "yes" || probe === "likely";
    };
    if (!begins(requestStream, "request")) this.#requestDriver.startResyncing();
    if (!begins(responseStream, "response")) this.#responseDriver.startResyncing();
  }

  get next(): Handover | undefined {
    return this.#requestDriver.next ?? this.#responseDriver.next;
  }

  get frames(): number {
    return this.#requestDriver.frames + this.#responseDriver.frames;
  }

  get failures(): number {
    return this.#requestDriver.failures + this.#responseDriver.failures;
  }

  get idle(): boolean {
    const { waits } = this.#requestDriver;
    return !waits && !this.#responseDriver.waits && this.#responses.length === 0 &&
      this.#requests.every(({ shown }) => shown);
  }

  advance(side: Side): void {
    const driver = side === "request" ? this.#requestDriver : this.#responseDriver;
    const other = side === "request" ? this.#responseDriver : this.#requestDriver;
    driver.run();
    if (other.isWaiting && driver.next === undefined) other.run();
    this.#settle(driver.waits);
  }

  datagram(side: Side): void {
    const driver = side === "request" ? this.#requestDriver : this.#responseDriver;
    driver.datagram();
    this.#settle(driver.waits);
  }

  tick(): void {
    if (this.#queued > 0) this.#stitch();
  }

  /** Pairs what came, and counts what is held, when that is due. */
  #settle(isInFrame: boolean): void {
    const isDue = this.#left <= FEW_QUEUED || this.#fresh * GROWTH >= this.#left;
    if (this.#fresh > 0 && isDue) this.#stitch();
    // Between frames the state hardly changes: it is asked now and then, and about each part of one.
    if (!isInFrame && !this.#wasInFrame && this.#unnoted < FEW_FRAMES) return;
    this.#wasInFrame = isInFrame;
    this.#unnoted = 0;
    this.#noteState();
  }

  endSide(side: Side, reason: IncompleteReason): void {
    if (side === "request") this.#stitchFacts.requestsEnded = true;
    const driver = side === "request" ? this.#requestDriver : this.#responseDriver;
    driver.end(reason);
    this.advance(side);
  }

  finish(reason: "closed" | "trace_end", isFinal: boolean): void {
    if (isFinal) this.#stitchFacts.requestsEnded = true;
    this.#requestDriver.end(reason);
    this.#responseDriver.end(reason);
    this.#requestDriver.run();
    this.#responseDriver.run();
    this.#requestDriver.stopWaiting();
    this.#responseDriver.stopWaiting();
    const isBehindGap = this.#requestDriver.isBehindGap || this.#responseDriver.isBehindGap;
    // A loss at the very end shows only where final positions are known.
    this.#stitchFacts.allSeen = !isBehindGap && (isFinal || this.#place.context.losses === 0);
    this.#stitchFacts.ended = reason;
    this.#stitch();
    this.#forget();
  }

  settle(): void {
    this.#stitchFacts.ended = "closed";
    this.#stitch();
    this.#forget();
  }

  discard(): void {
    this.#forget();
  }

  weigh(): void {
    this.#holdings.weigh();
  }

  get #queued(): number {
    return this.#requests.length + this.#responses.length;
  }

  #noteState(): void {
    const protocol = this.#protocol;
    if (protocol.heldBytes !== undefined) {
      this.#holdings.setState(protocol.heldBytes(this.#stitchFacts.state));
    } else {
      const { maxBodyBytes } = this.#place.context;
      const skipped = Math.min(this.#requestDriver.skippedBytes, maxBodyBytes) +
        Math.min(this.#responseDriver.skippedBytes, maxBodyBytes);
      this.#holdings.setState(2 * skipped);
    }
  }

  /** Frees what is kept, once everything was handed over. */
  #forget(): void {
    this.#requestDriver.forget();
    this.#responseDriver.forget();
    this.#requests.length = 0;
    this.#responses.length = 0;
    this.#holdings.settle();
    this.#holdings.setState(0);
  }

  bequeath(): Inherited {
    const { handover, isCarrying } = this.next ?? {};
    if (isCarrying !== true) return { value: handover, request: null };
    // Pairs what was answered before: then the request in front is the one that is carried over.
    this.#stitch();
    return { value: handover, request: this.#requests.shift() ?? null };
  }

  // The methods of DriverReport.

  frame(side: Side, bytes: number): void {
    this.#counts.frames++;
    this.#fresh++;
    this.#unnoted++;
    this.#place.log?.frame(this.#place.subject, side, bytes);
    // At once: the frames behind this one may depend on what the other side asks.
    const other = side === "request" ? this.#responseDriver : this.#requestDriver;
    if (other.isWaiting && this.next === undefined) other.run();
    if (this.#stitchFacts.pairing.wasDisturbed) this.#stitchBetween();
  }

  invalid(side: Side, reason: string, bytes: Uint8Array, position: number): void {
    this.#stitchBetween();
    this.#stitchFacts.pairing.wasDisturbed = true;
    this.#place.context.stats.invalidFrame(this.#protocol.name, reason);
    this.#place.log?.invalid(this.#place.subject, side, reason, bytes, position);
  }

  resync(side: Side, droppedBytes: number): void {
    this.#stitchFacts.pairing.wasDisturbed = true;
    this.#place.context.stats.resync(droppedBytes);
    this.#place.log?.resync(this.#place.subject, side, droppedBytes);
  }

  abandoned(_side: Side, reason: IncompleteReason): void {
    const isEnd = reason === "closed" || reason === "trace_end";
    if (!isEnd) this.#stitchFacts.pairing.wasDisturbed = true;
    this.#place.context.stats.abandon(reason);
  }

  gap(side: Side, bytes: number, reason: string): void {
    this.#place.log?.gap(this.#place.subject, side, bytes, reason);
  }

  pass(side: Side, until: number | null): void {
    this.#place.pass(side, until);
  }

  /**
   * Pairs the frames that were found so far in one event's bytes. Where some bytes were not understood,
   * what is known of pairs changes with each frame: it must not matter how many of them an event brings.
   */
  #stitchBetween(): void {
    if (this.#fresh > 0 && this.#left <= FEW_QUEUED) this.#stitch();
  }

  #stitch(): void {
    this.#fresh = 0;
    this.#handOver();
    if (this.#holdings.queueBytes > this.#place.context.maxQueuedBytes) this.#relieve();
    this.#left = this.#queued;
  }

  /** The queues may hold more than one connection's share: weighs them, and gives up what is too much. */
  #relieve(): void {
    const { context, log, subject } = this.#place;
    this.#holdings.weigh();
    if (this.#holdings.queueBytes <= context.maxQueuedBytes) return;
    log?.evicted(subject, "too many unanswered");
    const stitch = this.#stitchFacts;
    const { wasDisturbed, reason } = stitch.pairing;
    stitch.overflow = wasDisturbed ? reason : "trace_end";
    this.#handOver();
    stitch.overflow = null;
    if (this.#holdings.queueBytes <= context.maxQueuedBytes) return;
    // The plug-in was asked to empty its queues: whatever it left is dropped.
    for (let left = this.#queued; left > 0; left--) context.stats.abandon("memory_limit");
    this.#requests.length = 0;
    this.#responses.length = 0;
    this.#holdings.settle();
  }

  /** Takes what is complete off the queues, and sends it on its way. */
  #handOver(): void {
    const stitch = this.#stitchFacts;
    const holdings = this.#holdings;
    const place = this.#place;
    const before = holdings.queueBytes;
    const exchanges = this.#protocol.stitch(this.#requests, this.#responses, stitch);
    holdings.settle();
    if (exchanges.length > 0) {
      const heldBytes = Math.max(0, before - holdings.queueBytes);
      this.#out.send(exchanges, heldBytes, stitch.overflow !== null);
    }
    if (place.log !== null && place.log.level > 1) {
      const [requests, responses] = [this.#requests.length, this.#responses.length];
      place.log.stitched(place.subject, exchanges.length, requests, responses);
    }
  }
}
