/**
 * The BPF object, ready to run. In: what to trace and by which way. Out: its maps, rings and the
 * switch that attaches it. It reads no event.
 */
import { type BpfObject, BpfObject as Bpf, kernelHasTypes } from "../../../ffi/bpf_object.ts";
import { BpfError } from "../../../ffi/bpf_error.ts";
import type { Libbpf } from "../../../ffi/libbpf.ts";
import type { Descriptor } from "../../../ffi/libc.ts";
import { Config, CONFIG_SIZE, MARKS_PER_VALUE, MAX_PORTS } from "../abi.ts";
import { cgroup2Root, onlineCpus } from "./machine.ts";
import { STEADY, type SteadyProgram, tracepointIds } from "./steady.ts";

/** "socket": the tracepoints of socket sends and receives; "syscall": the end of system calls. */
export type Way = "socket" | "syscall";

const SOCKET_HOOKS = ["btf_trace_sock_send_length", "btf_trace_sock_recv_length"];
const URING_HOOK = "btf_trace_io_uring_complete";
const SYSCALL_HOOK = "btf_trace_sys_exit";

/** Hooks of this kernel that the ways are chosen by. */
export interface Hooks {
  readonly socket: boolean;
  readonly syscall: boolean;
  readonly uring: boolean;
}

/** Looks the tracepoints up in the kernel's BTF. */
export function probeHooks(libbpf: Libbpf): Hooks {
  const types = kernelHasTypes(libbpf, [...SOCKET_HOOKS, URING_HOOK, SYSCALL_HOOK]);
  return {
    socket: SOCKET_HOOKS.every((name) => types.has(name)),
    syscall: types.has(SYSCALL_HOOK),
    uring: types.has(URING_HOOK),
  };
}

/** The way asked for, or the better one that this kernel has. */
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
    object.setMaxEntries("batches", settings.possibleCpus);
    object.setMaxEntries("scratch", settings.possibleCpus);
    object.setMaxEntries("comms", Math.max(1, settings.comm.length));
    object.setMaxEntries("process_marks", Math.ceil(settings.pidLimit / MARKS_PER_VALUE));
    // Marks are written from here while the kernel side marks children: byte by byte, in place.
    object.setMappable("process_marks");
    object.setAutoload(
      new Set([
        "flush",
        ...attached(settings, hooks).map(({ program }) => program),
        ...continuations(settings),
        ...peers(settings),
      ]),
    );
    object.load();
    continuations(settings).forEach((name, index) => {
      const key = new Uint8Array(new Uint32Array([index]).buffer);
      const program = new Uint8Array(new Uint32Array([object.programFd(name)]).buffer);
      object.update(object.mapFd("continuations"), key, program);
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

/** They tell who sent a datagram to an unconnected socket; the syscall way sees it by itself. */
function peers(settings: KernelSettings): string[] {
  return settings.way === "socket" ? ["peer4", "peer6"] : [];
}

function attached(settings: KernelSettings, hooks: Hooks): SteadyProgram[] {
  return attachedNames(settings, hooks).map((program) => standIn(settings, program));
}

function standIn({ steady }: KernelSettings, program: string): SteadyProgram {
  return (steady ? STEADY[program] : undefined) ?? { program };
}

function attachedNames(settings: KernelSettings, hooks: Hooks): string[] {
  const names = ["process_fork", "process_exit"];
  if (settings.comm.length > 0) names.push("process_rename");
  if (settings.way === "syscall") return [...names, "sys_exit", "sock_state_walked"];
  names.push("sock_send", "sock_recv", "sock_state");
  if (hooks.uring) names.push("io_uring_done");
  return names;
}

/** Programs reached by tail calls only, in the order of the map `continuations` (maps.bpf.h). */
function continuations(settings: KernelSettings): string[] {
  if (settings.way !== "syscall") return [];
  return ["messages_exit", "walk_exit"].map((name) => standIn(settings, name).program);
}

/** Attaches everything; from here on events flow. */
export function attachAll(
  object: BpfObject,
  libbpf: Libbpf,
  settings: KernelSettings,
  hooks: Hooks,
  warn: (message: string) => void,
): void {
  if (settings.way === "socket") attachPeers(object, libbpf, peers(settings), warn);
  attachPrograms(object, libbpf, attached(settings, hooks));
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

/** For every cgroup: at the root. */
function attachPeers(
  object: BpfObject,
  libbpf: Libbpf,
  names: readonly string[],
  warn: (message: string) => void,
): void {
  try {
    using root = openCgroupRoot(libbpf);
    for (const name of names) object.attachCgroup(name, root);
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
  settings.ports.forEach((port, i) => view.setUint16(Config.ports + 2 * i, port, true));
  return bytes;
}
