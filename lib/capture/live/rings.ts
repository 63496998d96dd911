/**
 * The perf buffers, a ring of each on every CPU. In: the maps of the BPF object, and how large the
 * rings may be. Out: the rings, and how full they are. It never reads an entry.
 */
import { BpfError, Errno } from "../../../ffi/bpf_error.ts";
import type { BpfObject } from "../../../ffi/bpf_object.ts";
import type { Libbpf } from "../../../ffi/libbpf.ts";
import { openPerfRings, type PerfRings } from "../../../ffi/perf_ring.ts";
import { lockedMemoryLimit, onlineCpus } from "./machine.ts";
import { connPart, ringSizes, tlsPart } from "./ring_sizes.ts";

/** A ring that is filled to less than this part of it can wait for its reader. */
const ROOM = 1 / 8;

export class Rings implements Disposable {
  readonly data: PerfRings;
  readonly conn: PerfRings;
  /** Null where plain text of TLS is not traced. */
  readonly tls: PerfRings | null;
  readonly #owned: DisposableStack;

  constructor(data: PerfRings, conn: PerfRings, tls: PerfRings | null, owned: DisposableStack) {
    this.data = data;
    this.conn = conn;
    this.tls = tls;
    this.#owned = owned;
  }

  /** All of them. */
  get all(): readonly PerfRings[] {
    return this.tls === null ? [this.data, this.conn] : [this.data, this.conn, this.tls];
  }

  /** Do the rings hold bytes that were not handed out? */
  get waiting(): boolean {
    return this.all.some(({ rings }) => rings.some((ring) => ring.waitingBytes > 0));
  }

  /** Are all rings so empty that the reader may come somewhat later? */
  get hasRoom(): boolean {
    return this.all.every(hasRoom);
  }

  [Symbol.dispose](): void {
    this.#owned.dispose();
  }
}

function hasRoom({ rings, ringBytes }: PerfRings): boolean {
  for (const ring of rings) if (ring.waitingBytes > ringBytes * ROOM) return false;
  return true;
}

/**
 * `ringMib`: size of all rings together (--ring-mib). Where less memory may be locked, the data rings
 * take what they can have first, all kinds are smaller, and `warn` is called. `tls`: with a buffer for
 * plain text, and with what processes map in the rings of connection events.
 */
export function openRings(
  libbpf: Libbpf,
  object: BpfObject,
  { ringMib, tls, warn }: {
    ringMib: number | undefined;
    tls: boolean;
    warn: (message: string) => void;
  },
): Rings {
  const cpus = onlineCpus();
  const want = ringSizes(cpus.length, ringMib);
  const { least } = want.data;
  const open = (map: string, bytes: number, atLeast: number, mappings = false): PerfRings =>
    openPerfRings(libbpf, object.mapFd(map), cpus, bytes, atLeast, mappings);
  for (let bytes = want.data.bytes;;) {
    using stack = new DisposableStack();
    try {
      const data = stack.use(open("data_events", bytes, least));
      bytes = data.ringBytes;
      const connBytes = Math.max(want.conn.least, connPart(bytes));
      const conn = stack.use(open("conn_events", connBytes, want.conn.least, tls));
      const tlsBytes = Math.max(least, tlsPart(bytes));
      const tlsRings = tls ? stack.use(open("tls_events", tlsBytes, least)) : null;
      if (bytes < want.data.bytes) warn(smaller(bytes, want.data.bytes));
      return new Rings(data, conn, tlsRings, stack.move());
    } catch (error) {
      if (!(error instanceof BpfError) || error.errno !== Errno.EPERM) throw error;
      // The data rings have left too little.
      if (bytes / 2 < least) throw notLocked(error);
    }
    bytes /= 2;
  }
}

function smaller(bytes: number, want: number): string {
  return `perf buffers are ${bytes / 1024} KiB on each CPU instead of ${want / 1024}: ` +
    `${lockedMemory()} is reached (raise it: ulimit -l, or grant CAP_IPC_LOCK)`;
}

/** The error for rings that cannot be locked. (Without privileges, loading programs has failed before.) */
function notLocked(cause: BpfError): BpfError {
  const hint = `raise ${lockedMemory()}: ulimit -l, or grant CAP_IPC_LOCK`;
  return new BpfError("Cannot lock memory for perf buffers", cause.errno, "", hint);
}

function lockedMemory(): string {
  const limit = lockedMemoryLimit();
  const size = limit === null ? "" : `, ${limit / 1024} KiB`;
  return `the limit of locked memory (RLIMIT_MEMLOCK${size})`;
}
