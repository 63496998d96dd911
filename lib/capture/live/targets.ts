/**
 * Marks the running processes that are traced. In: what the operator asked for, and /proc. Out: marks
 * (abi.ts Mark) in memory that the kernel side reads. After that the kernel side itself marks children
 * and renamed processes, and unmarks ended ones. It never signals or stops a process.
 */
import type { SystemFiles } from "../../system_files.ts";
import { EntryKind, Mark } from "../abi.ts";
import type { SocketEvent } from "../event.ts";
import { hasHostPids } from "./machine.ts";
import type { Watcher } from "./watcher.ts";

/** Byte pid of `marks` holds the process's Mark bits; writes reach the kernel at once. */
export interface TargetFilter {
  readonly pids: readonly number[];
  readonly comm: readonly string[];
  readonly follow: boolean;
  readonly command?: boolean;
}

/** A process that the operator named and that is not there. */
export class TargetError extends Error {
  override readonly name = "TargetError";

  constructor(message: string, readonly hint: string = "list processes with ps -e") {
    super(message);
  }
}

/** Throws when pids are given in a pid namespace of our own: the kernel side has those of the first. */
export function checkPids(
  { pids, command, warn }: {
    pids: readonly number[];
    command?: boolean;
    warn: (message: string) => void;
  },
): void {
  if (hasHostPids()) return;
  const what = command === true ? "a command" : `pid ${pids.join(", ")}`;
  const why = "this is a pid namespace of its own, whose pids the kernel side does not know";
  if (command === true || pids.length > 0) {
    throw new TargetError(
      `Cannot trace ${what}: ${why}`,
      "docker run --pid=host, or choose by --port",
    );
  }
  warn("this is a pid namespace of its own: pids in records are the host's");
}

/** One process as /proc/PID/stat has it. */
interface ProcessStat {
  readonly pid: number;
  readonly parent: number;
  readonly comm: string;
}

const MAX_CHAIN = 8;

/** Sets marks of existing processes; see mark() and excludeOurselves(). */
export class Targets {
  readonly #marks: Uint8Array;
  readonly #filter: TargetFilter;
  readonly #files: SystemFiles;
  /** The processes named by --pid (threads resolved), and those added later. */
  readonly #roots = new Set<number>();

  /** Checks that every pid exists; marks nothing yet. */
  constructor(marks: Uint8Array, filter: TargetFilter, files: SystemFiles) {
    this.#marks = marks;
    this.#filter = filter;
    this.#files = files;
    for (const pid of filter.pids) this.#roots.add(processOf(files, pid));
  }

  /**
   * Marks the named processes, their descendants and those of a traced name. To be called when the
   * kernel side is attached, twice: a child that was born of a parent not yet marked, while the
   * first scan ran, is found by the second; later ones have marked parents.
   */
  mark(): void {
    const wantsTree = this.#roots.size > 0;
    const wantsComm = this.#filter.comm.length > 0;
    if (!wantsTree && !wantsComm) return;
    const processes = listProcesses(this.#files);
    if (wantsComm) {
      for (const { pid, comm } of processes) {
        if (this.#filter.comm.includes(comm)) this.#set(pid, Mark.COMM);
      }
    }
    if (!wantsTree) return;
    for (const pid of this.#roots) this.#set(pid, Mark.TREE);
    if (this.#filter.follow) {
      for (const pid of descendants(this.#roots, processes)) this.#set(pid, Mark.TREE);
    }
  }

  /** One more process to trace: the command that was started. */
  add(pid: number): void {
    this.#roots.add(pid);
    if (pid < this.#marks.length) {
      this.#marks[pid] = ((this.#marks[pid] as number) & ~Mark.NEVER) | Mark.TREE;
    }
    this.mark();
  }

  /** Does the kernel side trace this process? */
  isTraced(pid: number): boolean {
    const mark = this.#marks[pid] ?? Mark.NEVER;
    const { pids, comm, command } = this.#filter;
    const wanted = (pids.length > 0 || command === true ? Mark.TREE : 0) |
      (comm.length > 0 ? Mark.COMM : 0);
    return (mark & Mark.NEVER) === 0 && (mark & wanted) === wanted;
  }

  /** Number of chosen processes that still run, without ourselves; threads do not count. */
  live(): number {
    const words = new Uint32Array(
      this.#marks.buffer,
      this.#marks.byteOffset,
      this.#marks.length >>> 2,
    );
    let count = 0;
    for (let w = 0; w < words.length; w++) {
      if (words[w] === 0) continue;
      for (let pid = 4 * w; pid < 4 * w + 4; pid++) {
        const mark = this.#marks[pid] as number;
        if (mark === 0 || (mark & Mark.NEVER) !== 0 || (mark & Mark.TREE) === 0) continue;
        if (exists(this.#files, pid)) count++;
        else this.#marks[pid] = 0;
      }
    }
    return count;
  }

  /**
   * While a command is being started our children are marked by the kernel side at their fork, so that
   * not even their first byte is missed. We ourselves stay untraced.
   */
  adoptChildren(on: boolean): void {
    this.#marks[Deno.pid] = on ? Mark.NEVER | Mark.TREE : Mark.NEVER;
  }

  /** Excludes ourselves and, when every process is traced, those that carry our output away. */
  excludeOurselves(tracesAll: boolean): void {
    this.#set(Deno.pid, Mark.NEVER);
    if (!tracesAll) return;
    for (const pid of outputCarriers(this.#files)) this.#set(pid, Mark.NEVER);
  }

  #set(pid: number, bit: number): void {
    if (pid < this.#marks.length) this.#marks[pid] = (this.#marks[pid] as number) | bit;
  }
}

/** The process (thread group) of a pid or thread id. */
function processOf(files: SystemFiles, id: number): number {
  const status = files.readText(`/proc/${id}/status`);
  const line = /^Tgid:\t(\d+)$/m.exec(status ?? "");
  if (!line) throw new TargetError(`Cannot trace pid ${id}: no such process`);
  return Number(line[1]);
}

/** Has the process a living thread? If the main thread ends first, it alone is a zombie ("Z"). */
function exists(files: SystemFiles, pid: number): boolean {
  const stat = readStat(files, pid);
  return stat !== null && (stat.state !== "Z" || stat.threads > 1);
}

function listProcesses(files: SystemFiles): ProcessStat[] {
  const found: ProcessStat[] = [];
  for (const pid of listPids(files)) {
    const stat = readStat(files, pid);
    if (stat) found.push(stat);
  }
  return found;
}

/** The descendants that a process has now. */
export function childrenOf(files: SystemFiles, pid: number): number[] {
  const tree = descendants(new Set([pid]), listProcesses(files));
  tree.delete(pid);
  return [...tree];
}

/** The processes that there are. */
export function listPids(files: SystemFiles): number[] {
  return files.list("/proc").map(Number).filter((pid) => pid > 0);
}

/** Where num_threads stands in /proc/PID/stat, counted from the state. */
const THREADS = 17;

/** /proc/PID/stat: `pid (comm) state ppid …`; a comm may hold blanks and parentheses. */
function readStat(
  files: SystemFiles,
  pid: number,
): ProcessStat & { state: string; threads: number } | null {
  const text = files.readText(`/proc/${pid}/stat`);
  if (text === null) return null;
  const from = text.indexOf("(");
  const to = text.lastIndexOf(")");
  if (from < 0 || to < from) return null;
  const fields = text.slice(to + 2).split(" ", THREADS + 1);
  const [state = "", parent = "0"] = fields;
  const threads = Number(fields[THREADS] ?? "1");
  return { pid, comm: text.slice(from + 1, to), state, parent: Number(parent), threads };
}

function descendants(roots: ReadonlySet<number>, processes: readonly ProcessStat[]): Set<number> {
  const children = new Map<number, number[]>();
  for (const { pid, parent } of processes) {
    const siblings = children.get(parent);
    if (siblings) siblings.push(pid);
    else children.set(parent, [pid]);
  }
  const found = new Set(roots);
  for (const pid of found) for (const child of children.get(pid) ?? []) found.add(child);
  return found;
}

/**
 * Processes that carry our output away. If they were traced, each record that they send would be an
 * event, which makes another record. They are the readers of our pipe, the holder of our terminal's
 * other end (sshd, a tmux server, a terminal program), and likewise those that these write to. If our
 * output is a socket, they are our ancestors (sshd without a terminal): who holds the socket's other
 * end cannot be found.
 */
function outputCarriers(files: SystemFiles): Set<number> {
  const carriers = new Set<number>();
  let from = [Deno.pid];
  for (let depth = 0; depth < MAX_CHAIN && from.length > 0; depth++) {
    const outputs = new Set<string>();
    for (const pid of from) {
      for (const fd of [1, 2]) outputs.add(files.readLink(`/proc/${pid}/fd/${fd}`) ?? "");
    }
    if (depth === 0 && [...outputs].some((name) => name.startsWith("socket:"))) {
      for (const pid of ancestors(files)) carriers.add(pid);
    }
    from = holders(files, outputs).filter((pid) => pid !== Deno.pid && !carriers.has(pid));
    for (const pid of from) carriers.add(pid);
  }
  return carriers;
}

function ancestors(files: SystemFiles): number[] {
  const parentOf = (pid: number): number => readStat(files, pid)?.parent ?? 0;
  const found: number[] = [];
  for (let pid = parentOf(Deno.pid); pid > 1; pid = parentOf(pid)) found.push(pid);
  return found;
}

/** Processes that read one of these pipes, or hold the other end of one of these terminals. */
function holders(files: SystemFiles, outputs: ReadonlySet<string>): number[] {
  const terminals = new Set<string>();
  const pipes = new Set<string>();
  for (const name of outputs) {
    if (name.startsWith("/dev/pts/")) terminals.add(name.slice("/dev/pts/".length));
    else if (name.startsWith("pipe:")) pipes.add(name);
  }
  if (terminals.size === 0 && pipes.size === 0) return [];
  return listPids(files).filter((pid) => holdsOne(files, pid, pipes, terminals));
}

function holdsOne(
  files: SystemFiles,
  pid: number,
  pipes: ReadonlySet<string>,
  terminals: ReadonlySet<string>,
): boolean {
  for (const fd of files.list(`/proc/${pid}/fd`)) {
    const name = files.readLink(`/proc/${pid}/fd/${fd}`) ?? "";
    const isPipe = pipes.has(name);
    if (!isPipe && (terminals.size === 0 || !name.endsWith("/ptmx"))) continue;
    const info = files.readText(`/proc/${pid}/fdinfo/${fd}`) ?? "";
    if (isPipe) {
      // flags are octal; the last two bits 0 mean open for reading only.
      const flags = /^flags:\t(\d+)$/m.exec(info)?.[1] ?? "1";
      if ((parseInt(flags, 8) & 3) === 0) return true;
    } else if (terminals.has(/^tty-index:\t(\d+)$/m.exec(info)?.[1] ?? "")) {
      return true;
    }
  }
  return false;
}

const LOOK_NS = 1e9;

/** Calls `over` once none of the named processes runs any more; never if none was named. */
export class TargetWatch implements Watcher {
  readonly #targets: Targets;
  readonly #over: () => void;
  #nextNs = LOOK_NS;
  #hasEnded = false;
  /** Processes were named: the trace ends with them. */
  hasTargets: boolean;

  constructor(targets: Targets, hasTargets: boolean, over: () => void) {
    this.#targets = targets;
    this.hasTargets = hasTargets;
    this.#over = over;
  }

  event(event: SocketEvent): void {
    if (event.kind === EntryKind.EXIT) this.#hasEnded = true;
  }

  end(horizonNs: number): void {
    if (!this.hasTargets || (!this.#hasEnded && horizonNs < this.#nextNs)) return;
    this.#hasEnded = false;
    this.#nextNs = horizonNs + LOOK_NS;
    if (this.#targets.live() === 0) this.#over();
  }
}
