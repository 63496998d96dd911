/**
 * Records as NDJSON, one object a line, keys in the record's order.
 * In: records. Out: text for an Output. It never changes a value; towards a terminal, characters
 * that a terminal could obey are written as \uNNNN, which means the same to a JSON parser.
 */
import type { TraceRecord } from "../record/record.ts";
import { toJson } from "../wire/json.ts";
import { escapeJson } from "./escape.ts";
import type { Output } from "./output.ts";
import type { Sink } from "./sink.ts";

export class NdjsonSink implements Sink {
  readonly output: Output;
  readonly #toTerminal: boolean;

  constructor(output: Output, toTerminal: boolean) {
    this.output = output;
    this.#toTerminal = toTerminal;
  }

  write(record: TraceRecord): void {
    const line = toJson(record);
    this.output.write(this.#toTerminal ? `${escapeJson(line)}\n` : `${line}\n`, 1);
  }
}
