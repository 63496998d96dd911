/** Chooses how and where records are written. In: --output, --output-file. Out: a Sink. */
import { NdjsonSink } from "../sink/ndjson.ts";
import { openOutput, openStdout } from "../sink/output.ts";
import type { OutputFile } from "../output_file.ts";
import type { Sink } from "../sink/sink.ts";
import { TableSink, terminalScreen } from "../sink/table.ts";
import { systemReason } from "../system_reason.ts";
import { OperatorError, quote } from "./errors.ts";
import { openNamed } from "./named_files.ts";
import type { OutputOptions } from "./options.ts";

const O_ACCMODE = 3, O_RDONLY = 0;

/** Without --output: a table for a terminal, NDJSON for programs and files. */
export function outputFormat(options: OutputOptions): "ndjson" | "table" {
  if (options.output !== undefined) return options.output;
  return options.outputFile === undefined && Deno.stdout.isTerminal() ? "table" : "ndjson";
}

/** The file of --output-file; null without the option. */
export function openRecordsFile(options: OutputOptions): OutputFile | null {
  const { outputFile } = options;
  return outputFile === undefined ? null : openNamed("--output-file", outputFile);
}

/** Opens the sink: into that file, or to stdout. `protocols`: every name that its records may have. */
export function openSink(
  options: OutputOptions,
  file: OutputFile | null,
  protocols: readonly string[],
): Sink {
  if (file === null && isStdoutClosed()) {
    throw new OperatorError(
      "Cannot write records to stdout: it is closed",
      "open it, or name a file with --output-file",
    );
  }
  const toTerminal = file === null && Deno.stdout.isTerminal();
  const output = file === null ? openStdout() : openOutput(file);
  return outputFormat(options) === "table"
    ? new TableSink(output, terminalScreen(toTerminal), protocols)
    : new NdjsonSink(output, toTerminal);
}

/** Was stdout closed at the start? Then the stub has put a read-only /dev/null there. */
function isStdoutClosed(): boolean {
  try {
    const flags = /^flags:\s+([0-7]+)$/m.exec(Deno.readTextFileSync("/proc/self/fdinfo/1"))?.[1];
    return flags !== undefined && (Number.parseInt(flags, 8) & O_ACCMODE) === O_RDONLY;
  } catch {
    return false; // a /proc of another pid namespace, or none
  }
}

/** Throws when records could not be written, as on a full disk. */
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
