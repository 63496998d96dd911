/**
 * What the benchmarks found. In: rows, as they are measured. Out: a line each at once, and, for who
 * runs several of them, one Markdown table at the end. It judges nothing: goals stand beside results.
 *
 * Every benchmark is a process of its own; the file named by REPORT_VARIABLE collects their rows.
 */

/** Names the file that rows are appended to, a JSON value a line. */
export const REPORT_VARIABLE = "SOCKEYE_BENCH_REPORT";

/** A load under one observer, beside the same load without. */
export interface LoadRow {
  readonly kind: "load";
  readonly load: string;
  readonly observer: string;
  /** Requests a second over those of the untraced runs around it. */
  readonly throughput: number;
  /** The server's CPU time a request over that of the untraced runs around it. */
  readonly serverCpu: number;
  /** CPU time of the observer's process for each request, microseconds. */
  readonly observerUs: number | null;
  /** "1000 of 1000", or what went wrong. */
  readonly records: string;
  readonly failed: boolean;
}

/** One number. */
export interface FigureRow {
  readonly kind: "figure";
  readonly what: string;
  readonly result: string;
  readonly goal: string;
}

export type Row = LoadRow | FigureRow;

/** Prints a row and keeps it for the table. */
export function report(row: Row): void {
  console.log(row.kind === "load" ? loadLine(row) : figureLine(row));
  const path = Deno.env.get(REPORT_VARIABLE);
  if (path !== undefined) {
    Deno.writeTextFileSync(path, `${JSON.stringify(row)}\n`, { append: true });
  }
}

/** Reports one number. */
export function figure(what: string, result: string, goal = ""): void {
  report({ kind: "figure", what, result, goal });
}

function figureLine({ what, result, goal }: FigureRow): string {
  return `${what}: ${result}${goal === "" ? "" : ` (goal ${goal})`}`;
}

function loadLine(row: LoadRow): string {
  const observer = row.observerUs === null ? "" : `, observer ${row.observerUs.toFixed(2)} µs`;
  return `${row.load} | ${row.observer}: throughput ${row.throughput.toFixed(3)}, ` +
    `server CPU ×${row.serverCpu.toFixed(3)}${observer}, ${row.records}`;
}

/** The table of all rows, as it stands in ARCHITECTURE.md. */
export function markdown(rows: readonly Row[], machine: string): string {
  const lines = [machine];
  const loads = rows.filter((row) => row.kind === "load");
  if (loads.length > 0) {
    lines.push(
      "",
      "| load | observer | throughput | server's CPU a request | observer's CPU a request | records |",
      "|---|---|--:|--:|--:|---|",
    );
  }
  let before = "";
  for (const row of loads) {
    const observer = row.observerUs === null ? "" : `${row.observerUs.toFixed(2)} µs`;
    lines.push(
      `| ${row.load === before ? "" : row.load} | ${row.observer} | ${ratio(row.throughput)} ` +
        `| ×${ratio(row.serverCpu)} | ${observer} | ${row.records} |`,
    );
    before = row.load;
  }
  const figures = rows.filter((row) => row.kind === "figure");
  if (figures.length > 0) lines.push("", "| measured | result | goal |", "|---|---|---|");
  for (const row of figures) lines.push(`| ${row.what} | ${row.result} | ${row.goal} |`);
  return `${lines.join("\n")}\n`;
}

function ratio(value: number): string {
  return value < 0.1 ? value.toFixed(3) : value.toFixed(value < 10 ? 2 : 0);
}

/** The rows that benchmarks left in that file. */
export function readRows(path: string): Row[] {
  return Deno.readTextFileSync(path).split("\n").filter((line) => line !== "")
    .map((line): Row => JSON.parse(line));
}

/** The machine, and how busy it was: of other work when asked before the benchmarks begin. */
export function describeMachine(): string {
  const model = Deno.readTextFileSync("/proc/cpuinfo").match(/^model name\s*:\s*(.*)$/m)?.[1];
  const gib = Deno.systemMemoryInfo().total / 2 ** 30;
  return `${model ?? Deno.build.arch}, ${navigator.hardwareConcurrency} cores, ` +
    `${gib.toFixed(0)} GiB, Linux ${Deno.osRelease()}, load average ` +
    `${Deno.loadavg()[0]?.toFixed(2)} before the start`;
}
