/**
 * Facts of the machine that capture is sized by, from /proc and /sys. It changes nothing.
 */

/** CPUs that run now, ascending. */
export function onlineCpus(): number[] {
  return parseCpuList(readFirstLine("/sys/devices/system/cpu/online") ?? "0");
}

/** One more than the highest CPU number that this kernel may ever use. */
export function possibleCpuCount(): number {
  const list = parseCpuList(readFirstLine("/sys/devices/system/cpu/possible") ?? "0");
  return (list.at(-1) ?? 0) + 1;
}

/** One more than the highest pid. */
export function pidLimit(): number {
  const limit = Number(readFirstLine("/proc/sys/kernel/pid_max") ?? "");
  return limit > 0 ? limit : 4194304;
}

/** Are pids here those that the kernel side sees: of the first pid namespace? */
export function hasHostPids(): boolean {
  const FIRST = "pid:[4026531836]"; // PROC_PID_INIT_INO
  return (readLink("/proc/self/ns/pid") ?? FIRST) === FIRST;
}

/** Bytes that this process may lock without CAP_IPC_LOCK; null when they are not limited. */
export function lockedMemoryLimit(): number | null {
  const limit = /^Max locked memory\s+(\d+)/m.exec(readText("/proc/self/limits") ?? "")?.[1];
  return limit === undefined ? null : Number(limit);
}

/**
 * Nanoseconds that CLOCK_MONOTONIC is ahead here of the kernel's own: time namespaces shift it
 * (time_namespaces(7)). Null when that cannot be told: ours is another than that of our children,
 * whose offsets are the ones that the kernel shows.
 */
export function monotonicAheadNs(): number | null {
  const offsets = readText("/proc/self/timens_offsets");
  if (offsets === null) return 0; // a kernel without them
  if (readLink("/proc/self/ns/time") !== readLink("/proc/self/ns/time_for_children")) return null;
  const [, seconds, nanos] = /^monotonic\s+(-?\d+)\s+(\d+)/m.exec(offsets) ?? [];
  return Number(seconds ?? 0) * 1e9 + Number(nanos ?? 0);
}

/** "0-3,8" is [0, 1, 2, 3, 8]. */
export function parseCpuList(text: string): number[] {
  const cpus: number[] = [];
  for (const part of text.split(",")) {
    if (part.trim() === "") continue;
    const [first = NaN, last = first] = part.trim().split("-").map(Number);
    for (let cpu = first; cpu <= last && cpu < 65536; cpu++) cpus.push(cpu);
  }
  return cpus;
}

/** Where cgroup2 is mounted as a whole; null when nowhere. */
export function cgroup2Root(): string | null {
  for (const line of (readText("/proc/self/mountinfo") ?? "").split("\n")) {
    const [place = "", type = ""] = line.split(" - ");
    const [, , , root, folder] = place.split(" ");
    if (type.startsWith("cgroup2 ") && root === "/" && folder !== undefined) return folder;
  }
  return null;
}

/** A file's text; null when it cannot be read. */
export function readText(path: string): string | null {
  try {
    return Deno.readTextFileSync(path);
  } catch {
    return null;
  }
}

/** Without the newline; null when it cannot be read. */
export function readFirstLine(path: string): string | null {
  return readText(path)?.split("\n", 1)[0] ?? null;
}

/**
 * What tells one file from others, however it is named; null when it is not there. Each network
 * namespace has files of its own in /proc/PID/net, which anybody may look at: the link
 * /proc/PID/ns/net is for those only who may trace the process.
 */
export function fileIdentity(path: string): string | null {
  try {
    const { dev, ino } = Deno.statSync(path);
    return `${dev}:${ino}`;
  } catch {
    return null;
  }
}

/** Where a symbolic link points; null when it cannot be read. */
export function readLink(path: string): string | null {
  try {
    return Deno.readLinkSync(path);
  } catch {
    return null;
  }
}

/** A network namespace, as a process shows it. */
export interface NetworkView {
  /** The folder of /proc that shows it. */
  readonly folder: string;
  /** Tells it from others. */
  readonly identity: string;
}

/**
 * The network namespace of a process that lives; when its main thread has ended before the others,
 * as one of theirs shows it. Null when it has ended as a whole.
 */
export function networkOf(pid: number): NetworkView | null {
  const own = `/proc/${pid}`;
  return networkAt(own) ?? networkOfThreads(own);
}

function networkOfThreads(own: string): NetworkView | null {
  try {
    for (const { name } of Deno.readDirSync(`${own}/task`)) {
      const found = networkAt(`${own}/task/${name}`);
      if (found !== null) return found;
    }
  } catch {
    // It has ended.
  }
  return null;
}

function networkAt(folder: string): NetworkView | null {
  const identity = fileIdentity(`${folder}/net/unix`);
  return identity === null ? null : { folder, identity };
}
