/**
 * One protocol at work on one connection (or one datagram peer): two drivers, two queues, stitching.
 *
 * In: "this side's stream grew". Out: records, to the context's emit. The protocol's type parameters
 * live in here and nowhere else.
 */
import type {
  Exchange,
  IncompleteReason,
  Plugin,
  Protocol,
  Side,
  StitchContext,
  Stitched,
  Timed,
} from "../../protocols/protocol.ts";
import { buildRecord, type RecordFacts } from "../record/build.ts";
import type { ProtocolCounts } from "../stats.ts";
import type { ByteStream } from "../stream/byte_stream.ts";
import { emptyQueue } from "../stitch/queue.ts";
import { type DriverReport, FrameDriver } from "../stream/frame_driver.ts";
import type { TrackerContext } from "./context.ts";
import { Holdings } from "./holdings.ts";
import type { ConnTrace, TraceSubject } from "./trace.ts";

const DEFAULT_TIMEOUT_MS = 30_000;
/** Later than any time limit of a stitcher: what the queues hold will not be answered. */
const LONG_AFTER_NS = 3600e9;

/** Where a session works. */
export interface SessionPlace {
  readonly context: TrackerContext;
  /** Live: addresses may be learnt later. */
  readonly facts: RecordFacts;
  readonly subject: TraceSubject;
  readonly trace: ConnTrace | null;
  readonly transport: "stream" | "datagram";
  readonly requestStream: ByteStream;
  readonly responseStream: ByteStream;
  /** Perhaps bytes before the first ones were not seen: pairing is careful. */
  readonly midStream: boolean;
  /** They surely were not. */
  readonly joined: boolean;
  /** As DriverReport.pass(). */
  pass(side: Side, until: number | null): void;
}

export interface Session {
  /** Set once the protocol handed over to another (null: to none that is known). */
  readonly switchTo: string | null | undefined;
  /** Frames found, and failures to find one. */
  readonly frames: number;
  readonly failures: number;
  /** Nothing waits for an answer or for its other bytes. */
  readonly idle: boolean;
  /** That side's stream grew. */
  advance(side: Side): void;
  /** That side's stream holds one whole datagram. */
  datagram(side: Side): void;
  /** Time passed. */
  tick(): void;
  /** That side will not grow any more. */
  endSide(side: Side, reason: IncompleteReason): void;
  /** Nothing more will come: everything is handed over. `isFinal`: up to positions that were told. */
  finish(reason: "closed" | "trace_end", isFinal: boolean): void;
  /** Hands over what is queued, without asking the streams for more. */
  settle(): void;
  /** Reckons what is queued by what is in it. */
  weigh(): void;
}

export function openSession(plugin: Plugin, place: SessionPlace): Session {
  return plugin.open((protocol) => new TypedSession(protocol, place));
}

class TypedSession<F, S, X extends Exchange> implements Session, DriverReport {
  readonly #protocol: Protocol<F, S, X>;
  readonly #place: SessionPlace;
  readonly #counts: ProtocolCounts;
  readonly #requests = emptyQueue<Timed<F>>();
  readonly #responses = emptyQueue<Timed<F>>();
  readonly #requestDriver: FrameDriver<F, S, X>;
  readonly #responseDriver: FrameDriver<F, S, X>;
  readonly #stitchContext: StitchContext<S>;
  readonly #timeoutNs: number;
  /** All bytes of the request side came, or were found missing. */
  #requestsEnded = false;
  /** For want of memory: its exchanges did not have their time. */
  #givesUp = false;
  readonly #holdings: Holdings<F>;

  constructor(protocol: Protocol<F, S, X>, place: SessionPlace) {
    this.#protocol = protocol;
    this.#place = place;
    const context = place.context;
    this.#counts = context.stats.protocol(protocol.name);
    const { protocolOptions, maxFrameBytes } = context;
    const state = protocol.createState(protocolOptions);
    const driver = (side: Side, stream: ByteStream, queue: Timed<F>[]): FrameDriver<F, S, X> =>
      new FrameDriver(protocol, side, place.transport, state, stream, queue, this, maxFrameBytes);
    this.#requestDriver = driver("request", place.requestStream, this.#requests);
    this.#responseDriver = driver("response", place.responseStream, this.#responses);
    this.#holdings = new Holdings(context, this.#requests, this.#responses);
    this.#timeoutNs = 1e6 *
      (context.requestTimeoutMs ?? protocol.requestTimeoutMs ?? DEFAULT_TIMEOUT_MS);
    this.#stitchContext = {
      state,
      nowNs: 0,
      requestTimeoutNs: this.#timeoutNs,
      midStream: place.midStream,
      ended: null,
      allRequests: false,
    };
    if (place.midStream && place.transport === "stream") this.#findStarts();
    if (place.joined) {
      this.#requestDriver.join();
      this.#responseDriver.join();
    }
  }

  /** What no probe takes for a beginning is the rest of a message whose head was not seen. */
  #findStarts(): void {
    const { requestStream, responseStream } = this.#place;
    const begins = (stream: ByteStream, side: Side): boolean =>
      stream.shownBytes === 0 || this.#protocol.probe(stream.view(), side) === "yes";
    if (!begins(requestStream, "request")) this.#requestDriver.startResyncing();
    if (!begins(responseStream, "response")) this.#responseDriver.startResyncing();
  }

  get switchTo(): string | null | undefined {
    const own = this.#requestDriver.switchTo;
    return own === undefined ? this.#responseDriver.switchTo : own;
  }

  get frames(): number {
    return this.#requestDriver.frames + this.#responseDriver.frames;
  }

  get failures(): number {
    return this.#requestDriver.failures + this.#responseDriver.failures;
  }

  get idle(): boolean {
    return this.#queued === 0 && !this.#requestDriver.waits && !this.#responseDriver.waits;
  }

  advance(side: Side): void {
    const driver = side === "request" ? this.#requestDriver : this.#responseDriver;
    const before = driver.frames;
    driver.run();
    if (driver.frames !== before) this.#stitch();
    this.#noteState();
  }

  datagram(side: Side): void {
    const driver = side === "request" ? this.#requestDriver : this.#responseDriver;
    const before = driver.frames;
    driver.datagram();
    if (driver.frames !== before) this.#stitch();
    this.#noteState();
  }

  tick(): void {
    if (this.#queued > 0) this.#stitch();
  }

  endSide(side: Side, reason: IncompleteReason): void {
    if (side === "request") this.#requestsEnded = true;
    const driver = side === "request" ? this.#requestDriver : this.#responseDriver;
    driver.end(reason);
    this.advance(side);
  }

  finish(reason: "closed" | "trace_end", isFinal: boolean): void {
    if (isFinal) this.#requestsEnded = true;
    this.#requestDriver.end(reason);
    this.#responseDriver.end(reason);
    this.#requestDriver.run();
    this.#responseDriver.run();
    this.#stitchContext.ended = reason;
    this.#stitch();
    this.#forget();
  }

  settle(): void {
    this.#stitchContext.ended = "closed";
    this.#stitch();
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
      this.#holdings.setState(protocol.heldBytes(this.#stitchContext.state));
    } else {
      const { maxBodyBytes } = this.#place.context.protocolOptions;
      const skipped = Math.min(this.#requestDriver.skippedBytes, maxBodyBytes) +
        Math.min(this.#responseDriver.skippedBytes, maxBodyBytes);
      this.#holdings.setState(2 * skipped);
    }
  }

  /** Everything was handed over: nothing is kept any more. */
  #forget(): void {
    this.#requests.length = 0;
    this.#responses.length = 0;
    this.#holdings.paired();
    this.#holdings.setState(0);
  }

  // DriverReport.

  frame(side: Side, bytes: number): void {
    this.#counts.frames++;
    const queue = side === "request" ? this.#requests : this.#responses;
    const queued = queue[queue.length - 1];
    if (queued !== undefined) this.#holdings.push(queued);
    this.#place.trace?.frame(this.#place.subject, side, bytes);
  }

  invalid(side: Side, reason: string, bytes: Uint8Array, position: number): void {
    this.#place.context.stats.invalidFrame(this.#protocol.name, reason);
    this.#place.trace?.invalid(this.#place.subject, side, reason, bytes, position);
  }

  resync(side: Side, droppedBytes: number): void {
    this.#place.context.stats.resync(droppedBytes);
    this.#place.trace?.resync(this.#place.subject, side, droppedBytes);
  }

  abandoned(_side: Side, reason: IncompleteReason): void {
    this.#place.context.stats.abandon(reason);
  }

  gap(side: Side, bytes: number, reason: string): void {
    this.#place.trace?.gap(this.#place.subject, side, bytes, reason);
  }

  pass(side: Side, until: number | null): void {
    this.#place.pass(side, until);
  }

  #stitch(): void {
    const stitch = this.#stitchContext;
    stitch.nowNs = this.#place.context.nowNs;
    stitch.allRequests = this.#requestsEnded && !this.#requestDriver.isBehindGap;
    this.#handOver(this.#protocol.stitch(this.#requests, this.#responses, stitch));
    this.#holdings.paired();
    if (this.#holdings.queueBytes > this.#place.context.maxQueuedBytes) this.#relieve();
  }

  /** The queues hold more than one connection's share, or could: what is kept is weighed, then given up. */
  #relieve(): void {
    const { context, trace, subject } = this.#place;
    this.#holdings.weigh();
    if (this.#holdings.queueBytes <= context.maxQueuedBytes) return;
    trace?.evicted(subject, "too many unanswered");
    const stitch = this.#stitchContext;
    this.#givesUp = true;
    stitch.nowNs += LONG_AFTER_NS;
    stitch.requestTimeoutNs = 0;
    this.#handOver(this.#protocol.stitch(this.#requests, this.#responses, stitch));
    stitch.requestTimeoutNs = this.#timeoutNs;
    this.#givesUp = false;
    this.#holdings.paired();
    if (this.#holdings.queueBytes <= context.maxQueuedBytes) return;
    // What the plug-in would still keep is not worth more.
    for (let left = this.#queued; left > 0; left--) context.stats.abandon("memory_limit");
    this.#requests.length = 0;
    this.#responses.length = 0;
    this.#holdings.paired();
  }

  #handOver(exchanges: Stitched<X>[]): void {
    for (const stitched of exchanges) this.#emit(stitched);
    const place = this.#place;
    if (place.trace !== null && place.trace.level > 1) {
      const [requests, responses] = [this.#requests.length, this.#responses.length];
      place.trace.stitched(place.subject, exchanges.length, requests, responses);
    }
  }

  #emit(stitched: Stitched<X>): void {
    const place = this.#place;
    const context = place.context;
    const stats = context.stats;
    if (stitched.request === null) stats.unmatchedResponses++;
    else if (stitched.response === null) stats.unmatchedRequests++;
    else this.#stitchContext.midStream = false;
    if (context.role !== undefined && context.role !== place.facts.role) {
      stats.filteredRecords++;
      return;
    }
    if (this.#givesUp) stats.abandon("memory_limit");
    const record = buildRecord(
      this.#givesUp ? givenUp(stitched) : stitched,
      place.facts,
      context.clock,
    );
    this.#counts.records++;
    if (record.incomplete !== undefined) {
      for (const reason of record.incomplete) stats.incompleteRecord(reason);
    }
    place.trace?.record(place.subject, record);
    context.emit(record, context.summaries ? this.#protocol.summarize(stitched.exchange) : null);
  }
}

/** No answer was waited for any longer: that it did not come is not known. */
function givenUp<X extends Exchange>(stitched: Stitched<X>): Stitched<X> {
  const incomplete = stitched.incomplete.map((reason) =>
    reason === "no_response" ? "trace_end" : reason
  );
  return { ...stitched, incomplete };
}
