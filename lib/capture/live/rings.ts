/**
 * Both perf buffers, a ring of each on every CPU. In: the maps of the BPF object, and how large the
 * rings may be. Out: the rings, and how full they are. It never reads an entry.
 */
import type { BpfObject } from "../../../ffi/bpf_object.ts";
import type { Libbpf } from "../../../ffi/libbpf.ts";
import { openPerfRings, type PerfRings } from "../../../ffi/perf_ring.ts";
import { onlineCpus } from "./machine.ts";
import { ringSizes } from "./ring_sizes.ts";

/** A ring that is filled to less than this part of it can wait for its reader. */
const ROOM = 1 / 8;

export class Rings implements Disposable {
  readonly data: PerfRings;
  readonly conn: PerfRings;
  readonly #owned: DisposableStack;

  constructor(data: PerfRings, conn: PerfRings, owned: DisposableStack) {
    this.data = data;
    this.conn = conn;
    this.#owned = owned;
  }

  /** Did anything come that was not handed out? */
  get waiting(): boolean {
    return this.data.rings.some((ring) => ring.waitingBytes > 0) ||
      this.conn.rings.some((ring) => ring.waitingBytes > 0);
  }

  /** Would nothing be lost if the reader came somewhat later? */
  get hasRoom(): boolean {
    return hasRoom(this.data) && hasRoom(this.conn);
  }

  [Symbol.dispose](): void {
    this.#owned.dispose();
  }
}

function hasRoom({ rings, ringBytes }: PerfRings): boolean {
  for (const ring of rings) if (ring.waitingBytes > ringBytes * ROOM) return false;
  return true;
}

/** `ringMib`: of all rings together, as --ring-mib. Tells `warn` when they had to be smaller. */
export function openRings(
  libbpf: Libbpf,
  object: BpfObject,
  ringMib: number | undefined,
  warn: (message: string) => void,
): Rings {
  const cpus = onlineCpus();
  const want = ringSizes(cpus.length, ringMib);
  using stack = new DisposableStack();
  const open = (map: string, size: { bytes: number; least: number }): PerfRings =>
    stack.use(openPerfRings(libbpf, object.mapFd(map), cpus, size.bytes, size.least));
  const conn = open("conn_events", want.conn);
  const data = open("data_events", want.data);
  if (data.ringBytes < want.data.bytes) {
    warn(
      `perf buffers are ${data.ringBytes / 1024} KiB on each CPU instead of ` +
        `${want.data.bytes / 1024}: the limit of locked memory is reached (grant CAP_IPC_LOCK)`,
    );
  }
  return new Rings(data, conn, stack.move());
}
