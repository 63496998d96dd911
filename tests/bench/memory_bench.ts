/**
 * The most memory that the executable takes at --memory-limit 64M for loads that would have it keep
 * all they can, each replayed: of a recording (tests/support/greedy.ts), and of a packet capture
 * (greedy_captures.ts).
 *
 *     deno run -A tests/bench/memory_bench.ts [NAME, or a part of it] [--quick]
 *
 * The bound is twice the limit above what a small recording takes. Peaks are the kernel's (VmHWM).
 */
import { SocketEvent } from "../../lib/capture/event.ts";
import { Recorder } from "../../lib/capture/recording/recorder.ts";
import { START } from "../support/events.ts";
import { type GreedyLoad, greedyLoads } from "../support/greedy.ts";
import { greedyCaptures, writeCapture } from "../support/greedy_captures.ts";
import { peakOf } from "../support/peak.ts";
import { figure } from "./support/report.ts";

const LIMIT_MIB = 64;

/** Writes `amount` units of the load into a recording. */
export function recordLoad(load: GreedyLoad, amount: number, path: string): void {
  const recorder = new Recorder(path, START, { version: "bench", filters: {} });
  const event = new SocketEvent();
  for (const bytes of load.entries(amount)) {
    const words = new Uint32Array(bytes.buffer, bytes.byteOffset, bytes.length >>> 2);
    if (!event.read(words, bytes, 0, bytes.length, START.base)) {
      throw new Error("Cannot read entry");
    }
    recorder.onEvent(event);
  }
  recorder.close();
}

if (import.meta.main) {
  const quick = Deno.args.includes("--quick");
  const [only = ""] = Deno.args.filter((arg) => !arg.startsWith("--"));
  const path = Deno.makeTempFileSync({ suffix: ".rec" });
  const peaks = async (): Promise<string> => {
    const seen: number[] = [];
    for (let run = 0; run < (quick ? 1 : 3); run++) seen.push(await peakOf(path, LIMIT_MIB));
    return `${seen.map((mib) => mib.toFixed(0)).join(", ")} MiB`;
  };
  const goal = `≤ base + ${2 * LIMIT_MIB} MiB`;
  try {
    const [first] = greedyLoads;
    if (first !== undefined) {
      recordLoad(first, 1, path);
      figure("memory, a small recording", await peaks());
    }
    for (const load of greedyLoads) {
      if (!load.name.includes(only)) continue;
      recordLoad(load, load.amount, path);
      figure(`memory, ${load.name}`, await peaks(), goal);
    }
    for (const load of greedyCaptures) {
      for (const suffix of load.isPacked === true ? ["", ".gz"] : [""]) {
        const name = `capture${suffix}, ${load.name}`;
        if (!name.includes(only)) continue;
        writeCapture(load, load.amount, path, suffix !== "");
        figure(`memory, ${name}`, await peaks(), goal);
      }
    }
  } finally {
    Deno.removeSync(path);
  }
}
