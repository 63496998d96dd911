/**
 * What the pipeline's records go into. A run may have several.
 *
 * In: records, with summaries where they were asked for. Out: whatever the sink makes of them; those
 * of this folder write lines (ndjson.ts, table.ts) on a way out (output.ts).
 */
import type { Summary, TraceRecord } from "../record/record.ts";
import type { Output } from "./output.ts";

/** How a sink fares. */
export interface SinkState {
  /** Nobody takes what is written any more. */
  readonly readerGone: boolean;
  /** Why writing failed, other than by a reader that went away; null when it did not. */
  readonly failure: unknown;
  /** Records dropped because the reader was too slow. */
  readonly droppedRecords: number;
}

export interface Sink {
  readonly state: SinkState;
  /** `summary` is there when the pipeline was asked for summaries. Never waits. */
  write(record: TraceRecord, summary: Summary | null): void;
  /** Hands on what is held back; returns at once. */
  flush(): void;
  /** Resolves when little is held back: for sources that can wait. */
  calm(): Promise<void>;
  /** Resolves when everything went out, or cannot any more. */
  finish(): Promise<void>;
}

/** A sink of lines. */
export abstract class LineSink implements Sink {
  protected readonly output: Output;

  constructor(output: Output) {
    this.output = output;
  }

  get state(): SinkState {
    return this.output;
  }

  abstract write(record: TraceRecord, summary: Summary | null): void;

  flush(): void {
    this.output.flush();
  }

  calm(): Promise<void> {
    return this.output.calm();
  }

  finish(): Promise<void> {
    return this.output.finish();
  }
}
