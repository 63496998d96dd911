/**
 * Simulation of loss: connections of every pattern through the whole pipeline, runs of events taken
 * away as rings lose them. In: how many exchanges, a seed. Out: for each pattern, what became of
 * them. A response that stands with another's request must carry a mark (`incomplete`).
 *
 *     deno run -A tests/sim/loss.ts --exchanges 4000000 --seed 1 [--losses none|one|many]
 */
import { Cut, Direction, EntryKind, Family, Flag } from "../../lib/capture/abi.ts";
import { encodeEntry, type EntryFields, SocketEvent } from "../../lib/capture/event.ts";
import { ageEntry } from "../../lib/capture/user_entries.ts";
import { Pipeline } from "../../lib/pipeline.ts";
import type { TraceRecord } from "../../lib/record/record.ts";
import { Stats } from "../../lib/stats.ts";
import type { Plugin } from "../../protocols/protocol.ts";
import { http } from "../../protocols/http/mod.ts";
import { redis } from "../../protocols/redis/mod.ts";
import { seeded, START } from "../support/events.ts";
import { linesNamed } from "../support/lines.ts";
import { converse, type Language, type Operation, type Pattern, PATTERNS } from "./traffic.ts";

const MS = 1e6;
const CPUS = 4;
/** Connections of one trace, and exchanges of a connection. */
const CONNECTIONS = 24;
const EXCHANGES = 100;

interface Tongue extends Language {
  plugin: Plugin;
  port: number;
  /** The name in a half; null for one that is missing, or has lost it. */
  nameOf(half: object | null): string | null;
}

function fieldOf(half: object, name: string): unknown {
  return new Map<string, unknown>(Object.entries(half)).get(name);
}

const http1: Tongue = {
  plugin: http,
  port: 8080,
  request: (name) => `GET /${name} HTTP/1.1\r\nHost: a\r\n\r\n`,
  response: (name) =>
    `HTTP/1.1 200 OK\r\nX-Name: ${name}\r\nContent-Length: ${name.length}\r\n\r\n${name}`,
  nameOf(half) {
    if (half === null) return null;
    if ("path" in half) return String(half.path).slice(1);
    const headers = fieldOf(half, "headers");
    return typeof headers === "object" && headers !== null
      ? String(fieldOf(headers, "x-name"))
      : null;
  },
};

const resp: Tongue = {
  plugin: redis,
  port: 6379,
  request: (name) => `*2\r\n$3\r\nGET\r\n$${name.length}\r\n${name}\r\n`,
  response: (name) => `$${name.length}\r\n${name}\r\n`,
  nameOf(half) {
    if (half === null) return null;
    const args = fieldOf(half, "args");
    return String(Array.isArray(args) ? args[0] : fieldOf(half, "value"));
  },
};

const lines: Tongue = {
  plugin: linesNamed("lines", [4000]),
  port: 4000,
  request: (name) => `?${name}\n`,
  response: (name) => `!${name}\n`,
  nameOf: (half) => half === null ? null : String(fieldOf(half, "text")),
};

export const TONGUES: readonly Tongue[] = [http1, resp, lines];

/** What became of the exchanges of one kind. */
export class Figures {
  exchanges = 0;
  /** Right pairs without a mark. */
  paired = 0;
  /** Right pairs with one. */
  marked = 0;
  wrongUnmarked = 0;
  wrongMarked = 0;
  readonly samples: string[] = [];

  /** Requests that have no answer, or of which nothing was seen. */
  get givenUp(): number {
    return this.exchanges - this.paired - this.marked - this.wrongMarked - this.wrongUnmarked;
  }

  add(other: Figures): void {
    this.exchanges += other.exchanges;
    this.paired += other.paired;
    this.marked += other.marked;
    this.wrongUnmarked += other.wrongUnmarked;
    this.wrongMarked += other.wrongMarked;
    this.samples.push(...other.samples.slice(0, 8 - this.samples.length));
  }
}

interface Entry {
  fields: EntryFields;
  cpu: number;
}

/** What a trace loses: nothing, one run of events, or some two in a hundred. */
export type Losses = "none" | "one" | "many";

/** One trace: `CONNECTIONS` of one pattern and protocol on `CPUS` rings. */
export interface Scene {
  pattern: Pattern;
  tongue: Tongue;
  role: "client" | "server";
  isUnix: boolean;
  isJoined: boolean;
  /** The entry that tells a loss comes 300 ms and more behind it: its ring was quiet. */
  isToldLate: boolean;
  losses: Losses;
  seed: number;
}

/** The entries that are left of a trace, and how many exchanges began in it. */
export function stage(scene: Scene): { entries: EntryFields[]; exchanges: number } {
  const random = seeded(scene.seed);
  const entries: Entry[] = [];
  let exchanges = 0;
  for (let conn = 1; conn <= CONNECTIONS; conn++) {
    const prefix = `c${conn}n`;
    const all = converse(scene.pattern, EXCHANGES, prefix, scene.tongue, random);
    const from = scene.isJoined ? Math.floor(random() * all.length * 0.5) : 0;
    exchanges += EXCHANGES - all.slice(0, from).reduce((sum, { asks }) => sum + asks, 0);
    entries.push(...entriesOf(conn, all, from, scene, random));
  }
  entries.sort((a, b) => timeOf(a) - timeOf(b));
  return { entries: lose(entries, scene, random).map(({ fields }) => fields), exchanges };
}

export function play(scene: Scene, keep?: (record: TraceRecord) => void): Figures {
  const figures = new Figures();
  const { entries, exchanges } = stage(scene);
  figures.exchanges = exchanges;
  const judge = (record: TraceRecord): void => {
    keep?.(record);
    judgeRecord(record, scene, figures);
  };
  const pipeline = new Pipeline(
    START,
    {
      protocols: [scene.tongue.plugin],
      showUnknown: false,
      maxBodyBytes: 4096,
      showSecrets: true,
      requestTimeoutMs: null,
      memoryLimitBytes: 64 << 20,
      summaries: false,
      hasOpens: true,
    },
    new Stats(),
    judge,
  );
  const event = new SocketEvent();
  for (const fields of entries) {
    const bytes = encodeEntry(fields);
    if (!event.read(new Uint32Array(bytes.buffer), bytes, 0, bytes.length, START.base)) continue;
    pipeline.onEvent(event);
  }
  pipeline.finish();
  return figures;
}

function timeOf({ fields }: Entry): number {
  return fields.timeNs ?? 0;
}

function judgeRecord(record: TraceRecord, scene: Scene, figures: Figures): void {
  const { request, response, incomplete } = record;
  if (request === null || response === null) return;
  const asked = scene.tongue.nameOf(request);
  const answered = scene.tongue.nameOf(response);
  if (asked === answered) {
    if (incomplete === undefined) figures.paired++;
    else figures.marked++;
  } else if (incomplete === undefined) {
    figures.wrongUnmarked++;
    const { seed, pattern, role, isUnix, isJoined, isToldLate, tongue } = scene;
    const where = `${pattern} ${tongue.plugin.name} ${role} ${isUnix ? "unix" : "tcp"} ` +
      `${isJoined ? "joined" : "fresh"} ${isToldLate ? "late" : "at once"} seed ${seed}`;
    figures.samples.push(`${where}: ${asked} -> ${answered}`);
  } else figures.wrongMarked++;
}

/** A connection's entries; of one that is joined in the middle those from there on. */
function entriesOf(
  conn: number,
  operations: readonly Operation[],
  first: number,
  scene: Scene,
  random: () => number,
): Entry[] {
  const { role, isUnix, isJoined, tongue } = scene;
  let flags: number = Flag.LAST_CHUNK | (role === "client" ? Flag.CLIENT : Flag.SERVER);
  if (!isUnix) flags |= Flag.TCP_POSITION;
  if (!isJoined && !isUnix) flags |= Flag.FRESH;
  const common = {
    flags,
    conn,
    pid: 100 + conn,
    fd: 5,
    comm: "sim",
    localPort: role === "server" ? tongue.port : 40000 + conn,
    remotePort: role === "server" ? 40000 + conn : tongue.port,
    family: isUnix ? Family.UNIX : Family.INET,
    local: new Uint8Array([127, 0, 0, 1]),
    remote: new Uint8Array([10, 0, 0, 9]),
  };
  const positions: [number, number] = [2 ** 32 - 1000, Math.floor(random() * 2 ** 32)];
  let cpu = Math.floor(random() * CPUS);
  const out: Entry[] = [];
  const put = (fields: EntryFields): number => out.push({ fields: { ...common, ...fields }, cpu });
  const names = (of: readonly number[]): Uint8Array => {
    const payload = new Uint8Array(240);
    const view = new DataView(payload.buffer);
    for (const [i, at] of of.entries()) view.setBigUint64(8 * i, BigInt(at), true);
    return payload;
  };
  for (const [i, { timeNs, side, bytes }] of operations.entries()) {
    const isEgress = (side === "request") === (role === "client");
    const direction = isEgress ? Direction.EGRESS : Direction.INGRESS;
    const position = positions[direction] ?? 0;
    positions[direction] = isUnix ? position + bytes.length : (position + bytes.length) % 2 ** 32;
    if (random() < 0.01) cpu = Math.floor(random() * CPUS);
    if (i < first) continue;
    if (i === first) {
      // Its counters begin when it is seen first.
      if (isUnix) {
        positions.fill(0);
        positions[direction] = bytes.length;
      }
      const before: [number, number] = [...positions];
      before[direction] = position;
      put({ kind: EntryKind.OPEN, timeNs, payload: names(isUnix ? [0, 0] : before) });
    }
    const isCut = bytes.length > 20 && random() < 0.0005 && scene.losses === "many";
    const payload = isCut ? bytes.subarray(0, Math.floor(random() * bytes.length)) : bytes;
    const cut = isCut ? Cut.SNAPLEN : 0;
    const at = i === first && isUnix ? 0 : position;
    put({
      kind: EntryKind.DATA,
      timeNs,
      direction,
      position: at,
      payload,
      total: bytes.length,
      cut,
    });
  }
  return out;
}

/** Takes runs of entries off the rings, and puts in what tells of them. */
function lose(entries: readonly Entry[], scene: Scene, random: () => number): Entry[] {
  const runs: number[] = new Array(CPUS).fill(0);
  const lost: number[] = new Array(CPUS).fill(0);
  const quietUntil: number[] = new Array(CPUS).fill(-Infinity);
  const out: Entry[] = [];
  const tell = (cpu: number, timeNs: number): void => {
    const total = lost[cpu] ?? 0;
    if (total === 0) return;
    lost[cpu] = 0;
    out.push({ fields: { kind: EntryKind.LOST, timeNs, total }, cpu });
  };
  const only = Math.floor(random() * entries.length);
  for (const [i, entry] of entries.entries()) {
    const { cpu } = entry;
    const timeNs = timeOf(entry);
    for (let other = 0; other < CPUS; other++) {
      const until = quietUntil[other] ?? 0;
      if (until <= timeNs) tell(other, timeNs);
    }
    const begins = scene.losses === "many"
      ? random() < 0.0015
      : scene.losses === "one" && i === only;
    if ((runs[cpu] ?? 0) === 0 && begins) {
      runs[cpu] = 1 + Math.floor(random() ** 2 * 40);
    }
    const run = runs[cpu] ?? 0;
    if (run > 0) {
      runs[cpu] = run - 1;
      lost[cpu] = (lost[cpu] ?? 0) + 1;
      // Whoever ran there goes on elsewhere; the ring's next entry, which tells, comes late.
      quietUntil[cpu] = scene.isToldLate ? timeNs + (300 + 900 * random()) * MS : timeNs;
      continue;
    }
    if (entry.fields.kind === EntryKind.OPEN && scene.isUnix) {
      const { conn = 0, pid = 0 } = entry.fields;
      out.push({ fields: { ...ageEntry(conn, pid, scene.isJoined), timeNs }, cpu });
    }
    out.push(entry);
  }
  const last = entries[entries.length - 1];
  for (let cpu = 0; cpu < CPUS; cpu++) tell(cpu, last === undefined ? 0 : timeOf(last));
  return out;
}

/** Plays scenes of every kind until so many exchanges are done. */
export function simulate(
  exchanges: number,
  seed: number,
  losses: Losses = "many",
  patterns: readonly Pattern[] = PATTERNS,
): Map<string, Figures> {
  const all = new Map<string, Figures>();
  const random = seeded(seed);
  const isSo = (): boolean => random() < 0.5;
  for (let done = 0; done < exchanges; done += CONNECTIONS * EXCHANGES) {
    const pattern = patterns[Math.floor(random() * patterns.length)] ?? "one";
    const tongue = TONGUES[Math.floor(random() * TONGUES.length)] ?? lines;
    const isJoined = random() < 0.3;
    const scene: Scene = {
      pattern,
      tongue,
      role: isSo() ? "client" : "server",
      isUnix: isSo(),
      isJoined,
      isToldLate: isSo(),
      losses,
      seed: Math.floor(random() * 2 ** 31),
    };
    const name = `${pattern}, ${isJoined ? "joined" : "fresh"}`;
    const figures = all.get(name) ?? new Figures();
    all.set(name, figures);
    figures.add(play(scene));
  }
  return all;
}

/** The figures as a table. */
export function tableOf(all: ReadonlyMap<string, Figures>): string {
  const cells = (...texts: (string | number)[]): string =>
    texts.map((text, i) => i === 0 ? String(text).padEnd(18) : String(text).padStart(15)).join("");
  const share = (part: number, whole: number): string => `${(100 * part / whole).toFixed(3)} %`;
  const rows = [
    cells("pattern", "exchanges", "paired", "marked", "given up", "wrong marked", "wrong unmarked"),
  ];
  for (const [name, it] of [...all].sort(([a], [b]) => a < b ? -1 : 1)) {
    const { exchanges } = it;
    rows.push(cells(
      name,
      exchanges,
      ...[it.paired, it.marked, it.givenUp, it.wrongMarked].map((part) => share(part, exchanges)),
      it.wrongUnmarked,
    ));
    rows.push(...it.samples.map((sample) => `    ${sample}`));
  }
  return rows.join("\n");
}

function argument(name: string, otherwise: string): string {
  const at = Deno.args.indexOf(`--${name}`);
  return at < 0 ? otherwise : Deno.args[at + 1] ?? otherwise;
}

if (import.meta.main) {
  const losses = argument("losses", "many");
  const all = simulate(
    Number(argument("exchanges", "400000")),
    Number(argument("seed", "1")),
    losses === "none" || losses === "one" ? losses : "many",
  );
  console.log(tableOf(all));
  const wrong = [...all.values()].reduce((sum, { wrongUnmarked }) => sum + wrongUnmarked, 0);
  Deno.exit(wrong === 0 ? 0 : 1);
}
