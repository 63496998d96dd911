/**
 * Facts of the machine that capture is sized by, from /proc and /sys, before it begins. It changes
 * nothing.
 */
import { runtimeFiles } from "../../system_files.ts";

const { readText, readLink } = runtimeFiles;

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

/** Is this process in the first pid namespace, whose pids the kernel side has? */
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
 * Nanoseconds that this process's CLOCK_MONOTONIC is ahead of the kernel's: time namespaces shift it
 * (time_namespaces(7)). Null when that is not known: the kernel shows the offsets of our children's
 * time namespace, which can be another than ours.
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

/** Where the root of cgroup2 is mounted; null when nowhere. */
export function cgroup2Root(): string | null {
  for (const line of (readText("/proc/self/mountinfo") ?? "").split("\n")) {
    const [place = "", type = ""] = line.split(" - ");
    const [, , , root, folder] = place.split(" ");
    if (type.startsWith("cgroup2 ") && root === "/" && folder !== undefined) return folder;
  }
  return null;
}

/** The first line without its newline; null when the file cannot be read. */
export function readFirstLine(path: string): string | null {
  return readText(path)?.split("\n", 1)[0] ?? null;
}
