/**
 * A load with and without observers, in turn. In: a load, observers, how often and how long. Out: one
 * row an observer: medians of ratios to the untraced runs just before and after.
 *
 * A machine's speed drifts; ratios of neighbours do not. Each round is
 *
 *     untraced · A · B · untraced · C · D · untraced …      every other round backwards
 */
import { Background } from "../../support/process.ts";
import { cpuNs, median } from "./cpu.ts";
import type { Done, Load } from "./loads.ts";
import type { Observer, Seen, Target } from "./observers.ts";
import { report } from "./report.ts";

export interface Plan {
  readonly rounds: number;
  /** Length of one run. */
  readonly seconds: number;
}

/** `--quick`: less exact, in a quarter of the time. */
export function plan(): Plan {
  return Deno.args.includes("--quick") ? { rounds: 1, seconds: 1 } : { rounds: 3, seconds: 2 };
}

/** A trace of real traffic is long: what compiling its code costs at the start is left out. */
const WARM_SECONDS = 1;
/** Observed runs between two untraced ones. */
const BETWEEN = 2;

/** One run. */
interface Measured {
  readonly perSecond: number;
  readonly serverNs: number;
  readonly observerNs: number | null;
  /** Requests that the server counted, and records of them. */
  readonly served: number;
  readonly seen: Seen | null;
}

/** All runs of one observer. */
interface Series {
  readonly throughput: number[];
  readonly serverCpu: number[];
  readonly runs: Measured[];
}

/** Measures and reports. True when every record was there. */
export async function compare(
  load: Load,
  observers: readonly Observer[],
  { rounds, seconds }: Plan,
): Promise<boolean> {
  await using idle = new Background("sleep", ["3600"]);
  const target = { pid: load.pid, port: load.port, idlePid: idle.pid };
  const all = new Map<Observer, Series>();
  for (const each of observers) {
    if (await canAttach(load, each, target)) {
      all.set(each, { throughput: [], serverCpu: [], runs: [] });
    }
  }
  await load.generate(WARM_SECONDS);
  const plain: Measured[] = [];
  for (let round = 0; round < rounds; round++) {
    const order = round % 2 === 0 ? [...all.keys()] : [...all.keys()].reverse();
    let before = await untraced(load, seconds, plain);
    for (let at = 0; at < order.length; at += BETWEEN) {
      const group = order.slice(at, at + BETWEEN);
      const runs: Measured[] = [];
      for (const observer of group) runs.push(await observed(load, observer, target, seconds));
      const after = await untraced(load, seconds, plain);
      group.forEach((observer, i) => addRun(all.get(observer), runs[i], [before, after]));
      before = after;
    }
  }
  let exact = true;
  const name = `${load.name}: ${describe(plain)}`;
  for (const [observer, series] of all) exact = reportSeries(name, observer, series) && exact;
  return exact;
}

/** Another tool may be missing, or not work on this kernel: the others are compared without it. */
async function canAttach(load: Load, observer: Observer, target: Target): Promise<boolean> {
  try {
    await using _ = await observer.watch(target);
    return true;
  } catch (error) {
    if (observer.owes !== null || !(error instanceof Error)) throw error;
    console.log(`${load.name} | ${observer.name}: ${error.message.split("\n")[0]}`);
    return false;
  }
}

function addRun(
  series: Series | undefined,
  run: Measured | undefined,
  [before, after]: readonly [Measured, Measured],
): void {
  if (series === undefined || run === undefined) return;
  series.throughput.push(run.perSecond * 2 / (before.perSecond + after.perSecond));
  series.serverCpu.push(run.serverNs * 2 / (before.serverNs + after.serverNs));
  series.runs.push(run);
}

/** What the ratios are of. */
function describe(plain: readonly Measured[]): string {
  const perSecond = median(plain.map((run) => run.perSecond));
  const serverUs = median(plain.map((run) => run.serverNs / 1000));
  return `${(perSecond / 1000).toFixed(1)} k/s, ${serverUs.toFixed(1)} µs each untraced`;
}

async function untraced(load: Load, seconds: number, plain: Measured[]): Promise<Measured> {
  const { done, serverNs } = await loaded(load, seconds);
  const run = { perSecond: done.perSecond, serverNs, observerNs: null, served: 0, seen: null };
  plain.push(run);
  return run;
}

async function loaded(load: Load, seconds: number): Promise<{ done: Done; serverNs: number }> {
  const start = cpuNs(load.pid);
  const done = await load.generate(seconds);
  return { done, serverNs: (cpuNs(load.pid) - start) / done.requests };
}

async function observed(
  load: Load,
  observer: Observer,
  target: Target,
  seconds: number,
): Promise<Measured> {
  const servedBefore = await load.served();
  await using watch = await observer.watch(target);
  await load.generate(WARM_SECONDS);
  await watch.caughtUp();
  const start = cpuNs(watch.pid);
  const { done, serverNs } = await loaded(load, seconds);
  await watch.caughtUp();
  const observerNs = (cpuNs(watch.pid) - start) / done.requests;
  const seen = await watch.finish();
  // The second question counts itself.
  const served = await load.served() - servedBefore - 1;
  return { perSecond: done.perSecond, serverNs, observerNs, served, seen };
}

function reportSeries(load: string, observer: Observer, series: Series): boolean {
  const faults = series.runs.flatMap((run) => faultOf(observer, run) ?? []);
  const records = series.runs.reduce((sum, run) => sum + (run.seen?.records ?? 0), 0);
  const served = series.runs.reduce((sum, run) => sum + run.served, 0);
  // What other tools miss is told, and is theirs.
  const misses = series.runs.flatMap((run) => run.seen?.missing ?? []);
  const failed = observer.owes !== null && faults.length > 0;
  report({
    kind: "load",
    load,
    observer: observer.name,
    throughput: median(series.throughput),
    serverCpu: median(series.serverCpu),
    observerUs: median(series.runs.map((run) => (run.observerNs ?? NaN) / 1000)),
    records: failed
      ? `FAILED, ${faults.length} of ${series.runs.length} runs: ${faults[0]}`
      : observer.owes === null
      ? misses[0] ?? ""
      : `${records} of ${observer.owes === "every" ? served : 0}, 0 lost`,
    failed,
  });
  return !failed;
}

/** What is wrong with a run's records; null when they are all there. */
function faultOf({ owes }: Observer, { seen, served }: Measured): string | null {
  if (owes === null || seen === null) return null;
  const wanted = owes === "every" ? served : 0;
  const wrong = seen.records === wanted ? [] : [`${seen.records} of ${wanted} records`];
  if (seen.missing !== null) wrong.push(seen.missing);
  return wrong.length === 0 ? null : wrong.join(", ");
}
