/**
 * The loop that moves events from a source through the pipeline into sinks, for live traces and
 * replays alike. In: a source, what to do with each event, sinks. Out: records written, and why it
 * ended. It knows no protocol, no kernel and no command line.
 */
import type { SocketEvent } from "./capture/event.ts";
import type { CaptureSource } from "./capture/source.ts";
import { Turn } from "./capture/turn.ts";
import type { Summary, TraceRecord } from "./record/record.ts";
import type { Sink } from "./sink/sink.ts";

/** Why a trace ended, the first reason of several. */
export type EndReason =
  | "source_ended" // every target is gone, or the recording is over
  | "asked" // a signal
  | "duration"
  | "max_records"
  | "reader_gone" // nobody reads the records of any sink any more
  | "write_failed";

/** While events keep coming, sinks are flushed after so many milliseconds. */
const FLUSH_MS = 10;

export interface RunOptions {
  /** End at this event time, nanoseconds since the trace began. */
  durationNs: number | null;
  maxRecords: number | null;
  /** The source can wait (a recording): slow readers slow it down instead of losing records. */
  patient: boolean;
}

/** Takes the events: the pipeline, perhaps with a recorder before it. */
export interface EventConsumer {
  onEvent(event: SocketEvent): void;
  /** The last event left something to do: catchUp() comes before the next one. */
  readonly isBehind: boolean;
  /** Does what earlier events left, until `turn` is over. True once nothing is left. */
  catchUp(turn: Turn): boolean;
  /**
   * No more events: hands out every open exchange, until `turn` is over. True once all are.
   */
  finish(turn: Turn): boolean;
}

/** One run. stop() may be called at any time, from a signal's listener for instance. */
export class Run {
  /** Records handed to the sink. */
  records = 0;
  endReason: EndReason | null = null;
  readonly #source: CaptureSource;
  readonly #sinks: readonly Sink[];
  readonly #options: RunOptions;
  #stopped = false;
  #lastFlushMs = 0;
  #turn = new Turn();

  constructor(source: CaptureSource, sinks: readonly Sink[], options: RunOptions) {
    this.#source = source;
    this.#sinks = sinks;
    this.#options = options;
  }

  /** Gets the pipeline's records; those beyond --max-records are dropped. */
  readonly emit = (record: TraceRecord, summary: Summary | null): void => {
    if (this.#isFull()) return;
    this.records++;
    this.#turn.spend(1);
    for (const sink of this.#sinks) sink.write(record, summary);
    if (this.#isFull()) this.stop("max_records");
  };

  /** Stops new events; those captured still become records, unless no sink would write them. */
  stop(reason: EndReason): void {
    this.endReason ??= reason;
    if (this.#stopped) return;
    this.#stopped = true;
    this.#source.stop();
  }

  /** Runs until the source has ended or the run was stopped and worked off. */
  async loop(consumer: EventConsumer): Promise<void> {
    const limitNs = this.#options.durationNs ?? Infinity;
    const handler = (event: SocketEvent): void => {
      if (event.timeNs >= limitNs) return this.stop("duration");
      consumer.onEvent(event);
      if (consumer.isBehind) this.#turn.end();
    };
    while (!this.#source.ended && !this.#isPointless()) {
      const turn = this.#turn = new Turn();
      if (consumer.isBehind) consumer.catchUp(turn);
      const idle = !consumer.isBehind && this.#source.drain(handler, turn) === 0 &&
        consumer.catchUp(turn);
      await this.#breathe(performance.now(), idle);
    }
    this.endReason ??= "source_ended";
    while (!this.#isPointless() && !consumer.finish(this.#turn = new Turn())) {
      await this.#breathe(performance.now(), false);
    }
    await Promise.all(this.#sinks.map((sink) => sink.finish()));
    this.#isPointless();
  }

  /** Flushes sinks, lets signals be heard, and waits when there is nothing to do. */
  async #breathe(nowMs: number, idle: boolean): Promise<void> {
    if (idle || nowMs - this.#lastFlushMs >= FLUSH_MS) {
      for (const sink of this.#sinks) sink.flush();
      this.#lastFlushMs = nowMs;
    }
    // Once stopped no events come, so waiting for the reader loses nothing.
    if (this.#options.patient || this.#stopped) {
      for (const sink of this.#sinks) await sink.calm();
    }
    if (idle && !this.#source.ended) await this.#source.wait();
    else await nextTurn();
  }

  #isFull(): boolean {
    return this.#options.maxRecords !== null && this.records >= this.#options.maxRecords;
  }

  /** True when no further record would be written anywhere. */
  #isPointless(): boolean {
    const states = this.#sinks.map(({ state }) => state);
    const isRead = states.some(({ readerGone }) => !readerGone);
    const failed = states.some(({ failure }) => failure !== null);
    if (failed) this.stop("write_failed");
    else if (!isRead) this.stop("reader_gone");
    return failed || !isRead || this.#isFull();
  }
}

/** One turn of the event loop: asynchronous writes go on, signals are heard. A timer costs 2 ms. */
function nextTurn(): Promise<void> {
  return new Promise((resolve) => setImmediate(resolve));
}
