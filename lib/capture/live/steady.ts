/**
 * Hooks whose programs cannot be preempted (bpf/steady.bpf.h has the reason). In: the kernel's release
 * and its tracefs. Out: for each program the one that takes its place, and the id of its tracepoint.
 */
import type { Libbpf } from "../../../ffi/libbpf.ts";
import type { Descriptor } from "../../../ffi/libc.ts";
import { BpfError } from "../../../ffi/bpf_error.ts";
import { readFirstLine } from "./machine.ts";

/** What stands in for a program; without an event it is attached as its section says. */
export interface SteadyProgram {
  readonly program: string;
  /** Classic tracepoint, as tracefs names it. */
  readonly event?: string;
}

export const STEADY: Readonly<Record<string, SteadyProgram>> = {
  process_fork: { program: "steady_fork", event: "task/task_newtask" },
  process_rename: { program: "steady_rename", event: "task/task_rename" },
  process_exit: { program: "steady_exit", event: "sched/sched_process_exit" },
  sock_send: { program: "steady_send", event: "sock/sock_send_length" },
  sock_recv: { program: "steady_recv", event: "sock/sock_recv_length" },
  sock_state: { program: "steady_state" },
  sock_state_walked: { program: "steady_state" },
  io_uring_done: { program: "steady_uring", event: "io_uring/io_uring_complete" },
  sys_exit: { program: "steady_sys_exit", event: "raw_syscalls/sys_exit" },
  messages_exit: { program: "steady_messages" },
  walk_exit: { program: "steady_walk" },
};

const MOUNTED = "/sys/kernel/tracing";

/** Tracepoints run their programs with preemption on since Linux 7.0. */
export function preemptsPrograms(release: string): boolean {
  return Number(release.split(".", 1)[0]) >= 7;
}

/** Whether to use them: yes where the kernel preempts the others and has a tracefs. */
export function chooseSteady(
  libbpf: Libbpf,
  release: string,
  warn: (message: string) => void,
): boolean {
  if (!preemptsPrograms(release)) return false;
  try {
    tracepointIds(libbpf, Object.values(STEADY).flatMap(({ event }) => event ?? []));
    return true;
  } catch (error) {
    if (!(error instanceof BpfError)) throw error;
    warn(`operations may be missed, for this kernel preempts programs: ${error.message}`);
    return false;
  }
}

/** Ids of these tracepoints, in their order, whether tracefs is mounted or not. */
export function tracepointIds(libbpf: Libbpf, events: readonly string[]): number[] {
  using own = openTracefs(libbpf);
  const folder = own === null ? MOUNTED : `/proc/self/fd/${own.fd}`;
  return events.map((event) => {
    const id = Number(readFirstLine(`${folder}/events/${event}/id`) ?? "");
    if (id > 0) return id;
    throw new BpfError(`Cannot find tracepoint ${event}`, 0, `${folder} does not have it`);
  });
}

/** Opens a tracefs of our own when none is mounted at MOUNTED; else null. */
function openTracefs(libbpf: Libbpf): Descriptor | null {
  const isMounted = readFirstLine(`${MOUNTED}/events/sched/sched_process_exit/id`) !== null;
  return isMounted ? null : libbpf.libc.openDetached("tracefs");
}
