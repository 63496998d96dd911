/**
 * --stats and --stats-file: what a trace counted, while it runs and at its end.
 *
 * In: Stats. Out: a line on stderr now and then (drawn anew in place where nothing else uses the
 * terminal), every counter that is not zero at the end, and all of them as JSON in a file.
 */
import { formatSize } from "../sink/format.ts";
import type { OutputFile } from "../output_file.ts";
import type { Stats, StatsJson } from "../stats.ts";
import { tell } from "./messages.ts";
import { cannotWrite, openNamed } from "./named_files.ts";

/** On a terminal that nothing else uses the line is redrawn this often; else a line is added. */
const REDRAW_MS = 1000;
const LINE_MS = 10_000;

export interface StatsOptions {
  stats?: true;
  statsFile?: string;
}

/** What a trace ended with: its own counters, and those of its source. */
export interface FinalStats extends StatsJson {
  /** Counters of the kernel side; empty for a replay. */
  kernel: Readonly<Record<string, number>>;
  /** What a replay's file had, and what could not be read (`not_read`, by kind); empty when live. */
  replay?: Readonly<Record<string, number | Readonly<Record<string, number>>>>;
}

/** Shows the line until disposed; nothing without --stats. `alone`: nothing else uses the terminal. */
export function showLiveStats(options: StatsOptions, stats: Stats, alone: boolean): Disposable {
  if (options.stats !== true || !Deno.stderr.isTerminal()) return { [Symbol.dispose]: () => {} };
  const encoder = new TextEncoder();
  const show = (): void => {
    const line = statsLine(stats);
    if (!alone) tell(`sockeye: ${line}\n`);
    else Deno.stderr.writeSync(encoder.encode(`\r\x1b[K${line}`));
  };
  const timer = setInterval(show, alone ? REDRAW_MS : LINE_MS);
  return {
    [Symbol.dispose]: () => {
      clearInterval(timer);
      if (alone) Deno.stderr.writeSync(encoder.encode("\r\x1b[K"));
    },
  };
}

/** The stages of a trace on one line. */
export function statsLine(stats: Stats): string {
  const parts = [
    `events ${stats.events.reduce((sum, count) => sum + count, 0)}`,
    formatSize(stats.payloadBytes),
    `connections ${stats.openConnections} of ${stats.opened}`,
  ];
  for (const [protocol, { frames, records }] of stats.protocols) {
    if (frames + records > 0) parts.push(`${protocol} ${frames} frames ${records} records`);
  }
  const bad = {
    lost: stats.lostEntries,
    gaps: sum([...stats.gaps].map(([reason, { count }]) => reason === "filtered" ? 0 : count)),
    invalid: sum([...stats.invalid.values()].map((reasons) => sum([...reasons.values()]))),
    resyncs: stats.resyncs,
    evicted: stats.evicted,
  };
  for (const [name, count] of Object.entries(bad)) if (count > 0) parts.push(`${name} ${count}`);
  return parts.join(" | ");
}

function sum(counts: readonly number[]): number {
  return counts.reduce((total, count) => total + count, 0);
}

type Nested = number | { readonly [name: string]: Nested };

/** Each counter that is not zero: "gaps.filtered.bytes 512". */
export function statsLines(counters: Nested, path = "stats"): string[] {
  if (typeof counters === "number") return counters === 0 ? [] : [`${path} ${counters}`];
  return Object.entries(counters).flatMap(([name, nested]) =>
    statsLines(nested, `${path}.${name}`)
  );
}

/** --stats-file, opened before the trace and written at its end; null without the option. */
export function openStatsFile(options: StatsOptions): OutputFile | null {
  const { statsFile } = options;
  return statsFile === undefined ? null : openNamed("--stats-file", statsFile);
}

export function saveStats(file: OutputFile, options: StatsOptions, stats: FinalStats): void {
  const bytes = new TextEncoder().encode(`${JSON.stringify(stats, null, 2)}\n`);
  try {
    for (let at = 0; at < bytes.length;) at += file.writeSync(bytes.subarray(at));
  } catch (error) {
    throw cannotWrite("--stats-file", options.statsFile ?? "", error);
  }
}
