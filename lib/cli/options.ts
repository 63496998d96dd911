/**
 * The options of a trace: their names, their checks, and the one typed value they become.
 * In: commander's words. Out: TraceOptions, or an error that names the option. What needs the
 * kernel or the list of protocols is checked where those are at hand (trace.ts).
 */
import { Command, type CommandUnknownOpts, Option } from "@commander-js/extra-typings";
import { MAX_PORTS } from "../capture/abi.ts";
import { quote, usageError } from "./errors.ts";
import { parseDuration, parseInteger, parseSize } from "./units.ts";

const KIB = 1024;
const MIB = 1024 * KIB;
const GIB = 1024 * MIB;
/** The kernel's TASK_COMM_LEN without the closing zero. */
const MAX_COMM_BYTES = 15;
const MAX_PID = 2 ** 22;

export interface FilterOptions {
  pid: number[];
  comm: string[];
  port: number[];
  /** Names as given; checked against the registry. */
  protocol: string[];
  role?: "client" | "server";
}

/** What shapes the records and where they go: shared by live traces and replays. */
export interface OutputOptions extends FilterOptions {
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

export interface TraceOptions extends OutputOptions {
  follow: boolean;
  capture?: "socket" | "syscall";
  snaplen: number;
  ringMib?: number;
  unfiltered?: true;
  libbpf?: string;
  record?: string;
  /** The seed's spelling: a pid to trace without the in-kernel protocol filter. */
  test_only_socket_trace_target_pid?: number;
}

function append<T>(parse: (text: string) => T): (text: string, before: T[]) => T[] {
  return (text, before) => [...before, parse(text)];
}

function choice<const T extends string>(option: string, values: readonly T[]): (text: string) => T {
  return (text) => {
    const found = values.find((value) => value === text);
    if (found === undefined) {
      throw usageError(`Cannot use ${option} ${quote(text)}: not one of ${values.join(", ")}`);
    }
    return found;
  };
}

function parsePid(option: string): (text: string) => number {
  return (text) => parseInteger(option, text, { min: 1, max: MAX_PID });
}

function duration(option: string): (text: string) => number {
  return (text) => parseDuration(option, text);
}

function parseComm(text: string): string {
  const bytes = new TextEncoder().encode(text).length;
  if (bytes === 0) throw usageError(`Cannot use --comm ${quote(text)}: name is empty`);
  if (bytes > MAX_COMM_BYTES) {
    throw usageError(
      `Cannot use --comm ${quote(text)}: longer than ${MAX_COMM_BYTES} bytes`,
      `the kernel keeps the first ${MAX_COMM_BYTES}: use --comm ${
        quote(text.slice(0, MAX_COMM_BYTES))
      }`,
    );
  }
  return text;
}

function parsePort(text: string, before: number[]): number[] {
  const port = parseInteger("--port", text, { min: 1, max: 65535 });
  if (before.length === MAX_PORTS) {
    throw usageError(`Cannot use --port ${quote(text)}: more than ${MAX_PORTS} ports`);
  }
  return [...before, port];
}

function parseProtocols(text: string, before: string[]): string[] {
  const names = text.split(",").map((name) => name.trim());
  if (names.includes("")) throw usageError(`Cannot use --protocol ${quote(text)}: a name is empty`);
  return [...before, ...names];
}

const size = (option: string, min: number, max: number) => (text: string): number =>
  parseSize(option, text, { min, max });

/** Which connections: a live trace filters in the kernel, a replay in user space. */
function filterOptions(name: string) {
  const none: number[] = [];
  const nothing: string[] = [];
  return new Command(name)
    .optionsGroup("What to trace (different filters must all match, a repeated one any):")
    .addOption(
      new Option("-p, --pid <pid>", "this process and its children")
        .default(none, "all").argParser(append(parsePid("--pid"))),
    )
    .addOption(
      new Option("--comm <name>", "processes of this name")
        .default(nothing, "all").argParser(append(parseComm)),
    )
    .addOption(
      new Option("--port <port>", "connections with this port at either end")
        .default(none, "all").argParser(parsePort),
    )
    .addOption(
      new Option("--protocol <list>", "these protocols, as in http,redis")
        .default(nothing, "all").argParser(parseProtocols),
    )
    .option(
      "--role <role>",
      "where the process is client, or server",
      choice("--role", ["client", "server"]),
    );
}

/** What shapes the records and where they go. */
function outputOptions(name: string) {
  return filterOptions(name)
    .optionsGroup("Records and when to end:")
    .option(
      "-o, --output <format>",
      "ndjson, or table (default on a terminal)",
      choice("--output", ["ndjson", "table"]),
    )
    .option("--output-file <file>", "write records to this file, mode 0600")
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
    .option(
      "--request-timeout <time>",
      "wait this long for a response (default: 30s, dns 5s)",
      duration("--request-timeout"),
    )
    .option("--show-secrets", "print passwords, cookies and authorization values")
    .addOption(
      new Option("--memory-limit <size>", "bound on what unfinished messages may take")
        .default(256 * MIB, "256MiB").argParser(size("--memory-limit", MIB, 64 * GIB)),
    )
    .option("-q, --quiet", "no ready line and no summary")
    .addOption(
      new Option("-v, --verbose", "say more on stderr; -vv: yet more")
        .default(0).preset(1).argParser((_, count: number) => count + 1),
    );
}

/** What only a live trace has. */
function liveOptions(name: string) {
  return outputOptions(name)
    .optionsGroup("Capture:")
    .option("--no-follow", "trace the given processes without their children")
    .option(
      "--capture <way>",
      "socket or syscall (default: what the kernel has)",
      choice("--capture", ["socket", "syscall"]),
    )
    .addOption(
      new Option("--snaplen <size>", "bytes kept of one operation")
        .default(MIB, "1MiB").argParser(size("--snaplen", 64, GIB)),
    )
    .option(
      "--ring-mib <n>",
      "memory of the perf buffers, all CPUs together",
      (text) => parseInteger("--ring-mib", text, { min: 1, max: 64 * KIB }),
    )
    .option("--unfiltered", "keep payload of connections of no known protocol, too")
    .option("-w, --record <file>", "save the events, too, for sockeye replay; mode 0600")
    .option("--libbpf <path>", "use this libbpf; system: the one installed")
    .addOption(
      new Option("--test_only_socket_trace_target_pid <pid>")
        .argParser(parsePid("--test_only_socket_trace_target_pid")).hideHelp(),
    );
}

/** `words` are left over on the line: a trace takes none, and says so better than a parser can. */
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
  return outputOptions("replay")
    .description("the same records from a recording or a packet capture")
    .argument("<file>", "a recording or pcap file; - reads a pipe")
    .action((file, options) => run(options, file));
}
