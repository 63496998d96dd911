/**
 * --conn-trace-*: whose connections to log, and where to. In: options. Out: a ConnLog for the pipeline;
 * null without the options. Each line is written at once, so that a crash of ours hides none.
 */
import type { WallClock } from "../clock.ts";
import type { ConnLog } from "../conn/conn_log.ts";
import { ConnLogLines } from "../conn/conn_log_lines.ts";
import type { OutputFile } from "../output_file.ts";
import { quote, usageError } from "./errors.ts";
import { tell } from "./messages.ts";
import { cannotWrite, openNamed } from "./named_files.ts";

/** The flags by our names, and by those that Pixie's socket tracer has for the same. */
export interface ConnTraceOptions {
  connTracePid?: number;
  connTraceFd?: number;
  connTraceLevel?: 1 | 2;
  logFile?: string;
  showSecrets?: true;
  stirling_conn_trace_pid?: number;
  stirling_conn_trace_fd?: number;
  test_only_socket_trace_target_pid?: number;
}

/** The connection logs of a run; disposing closes --log-file. */
export interface ConnLogFile extends Disposable {
  /** Null when none are wanted. `clock` dates its lines. */
  open(clock: WallClock): ConnLog | null;
  /** Empties --log-file. */
  begin(): void;
  /** No connection is logged. */
  readonly silent: boolean;
  /** Throws when --log-file could not be written. */
  check(): void;
  /** A warning when no connection was logged; null when one was, or none was to be. */
  emptiness(): string | null;
}

/** Checks the options and opens --log-file. */
export function openConnTrace(options: ConnTraceOptions): ConnLogFile {
  const pid = options.connTracePid ?? options.stirling_conn_trace_pid ??
    options.test_only_socket_trace_target_pid ?? null;
  const fd = options.connTraceFd ?? options.stirling_conn_trace_fd ?? null;
  if (pid === null) {
    refuseAlone("--conn-trace-fd", fd);
    refuseAlone("--conn-trace-level", options.connTraceLevel ?? null);
    refuseAlone("--log-file", options.logFile ?? null);
    return {
      silent: true,
      open: () => null,
      begin: () => {},
      check: () => {},
      emptiness: () => null,
      [Symbol.dispose]: () => {},
    };
  }
  const level = options.connTraceLevel ?? 2;
  const { showSecrets } = options;
  const file = options.logFile === undefined ? null : new LogFile(options.logFile);
  let isEmpty = true;
  const write = (line: string): void => {
    isEmpty = false;
    if (file === null) tell(line);
    else file.write(line);
  };
  const whose = `pid ${pid}${fd === null ? "" : `, fd ${fd}`}`;
  return {
    silent: false,
    open: (clock) => new ConnLogLines({ pid, fd, level, showSecrets }, clock, write),
    begin: () => file?.begin(),
    check: () => file?.check(),
    emptiness: () =>
      isEmpty ? `no connection of ${whose} to log; its children have pids of their own` : null,
    [Symbol.dispose]: () => file?.close(),
  };
}

function refuseAlone(option: string, given: number | string | null): void {
  if (given === null) return;
  throw usageError(
    `Cannot use ${option} ${quote(String(given))}: no connection is logged`,
    "name the process, too: --conn-trace-pid",
  );
}

/** A file of lines, each written at once. */
class LogFile {
  readonly #path: string;
  #failure: unknown = null;
  readonly #file: OutputFile;
  readonly #encoder = new TextEncoder();

  constructor(path: string) {
    this.#path = path;
    this.#file = openNamed("--log-file", path);
  }

  begin(): void {
    this.#file.begin();
  }

  write(line: string): void {
    if (this.#failure !== null) return;
    const bytes = this.#encoder.encode(line);
    try {
      for (let at = 0; at < bytes.length;) at += this.#file.writeSync(bytes.subarray(at));
    } catch (error) {
      this.#failure = error;
    }
  }

  check(): void {
    if (this.#failure !== null) throw cannotWrite("--log-file", this.#path, this.#failure);
  }

  close(): void {
    this.#file[Symbol.dispose]();
  }
}
