/**
 * The options of trace, replay and doctor: their names, their checks, and the typed values they
 * become. In: commander's words. Out: TraceOptions, OutputOptions or DoctorOptions, or an error that
 * names the option. What needs the kernel or the list of protocols is checked where those are at
 * hand (trace.ts, doctor.ts).
 */
import {
  Command,
  type CommandUnknownOpts,
  Option,
  type OptionValues,
} from "@commander-js/extra-typings";
import type { ConnTraceOptions } from "./conn_trace.ts";
import type { StatsOptions } from "./live_stats.ts";
import { parseInteger } from "./units.ts";
import {
  append,
  choice,
  duration,
  GIB,
  KIB,
  MAX_MEMORY_LIMIT,
  MIB,
  parseComms,
  parseFd,
  parsePid,
  parsePorts,
  parseProtocols,
  size,
  SNAPLEN,
} from "./values.ts";

export interface FilterOptions {
  pid: number[];
  comm: string[];
  port: number[];
  /** Names as given; selectProtocols() checks them. */
  protocol: string[];
  role?: "client" | "server";
  follow: boolean;
}

/** What shapes the records and where they go: shared by live traces and replays. */
export interface OutputOptions extends FilterOptions, ConnTraceOptions, StatsOptions {
  output?: "ndjson" | "table";
  outputFile?: string;
  maxBody: number;
  maxRecords?: number;
  /** Milliseconds. */
  duration?: number;
  /** Milliseconds. */
  requestTimeout?: number;
  memoryLimit: number;
  showSecrets?: true;
  quiet?: true;
  verbose: number;
}

/** Options of the commands that attach to the kernel. */
interface CaptureOptions {
  capture?: "socket" | "syscall";
  snaplen: number;
  ringMib?: number;
  unfiltered?: true;
  libbpf?: string;
}

export interface TraceOptions extends OutputOptions, CaptureOptions {
  /** Plain text inside TLS, too. */
  tls: boolean;
  record?: string;
}

/** The process or file, and the options of the trace or replay that misses records. */
export interface DoctorOptions extends Omit<FilterOptions, "pid">, CaptureOptions {
  /** With a file, only for a recording: a packet capture has no pids. */
  pid?: number;
  fd?: number;
  /** Milliseconds. */
  duration?: number;
  /** Milliseconds. */
  requestTimeout?: number;
  output?: "table" | "json";
  memoryLimit: number;
  quiet?: true;
}

const NONE: number[] = [];
const NOTHING: string[] = [];

// Options that several commands have; each function adds some to the command that is being built.

function addFilters<O extends OptionValues>(command: Command<[], O>) {
  return command
    .addOption(
      new Option("--comm <list>", "processes of these names, as in nginx,php-fpm")
        .default(NOTHING, "all").argParser(parseComms),
    )
    .addOption(
      new Option("--port <list>", "connections with one of these ports at either end, as in 80,443")
        .default(NONE, "all").argParser(parsePorts),
    )
    .addOption(
      new Option("--protocol <list>", "these protocols, as in http,redis")
        .default(NOTHING, "all").argParser(parseProtocols),
    )
    .option(
      "--role <role>",
      "where the process is client, or server",
      choice("--role", ["client", "server"]),
    )
    .option("--no-follow", "the given processes without their children");
}

/** --request-timeout and --memory-limit. */
function addBounds<O extends OptionValues>(command: Command<[], O>) {
  return command
    .option(
      "--request-timeout <time>",
      "wait this long for a response (default: 30s, dns 5s)",
      duration("--request-timeout"),
    )
    .addOption(
      new Option("--memory-limit <size>", "bound on what unfinished messages may take")
        .default(256 * MIB, "256MiB").argParser(size("--memory-limit", MIB, MAX_MEMORY_LIMIT)),
    );
}

function addCapture<O extends OptionValues>(command: Command<[], O>) {
  return command
    .option(
      "--capture <way>",
      "socket or syscall (default: what the kernel has)",
      choice("--capture", ["socket", "syscall"]),
    )
    .addOption(
      new Option("--snaplen <size>", "bytes kept of one operation")
        .default(SNAPLEN, "about 1MiB").argParser(size("--snaplen", 64, GIB)),
    )
    .option(
      "--ring-mib <n>",
      "memory of the perf buffers, all CPUs together",
      (text) => parseInteger("--ring-mib", text, { min: 1, max: 64 * KIB }),
    )
    .option("--unfiltered", "keep payload of connections of no known protocol, too")
    .option("--libbpf <path>", "use this libbpf; system: the one installed");
}

/** Which connections: a live trace filters in the kernel, a replay in user space. */
function filterOptions(name: string) {
  const command = new Command(name)
    .optionsGroup("What to trace (different filters must all match, a repeated one any):")
    .addOption(
      new Option("-p, --pid <pid>", "this process and its children")
        .default(NONE, "all").argParser(append(parsePid("--pid"))),
    );
  return addFilters(command)
    .addOption(
      new Option("--test_only_socket_trace_target_pid <pid>")
        .argParser(parsePid("--test_only_socket_trace_target_pid")).hideHelp(),
    );
}

/** --pid, and the flag that Pixie's socket tracer has for it. */
export function targetPids(options: OutputOptions): number[] {
  const seed = options.test_only_socket_trace_target_pid;
  return seed === undefined ? options.pid : [...options.pid, seed];
}

/** Options for finding out why a record is missing: connection logs and statistics. */
function diagnosticOptions(name: string) {
  const level = choice("--conn-trace-level", ["1", "2"]);
  return recordOptions(name)
    .optionsGroup("When something is missing (see also sockeye doctor):")
    .addOption(
      new Option(
        "--conn-trace-pid <pid>",
        "log what is made of this process's connections (0: of those in a packet capture)",
      ).argParser(parsePid("--conn-trace-pid", 0)),
    )
    .addOption(
      new Option("--conn-trace-fd <fd>", "of this descriptor of it only")
        .argParser(parseFd("--conn-trace-fd")),
    )
    .addOption(
      new Option("--conn-trace-level <level>", "1: changes of state, 2: every step (default)")
        .argParser((text) => level(text) === "1" ? 1 : 2),
    )
    .option("--log-file <file>", "write these logs to this file, not to stderr")
    .option("--stats", "print counters of every stage, at the end and live on a terminal")
    .option("--stats-file <file>", "write the counters to this file at the end, as JSON")
    .addOption(
      new Option("--stirling_conn_trace_pid <pid>")
        .argParser(parsePid("--stirling_conn_trace_pid")).hideHelp(),
    )
    .addOption(
      new Option("--stirling_conn_trace_fd <fd>")
        .argParser(parseFd("--stirling_conn_trace_fd")).hideHelp(),
    );
}

/** Options that shape the records and say where they go. */
function recordOptions(name: string) {
  const command = filterOptions(name)
    .optionsGroup("Records and when to end:")
    .option(
      "-o, --output <format>",
      "ndjson, or table (default on a terminal)",
      choice("--output", ["ndjson", "table"]),
    )
    .option("--output-file <file>", "write records to this file")
    .addOption(
      new Option("--max-body <size>", "bytes shown of a body or value")
        .default(4 * KIB, "4KiB").argParser(size("--max-body", 0, 16 * MIB)),
    )
    .option(
      "-c, --max-records <n>",
      "end after this many records",
      (text) => parseInteger("--max-records", text, { min: 1, max: 1e15 - 1 }),
    )
    .option("--duration <time>", "end after this time, as in 10s", duration("--duration"))
    .option("--show-secrets", "print passwords, cookies and authorization values");
  return addBounds(command)
    .option("-q, --quiet", "no ready line and no summary")
    .addOption(
      new Option("-v, --verbose", "say more on stderr; -vv: yet more")
        .default(0).preset(1).argParser((_, count: number) => count + 1),
    );
}

/** Options that only a live trace has. */
function liveOptions(name: string) {
  return addCapture(diagnosticOptions(name).optionsGroup("Capture:"))
    .option("--no-tls", "leave TLS as it is: no plain text of it")
    .option("-w, --record <file>", "save the events, too, for sockeye replay");
}

/** `words`: arguments that are no options. A trace takes none; its own error says more than commander's. */
export function traceCommand(
  name: string,
  run: (options: TraceOptions, words: readonly string[]) => Promise<void>,
): CommandUnknownOpts {
  return liveOptions(name)
    .argument("[words...]")
    .action((words, options) => run(options, words));
}

/** A replay takes the options that shape records, and no others. */
export function replayCommand(
  run: (options: OutputOptions, file: string) => Promise<void>,
): CommandUnknownOpts {
  return diagnosticOptions("replay")
    .description("the same records from a recording or a packet capture")
    .argument("<file>", "a recording or pcap file; - reads a pipe")
    .action((file, options) => run(options, file));
}

export function doctorCommand(
  run: (options: DoctorOptions, file: string | undefined) => Promise<void>,
): CommandUnknownOpts {
  const process = new Command("doctor")
    .description("why is a record missing: watch one process, or read a file, stage by stage")
    .optionsGroup("The process, and the filters of the trace that misses records:")
    .option("-p, --pid <pid>", "this process and its children", parsePid("--pid"))
    .option("--fd <fd>", "this descriptor of it", parseFd("--fd"));
  const watch = addFilters(process)
    .optionsGroup("How to watch, and the report:")
    .option("--duration <time>", "watch this long (default: 10s)", duration("--duration"))
    .option(
      "-o, --output <format>",
      "table (default), or json",
      choice("--output", ["table", "json"]),
    )
    .option("-q, --quiet", "no ready line");
  return addBounds(addCapture(watch))
    .argument("[file]", "a recording or pcap file, in place of a process; - reads a pipe")
    .action((file, options) => run(options, file));
}
