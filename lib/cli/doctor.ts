/**
 * `sockeye doctor`: why is a record missing? In: a pid, and the filters of the trace that misses it.
 * Out: what happens to the process's traffic at each stage, a verdict, and an exit code: 0 when
 * records come, 3 when it found why they (or some) do not.
 *
 * With a recording or packet capture in place of a pid: the same stages over the file (doctor_saved.ts).
 *
 * It traces the process without the given filters, so that connections that they leave out show, too.
 */
import { openSockDiag, type SockDiag } from "../../ffi/sock_diag.ts";
import { plugins } from "../../protocols/registry.ts";
import { type LiveSource, openLive } from "../capture/live/source.ts";
import type { BufferLoss } from "../capture/source.ts";
import type { DoctorFacts, IoBytes, Snapshot, Wanted } from "../doctor/facts.ts";
import { Observer } from "../doctor/observe.ts";
import { pidOutside, processTree, takeSnapshot } from "../doctor/process.ts";
import { stagesOf } from "../doctor/stages.ts";
import { judge } from "../doctor/verdict.ts";
import type { Log } from "../log.ts";
import { Pipeline } from "../pipeline.ts";
import { Stats } from "../stats.ts";
import { runtimeFiles, type SystemFiles } from "../system_files.ts";
import { type Report, reportJson, reportText } from "./doctor_report.ts";
import { examineFile } from "./doctor_saved.ts";
import { OperatorError, usageError } from "./errors.ts";
import { answer, openLog } from "./messages.ts";
import type { DoctorOptions } from "./options.ts";
import { giveUp } from "./privileges.ts";
import { selectProtocols } from "./protocols.ts";
import { onEndSignal } from "./signals.ts";

const DEFAULT_DURATION_MS = 10_000;
const FOUND_WHY_NOT = 3;
/** A drain that takes longer (milliseconds) has probably left entries in the rings. */
const BUSY_MS = 2;
const OWN_NAMESPACE = "/proc/self/ns/net";

export async function doctor(options: DoctorOptions, file?: string): Promise<number> {
  const { only } = selectProtocols(options.protocol, plugins);
  const log = openLog({ quiet: options.quiet, verbose: 0 });
  const colour = Deno.stdout.isTerminal() && !Deno.env.get("NO_COLOR");
  const wanted = wantedOf(options, only);
  const facts = file === undefined
    ? await examine(existing(options.pid), options, wanted, log)
    : await examineFile(file, options, wanted, log);
  const stages = stagesOf(facts, plugins);
  const verdict = judge(facts);
  const report: Report = { facts, stages, verdict };
  answer(options.output === "json" ? reportJson(report) : reportText(report, colour));
  return verdict.code === "records_flow" ? 0 : FOUND_WHY_NOT;
}

/** The pid of the process that has this pid or thread id; the error names the pid of a container's. */
function existing(pid: number | undefined): number {
  if (pid === undefined) {
    throw usageError(
      "Cannot go on: option --pid is missing",
      "name a process (--pid N), or a recording or packet capture: sockeye doctor FILE",
    );
  }
  const group = /^Tgid:\t(\d+)$/m.exec(runtimeFiles.readText(`/proc/${pid}/status`) ?? "")?.[1];
  if (group !== undefined) return Number(group);
  const outside = pidOutside(runtimeFiles, pid);
  throw new OperatorError(
    `Cannot examine pid ${pid}: no such process`,
    outside === null
      ? "list processes with ps -e"
      : `a process in a container has that pid; here it is pid ${outside}: --pid ${outside}`,
  );
}

async function examine(
  pid: number,
  options: DoctorOptions,
  wanted: Wanted,
  log: Log,
): Promise<DoctorFacts> {
  const say = (text: string): void => log.info(text);
  const observer = new Observer();
  using source = openSource(pid, options, say);
  const { files } = source;
  const kernelCounts = openDiag(files, pid);
  using diag = kernelCounts.diag;
  const durationMs = options.duration ?? DEFAULT_DURATION_MS;
  const pipeline = openPipeline(source, observer, options);
  let after: Snapshot | null = null;
  const conclude = (): void => {
    after ??= snapshot(files, pid, options, diag);
    source.stop();
  };
  using _signals = onEndSignal(conclude);
  const before = snapshot(files, pid, options, diag);
  giveUp(log, ["events", "processes", "examination"]);
  const startMs = performance.now();
  const timer = setTimeout(conclude, durationMs);
  say(`ready: watching pid ${pid} for ${durationMs / 1000} s, ${source.way} way; Ctrl-C ends`);
  await drain(source, observer, pipeline);
  clearTimeout(timer);
  const seconds = (performance.now() - startMs) / 1000;
  return {
    pid,
    follow: options.follow,
    way: source.way,
    seconds,
    targetsEnded: files.readLink(`/proc/${pid}/ns/net`) === null,
    ownNetNamespace: files.readLink(OWN_NAMESPACE) ?? "",
    wanted,
    before,
    after: atEnd(before, after ?? snapshot(files, pid, options, diag)),
    diagFailure: kernelCounts.failure,
    connections: observer.connections,
    uncounted: observer.uncounted,
    calls: observer.calls,
    socketIoBytes: observer.socketIoBytes,
    lost: byBuffer(source.losses()),
    counters: source.counters(),
    ringBytes: source.ringBytes,
    saved: null,
  };
}

function wantedOf(options: DoctorOptions, only: ReadonlySet<string> | null): Wanted {
  return {
    protocols: only,
    ports: options.port,
    comm: options.comm,
    role: options.role ?? null,
    fd: options.fd ?? null,
  };
}

function openSource(
  pid: number,
  options: DoctorOptions,
  say: (text: string) => void,
): LiveSource {
  return openLive({
    way: options.capture,
    pids: [pid],
    comm: [],
    ports: [],
    follow: options.follow,
    unfiltered: options.unfiltered === true,
    snaplen: options.snaplen,
    ringMib: options.ringMib,
    libbpf: options.libbpf,
    tls: false,
    warn: (message) => say(`warning: ${message}`),
  });
}

function openPipeline(source: LiveSource, observer: Observer, options: DoctorOptions): Pipeline {
  return new Pipeline(
    source.start,
    {
      protocols: plugins,
      showUnknown: false,
      maxBodyBytes: 0,
      showSecrets: false,
      requestTimeoutMs: options.requestTimeout ?? null,
      memoryLimitBytes: options.memoryLimit,
      summaries: false,
      hasOpens: true,
      connLog: observer,
      verdict: (conn, verdict, passing) => {
        if (passing === undefined) source.setVerdict(conn, verdict);
      },
    },
    new Stats(),
    () => {},
  );
}

async function drain(source: LiveSource, observer: Observer, pipeline: Pipeline): Promise<void> {
  while (!source.ended) {
    const startMs = performance.now();
    source.drain((event) => {
      observer.onEvent(event);
      pipeline.onEvent(event);
    });
    // After a long drain timers and signals have a turn, and the next one follows at once.
    if (performance.now() - startMs >= BUSY_MS) await new Promise((go) => setImmediate(go));
    else if (!source.ended) await source.wait();
  }
  pipeline.finish();
}

/** sock_diag in the process's network namespace; a kernel that refuses it is no reason to stop. */
function openDiag(
  files: SystemFiles,
  pid: number,
): { diag: SockDiag | null; failure: string | null } {
  try {
    const path = `/proc/${pid}/ns/net`;
    const isOurs = files.readLink(path) === files.readLink(OWN_NAMESPACE);
    return { diag: openSockDiag(isOurs ? null : path), failure: null };
  } catch (error) {
    return { diag: null, failure: error instanceof Error ? error.message : String(error) };
  }
}

function snapshot(
  files: SystemFiles,
  pid: number,
  options: DoctorOptions,
  diag: SockDiag | null,
): Snapshot {
  return takeSnapshot(files, processTree(files, pid, options.follow), movedBytes(diag));
}

/** The last snapshot; when all processes have ended, the first one's processes and sockets. */
function atEnd(before: Snapshot, after: Snapshot): Snapshot {
  return after.processes.length > 0 ? after : { ...before, io: after.io, moved: after.moved };
}

function movedBytes(diag: SockDiag | null): ReadonlyMap<number, IoBytes> | null {
  try {
    return diag?.tcp() ?? null;
  } catch {
    return null;
  }
}

function byBuffer(losses: readonly BufferLoss[]): Map<string, number> {
  const sums = new Map<string, number>();
  for (const { buffer, events } of losses) sums.set(buffer, (sums.get(buffer) ?? 0) + events);
  return sums;
}
