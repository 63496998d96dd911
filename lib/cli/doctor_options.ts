/**
 * The options of `sockeye doctor`: a pid, and those of the trace that misses records. In: commander's
 * words. Out: DoctorOptions, or an error that names the option.
 */
import {
  Command,
  type CommandUnknownOpts,
  Option,
  type OptionValues,
} from "@commander-js/extra-typings";
import {
  append,
  choice,
  duration,
  GIB,
  KIB,
  MIB,
  parseComm,
  parseFd,
  parsePid,
  parsePort,
  parseProtocols,
  size,
  SNAPLEN,
} from "./values.ts";
import { parseInteger } from "./units.ts";

export interface DoctorOptions {
  pid: number;
  /** Names as given; checked against the registry. */
  protocol: string[];
  fd?: number;
  port: number[];
  comm: string[];
  role?: "client" | "server";
  follow: boolean;
  /** Milliseconds. */
  duration?: number;
  /** Milliseconds. */
  requestTimeout?: number;
  output?: "table" | "json";
  capture?: "socket" | "syscall";
  snaplen: number;
  ringMib?: number;
  memoryLimit: number;
  unfiltered?: true;
  libbpf?: string;
  quiet?: true;
}

const NONE: number[] = [];
const NOTHING: string[] = [];

export function doctorCommand(run: (options: DoctorOptions) => Promise<void>): CommandUnknownOpts {
  const command = new Command("doctor")
    .description("why is a record missing: watch one process, stage by stage")
    .optionsGroup("The process, and the filters of the trace that misses records:")
    .requiredOption("-p, --pid <pid>", "this process and its children", parsePid("--pid"))
    .option("--fd <fd>", "this descriptor of it", parseFd("--fd"))
    .addOption(
      new Option("--protocol <list>", "these protocols, as in http,redis")
        .default(NOTHING, "all").argParser(parseProtocols),
    )
    .addOption(
      new Option("--port <port>", "connections with this port at either end")
        .default(NONE, "all").argParser(parsePort),
    )
    .addOption(
      new Option("--comm <name>", "processes of this name")
        .default(NOTHING, "all").argParser(append(parseComm)),
    )
    .option(
      "--role <role>",
      "where the process is client, or server",
      choice("--role", ["client", "server"]),
    )
    .option("--no-follow", "the process without its children");
  return addCapture(command).action((options) => run(options));
}

/** How long, how, and what to print. */
function addCapture<O extends OptionValues>(command: Command<[], O>) {
  return command
    .optionsGroup("How to watch, and the report:")
    .option("--duration <time>", "watch this long (default: 10s)", duration("--duration"))
    .option(
      "-o, --output <format>",
      "table (default), or json",
      choice("--output", ["table", "json"]),
    )
    .option("-q, --quiet", "no ready line")
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
    .addOption(
      new Option("--memory-limit <size>", "bound on what unfinished messages may take")
        .default(256 * MIB, "256MiB").argParser(size("--memory-limit", MIB, 64 * GIB)),
    )
    .option(
      "--request-timeout <time>",
      "wait this long for a response (default: 30s, dns 5s)",
      duration("--request-timeout"),
    )
    .option("--unfiltered", "keep payload of connections of no known protocol, too")
    .option("--libbpf <path>", "use this libbpf; system: the one installed");
}
