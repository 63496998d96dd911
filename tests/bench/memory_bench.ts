/**
 * The most memory that the executable takes at --memory-limit 64M for loads that would have it keep
 * all they can (tests/support/greedy.ts), each replayed from a recording.
 *
 *     deno run -A tests/bench/memory_bench.ts [NAME, or a part of it] [--quick]
 *
 * The bound is twice the limit above what a small recording takes. Peaks are the kernel's (VmHWM).
 */
import { SocketEvent } from "../../lib/capture/event.ts";
import { Recorder } from "../../lib/capture/recording/recorder.ts";
import { START } from "../support/events.ts";
import { type GreedyLoad, greedyLoads } from "../support/greedy.ts";
import { figure } from "./support/report.ts";

const LIMIT_MIB = 64;
const EXECUTABLE = Deno.env.get("SOCKEYE") ??
  new URL("../../dist/sockeye", import.meta.url).pathname;

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

/** Most memory that a replay of that recording ever took, MiB. */
export async function peakOf(path: string, limitMib: number): Promise<number> {
  const script =
    `"$0" replay --quiet --memory-limit ${limitMib}M "$1" --output ndjson >/dev/null & ` +
    'p=$!; m=0; while v=$(grep -s VmHWM /proc/$p/status) && [ -n "$v" ]; do m=$v; sleep 0.02; done; echo "$m"';
  const { stdout } = await new Deno.Command("bash", {
    args: ["-c", script, EXECUTABLE, path],
    stderr: "inherit",
  }).output();
  const kib = /\d+/.exec(new TextDecoder().decode(stdout))?.[0];
  if (kib === undefined) throw new Error(`Cannot read the peak of a replay of ${path}`);
  return Number(kib) / 1024;
}

if (import.meta.main) {
  const quick = Deno.args.includes("--quick");
  const [only = ""] = Deno.args.filter((arg) => !arg.startsWith("--"));
  const path = Deno.makeTempFileSync({ suffix: ".rec" });
  const peak = async (load: GreedyLoad, amount: number): Promise<string> => {
    recordLoad(load, amount, path);
    const peaks: number[] = [];
    for (let run = 0; run < (quick ? 1 : 3); run++) peaks.push(await peakOf(path, LIMIT_MIB));
    return `${peaks.map((mib) => mib.toFixed(0)).join(", ")} MiB`;
  };
  try {
    const [first] = greedyLoads;
    if (first !== undefined) figure("memory, a small recording", await peak(first, 1));
    for (const load of greedyLoads) {
      if (!load.name.includes(only)) continue;
      figure(
        `memory, ${load.name}`,
        await peak(load, load.amount),
        `≤ base + ${2 * LIMIT_MIB} MiB`,
      );
    }
  } finally {
    Deno.removeSync(path);
  }
}
