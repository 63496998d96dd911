/**
 * Plain text of TLS, put together: probes and the watch for libraries. In: the options of a trace, and its
 * parts. Out: a watch that has looked at what there is already.
 */
import { BpfError } from "../../../ffi/bpf_error.ts";
import type { BpfObject } from "../../../ffi/bpf_object.ts";
import type { Libbpf } from "../../../ffi/libbpf.ts";
import type { PerfRing } from "../../../ffi/perf_ring.ts";
import type { Hooks, KernelSettings } from "./kernel_side.ts";
import { listPids, type Targets } from "./targets.ts";
import { TlsProbes } from "./tls_probes.ts";
import { TlsWatch } from "./tls_watch.ts";

/** What of a trace's options matters here. */
export interface TlsOptions {
  readonly pids: readonly number[];
  readonly comm: readonly string[];
  readonly follow: boolean;
  readonly command?: boolean;
  /** Files in which COMMAND may have TLS code. */
  readonly expected?: readonly string[];
  readonly tell?: (message: string) => void;
  readonly warn: (message: string) => void;
}

/** `rings`: those that report what is mapped. Null, and a warning, where functions cannot be probed. */
export function openTlsWatch(
  options: TlsOptions,
  { uprobes, pidLimit }: KernelSettings,
  { libbpf, object, targets, hooks, rings }: {
    libbpf: Libbpf;
    object: BpfObject;
    targets: Targets;
    hooks: Hooks;
    rings: readonly PerfRing[];
  },
): TlsWatch | null {
  const { pids, follow, command, comm, tell = (): void => {} } = options;
  const [first = 0] = pids;
  // A link can be limited to one process: then others that use the library do not notice.
  const isOne = pids.length === 1 && !follow && command !== true && comm.length === 0;
  const which = { way: uprobes ?? "multi", hasCookies: hooks.cookies, pid: isOne ? first : 0 };
  const { files } = libbpf.libc;
  const isWanted = (pid: number): boolean => targets.isTraced(pid);
  const probes = openProbes(() => new TlsProbes(libbpf, object, which), options.warn);
  if (probes === null) return null;
  const watch = new TlsWatch({ files, probes, isWanted, pidLimit, tell }, rings);
  watch.start(listPids(files), options.expected ?? []);
  return watch;
}

function openProbes(
  open: () => TlsProbes,
  warn: (message: string) => void,
): TlsProbes | null {
  try {
    return open();
  } catch (error) {
    if (!(error instanceof BpfError)) throw error;
    warn(`plain text inside TLS is not seen: ${error.message}`);
    return null;
  }
}
