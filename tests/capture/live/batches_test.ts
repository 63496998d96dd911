/** Which CPUs the flusher interrupts, over batches made in memory: no kernel, no FFI. */
import assert from "node:assert/strict";
import { BatchFlusher } from "../../../lib/capture/live/batches.ts";

const CPUS = 3;
const STRIDE = 32;

/** Batches as the kernel has them, each CPU's program emptying its own, some after having been busy. */
class Kernel {
  readonly stride = STRIDE;
  readonly buffer: ArrayBuffer;
  readonly runs: number[] = [];
  /** So often the program of that CPU finds a batch in use. */
  readonly busy = new Map<number, number>();

  constructor(readonly entries: number) {
    this.buffer = new ArrayBuffer(entries * STRIDE);
  }

  put(slot: number, used: number, data = 0, conn = 0): void {
    new Uint32Array(this.buffer, slot * STRIDE, STRIDE / 4).set([used, 0, 0, 0, data, conn]);
  }

  programFd(): number {
    return 7;
  }

  runOnCpu(program: number, cpu: number): number {
    assert.equal(program, 7);
    assert.ok(cpu < CPUS, `CPU ${cpu}`);
    this.runs.push(cpu);
    const left = this.busy.get(cpu) ?? 0;
    this.busy.set(cpu, left - 1);
    if (left > 0) return 1;
    for (let slot = cpu; slot < this.entries; slot += CPUS) this.put(slot, 0);
    return 0;
  }
}

const table: {
  name: string;
  slots: number;
  waiting: number[];
  busy?: [number, number];
  runs: number[];
  left?: boolean;
}[] = [
  { name: "nothing waits", slots: CPUS, waiting: [], runs: [] },
  { name: "one batch a CPU", slots: CPUS, waiting: [0, 2], runs: [0, 2] },
  { name: "only a second batch", slots: 2 * CPUS, waiting: [CPUS + 1], runs: [1] },
  {
    name: "both batches of a CPU",
    slots: 2 * CPUS,
    waiting: [1, CPUS + 1, CPUS + 2],
    runs: [1, 2],
  },
  { name: "a batch that is in use once", slots: CPUS, waiting: [1], busy: [1, 1], runs: [1, 1] },
  {
    name: "a batch that stays in use",
    slots: 2 * CPUS,
    waiting: [CPUS],
    busy: [0, 9],
    runs: [0, 0, 0],
    left: true,
  },
];

for (const { name, slots, waiting, busy, runs, left = false } of table) {
  Deno.test(`flush() interrupts the CPUs that have something: ${name}`, () => {
    const kernel = new Kernel(slots);
    for (const slot of waiting) kernel.put(slot, 8);
    if (busy !== undefined) kernel.busy.set(...busy);
    const flusher = new BatchFlusher(kernel, CPUS, kernel);
    assert.equal(flusher.waiting, waiting.length > 0);
    flusher.flush();
    assert.deepEqual([kernel.runs, flusher.waiting], [runs, left]);
  });
}

Deno.test("sent() tells the numbers of each slot", () => {
  const kernel = new Kernel(2 * CPUS);
  kernel.put(1, 0, 5, 6);
  kernel.put(CPUS + 1, 0, 2 ** 32 - 1, 8);
  const flusher = new BatchFlusher(kernel, CPUS, kernel);
  assert.deepEqual(flusher.sent(1), { data: 5, conn: 6 });
  assert.deepEqual(flusher.sent(CPUS + 1), { data: 2 ** 32 - 1, conn: 8 });
});
