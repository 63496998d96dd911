/**
 * What this kernel and these privileges allow, for the command `check`. In: nothing but /proc, /sys
 * and, at the end, a real load and attach. Out: one Check for each requirement, the basic ones first.
 * It leaves nothing loaded and traces nothing.
 */
import { PRIVILEGES } from "../../../ffi/bpf_error.ts";
import { openLibbpf } from "../../../ffi/libbpf.ts";
import { UPROBE_SOURCE } from "../../../ffi/uprobes.ts";
import { chooseLibbpf } from "../../../ffi/library.ts";
import { type AssetName, readAsset } from "../../assets.ts";
import { type Capability, capabilityMask, namesOf } from "../../privileges/capabilities.ts";
import { chooseWay, type Hooks, probeHooks, type Way } from "./kernel_side.ts";
import { openLive } from "./source.ts";
import { runtimeFiles } from "../../system_files.ts";
import { cgroup2Root, hasHostPids, lockedMemoryLimit, readFirstLine } from "./machine.ts";

/** One line of `check`. */
export interface Check {
  readonly name: string;
  /** False when tracing cannot work without it. */
  readonly ok: boolean;
  readonly detail: string;
  /** What to do when it is not ok, or could be better. */
  readonly remedy?: string;
}

export interface ProbeOptions {
  readonly way?: Way;
  readonly libbpf?: string;
  readonly assets?: (name: AssetName) => Uint8Array;
}

const LEAST_KERNEL = [5, 10] as const;
/** CAP_SYS_ADMIN stands for all of them. */
const NEEDED = ["CAP_BPF", "CAP_PERFMON", "CAP_NET_ADMIN"] as const;

/** Every check; the last one says whether tracing works. */
export function probeKernel(options: ProbeOptions = {}): Check[] {
  const capabilities = effectiveCapabilities();
  return [
    checkKernel(),
    checkPrivileges(capabilities),
    checkLockedMemory(capabilities),
    checkLockdown(),
    checkPidNamespace(),
    checkBtf(),
    checkCgroup(),
    ...checkHooks(options),
    checkAttach(options),
  ];
}

function checkKernel(): Check {
  const release = Deno.osRelease();
  const ok = atLeast(...LEAST_KERNEL);
  const detail = `Linux ${release} ${Deno.build.arch}`;
  return ok
    ? { name: "kernel", ok, detail }
    : { name: "kernel", ok, detail, remedy: `Linux ${LEAST_KERNEL.join(".")} or later is needed` };
}

function checkPrivileges(held: ReadonlySet<Capability>): Check {
  const name = "privileges";
  const missing = NEEDED.filter((it) => !held.has(it));
  if (!held.has("CAP_SYS_ADMIN") && missing.length > 0) {
    return { name, ok: false, detail: `missing ${missing.join(", ")}`, remedy: PRIVILEGES };
  }
  const detail = Deno.uid() === 0 ? "root" : [...held].join(", ");
  if (held.has("CAP_SYS_PTRACE")) return { name, ok: true, detail };
  return { name, ok: true, detail, remedy: "grant CAP_SYS_PTRACE to see other users' sockets" };
}

/** From 5.11 on BPF memory is not counted as locked; perf buffers still are. */
function checkLockedMemory(held: ReadonlySet<Capability>): Check {
  const name = "locked memory";
  if (held.has("CAP_IPC_LOCK")) return { name, ok: true, detail: "unlimited (CAP_IPC_LOCK)" };
  const limit = lockedMemoryLimit();
  if (limit === null) return { name, ok: true, detail: "unlimited" };
  const detail = `${Math.round(limit / 1024)} KiB`;
  const remedy = "perf buffers may be smaller than asked for: raise it (ulimit -l), or grant " +
    "CAP_IPC_LOCK";
  return { name, ok: true, detail, remedy };
}

/** "none [integrity] confidentiality": the mode in brackets is the current one. */
function checkLockdown(): Check {
  const name = "lockdown";
  const text = readFirstLine("/sys/kernel/security/lockdown") ?? "";
  const mode = /\[(\w+)\]/.exec(text)?.[1] ?? "none";
  if (mode !== "confidentiality") return { name, ok: true, detail: mode };
  return {
    name,
    ok: false,
    detail: mode,
    remedy: "BPF may not read memory in this mode: boot with lockdown=integrity or none",
  };
}

/** The kernel side has pids of the first pid namespace: elsewhere --pid would name other processes. */
function checkPidNamespace(): Check {
  const name = "pid namespace";
  if (hasHostPids()) return { name, ok: true, detail: "the host's" };
  const remedy = "pids seen here differ from the kernel's: run with the host's pid namespace";
  return { name, ok: true, detail: "not the host's", remedy };
}

function checkBtf(): Check {
  const path = "/sys/kernel/btf/vmlinux";
  try {
    const { size } = Deno.statSync(path);
    return { name: "BTF", ok: true, detail: `${path}, ${Math.round(size / 1024)} KiB` };
  } catch {
    const remedy = "a kernel built with CONFIG_DEBUG_INFO_BTF is needed";
    return { name: "BTF", ok: false, detail: `${path} is missing`, remedy };
  }
}

function checkCgroup(): Check {
  const name = "cgroup2";
  const root = cgroup2Root();
  const known = (runtimeFiles.readText("/proc/filesystems") ?? "").includes("\tcgroup2\n");
  if (root !== null) return { name, ok: true, detail: `mounted at ${root}` };
  if (known) return { name, ok: true, detail: "not mounted as a whole; reached without a mount" };
  const remedy = "senders of datagrams to unconnected sockets stay unknown";
  return { name, ok: true, detail: "not in this kernel", remedy };
}

/** libbpf, the hooks of both ways, and what later probes may use. */
function checkHooks(options: ProbeOptions): Check[] {
  const assets = options.assets ?? readAsset;
  try {
    using libbpf = openLibbpf(
      chooseLibbpf(options.libbpf, () => new Uint8Array(assets("libbpf.so"))),
    );
    const hooks = probeHooks(libbpf);
    return [
      { name: "libbpf", ok: true, detail: `${libbpf.version}, ${options.libbpf ?? "bundled"}` },
      ...describeHooks(hooks),
      checkProbes(hooks),
      checkWay(options.way, hooks),
    ];
  } catch (error) {
    return [failed("libbpf and hooks", error)];
  }
}

function describeHooks(hooks: Hooks): Check[] {
  const have = (yes: boolean): string => yes ? "yes" : "not in this kernel";
  return [
    { name: "socket hooks", ok: true, detail: have(hooks.socket) },
    { name: "syscall hooks", ok: true, detail: have(hooks.syscall) },
    { name: "io_uring hook", ok: true, detail: have(hooks.uring) },
  ];
}

/** Reading plain text inside TLS is not needed for a trace: without it the rest is traced. */
function checkProbes({ uprobeMulti }: Hooks): Check {
  const name = "TLS probes";
  if (uprobeMulti) return { name, ok: true, detail: "uprobe_multi links" };
  if (readFirstLine(`${UPROBE_SOURCE}/type`) !== null) {
    return { name, ok: true, detail: "perf events, one a function: they take long to detach" };
  }
  const remedy = "plain text inside TLS is not seen: a kernel with CONFIG_UPROBE_EVENTS is needed";
  return { name, ok: true, detail: "not in this kernel", remedy };
}

function checkWay(asked: Way | undefined, hooks: Hooks): Check {
  try {
    return { name: "capture way", ok: true, detail: chooseWay(asked, hooks) };
  } catch (error) {
    return failed("capture way", error);
  }
}

/** Loads and attaches everything, as for a trace of this process, and takes it away again. */
function checkAttach(options: ProbeOptions): Check {
  const name = "load and attach";
  const warnings: string[] = [];
  const began = performance.now();
  try {
    using live = openLive({
      pids: hasHostPids() ? [Deno.pid] : [],
      comm: [],
      ports: [],
      follow: false,
      unfiltered: false,
      snaplen: 4096,
      tls: true,
      warn: (message) => void warnings.push(message),
      ...options,
    });
    live.stop();
    const elapsed = Math.round(performance.now() - began);
    const rings = `${live.ringBytes / 1024} KiB a CPU`;
    const detail = `${live.way} way in ${elapsed} ms, perf buffers of ${rings}`;
    return warnings.length === 0
      ? { name, ok: true, detail }
      : { name, ok: true, detail, remedy: warnings.join("; ") };
  } catch (error) {
    return failed(name, error);
  }
}

function failed(name: string, error: unknown): Check {
  // Only the first line: libbpf's log follows it.
  const [detail = ""] = (error instanceof Error ? error.message : String(error)).split("\n", 1);
  const hint = error instanceof Error && "hint" in error ? error.hint : null;
  return typeof hint === "string"
    ? { name, ok: false, detail, remedy: hint }
    : { name, ok: false, detail };
}

function atLeast(major: number, minor: number): boolean {
  const [ourMajor = 0, ourMinor = 0] = Deno.osRelease().split(".").map((part) => parseInt(part));
  return ourMajor > major || (ourMajor === major && ourMinor >= minor);
}

function effectiveCapabilities(): Set<Capability> {
  return new Set(
    namesOf(capabilityMask(runtimeFiles.readText("/proc/self/status") ?? "", "CapEff")),
  );
}
