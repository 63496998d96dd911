/**
 * What is still to be done while hostile bytes are read, and the privileges that it takes. Privileges
 * that no need of a command lists here are given up before (drop.ts).
 *
 * In: the needs of a command. Out: capabilities, system calls, folders. Pure data and its sum.
 */
import type { Capability } from "./capabilities.ts";
import { type Condition, INT, type Rules } from "./filter.ts";
import type { SystemCall } from "./system_calls.ts";

/** Something that is still to be done, and what it takes. */
export interface Need {
  /** In words, for the output of `check`. */
  readonly what: string;
  readonly capabilities: readonly Capability[];
  /** Folders below which files are still opened, for reading. */
  readonly reads: readonly string[];
  /** Calls beyond RUNTIME_CALLS. */
  readonly calls: readonly (SystemCall | readonly [SystemCall, Condition])[];
  /**
   * False: does without Landlock, which forbids every look at other processes that takes ptrace rights
   * (their descriptors, namespaces, memory maps), and TCP.
   */
  readonly landlock: boolean;
  /** Of the runtime. What is read and called through libc takes none: it was opened before. */
  readonly permissions: readonly Permission[];
}

/** Everything that the runtime lets a script have, or not. */
export const PERMISSIONS = ["net", "run", "write", "env", "import", "sys", "read", "ffi"] as const;
export type Permission = typeof PERMISSIONS[number];

const BpfCommand = {
  MAP_LOOKUP_ELEM: 1,
  MAP_UPDATE_ELEM: 2,
  MAP_DELETE_ELEM: 3,
  PROG_TEST_RUN: 10,
  OBJ_GET_INFO_BY_FD: 15,
  LINK_CREATE: 28,
} as const;
const PERF_EVENT_IOC_ENABLE = 0x2400;
const PERF_EVENT_IOC_DISABLE = 0x2401;
const PERF_EVENT_IOC_SET_BPF = 0x40042408;
const AF_INET = 2;
const AF_INET6 = 10;

const bpf = (
  ...values: number[]
): readonly [SystemCall, Condition] => ["bpf", { argument: 0, mask: INT, values }];
const ioctl = (
  ...values: number[]
): readonly [SystemCall, Condition] => ["ioctl", { argument: 1, mask: INT, values }];

const none = {
  capabilities: [],
  reads: [],
  calls: [],
  landlock: true,
  permissions: [],
} as const;

export const NEEDS = {
  /** Open descriptors stay usable, so this need takes nothing. It is all that a replay needs. */
  output: { ...none, what: "files that are open already" },
  /** Before 5.19 bpf(2) asks for CAP_BPF even for maps and programs that are open. */
  events: {
    ...none,
    what: "flushing batches, verdicts, counters: maps and programs that are loaded already",
    capabilities: ["CAP_BPF"],
    calls: [
      bpf(
        BpfCommand.MAP_LOOKUP_ELEM,
        BpfCommand.MAP_UPDATE_ELEM,
        BpfCommand.MAP_DELETE_ELEM,
        BpfCommand.PROG_TEST_RUN,
        BpfCommand.OBJ_GET_INFO_BY_FD,
      ),
      ioctl(PERF_EVENT_IOC_DISABLE),
    ],
  },
  /** New targets: the kernel side marks children and names; state, name and cgroup are public. */
  processes: {
    ...none,
    what: "new processes, containers and socket tables",
    reads: ["/proc"],
  },
  /** `processes` where /proc is mounted with hidepid. */
  hiddenProcesses: {
    ...none,
    what: "processes of other users, which this /proc hides",
    capabilities: ["CAP_SYS_PTRACE"],
    reads: ["/proc"],
    landlock: false,
  },
  /** The doctor's second look at descriptors, memory maps and counters of other users' processes. */
  examination: {
    ...none,
    what: "descriptors and counters of the examined process",
    capabilities: ["CAP_SYS_PTRACE", "CAP_DAC_READ_SEARCH"],
    reads: ["/proc"],
    landlock: false,
  },
  /** COMMAND may have become another user. Its pid is the only one that kill(2) may name. */
  command: { ...none, what: "passing signals on to COMMAND", capabilities: ["CAP_KILL"] },
  /** Probes of TLS libraries that processes load later: CAP_CHECKPOINT_RESTORE is for deleted ones. */
  libraries: {
    what: "probing TLS libraries that are loaded later",
    capabilities: [
      "CAP_BPF",
      "CAP_PERFMON",
      "CAP_SYS_PTRACE",
      "CAP_DAC_READ_SEARCH",
      "CAP_CHECKPOINT_RESTORE",
    ],
    reads: ["/proc"],
    calls: [
      bpf(BpfCommand.LINK_CREATE),
      ioctl(PERF_EVENT_IOC_ENABLE, PERF_EVENT_IOC_SET_BPF),
      "perf_event_open",
    ],
    landlock: false,
    permissions: [],
  },
  /** An exporter that connects anew. */
  export: {
    ...none,
    what: "connections of an exporter",
    calls: [
      ["socket", { argument: 0, mask: INT, values: [AF_INET, AF_INET6] }],
      "connect",
      "sendmsg",
      "recvmsg",
      "getsockopt",
      "getsockname",
    ],
    landlock: false,
    permissions: ["net"],
  },
} as const satisfies Readonly<Record<string, Need>>;

export type NeedName = keyof typeof NEEDS;

const O_ACCMODE = 3;
const O_CREAT = 0o100;
const O_TRUNC = 0o1000;
const O_TMPFILE = 0o20000000;
const WRITES = O_ACCMODE | O_CREAT | O_TRUNC | O_TMPFILE;
const CLONE_THREAD = 0x10000;
/** TCGETS, TIOCGWINSZ, FIONREAD, FIONBIO, FIONCLEX, FIOCLEX. */
const TERMINAL_AND_FILES = [0x5401, 0x5413, 0x541b, 0x5421, 0x5450, 0x5451];
/** F_DUPFD, F_GETFD, F_SETFD, F_GETFL, F_SETFL, F_GETLK, F_SETLK, F_SETLKW, F_DUPFD_CLOEXEC: no signals to others. */
const DESCRIPTOR_FLAGS = [0, 1, 2, 3, 4, 5, 6, 7, 1030];
/** PR_GET_DUMPABLE, PR_SET_NAME, PR_GET_NAME, PR_SET_VMA. */
const NAMES = [3, 15, 16, 0x53564d41];

/** What the runtime, its collector and libc do at any time: nothing that names a file to write. */
const RUNTIME_CALLS: readonly (SystemCall | readonly [SystemCall, Condition])[] = [
  // The most frequent first.
  ...["read", "write", "poll", "sched_yield", "futex", "epoll_wait"] as const,
  ["openat", { argument: 2, mask: WRITES, values: [0] }],
  ["open", { argument: 1, mask: WRITES, values: [0] }],
  ["clone", { argument: 0, mask: CLONE_THREAD, values: [CLONE_THREAD] }],
  ["ioctl", { argument: 1, mask: INT, values: TERMINAL_AND_FILES }],
  ["fcntl", { argument: 1, mask: INT, values: DESCRIPTOR_FLAGS }],
  ["prctl", { argument: 0, mask: INT, values: NAMES }],
  ["prlimit64", { argument: 2, values: [0] }], // reading limits
  ["sendto", { argument: 4, values: [0] }], // to whom the socket is connected
  ...["readv", "writev", "pread64", "pwrite64", "preadv", "lseek", "close", "dup"] as const,
  ...["dup2", "dup3", "fsync", "fdatasync", "recvfrom", "shutdown", "getsockopt"] as const,
  ...["stat", "fstat", "lstat", "newfstatat", "statx", "readlink", "readlinkat"] as const,
  ...["access", "faccessat", "faccessat2", "getdents64", "getcwd", "statfs", "fstatfs"] as const,
  ...["mmap", "munmap", "mprotect", "mremap", "madvise", "brk", "mincore"] as const,
  ...["membarrier", "pkey_mprotect", "pkey_alloc", "pkey_free", "get_mempolicy"] as const,
  ...["set_robust_list", "get_robust_list", "rseq", "set_tid_address", "arch_prctl"] as const,
  ...["sched_getaffinity", "sched_getparam", "sched_getscheduler", "getcpu"] as const,
  ...["sched_get_priority_max", "sched_get_priority_min"] as const,
  ...["exit", "exit_group", "getpid", "gettid", "getppid", "getuid", "geteuid"] as const,
  ...["getgid", "getegid", "wait4", "waitid", "pidfd_open"] as const,
  ...["rt_sigaction", "rt_sigprocmask", "rt_sigreturn", "rt_sigpending"] as const,
  ...["rt_sigsuspend", "rt_sigtimedwait", "sigaltstack", "restart_syscall"] as const,
  ...["clock_gettime", "clock_getres", "clock_nanosleep", "nanosleep"] as const,
  ...["gettimeofday", "time", "times", "getrusage", "uname", "sysinfo", "getrandom"] as const,
  ...["ppoll", "select", "pselect6", "epoll_create1", "epoll_ctl", "epoll_pwait"] as const,
  ...["epoll_pwait2", "eventfd2", "pipe2", "timerfd_create", "timerfd_settime"] as const,
];

/** What the needs take together. */
export interface Allowance {
  readonly capabilities: ReadonlySet<Capability>;
  readonly reads: ReadonlySet<string>;
  readonly rules: Rules;
  readonly landlock: boolean;
  readonly permissions: ReadonlySet<Permission>;
}

/** `pids` may be signalled: ourselves, and COMMAND. */
export function allow(names: readonly NeedName[], pids: readonly number[]): Allowance {
  const needs: Need[] = names.map((name) => NEEDS[name]);
  const rules = new Map<SystemCall, Condition | null>();
  for (const entry of [...RUNTIME_CALLS, ...needs.flatMap((need) => need.calls)]) {
    addRule(rules, entry);
  }
  for (const call of ["kill", "tgkill"] as const) {
    addRule(rules, [call, { argument: 0, mask: INT, values: pids }]);
  }
  return {
    capabilities: new Set(needs.flatMap((need) => need.capabilities)),
    reads: new Set(needs.flatMap((need) => need.reads)),
    rules,
    landlock: needs.every((need) => need.landlock),
    permissions: new Set(needs.flatMap((need) => need.permissions)),
  };
}

/** Adds a rule; a call that is named twice is allowed what either allows, by one argument only. */
function addRule(
  rules: Map<SystemCall, Condition | null>,
  entry: SystemCall | readonly [SystemCall, Condition],
): void {
  if (typeof entry === "string") {
    rules.set(entry, null);
    return;
  }
  const [call, condition] = entry;
  const before = rules.get(call);
  if (before === null) return;
  const values = [...before?.values ?? [], ...condition.values];
  rules.set(call, { ...condition, values });
}
