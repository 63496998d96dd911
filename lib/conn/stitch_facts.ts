/**
 * What a session's stitcher may ask besides its queues. In: the session's drivers and place. Out: the
 * StitchContext; facts that are seldom needed are worked out when they are asked for.
 */
import type { IncompleteReason, StitchContext } from "../../protocols/protocol.ts";
import type { ByteStream } from "../stream/byte_stream.ts";
import type { Pairing } from "../stitch/pairing.ts";
import type { TrackerContext } from "./context.ts";

/** What it reads of a FrameDriver. */
interface Driver {
  readonly waits: boolean;
  readonly isBehindGap: boolean;
}

/** What it works with, for as long as the session lives. */
interface Sources<S> {
  readonly state: S;
  readonly pairing: Pairing;
  readonly requestTimeoutNs: number;
  readonly context: TrackerContext;
  readonly requestDriver: Driver;
  readonly responseDriver: Driver;
  readonly responseStream: ByteStream;
}

export class StitchFacts<S> implements StitchContext<S> {
  readonly state: S;
  readonly pairing: Pairing;
  readonly requestTimeoutNs: number;
  ended: "closed" | "trace_end" | null = null;
  overflow: IncompleteReason | null = null;
  allSeen = false;
  /** All bytes of the request side came, or were found missing. */
  requestsEnded = false;
  readonly #context: TrackerContext;
  readonly #requestDriver: Driver;
  readonly #responseDriver: Driver;
  readonly #responseStream: ByteStream;
  /** Loss reports before it began. */
  readonly #lossesBefore: number;

  constructor(sources: Sources<S>) {
    this.state = sources.state;
    this.pairing = sources.pairing;
    this.requestTimeoutNs = sources.requestTimeoutNs;
    this.#context = sources.context;
    this.#requestDriver = sources.requestDriver;
    this.#responseDriver = sources.responseDriver;
    this.#responseStream = sources.responseStream;
    this.#lossesBefore = sources.context.losses;
  }

  get nowNs(): number {
    return this.#context.nowNs;
  }

  get answering(): boolean {
    return this.#responseDriver.waits || this.#responseStream.gapBytes > 0;
  }

  get nothingLost(): boolean {
    return this.#context.losses === this.#lossesBefore;
  }

  get allRequests(): boolean {
    return this.requestsEnded && !this.#requestDriver.isBehindGap;
  }
}
