/**
 * A sink takes the pipeline's records. A run may have several.
 *
 * In: records, with summaries where the pipeline was asked for them. Out: what the sink makes of them;
 * those of this folder (ndjson.ts, table.ts) write lines to an Output (output.ts).
 */
import type { Summary, TraceRecord } from "../record/record.ts";
import type { Output } from "./output.ts";

/** Whether a sink can still write, and what it lost. */
export interface SinkState {
  /** The reader closed its end. */
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
  /** Sends what it has buffered; returns at once. */
  flush(): void;
  /** Resolves when little is buffered: for sources that can wait. */
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
