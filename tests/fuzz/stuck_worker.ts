/** For the tests of bench.ts: a worker whose input 3 never comes back. */
/// <reference lib="deno.worker" />
import type { Job, Reply, Try } from "./worker.ts";

self.onmessage = ({ data }: MessageEvent<Job | Try>): void => {
  if (data.kind === "try") check(Number(data.input));
  else {
    const end = data.from + data.turns;
    for (let turn = data.from; turn < end; turn++) {
      Atomics.store(data.progress, 0, turn);
      check(turn);
    }
    const { turns } = data;
    const done: Reply = { kind: "done", next: end, turns, seconds: 0, heapGrowth: 0 };
    self.postMessage(done);
  }
};
self.postMessage({ kind: "ready" });

function check(turn: number): void {
  while (turn === 3);
}
