/**
 * Processes as the scheduler sees them. In: pids. Out: CPU time and memory, and where they run.
 */
import { run } from "../../support/process.ts";

/** The server under load has this one for itself; all else shares the other. */
export const SERVER_CPU = 0;
export const OTHER_CPU: number = Math.min(1, navigator.hardwareConcurrency - 1);

/** Time that a process's threads ran so far, nanoseconds; threads that ended are left out. */
export function cpuNs(pid: number): number {
  let sum = 0;
  for (const { name } of Deno.readDirSync(`/proc/${pid}/task`)) {
    try {
      sum += Number(Deno.readTextFileSync(`/proc/${pid}/task/${name}/schedstat`).split(" ")[0]);
    } catch {
      // The thread ended meanwhile.
    }
  }
  return sum;
}

/** A size of /proc/PID/status ("VmRSS", "VmHWM"), bytes. */
export function memoryBytes(pid: number, name: string): number {
  const status = Deno.readTextFileSync(`/proc/${pid}/status`);
  return 1024 * Number(status.match(new RegExp(`^${name}:\\s*(\\d+) kB$`, "m"))?.[1] ?? NaN);
}

/** Keeps all threads of a process on one CPU. */
export async function pin(pid: number, cpu: number): Promise<void> {
  await run("taskset", ["-a", "-c", "-p", `${cpu}`, `${pid}`]);
}

/** Command and arguments of a program that is to run on one CPU. */
export function pinned(cpu: number, command: string, args: readonly string[]): [string, string[]] {
  return ["taskset", ["-c", `${cpu}`, command, ...args]];
}

/** The middle value; of two, their mean. */
export function median(values: readonly number[]): number {
  const sorted = values.toSorted((a, b) => a - b);
  const middle = sorted.length >> 1;
  const high = sorted[middle] ?? NaN;
  return sorted.length % 2 === 1 ? high : (high + (sorted[middle - 1] ?? NaN)) / 2;
}
