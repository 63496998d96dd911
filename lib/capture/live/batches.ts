/**
 * Flushes the kernel side's per-CPU batches. In: the map `batches`, mapped: one batch a CPU, or a
 * second one for each behind these (slots, bpf/maps.bpf.h). Out: batches pushed into their rings, and
 * how many entries were numbered in each so far.
 */
import type { MappedArray } from "../../../ffi/bpf_object.ts";

/** struct batch, in words: how many bytes wait; the next numbers of both buffers' entries. */
const Batch = { used: 0, data_sequence: 4, conn_sequence: 5 } as const;
/** What `flush` returns when it has interrupted a program that holds the batch: try again at once. */
const BUSY = 1;
const MAX_TRIES = 3;

/** Runs programs of the loaded object (ffi/bpf_object.ts). */
export interface ProgramRunner {
  programFd(program: string): number;
  runOnCpu(programFd: number, cpu: number): number;
}

/** Pushes batches out by running the BPF program `flush` on their CPUs. */
export class BatchFlusher {
  readonly #words: Uint32Array;
  readonly #stride: number;
  readonly #cpus: number;
  readonly #slots: number;
  readonly #object: ProgramRunner;
  readonly #program: number;

  constructor(
    batches: Pick<MappedArray, "buffer" | "stride" | "entries">,
    cpus: number,
    object: ProgramRunner,
  ) {
    this.#words = new Uint32Array(batches.buffer);
    this.#stride = batches.stride >>> 2;
    this.#cpus = cpus;
    this.#slots = batches.entries;
    this.#object = object;
    this.#program = object.programFd("flush");
  }

  /** Does any CPU's batch hold entries? */
  get waiting(): boolean {
    for (let slot = 0; slot < this.#slots; slot++) if (this.#used(slot) > 0) return true;
    return false;
  }

  /** Flushes every CPU whose batch holds entries; the others are not interrupted. */
  flush(): void {
    for (let cpu = 0; cpu < this.#cpus; cpu++) {
      for (let tries = 0; tries < MAX_TRIES && this.#isWaiting(cpu); tries++) {
        if (this.#object.runOnCpu(this.#program, cpu) !== BUSY) break;
      }
    }
  }

  #isWaiting(cpu: number): boolean {
    for (let slot = cpu; slot < this.#slots; slot += this.#cpus) {
      if (this.#used(slot) > 0) return true;
    }
    return false;
  }

  #used(slot: number): number {
    return Atomics.load(this.#words, slot * this.#stride + Batch.used);
  }

  /** Entries numbered in that slot so far, lost ones included; modulo 2^32. */
  sent(slot: number): { data: number; conn: number } {
    const at = slot * this.#stride;
    return {
      data: Atomics.load(this.#words, at + Batch.data_sequence),
      conn: Atomics.load(this.#words, at + Batch.conn_sequence),
    };
  }
}
