/**
 * What the doctor judges: facts of connections that are damaged, of processes that changed meanwhile,
 * and of numbers that do not fit together.
 *
 * What must hold: stages, a verdict and both reports are made of any facts, the same a second time,
 * and no line of the text is obeyed by a terminal.
 */
import { COUNTERS, CUTS } from "../../lib/capture/abi.ts";
import type { EntryFields } from "../../lib/capture/event.ts";
import { reportJson, reportText } from "../../lib/cli/doctor_report.ts";
import type { DoctorFacts, SavedFacts, Snapshot, Wanted } from "../../lib/doctor/facts.ts";
import { Observer } from "../../lib/doctor/observe.ts";
import { stagesOf } from "../../lib/doctor/stages.ts";
import { judge } from "../../lib/doctor/verdict.ts";
import { Pipeline } from "../../lib/pipeline.ts";
import { Stats } from "../../lib/stats.ts";
import { plugins } from "../../protocols/registry.ts";
import { eventOf, START } from "../support/events.ts";
import { DEFAULTS } from "../support/replay_records.ts";
import type { Corpus } from "./corpus.ts";
import { holdHarmless } from "./outputs.ts";
import { makeEntries } from "./pipeline_target.ts";
import type { Random } from "./random.ts";
import { defineTarget, hold, holdSame, type Target } from "./target.ts";

/** Facts without what is a Map or a Set of theirs. */
interface DoctorInput {
  entries: EntryFields[];
  wanted: Omit<Wanted, "protocols"> & { protocols: string[] };
  before: SnapshotInput;
  after: SnapshotInput;
  calls: { name: string; calls: number; bytes: number }[];
  counters: { name: string; count: number }[];
  cuts: { conn: number; name: string; bytes: number }[];
  lost: number;
  seconds: number;
  socketIoBytes: number;
  uncounted: number;
  flags: boolean[];
  failure: string;
  format: "none" | "recording" | "pcap";
}

interface SnapshotInput extends Omit<Snapshot, "io" | "moved"> {
  io: number[];
  moved: number[];
}

const TEXTS: readonly string[] = ["", "net:[1]", "nginx", "\x1b[2J", "\u202eabc", "x".repeat(300)];
const CALLS: readonly string[] = ["read", "write", "sendto", "splice", "io_uring", "vmsplice"];

export function doctorTarget(corpus: Corpus): Target {
  return defineTarget("doctor", (random) => makeInput(corpus, random), checkDoctor);
}

function makeInput(corpus: Corpus, random: Random): DoctorInput {
  const entries = random.chance(0.8) ? makeEntries(corpus, random) : [];
  const wanted: DoctorInput["wanted"] = {
    protocols: random.chance(0.7) ? [] : [random.pick(plugins).name],
    ports: random.chance(0.7) ? [] : [random.pick([80, 81, 53])],
    comm: random.chance(0.8) ? [] : [random.pick(TEXTS)],
    role: random.pick([null, null, "client", "server"]),
    fd: random.pick([null, null, 5, -1]),
  };
  const named = <T>(names: readonly string[], make: (name: string) => T): T[] =>
    names.filter(() => random.chance(0.2)).map(make);
  return {
    entries,
    wanted,
    before: makeSnapshot(random),
    after: makeSnapshot(random),
    calls: named(CALLS, (name) => ({ name, calls: random.extreme(), bytes: random.extreme() })),
    counters: named(COUNTERS, (name) => ({ name, count: random.extreme() })),
    cuts: named(CUTS, (name) => ({ conn: random.below(4), name, bytes: random.extreme() })),
    lost: random.chance(0.7) ? 0 : random.extreme(),
    seconds: random.pick([0, 1, 10, 0.5, 1e9]),
    socketIoBytes: random.extreme(),
    uncounted: random.pick([0, 0, 1, 2 ** 40]),
    flags: [random.chance(0.5), random.chance(0.2), random.chance(0.3)],
    failure: random.pick(TEXTS),
    format: random.pick(["none", "none", "recording", "pcap"]),
  };
}

function makeSnapshot(random: Random): SnapshotInput {
  const some = <T>(make: (i: number) => T): T[] =>
    Array.from({ length: random.below(4) }, (_, i) => make(i));
  const text = (): string => random.pick(TEXTS);
  return {
    processes: some((i) => ({
      pid: 100 + i,
      comm: text(),
      threads: random.extreme(),
      is32Bit: random.chance(0.2),
      netNamespace: text(),
      tlsLibraries: some(text),
      uringFds: some((fd) => fd),
    })),
    sockets: some((i) => ({
      pid: 100 + random.below(2),
      fd: i,
      inode: random.below(3),
      family: random.pick(["tcp", "udp", "unix", "other"]),
      type: random.pick(["stream", "datagram", "seqpacket"]),
      listening: random.chance(0.3),
      local: random.pick(["127.0.0.1:80", text()]),
      remote: random.pick(["127.0.0.1:40000", text()]),
    })),
    files: some((i) => ({ pid: 100, fd: 3 + i, target: text(), position: random.extreme() })),
    io: some(() => random.extreme()),
    moved: some(() => random.extreme()),
  };
}

function snapshotOf({ processes, sockets, files, io, moved }: SnapshotInput, isAsked: boolean) {
  const pairs = (numbers: readonly number[], from: number): Snapshot["io"] =>
    new Map(numbers.map((read, i) => [from + i, { read, written: numbers[i + 1] ?? 0 }]));
  return { processes, sockets, files, io: pairs(io, 100), moved: isAsked ? pairs(moved, 0) : null };
}

function factsOf(input: DoctorInput): DoctorFacts {
  const observer = new Observer();
  const pipeline = new Pipeline(START, { ...DEFAULTS, connLog: observer }, new Stats(), () => {});
  for (const entry of input.entries) {
    const event = eventOf(entry);
    observer.onEvent(event);
    pipeline.onEvent(event);
  }
  pipeline.finish();
  const { connections } = observer;
  for (const { conn, name, bytes } of input.cuts) connections[conn]?.cut.set(name, bytes);
  const [follow = false, targetsEnded = false, isAsked = false] = input.flags;
  const { format, failure, seconds, socketIoBytes, uncounted, wanted } = input;
  const saved: SavedFacts | null = format === "none" ? null : {
    path: failure,
    format,
    counts: Object.fromEntries(input.counters.map(({ name, count }) => [name, count])),
    notRead: input.calls.map(({ name }) => name),
    failure: failure === "" ? null : failure,
  };
  return {
    ...{ pid: 100, way: "socket", ownNetNamespace: "net:[1]", ringBytes: 1 << 20 },
    ...{ follow, targetsEnded, seconds, socketIoBytes, uncounted, saved, connections },
    wanted: {
      ...wanted,
      protocols: wanted.protocols.length === 0 ? null : new Set(wanted.protocols),
    },
    before: snapshotOf(input.before, isAsked),
    after: snapshotOf(input.after, isAsked),
    diagFailure: isAsked ? null : failure,
    calls: new Map(input.calls.map(({ name, calls, bytes }) => [name, { calls, bytes }])),
    lost: new Map(input.lost === 0 ? [] : [["data_events", input.lost]]),
    counters: Object.fromEntries(input.counters.map(({ name, count }) => [name, count])),
  };
}

function checkDoctor(input: DoctorInput): void {
  const [text, json] = reportsOf(input);
  holdSame(reportsOf(input), [text, json], "a second time");
  JSON.parse(json);
  for (const line of text.split("\n")) holdHarmless(line);
}

function reportsOf(input: DoctorInput): [string, string] {
  const facts = factsOf(input);
  const report = { facts, stages: stagesOf(facts, plugins), verdict: judge(facts) };
  hold(report.stages.length > 0, () => "there is no stage");
  return [reportText(report, false), reportJson(report)];
}
