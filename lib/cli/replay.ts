/**
 * `sockeye replay FILE`: the records of a recording or packet capture. In: options and a file.
 * Out: records. It needs neither root nor the kernel; of ffi/ it loads what gives up privileges.
 */
import type { RecordingFacts } from "../capture/recording/format.ts";
import { RecordingInput } from "../capture/recording/input.ts";
import { replayOf } from "../capture/replay.ts";
import { captureBytes } from "../pipeline.ts";
import { quote, usageError } from "./errors.ts";
import { openLog } from "./messages.ts";
import { type OutputOptions, targetPids } from "./options.ts";
import { giveUp } from "./privileges.ts";
import { prepare, TraceRun } from "./trace_run.ts";
import { onEndSignal } from "./signals.ts";

/** Replays; of a damaged file the records before the damage are written, then the error. */
export async function replay(options: OutputOptions, file: string): Promise<number> {
  const log = openLog(options);
  const prepared = prepare(options);
  let traceRun: TraceRun | null = null;
  using _signals = onEndSignal(() => traceRun?.run.stop("asked"));
  const input = new RecordingInput(file);
  // Before the file's first byte is looked at, which may be hostile.
  prepared.begin();
  giveUp(log, ["output"]);
  using source = replayOf(input, captureBytes(options.memoryLimit));
  const pids = targetPids(options);
  const isCapture = source.start.way === "pcap";
  if (isCapture) refuseProcesses({ pid: pids, comm: options.comm }, file);
  traceRun = new TraceRun(source, options, prepared, {
    targeted: isCapture || pids.length + options.comm.length > 0 ||
      wasTargeted(source.facts?.filters),
    patient: true,
    boundOnly: options.port.length > 0 || hasValues(source.facts?.filters.port),
    filter: {
      pids: options.follow ? withChildren(pids, source.facts?.children) : pids,
      follow: options.follow,
      comm: options.comm,
      ports: options.port,
    },
  });
  await traceRun.work();
  traceRun.conclude(log, {}, source);
  if (source.failure !== null) throw source.failure;
  return 0;
}

/** Refuses --pid and --comm: they would leave no record, as if the capture had none. */
export function refuseProcesses(
  { pid, comm }: { readonly pid: readonly number[]; readonly comm: readonly string[] },
  file: string,
): void {
  const flag = pid.length > 0 ? "--pid" : comm.length > 0 ? "--comm" : null;
  if (flag === null) return;
  throw usageError(
    `Cannot use ${flag} on ${quote(file)}: a packet capture knows no processes`,
    "choose by --port or --protocol",
  );
}

/** The pids and their children at the recording's start; the pipeline adds later ones. */
function withChildren(
  pids: readonly number[],
  children: RecordingFacts["children"] = {},
): readonly number[] {
  return pids.flatMap((pid) => [pid, ...children[`${pid}`] ?? []]);
}

/** Was the recording made of chosen processes? Its replay then shows what the trace showed. */
function wasTargeted(filters: Readonly<Record<string, unknown>> | undefined): boolean {
  return filters !== undefined &&
    [filters.pid, filters.comm, filters.command].some((value) =>
      value === true || hasValues(value)
    );
}

function hasValues(list: unknown): boolean {
  return Array.isArray(list) && list.length > 0;
}
