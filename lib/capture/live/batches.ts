/**
 * Flushes the kernel side's per-CPU batches. In: the map `batches`, mapped. Out: batches pushed into
 * their rings, and how many entries each CPU has numbered so far.
 */
import type { BpfObject, MappedArray } from "../../../ffi/bpf_object.ts";

/** struct batch, in words: how many bytes wait; the next numbers of both buffers' entries. */
const Batch = { used: 0, data_sequence: 4, conn_sequence: 5 } as const;
/** What `flush` returns when it has interrupted a program that holds the batch: try again at once. */
const BUSY = 1;
const MAX_TRIES = 3;

/** Pushes batches out by running the BPF program `flush` on their CPUs. */
export class BatchFlusher {
  readonly #words: Uint32Array;
  readonly #stride: number;
  readonly #cpus: number;
  readonly #object: BpfObject;
  readonly #program: number;

  constructor(batches: MappedArray, object: BpfObject) {
    this.#words = new Uint32Array(batches.buffer);
    this.#stride = batches.stride >>> 2;
    this.#cpus = batches.entries;
    this.#object = object;
    this.#program = object.programFd("flush");
  }

  /** Does any CPU's batch hold entries? */
  get waiting(): boolean {
    for (let cpu = 0; cpu < this.#cpus; cpu++) {
      if (Atomics.load(this.#words, cpu * this.#stride + Batch.used) > 0) return true;
    }
    return false;
  }

  /** Flushes every CPU whose batch holds entries; the others are not interrupted. */
  flush(): void {
    for (let cpu = 0; cpu < this.#cpus; cpu++) {
      const used = cpu * this.#stride + Batch.used;
      for (let tries = 0; tries < MAX_TRIES && Atomics.load(this.#words, used) > 0; tries++) {
        if (this.#object.runOnCpu(this.#program, cpu) !== BUSY) break;
      }
    }
  }

  /** Entries numbered by that CPU so far, lost ones included; modulo 2^32. */
  sent(cpu: number): { data: number; conn: number } {
    const at = cpu * this.#stride;
    return {
      data: Atomics.load(this.#words, at + Batch.data_sequence),
      conn: Atomics.load(this.#words, at + Batch.conn_sequence),
    };
  }
}
