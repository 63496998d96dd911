/**
 * The BPF object, ready to run. In: what to trace and by which way. Out: its maps, rings and the
 * switch that attaches it. It reads no event.
 */
import { type BpfObject, BpfObject as Bpf, kernelHasTypes } from "../../../ffi/bpf_object.ts";
import { BpfError } from "../../../ffi/bpf_error.ts";
import type { Libbpf } from "../../../ffi/libbpf.ts";
import type { Descriptor } from "../../../ffi/libc.ts";
import { UPROBE_MULTI, type UprobeWay } from "../../../ffi/uprobes.ts";
import { Config, CONFIG_SIZE, MARKS_PER_VALUE, MAX_PORTS } from "../abi.ts";
import { cgroup2Root, onlineCpus } from "./machine.ts";
import { STEADY, type SteadyProgram, tracepointIds } from "./steady.ts";
import { type OnlyTls, TLS_PROGRAMS } from "./tls_probes.ts";

/** "socket": the tracepoints of socket sends and receives; "syscall": the end of system calls. */
export type Way = "socket" | "syscall";

const SOCKET_HOOKS = ["btf_trace_sock_send_length", "btf_trace_sock_recv_length"];
const URING_HOOK = "btf_trace_io_uring_complete";
const SYSCALL_HOOK = "btf_trace_sys_exit";
const UPROBE_MULTI_LINK = "bpf_uprobe_multi_link";
const PERF_LINK = "bpf_perf_link";

/** bpf/maps.bpf.h. */
const SLOTS_PER_CPU = 2;
/** Threads in a call of a TLS function at a time, and sessions of which is known which socket they use. */
const MAX_TLS_THREADS = 16384;
const MAX_TLS_SESSIONS = 32768;
/** Records of cipher text that are on their way from a session to a socket. */
const MAX_TLS_SENT = 4096;

/** How a program comes to run. */
type Use =
  /** Attached to where its section says, or to what stands in for that (STEADY). */
  | "hook"
  /** Attached to the root cgroup. */
  | "cgroup"
  /** Reached by tail calls; their order is that of enum continuation (bpf/maps.bpf.h). */
  | "continuation"
  /** Never attached: run by user space. */
  | "run"
  /** Attached to functions of TLS libraries, as these are found. */
  | "function";

interface Program {
  readonly name: string;
  readonly use: Use;
  /** The way that the program belongs to; absent: both. */
  readonly way?: Way;
  /** Loaded only with --comm; where the kernel has the hook of io_uring; where plain text of TLS is traced. */
  readonly only?: "comm" | "uring" | OnlyTls;
}

/** Every program of the object. */
const PROGRAMS: readonly Program[] = [
  { name: "flush", use: "run" },
  { name: "process_fork", use: "hook" },
  { name: "process_exit", use: "hook" },
  { name: "process_rename", use: "hook", only: "comm" },
  { name: "sock_send", use: "hook", way: "socket" },
  { name: "sock_recv", use: "hook", way: "socket" },
  { name: "sock_state", use: "hook", way: "socket" },
  { name: "io_uring_done", use: "hook", way: "socket", only: "uring" },
  // These know who sent a datagram to an unconnected socket; the syscall way reads it from the call.
  { name: "peer4", use: "cgroup", way: "socket" },
  { name: "peer6", use: "cgroup", way: "socket" },
  { name: "sys_exit", use: "hook", way: "syscall" },
  { name: "sock_state_walked", use: "hook", way: "syscall" },
  { name: "messages_exit", use: "continuation", way: "syscall" },
  { name: "walk_exit", use: "continuation", way: "syscall" },
  ...TLS_PROGRAMS.map(({ name, only }): Program => ({ name, use: "function", only })),
];

/** Hooks of this kernel that the ways are chosen by. */
export interface Hooks {
  readonly socket: boolean;
  readonly syscall: boolean;
  readonly uring: boolean;
  /** Links on functions of a file (6.6), and programs that are told which one they are at (5.15). */
  readonly uprobeMulti: boolean;
  readonly cookies: boolean;
}

/** Looks the tracepoints up in the kernel's BTF. */
export function probeHooks(libbpf: Libbpf): Hooks {
  const typedefs = [...SOCKET_HOOKS, URING_HOOK, SYSCALL_HOOK];
  const types = kernelHasTypes(libbpf, typedefs, [UPROBE_MULTI_LINK, PERF_LINK]);
  return {
    socket: SOCKET_HOOKS.every((name) => types.has(name)),
    syscall: types.has(SYSCALL_HOOK),
    uring: types.has(URING_HOOK),
    uprobeMulti: types.has(UPROBE_MULTI_LINK),
    cookies: types.has(PERF_LINK),
  };
}

/** The way that was asked for, else the better one that this kernel has. */
export function chooseWay(asked: Way | undefined, hooks: Hooks): Way {
  if (asked === undefined) {
    if (hooks.socket) return "socket";
    if (hooks.syscall) return "syscall";
    throw new BpfError("Cannot capture", 0, "the kernel has neither socket nor syscall hooks");
  }
  if (hooks[asked]) return asked;
  throw new BpfError(
    `Cannot use --capture ${asked}`,
    0,
    asked === "socket"
      ? "this kernel lacks the tracepoints sock_send_length and sock_recv_length"
      : "this kernel lacks the tracepoint sys_exit",
    hooks.socket || hooks.syscall ? `use --capture ${hooks.socket ? "socket" : "syscall"}` : null,
  );
}

/** What the kernel side filters by. */
export interface KernelSettings {
  readonly way: Way;
  readonly wantedMarks: number;
  readonly follow: boolean;
  readonly unfiltered: boolean;
  readonly snaplen: number;
  readonly ports: readonly number[];
  readonly comm: readonly string[];
  readonly possibleCpus: number;
  readonly pidLimit: number;
  /** Programs that cannot be preempted: steady.ts. */
  readonly steady: boolean;
  /** How functions of TLS libraries are probed; null: they are not. */
  readonly uprobes: UprobeWay | null;
}

/** Opens, sizes and loads the object; attachAll() starts it. */
export function loadKernelSide(
  libbpf: Libbpf,
  image: Uint8Array<ArrayBuffer>,
  settings: KernelSettings,
  hooks: Hooks,
): BpfObject {
  const object = new Bpf(libbpf, image);
  try {
    object.setRodata(encodeConfig(settings, hooks));
    const slots = settings.possibleCpus * (settings.uprobes === null ? 1 : SLOTS_PER_CPU);
    object.setMaxEntries("batches", slots);
    object.setMaxEntries("scratch", slots);
    if (settings.uprobes !== null) {
      object.setMaxEntries("tls_threads", MAX_TLS_THREADS);
      object.setMaxEntries("tls_sessions", MAX_TLS_SESSIONS);
      object.setMaxEntries("tls_sent", MAX_TLS_SENT);
    }
    object.setMaxEntries("comms", Math.max(1, settings.comm.length));
    object.setMaxEntries("process_marks", Math.ceil(settings.pidLimit / MARKS_PER_VALUE));
    // Mapped, so that user space sets marks byte by byte while the kernel side marks children.
    object.setMappable("process_marks");
    object.setAutoload(new Set(chosen(settings, hooks).map(({ program }) => program)));
    if (settings.uprobes === "multi") {
      for (const { name } of TLS_PROGRAMS) object.setAttachType(name, UPROBE_MULTI);
    }
    object.load();
    chosen(settings, hooks, "continuation").forEach(({ program }, index) => {
      const key = new Uint8Array(new Uint32Array([index]).buffer);
      const fd = new Uint8Array(new Uint32Array([object.programFd(program)]).buffer);
      object.update(object.mapFd("continuations"), key, fd);
    });
    for (const name of settings.comm) {
      object.update(object.mapFd("comms"), encodeComm(name), new Uint8Array(4));
    }
    return object;
  } catch (error) {
    object[Symbol.dispose]();
    throw error;
  }
}

/** Programs for these settings on this kernel, in the order of the table; with `use` only those. */
function chosen(settings: KernelSettings, hooks: Hooks, use?: Use): SteadyProgram[] {
  const { comm, uprobes } = settings;
  const has = {
    comm: comm.length > 0,
    uring: hooks.uring,
    tls: uprobes !== null,
    tls_multi: uprobes === "multi",
    tls_perf: uprobes === "perf",
  };
  return PROGRAMS.filter((each) =>
    (use === undefined || each.use === use) &&
    (each.way === undefined || each.way === settings.way) &&
    (each.only === undefined || has[each.only])
  ).map(({ name }) => (settings.steady ? STEADY[name] : undefined) ?? { program: name });
}

/** Attaches everything; from here on events come. */
export function attachAll(
  object: BpfObject,
  libbpf: Libbpf,
  settings: KernelSettings,
  hooks: Hooks,
  warn: (message: string) => void,
): void {
  attachToCgroups(object, libbpf, chosen(settings, hooks, "cgroup"), warn);
  attachPrograms(object, libbpf, chosen(settings, hooks, "hook"));
  if (settings.way === "syscall" || !hooks.uring) {
    warn("io_uring is not seen on this kernel: its operations on sockets show as gaps");
  }
}

function attachPrograms(
  object: BpfObject,
  libbpf: Libbpf,
  programs: readonly SteadyProgram[],
): void {
  const events = programs.flatMap(({ event }) => event ?? []);
  const ids = events.length > 0 ? tracepointIds(libbpf, events) : [];
  const [cpu = 0] = events.length > 0 ? onlineCpus() : [];
  for (const { program, event } of programs) {
    const id = event === undefined ? undefined : ids[events.indexOf(event)];
    if (id === undefined) object.attach(program);
    else object.attachTracepoint(program, id, cpu);
  }
}

/** Attaches to the root cgroup, which holds for all. */
function attachToCgroups(
  object: BpfObject,
  libbpf: Libbpf,
  programs: readonly SteadyProgram[],
  warn: (message: string) => void,
): void {
  if (programs.length === 0) return;
  try {
    using root = openCgroupRoot(libbpf);
    for (const { program } of programs) object.attachCgroup(program, root);
  } catch (error) {
    if (!(error instanceof BpfError)) throw error;
    warn(`senders of datagrams to unconnected sockets stay unknown: ${error.message}`);
  }
}

function openCgroupRoot(libbpf: Libbpf): Descriptor {
  const mounted = cgroup2Root();
  return mounted === null ? libbpf.libc.openDetached("cgroup2") : libbpf.libc.open(mounted);
}

/** A process name is 15 bytes at most: the kernel cuts longer ones, and so do we. */
function encodeComm(name: string): Uint8Array<ArrayBuffer> {
  const bytes = new Uint8Array(16);
  bytes.set(new TextEncoder().encode(name).subarray(0, 15));
  return bytes;
}

/** struct config of bpf/abi.h. */
export function encodeConfig(settings: KernelSettings, hooks: Hooks): Uint8Array {
  const bytes = new Uint8Array(CONFIG_SIZE);
  const view = new DataView(bytes.buffer);
  const isSocketWay = settings.way === "socket";
  view.setUint32(Config.wanted_marks, settings.wantedMarks, true);
  view.setUint32(Config.follow, settings.follow ? 1 : 0, true);
  view.setUint32(Config.unfiltered, settings.unfiltered ? 1 : 0, true);
  view.setUint32(Config.snaplen, settings.snaplen, true);
  view.setUint32(Config.cpus, settings.possibleCpus, true);
  view.setUint32(Config.port_count, settings.ports.length, true);
  view.setUint32(Config.socket_way, isSocketWay ? 1 : 0, true);
  view.setUint32(Config.io_uring, isSocketWay && hooks.uring ? 1 : 0, true);
  if (settings.ports.length > MAX_PORTS) {
    throw new BpfError(
      `Cannot filter by ${settings.ports.length} ports`,
      0,
      `the most is ${MAX_PORTS}`,
    );
  }
  view.setUint32(Config.tls, settings.uprobes === null ? 0 : 1, true);
  settings.ports.forEach((port, i) => view.setUint16(Config.ports + 2 * i, port, true));
  return bytes;
}
