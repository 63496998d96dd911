/**
 * What must hold for every record, wherever it came from: it keeps the schema, is the same in NDJSON
 * as JSON.stringify() says, and nothing in its table line or NDJSON line is obeyed by a terminal.
 */
import type { Summary } from "../../protocols/protocol.ts";
import type { TraceRecord } from "../../lib/record/record.ts";
import { NdjsonSink } from "../../lib/sink/ndjson.ts";
import { FileOutput } from "../../lib/sink/output.ts";
import { TableSink } from "../../lib/sink/table.ts";
import { recordViolations } from "../support/schema.ts";
import { hold, holdSame } from "./target.ts";

/** Controls, and what hides or reorders text; spelled unlike the sinks' own rule. */
// deno-lint-ignore no-control-regex
const OBEYED = /[\x00-\x09\x0b-\x1f\x7f-\x9f\u061c\u200b-\u200f\u2028-\u202e\u2060-\u206f\ufeff]/;
const LONE_SURROGATE = /[\ud800-\udbff](?![\udc00-\udfff])|(?<![\ud800-\udbff])[\udc00-\udfff]/;
/** The contract says about 200. */
const MAX_SUMMARY_CHARS = 1000;
/** Validating takes longer than everything else: so many records of an input, the first ones. */
const MAX_VALIDATED = 2;

export type Written = readonly [TraceRecord, Summary | null];

/** Checks records as they would be written one after another; `width` is the terminal's. */
export function checkOutputs(records: readonly Written[], width: number, validate: boolean): void {
  const plain = new Lines();
  const terminal = new Lines();
  const table = new Lines();
  const plainSink = new NdjsonSink(plain.output, false);
  const terminalSink = new NdjsonSink(terminal.output, true);
  const screen = { width: () => width, height: () => 0, colour: false };
  const tableSink = new TableSink(table.output, screen);
  for (const [record, summary] of records) {
    plainSink.write(record);
    terminalSink.write(record);
    tableSink.write(record, summary);
    for (const cell of summary === null ? [] : [summary.request, summary.response]) {
      hold(cell.length <= MAX_SUMMARY_CHARS, () => `summary of ${cell.length} characters`);
    }
  }
  const json = records.map(([record]) => JSON.stringify(record));
  holdSame(plain.lines(), json, "NDJSON");
  for (const line of terminal.lines()) JSON.parse(line);
  holdSame(terminal.lines().map(unescaped), json.map(unescaped), "NDJSON to a terminal");
  for (const line of [...terminal.lines(), ...table.lines()]) holdHarmless(line);
  const lines = records.length === 0 ? 0 : records.length + 1;
  hold(table.lines().length === lines, () => "a record of the table is not one line");
  if (!validate) return;
  for (const line of json.slice(0, MAX_VALIDATED)) {
    const violations = recordViolations(JSON.parse(line));
    hold(violations === null, () => `schema: ${violations}\n${line.slice(0, 2000)}`);
  }
}

/** Nothing in a line is obeyed by a terminal. */
export function holdHarmless(line: string): void {
  hold(!OBEYED.test(line) && !LONE_SURROGATE.test(line), () => `unsafe: ${JSON.stringify(line)}`);
}

/**
 * JSON with characters in the place of their numbers. Not by JSON.parse(): that of V8 15 now and then
 * takes the key "\\u202e" for a backslash.
 */
function unescaped(json: string): string {
  return json.replaceAll(
    /\\(?:u([0-9a-f]{4})|[^u])/g,
    (whole, code?: string) => code === undefined ? whole : String.fromCharCode(parseInt(code, 16)),
  );
}

/** An output that keeps what was written. */
class Lines {
  readonly output = new FileOutput(this);
  #text = "";

  writeSync(bytes: Uint8Array): number {
    this.#text += new TextDecoder("utf-8", { fatal: true, ignoreBOM: true }).decode(bytes);
    return bytes.length;
  }

  lines(): string[] {
    this.output.flush();
    if (this.output.failure !== null) throw this.output.failure;
    return this.#text.split("\n").slice(0, -1);
  }
}
