/** Chooses how and where records are written. In: --output, --output-file. Out: a Sink. */
import { NdjsonSink } from "../sink/ndjson.ts";
import { openOutputFile, openStdout, type Output } from "../sink/output.ts";
import type { Sink } from "../sink/sink.ts";
import { TableSink, terminalScreen } from "../sink/table.ts";
import { systemReason } from "../system_reason.ts";
import { OperatorError, quote } from "./errors.ts";
import type { OutputOptions } from "./options.ts";

/** Without --output: a table for a terminal, NDJSON for programs and files. */
export function outputFormat(options: OutputOptions): "ndjson" | "table" {
  if (options.output !== undefined) return options.output;
  return options.outputFile === undefined && Deno.stdout.isTerminal() ? "table" : "ndjson";
}

/** Opens the way out; the file of --output-file is made anew. */
export function openSink(options: OutputOptions): Sink {
  const toTerminal = options.outputFile === undefined && Deno.stdout.isTerminal();
  const output = options.outputFile === undefined ? openStdout() : openFile(options.outputFile);
  return outputFormat(options) === "table"
    ? new TableSink(output, terminalScreen(toTerminal))
    : new NdjsonSink(output, toTerminal);
}

function openFile(path: string): Output {
  try {
    return openOutputFile(path);
  } catch (error) {
    throw new OperatorError(
      `Cannot write to --output-file ${quote(path)}: ${systemReason(error)}`,
      "name a file that you may write, in a folder that exists",
      1,
      { cause: error },
    );
  }
}

/** Throws when records could not be written: a full disk, mostly. */
export function checkWritten(sink: Sink, options: OutputOptions): void {
  if (sink.state.failure === null) return;
  const where = options.outputFile === undefined ? "stdout" : quote(options.outputFile);
  throw new OperatorError(
    `Cannot write records to ${where}: ${systemReason(sink.state.failure)}`,
    null,
    1,
    { cause: sink.state.failure },
  );
}
