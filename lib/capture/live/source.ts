/**
 * Events from the running kernel. In: what to trace. Out: a LiveSource, attached and ready. It never
 * changes what a traced process does, and knows nothing of records.
 *
 *   openLive()  libbpf → choose the way → load → rings → attach → mark the processes
 *   drain()     a round: time → flush the waiting batches → merge the rings up to that time (merge.ts)
 *   stop()      detach → the last round → what was lost at the end → ended
 */
import { BpfError } from "../../../ffi/bpf_error.ts";
import type { BpfObject, MappedArray } from "../../../ffi/bpf_object.ts";
import { type Libbpf, openLibbpf } from "../../../ffi/libbpf.ts";
import type { UprobeWay } from "../../../ffi/uprobes.ts";
import { chooseLibbpf } from "../../../ffi/library.ts";
import { type AssetName, readAsset } from "../../assets.ts";
import type { SystemFiles } from "../../system_files.ts";
import { COUNTERS, EntryKind, Mark } from "../abi.ts";
import { BatchFlusher } from "./batches.ts";
import { AgeWatch } from "./age_watch.ts";
import { cgroupReader, ContainerWatch } from "./container_watch.ts";
import { behind, KernelClock } from "./kernel_clock.ts";
import {
  attachAll,
  chooseWay,
  type Hooks,
  type KernelSettings,
  loadKernelSide,
  probeHooks,
  type Way,
} from "./kernel_side.ts";
import { monotonicAheadNs, pidLimit, possibleCpuCount } from "./machine.ts";
import { Merger } from "./merge.ts";
import { openRings, type Rings } from "./rings.ts";
import type { BufferLoss, CaptureSource, EventHandler, Passing, TraceStart } from "../source.ts";
import { Sweeper } from "./sweep.ts";
import { chooseSteady } from "./steady.ts";
import { checkPids, Targets, TargetWatch } from "./targets.ts";
import { openTlsWatch } from "./tls_open.ts";
import type { TlsWatch } from "./tls_watch.ts";
import { Turn } from "../turn.ts";
import { wallClockEntry } from "../user_entries.ts";
import { Verdicts } from "./verdicts.ts";
import { type Say, Watchers } from "./watcher.ts";

/** What to trace, and how. Different filters must all match, a repeated one any. */
export interface LiveOptions {
  /** Forces one way; else the better one that the kernel has. */
  readonly way?: Way;
  readonly pids: readonly number[];
  readonly comm: readonly string[];
  readonly ports: readonly number[];
  /** Children of traced processes, existing and future. */
  readonly follow: boolean;
  readonly unfiltered: boolean;
  /** Payload bytes kept of one operation. */
  readonly snaplen: number;
  /** All rings together, MiB. */
  readonly ringMib?: number;
  /** Plain text inside TLS libraries, too. */
  readonly tls: boolean;
  /** How their functions are probed; by default the better way that the kernel has. */
  readonly uprobes?: UprobeWay;
  /** Programs that cannot be preempted; by default where the kernel would preempt them. */
  readonly steady?: boolean;
  /** "system", or a path; else the bundled one. */
  readonly libbpf?: string;
  /** A command will be started: our children are targets from their fork on, until addTarget(). */
  readonly command?: boolean;
  /** Files in which it may have TLS code. */
  readonly expected?: readonly string[];
  readonly warn: (message: string) => void;
  /** Says what may interest those who miss something. */
  readonly tell?: (message: string) => void;
  /** Where the BPF object and the bundled libbpf come from. */
  readonly assets?: (name: AssetName) => Uint8Array;
}

/** The kernel as a source of events. */
export interface LiveSource extends CaptureSource {
  readonly way: Way;
  readonly libbpfVersion: string;
  /** Bytes of one CPU's data ring; less than asked for when memory could not be locked. */
  readonly ringBytes: number;
  /** /proc and /sys, also when the runtime opens nothing any more; as long as the source lives. */
  readonly files: SystemFiles;
  addTarget(pid: number): void;
  /** Tells the kernel whether to go on sending a connection's payload, and which bytes it need only count. */
  setVerdict(conn: number, verdict: "keep" | "stop", passing?: Passing): void;
  /** Processes traced by pid that still run. */
  liveTargets(): number;
  /** abi.ts COUNTERS, summed over the CPUs; "missed": operations for which no program ran. */
  counters(): Record<string, number>;
  /** CPU time of this process so far. */
  cpuSeconds(): number;
}

const MS = 1e6;
/** The least time between two rounds, since each interrupts every CPU whose batch holds entries. */
const ROUND_NS = 4 * MS;
/** How long a program may take from reading the clock to its entry being in a ring. */
const SLACK_NS = 1 * MS;
const TICK_MS = 50;
const WAIT_MS = 5;
const WAIT_IDLE_MS = 10;
/** One drain() hands out at most about so many pieces, so that output is written in between. */
const MAX_PIECES = 128;
/** Of our own time, after stop(): a busy machine takes nothing of it. */
const MAX_END_CPU_SECONDS = 2;

/** Loads and attaches; events come when this returns. Throws BpfError or TargetError. */
export function openLive(options: LiveOptions): LiveSource {
  checkPids(options);
  using stack = new DisposableStack();
  const assets = options.assets ?? readAsset;
  const bundled = (): Uint8Array<ArrayBuffer> => new Uint8Array(assets("libbpf.so"));
  const libbpf = stack.use(openLibbpf(chooseLibbpf(options.libbpf, bundled)));
  const hooks = probeHooks(libbpf);
  const settings = settingsOf(options, hooks, libbpf);
  const image = new Uint8Array(assets("sockeye.bpf.o"));
  const object = stack.use(loadKernelSide(libbpf, image, settings, hooks));

  const { ringMib, warn } = options;
  const rings = stack.use(openRings(libbpf, object, { ringMib, tls: options.tls, warn }));
  const marks = stack.use(object.mapArray("process_marks", true));
  const targets = new Targets(new Uint8Array(marks.buffer), options, libbpf.libc.files);
  targets.excludeOurselves(settings.wantedMarks === 0);
  if (options.command) targets.adoptChildren(true);
  const batches = stack.use(object.mapArray("batches", false));

  const clock = new KernelClock(behind(libbpf.libc, clockAheadNs()));
  attachAll(object, libbpf, settings, hooks, options.warn);
  targets.mark();
  targets.mark();
  const reach = { libbpf, object, targets, hooks, rings: rings.conn.rings };
  const tls = settings.uprobes === null ? null : stack.use(openTlsWatch(options, settings, reach));
  const parts = { libbpf, object, settings, rings, targets, batches, clock, tls };
  return new KernelSource(options, parts, stack.move());
}

/** How far our CLOCK_MONOTONIC is ahead of the kernel's, which events have. */
function clockAheadNs(): number {
  const aheadNs = monotonicAheadNs();
  if (aheadNs !== null) return aheadNs;
  throw new BpfError(
    "Cannot tell when events happen",
    0,
    "this process is in another time namespace than its children would be",
    "start it as a child of the process that unshared the namespace: unshare --fork",
  );
}

function settingsOf(options: LiveOptions, hooks: Hooks, libbpf: Libbpf): KernelSettings {
  const uprobes = options.uprobes ?? (hooks.uprobeMulti ? "multi" : "perf");
  const byTree = options.pids.length > 0 || options.command === true;
  return {
    way: chooseWay(options.way, hooks),
    wantedMarks: (byTree ? Mark.TREE : 0) | (options.comm.length > 0 ? Mark.COMM : 0),
    follow: options.follow,
    unfiltered: options.unfiltered,
    snaplen: options.snaplen,
    ports: options.ports,
    comm: options.comm,
    possibleCpus: possibleCpuCount(),
    pidLimit: pidLimit(),
    steady: options.steady ?? chooseSteady(libbpf, Deno.osRelease(), options.warn),
    uprobes: options.tls ? uprobes : null,
  };
}

interface Parts {
  readonly libbpf: Libbpf;
  readonly object: BpfObject;
  readonly settings: KernelSettings;
  readonly rings: Rings;
  readonly targets: Targets;
  readonly batches: MappedArray;
  readonly clock: KernelClock;
  readonly tls: TlsWatch | null;
}

class KernelSource implements LiveSource {
  readonly way: Way;
  readonly start: TraceStart;
  readonly libbpfVersion: string;
  readonly ringBytes: number;
  readonly files: SystemFiles;
  ended = false;
  /** The rings are beside the limit. */
  readonly heldBytes = 0;

  readonly #parts: Parts;
  readonly #owned: DisposableStack;
  readonly #merger: Merger;
  readonly #flusher: BatchFlusher;
  readonly #verdicts: Verdicts;
  readonly #targetWatch: TargetWatch;
  readonly #watchers: Watchers;
  readonly #observe: EventHandler;
  readonly #say: Say;
  #handler: EventHandler = () => {};
  /** All in nanoseconds since the trace began. */
  #horizon = 0;
  #nextRound = 0;
  #nextTick = 0;
  #lastEvent = 0;
  #stoppedAt = -1;
  #stoppedCpuSeconds = 0;
  #inRound = false;

  constructor(options: LiveOptions, parts: Parts, owned: DisposableStack) {
    this.#parts = parts;
    this.#owned = owned;
    this.way = parts.settings.way;
    this.libbpfVersion = parts.libbpf.version;
    this.ringBytes = parts.rings.data.ringBytes;
    this.files = parts.libbpf.libc.files;
    this.start = {
      ...parts.clock.start,
      way: this.way,
      hostname: Deno.hostname(),
      kernel: Deno.osRelease(),
    };
    const { data, conn, tls } = parts.rings;
    this.#merger = new Merger(data.rings, conn.rings, this.start.base, tls?.rings);
    this.#verdicts = new Verdicts(parts.object, options.unfiltered);
    this.#flusher = new BatchFlusher(
      parts.batches,
      parts.settings.possibleCpus,
      parts.object,
    );
    this.#targetWatch = new TargetWatch(parts.targets, options.pids.length > 0, () => this.stop());
    this.#watchers = new Watchers([
      new ContainerWatch(parts.settings.pidLimit, cgroupReader(this.files)),
      new AgeWatch(this.files),
      new Sweeper(this.files),
      this.#targetWatch,
      ...parts.tls === null ? [] : [parts.tls],
    ]);
    this.#say = (entry) => this.#merger.emit(this.#handler, entry);
    this.#observe = (event) => {
      if (event.kind === EntryKind.DATA) this.#watchers.data(event, this.#say);
      else this.#watchers.event(event, this.#say);
      this.#handler(event);
    };
  }

  drain(handler: EventHandler, turn: Turn = new Turn()): number {
    if (this.ended) return 0;
    this.#handler = handler;
    if (this.#isOverdue()) return this.#leaveRest();
    if (!this.#inRound && !this.#beginRound()) return 0;
    const entries = this.#drainPieces(turn);
    if (entries > 0) this.#lastEvent = this.#horizon;
    if (this.#merger.idle) this.#endRound();
    return entries;
  }

  wait(): Promise<void> {
    const { libc } = this.#parts.libbpf;
    const idle = this.#stoppedAt < 0 && this.#horizon - this.#lastEvent > 1000 * MS;
    // A timer of the runtime costs some 100 µs of CPU; sleep() and a turn of the loop cost half of that.
    if (!idle) libc.sleep(WAIT_MS);
    else {
      for (let slept = 0; slept < TICK_MS && !this.#hasNews(); slept += WAIT_IDLE_MS) {
        libc.sleep(WAIT_IDLE_MS);
      }
    }
    return new Promise((resolve) => setImmediate(resolve));
  }

  stop(): void {
    if (this.#stoppedAt >= 0) return;
    this.#parts.object.detach();
    this.#parts.tls?.[Symbol.dispose]();
    this.#stoppedAt = this.#parts.clock.now();
    this.#stoppedCpuSeconds = this.cpuSeconds();
    this.#nextRound = this.#stoppedAt + SLACK_NS;
  }

  losses(): readonly BufferLoss[] {
    return this.#merger.losses();
  }

  addTarget(pid: number): void {
    this.#parts.targets.add(pid);
    this.#parts.targets.adoptChildren(false);
    this.#targetWatch.hasTargets = true;
  }

  setVerdict(conn: number, verdict: "keep" | "stop", passing?: Passing): void {
    this.#verdicts.set(conn, verdict, passing);
  }

  liveTargets(): number {
    return this.#parts.targets.live();
  }

  counters(): Record<string, number> {
    const { object, settings } = this.#parts;
    const fd = object.mapFd("counters");
    const values = new BigUint64Array(settings.possibleCpus);
    const totals: Record<string, number> = {};
    COUNTERS.forEach((name, index) => {
      const key = new Uint8Array(new Uint32Array([index]).buffer);
      values.fill(0n);
      object.lookup(fd, key, new Uint8Array(values.buffer));
      totals[name] = values.reduce((sum, value) => sum + Number(value), 0);
    });
    totals.missed = object.recursionMisses();
    return totals;
  }

  cpuSeconds(): number {
    return this.#parts.libbpf.libc.cpuSeconds();
  }

  [Symbol.dispose](): void {
    this.ended = true;
    this.#owned.dispose();
  }

  /** Drains, and yields the CPU in between while the rings have room: the traced process may need it. */
  #drainPieces(turn: Turn): number {
    const { libbpf, rings } = this.#parts;
    let entries = 0;
    for (let piece = 0; piece < MAX_PIECES; piece++) {
      entries += this.#merger.drain(this.#observe, turn);
      if (this.#merger.idle || turn.look()) break;
      if (rings.hasRoom) libbpf.libc.yield();
    }
    return entries;
  }

  /** Has working off the rings taken too long since stop()? On many CPUs they may hold gigabytes. */
  #isOverdue(): boolean {
    return this.#stoppedAt >= 0 &&
      this.cpuSeconds() - this.#stoppedCpuSeconds > MAX_END_CPU_SECONDS;
  }

  /** Ends the source; what is still in the rings counts as lost. */
  #leaveRest(): number {
    this.#reportLastLosses();
    this.ended = true;
    return 0;
  }

  /** Do batches or rings hold entries? */
  #hasNews(): boolean {
    return this.#flusher.waiting || this.#parts.rings.waiting;
  }

  /** Begins a round; false when it is too early for one. */
  #beginRound(): boolean {
    const { clock } = this.#parts;
    const now = clock.now();
    if (now < this.#nextRound) return false;
    this.#nextRound = now + ROUND_NS;
    const wall = clock.stepped();
    if (wall !== null) this.#say(wallClockEntry(wall, this.#horizon));
    this.#verdicts.publish();
    this.#watchers.begin(now);
    this.#flusher.flush();
    const last = this.#stoppedAt >= 0 && now >= this.#stoppedAt + SLACK_NS;
    this.#horizon = last ? now : now - SLACK_NS;
    this.#merger.begin(last ? Infinity : this.#horizon);
    this.#inRound = true;
    return true;
  }

  #endRound(): void {
    this.#inRound = false;
    const last = this.#stoppedAt >= 0 && this.#horizon >= this.#stoppedAt + SLACK_NS;
    this.#watchers.end(this.#horizon, this.#say);
    if (last) this.#reportLastLosses();
    if (last || this.#horizon >= this.#nextTick) {
      this.#nextTick = this.#horizon + TICK_MS * MS;
      this.#say({ kind: EntryKind.TICK, timeNs: this.#horizon });
    }
    this.ended ||= last;
  }

  #reportLastLosses(): void {
    const { rings, settings } = this.#parts;
    for (const { cpu } of rings.data.rings) {
      const { data, conn } = this.#flusher.sent(cpu);
      if (rings.tls !== null) {
        const tls = this.#flusher.sent(cpu + settings.possibleCpus).data;
        this.#merger.finishLane(this.#handler, "tls_events", cpu, tls);
      }
      this.#merger.finishLane(this.#handler, "data_events", cpu, data);
      this.#merger.finishLane(this.#handler, "conn_events", cpu, conn);
    }
  }
}
