/** What the pipeline's records go into: a way to show them (ndjson.ts, table.ts) on a way out (output.ts). */
import type { Summary, TraceRecord } from "../record/record.ts";
import type { Output } from "./output.ts";

export interface Sink {
  readonly output: Output;
  /** `summary` is there when the pipeline was asked for summaries. */
  write(record: TraceRecord, summary: Summary | null): void;
}
