/** `sockeye trace`: a live trace. In: options and COMMAND. Out: records, and an exit code. */
import { type LiveOptions, type LiveSource, openLive } from "../capture/live/source.ts";
import { Recorder } from "../capture/recording/recorder.ts";
import { compressionOf } from "../capture/recording/format.ts";
import { childrenOf } from "../capture/live/targets.ts";
import type { Log } from "../log.ts";
import { prepareText } from "../wire/text.ts";
import { CommandProcess, expectedFiles } from "./command_process.ts";
import { openLog } from "./messages.ts";
import { targetPids, type TraceOptions } from "./options.ts";
import { giveUp, needsOf } from "./privileges.ts";
import { prepare, TraceRun } from "./trace_run.ts";
import { EndSignals } from "./signals.ts";
import { VERSION } from "./version.ts";

/**
 * Traces until a signal, a limit, or the end of all targets. The exit code is COMMAND's when there is
 * one; `name` is COMMAND's name in the ready line.
 */
export async function trace(
  options: TraceOptions,
  command: readonly string[],
  name: string = command[0] ?? "",
): Promise<number> {
  const log = openLog(options);
  const prepared = prepare(options);
  using signals = new EndSignals();
  using source = openLive(liveOptions(options, command, log));
  using recorder = openRecorder(options, command, source);
  const traceRun = new TraceRun(source, options, prepared, {
    targeted: targetPids(options).length + options.comm.length + command.length > 0,
    patient: false,
    boundOnly: options.port.length > 0,
    recorder,
    verdict: (conn, verdict, passing) => {
      // For a recording, bodies are sent whole.
      if (passing === undefined || recorder === null) source.setVerdict(conn, verdict, passing);
    },
  });
  using held = command.length > 0
    ? CommandProcess.hold(command, options.outputFile !== undefined)
    : null;
  if (held !== null) source.addTarget(held.pid);
  signals.react((signal) => {
    traceRun.run.stop("asked");
    held?.passOn(signal);
  });
  // Everything is open, attached and started: the bytes that come now may be hostile.
  prepared.begin();
  recorder?.begin();
  giveUp(log, needsOf(options), held?.pid);
  await signals.turn();
  if (signals.first === null) {
    log.info(readyLine(options, name, source));
    held?.release();
  } else {
    held?.cancel();
  }
  prepareText();
  await traceRun.work();
  const counters = source.counters();
  traceRun.conclude(log, counters);
  const exitCode = held === null ? 0 : await held.exitCode();
  signals.settle();
  return exitCode;
}

function isUnfiltered(options: TraceOptions): boolean {
  return options.unfiltered === true || options.test_only_socket_trace_target_pid !== undefined;
}

function liveOptions(options: TraceOptions, command: readonly string[], log: Log): LiveOptions {
  const [name] = command;
  return {
    way: options.capture,
    pids: targetPids(options),
    comm: options.comm,
    ports: options.port,
    follow: options.follow,
    unfiltered: isUnfiltered(options),
    snaplen: options.snaplen,
    ringMib: options.ringMib,
    libbpf: options.libbpf,
    tls: options.tls,
    warn: (message) => log.error(`warning: ${message}`),
    tell: (message) => log.verbose(1, message),
    command: command.length > 0,
    expected: options.tls && name !== undefined ? expectedFiles(name) : [],
  };
}

function openRecorder(
  options: TraceOptions,
  command: readonly string[],
  source: LiveSource,
): Recorder | null {
  if (options.record === undefined) return null;
  const filters = {
    pid: targetPids(options),
    command: command.length > 0,
    comm: options.comm,
    port: options.port,
    follow: options.follow,
    unfiltered: isUnfiltered(options),
  };
  const parents = options.follow ? targetPids(options) : [];
  const children = Object.fromEntries(parents.map((pid) => [pid, childrenOf(source.files, pid)]));
  const facts = { version: VERSION, filters, children };
  return new Recorder(options.record, source.start, facts, compressionOf(options.record));
}

/** "ready after 120 ms: tracing …", what and how. Scripts wait for the first two words. */
function readyLine(
  options: TraceOptions,
  command: string,
  source: LiveSource,
): string {
  const parts: string[] = [];
  const pids = targetPids(options);
  const children = options.follow ? " and its children" : "";
  if (command !== "") parts.push(`${command}${children}`);
  if (pids.length > 0) {
    const theirs = pids.length > 1 ? children.replace("its", "their") : children;
    parts.push(`pid ${pids.join(", ")}${theirs}`);
  }
  if (options.comm.length > 0) parts.push(`processes named ${options.comm.join(", ")}`);
  if (parts.length === 0) parts.push("every process");
  if (options.port.length > 0) parts.push(`port ${options.port.join(", ")}`);
  const ms = Math.round(performance.now());
  return `ready after ${ms} ms: tracing ${parts.join(", ")}, ${source.way} way; Ctrl-C ends`;
}
