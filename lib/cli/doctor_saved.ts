/**
 * Facts for the doctor from a recording or packet capture. In: a file, and the filters of the replay
 * that misses records. Out: the same facts as of a process, as far as a file has them; those about
 * processes are empty. It needs neither root nor the kernel.
 */
import { plugins } from "../../protocols/registry.ts";
import { EntryKind } from "../capture/abi.ts";
import type { SocketEvent } from "../capture/event.ts";
import { describeNotRead } from "../capture/pcap/not_read.ts";
import { RecordingInput } from "../capture/recording/input.ts";
import { replayOf } from "../capture/replay.ts";
import type { ReplaySource } from "../capture/replay_source.ts";
import type { DoctorFacts, SavedFacts, Snapshot, Wanted } from "../doctor/facts.ts";
import { Observer } from "../doctor/observe.ts";
import type { Log } from "../log.ts";
import { captureBytes, Pipeline } from "../pipeline.ts";
import { Stats } from "../stats.ts";
import { quote, usageError } from "./errors.ts";
import type { DoctorOptions } from "./options.ts";
import { giveUp } from "./privileges.ts";
import { refuseProcesses } from "./replay.ts";
import { onEndSignal } from "./signals.ts";

const NOTHING: Snapshot = { processes: [], sockets: [], files: [], io: new Map(), moved: null };
/** The facts that only a live process has. */
const NO_PROCESS = {
  targetsEnded: false,
  ownNetNamespace: "",
  before: NOTHING,
  after: NOTHING,
  diagFailure: null,
  counters: {},
  ringBytes: 0,
} as const;

/** Reads the file to its end, or to the first signal. */
export async function examineFile(
  file: string,
  options: DoctorOptions,
  wanted: Wanted,
  log: Log,
): Promise<DoctorFacts> {
  refuseCapture(options, file);
  let stop = (): void => {};
  using _signals = onEndSignal(() => stop());
  const input = new RecordingInput(file);
  // Before the file's first byte is looked at, which may be hostile.
  giveUp(log, ["output"]);
  using source = replayOf(input, captureBytes(options.memoryLimit));
  stop = () => source.stop();
  const limitNs = options.duration === undefined ? Infinity : options.duration * 1e6;
  const pids = options.pid === undefined ? [] : [options.pid];
  if (source.start.way === "pcap") refuseProcesses({ pid: pids, comm: options.comm }, file);
  const observer = new Observer();
  const stats = new Stats();
  const pipeline = openPipeline(source, observer, options, stats);
  const isChosen = chooser(pids, options.follow, source);
  const lastNs = await readAll(source, limitNs, (event) => {
    if (!isChosen(event)) return;
    observer.onEvent(event);
    pipeline.onEvent(event);
  });
  pipeline.finish();
  return {
    ...NO_PROCESS,
    pid: options.pid ?? 0,
    follow: options.follow,
    way: source.start.way,
    seconds: lastNs / 1e9,
    wanted,
    connections: observer.connections,
    uncounted: observer.uncounted,
    calls: observer.calls,
    socketIoBytes: observer.socketIoBytes,
    lost: stats.lostEntries > 0 ? new Map([["data_events", stats.lostEntries]]) : new Map(),
    saved: savedFacts(source, file),
  };
}

/** Hands each event before `limitNs` to `take`; the time of the last one, in nanoseconds. */
async function readAll(
  source: ReplaySource,
  limitNs: number,
  take: (event: SocketEvent) => void,
): Promise<number> {
  let lastNs = 0;
  while (!source.ended) {
    const count = source.drain((event) => {
      if (event.timeNs >= limitNs) return source.stop();
      lastNs = Math.max(lastNs, event.timeNs);
      take(event);
    });
    if (count === 0 && !source.ended) await source.wait();
    else await new Promise((resolve) => setImmediate(resolve));
  }
  return lastNs;
}

function savedFacts(source: ReplaySource, path: string): SavedFacts {
  return {
    path,
    format: source.format,
    counts: source.counts(),
    notRead: describeNotRead(source.notRead()),
    failure: source.failure?.reason ?? null,
  };
}

/** Refuses options that say how a process is captured. */
function refuseCapture(options: DoctorOptions, file: string): void {
  const given = {
    "--capture": options.capture,
    "--ring-mib": options.ringMib,
    "--unfiltered": options.unfiltered,
    "--libbpf": options.libbpf,
  };
  for (const [flag, value] of Object.entries(given)) {
    if (value === undefined) continue;
    throw usageError(`Cannot use ${flag} on ${quote(file)}: it was captured before`);
  }
}

/** Chooses the events of these processes and, with `follow`, of their children as they start. */
function chooser(
  pids: readonly number[],
  follow: boolean,
  source: ReplaySource,
): (event: SocketEvent) => boolean {
  if (pids.length === 0) return () => true;
  const known = follow ? pids.flatMap((pid) => source.facts?.children?.[`${pid}`] ?? []) : [];
  const chosen = new Set([...pids, ...known]);
  return (event) => {
    // A START entry has the parent's pid in place of a total.
    if (event.kind === EntryKind.START && follow && chosen.has(event.totalBytes)) {
      chosen.add(event.pid);
    }
    const isOfProcess = event.kind === EntryKind.DATA || event.kind === EntryKind.OPEN;
    return !isOfProcess || chosen.has(event.pid);
  };
}

function openPipeline(
  source: ReplaySource,
  observer: Observer,
  options: DoctorOptions,
  stats: Stats,
): Pipeline {
  return new Pipeline(
    source.start,
    {
      protocols: plugins,
      showUnknown: false,
      maxBodyBytes: 0,
      showSecrets: false,
      requestTimeoutMs: options.requestTimeout ?? null,
      memoryLimitBytes: options.memoryLimit,
      source,
      summaries: false,
      hasOpens: true,
      connLog: observer,
    },
    stats,
    () => {},
  );
}
