/**
 * Secrets planted in traffic, and every output searched for them. For tests only.
 *
 * In: entries of a connection. Out: all that sockeye would print of it: records as NDJSON and as a
 * table, the connection log at both levels, the doctor's report, statistics and closing lines.
 */
import { DirectionTexts, textsOf } from "./log_texts.ts";
import { reportJson, reportText } from "../../lib/cli/doctor_report.ts";
import { statsLines } from "../../lib/cli/live_stats.ts";
import { formatSummary } from "../../lib/cli/summary.ts";
import type { EntryFields } from "../../lib/capture/event.ts";
import { WallClock } from "../../lib/clock.ts";
import { ConnLogLines } from "../../lib/conn/conn_log_lines.ts";
import type { DoctorFacts } from "../../lib/doctor/facts.ts";
import { Observer } from "../../lib/doctor/observe.ts";
import { stagesOf } from "../../lib/doctor/stages.ts";
import { judge } from "../../lib/doctor/verdict.ts";
import { NdjsonSink } from "../../lib/sink/ndjson.ts";
import { TableSink } from "../../lib/sink/table.ts";
import { plugins } from "../../protocols/registry.ts";
import { Pipeline } from "../../lib/pipeline.ts";
import { Stats } from "../../lib/stats.ts";
import { MemoryOutput } from "./memory_output.ts";
import { DEFAULTS } from "./replay_records.ts";
import { eventOf, START } from "./events.ts";

/** No five characters of it come in the rest of the tests' traffic. */
export const SECRET = "Zq7wVx3kPt9";
const WINDOW = 5;

/** All outputs, by name. */
export interface Outputs {
  ndjson: string;
  [name: string]: string;
}

export function outputsOf(entries: readonly EntryFields[], showSecrets = false): Outputs {
  const ndjson = new MemoryOutput();
  const table = new MemoryOutput();
  const sinks = [
    new NdjsonSink(ndjson, false),
    new TableSink(table, { width: () => 1000, height: () => 0, colour: false }),
  ];
  const log: string[] = [];
  const clock = new WallClock(START);
  const options = { pid: null, fd: null, level: 2 as const, showSecrets };
  const connLog = new ConnLogLines(options, clock, (line) => log.push(line));
  const stats = new Stats();
  const pipeline = new Pipeline(
    START,
    { ...DEFAULTS, summaries: true, showSecrets, connLog, clock },
    stats,
    (record, summary) => {
      for (const sink of sinks) sink.write(record, summary);
      for (const sink of sinks) sink.flush();
    },
  );
  for (const entry of entries) pipeline.onEvent(eventOf(entry));
  pipeline.finish();
  const texts = new DirectionTexts();
  for (const line of log) textsOf(line, texts);
  return {
    ndjson: ndjson.text,
    table: table.text,
    log: log.join(""),
    egress: texts.egress,
    ingress: texts.ingress,
    ...(showSecrets ? {} : doctorOf(entries)),
    stats: JSON.stringify(stats.toJSON()) + statsLines({ ...stats.toJSON() }).join("\n"),
    summary: formatSummary({
      records: new Map(),
      stats: stats.toJSON(),
      losses: [],
      kernelCounters: {},
      seconds: 1,
      cpuSeconds: null,
    }).join("\n"),
  };
}

/** The doctor's text and JSON. */
function doctorOf(entries: readonly EntryFields[]): { doctor: string; doctorJson: string } {
  const observer = new Observer();
  const options = { ...DEFAULTS, showUnknown: false, maxBodyBytes: 0, connLog: observer };
  const pipeline = new Pipeline(START, options, new Stats(), () => {});
  for (const entry of entries) {
    const event = eventOf(entry);
    observer.onEvent(event);
    pipeline.onEvent(event);
  }
  pipeline.finish();
  const snapshot = { processes: [], sockets: [], files: [], io: new Map(), moved: null };
  const facts: DoctorFacts = {
    pid: 100,
    follow: false,
    way: "socket",
    seconds: 1,
    targetsEnded: false,
    ownNetNamespace: "",
    saved: null,
    wanted: { protocols: null, ports: [], comm: [], role: null, fd: null },
    before: snapshot,
    after: snapshot,
    diagFailure: null,
    connections: observer.connections,
    uncounted: 0,
    calls: observer.calls,
    socketIoBytes: 0,
    lost: new Map(),
    counters: {},
    ringBytes: 0,
  };
  const report = { facts, stages: stagesOf(facts, plugins), verdict: judge(facts) };
  return { doctor: reportText(report, false), doctorJson: reportJson(report) };
}

/** Where five characters of the secret stand in an output: plain, or in base64 or hexadecimal. */
export function leaksIn(outputs: Outputs, secret: string = SECRET): string[] {
  const found: string[] = [];
  for (const [name, output] of Object.entries(outputs)) {
    for (const text of [output, ...decoded(output)]) {
      const lower = text.toLowerCase();
      for (let at = 0; at + WINDOW <= secret.length; at++) {
        const part = secret.slice(at, at + WINDOW);
        if (!lower.includes(part.toLowerCase())) continue;
        found.push(`${name} shows "${part}": ${output.trim().slice(0, 600)}`);
        break;
      }
    }
  }
  return found;
}

/** What base64 and hexadecimal in a text stand for, at any alignment. */
function decoded(text: string): string[] {
  const out: string[] = [];
  for (const [run] of text.matchAll(/[A-Za-z0-9+/]{6,}/g)) {
    for (let skip = 0; skip < 4; skip++) out.push(latin1Of(run.slice(skip)));
  }
  for (const [run] of text.matchAll(/(?:[0-9a-f]{2} ?){4,}/g)) {
    const digits = run.replaceAll(" ", "");
    for (const from of [0, 1]) {
      out.push(String.fromCharCode(
        ...(digits.slice(from).match(/../g) ?? []).map((pair) => parseInt(pair, 16)),
      ));
    }
  }
  return out;
}

function latin1Of(base64: string): string {
  return atob(base64.slice(0, base64.length - base64.length % 4));
}
