/**
 * The whole pipeline with the events of many connections: out of order, with positions, totals, times,
 * flags and owners that do not fit, losses, closes and opens at any moment, datagrams, plain-text
 * streams, connections joined late; small limits of memory; a connection log or the doctor listening.
 *
 * What must hold: nothing throws; the records are the same a second time, with every event overwritten
 * once it was taken; what is held stays near the limit, and nothing is held at the end.
 */
import { Cut, EntryKind, Flag } from "../../lib/capture/abi.ts";
import type { EntryFields } from "../../lib/capture/event.ts";
import { UserKind } from "../../lib/capture/user_entries.ts";
import { WallClock } from "../../lib/clock.ts";
import { ConnLogLines } from "../../lib/conn/conn_log_lines.ts";
import { Observer } from "../../lib/doctor/observe.ts";
import { Pipeline } from "../../lib/pipeline.ts";
import { Stats } from "../../lib/stats.ts";
import type { Plugin } from "../../protocols/protocol.ts";
import { plugins } from "../../protocols/registry.ts";
import { Conversation, eventOf, START } from "../support/events.ts";
import type { Corpus } from "./corpus.ts";
import { mutate, mutateSteps } from "./mutate.ts";
import { checkOutputs, holdHarmless, type Written } from "./outputs.ts";
import type { Random } from "./random.ts";
import { defineTarget, hold, holdSame, type Target } from "./target.ts";

interface PipelineInput {
  entries: EntryFields[];
  memoryLimitBytes: number;
  maxBodyBytes: number;
  requestTimeoutMs: number;
  listener: "none" | "log" | "doctor";
  width: number;
  validate: boolean;
}

/** Over the limit at most: what one event may bring. */
const SLACK_BYTES = 1 << 20;
const KINDS: readonly number[] = [...Object.values(EntryKind), ...Object.values(UserKind), 0, 200];
/** The largest position of a stream: one past it must still be a number of its own. */
const MAX_POSITION = 2 ** 53 - 2 ** 33;

export function pipelineTarget(
  corpus: Corpus,
  name: string,
  protocols: readonly Plugin[],
): Target {
  return defineTarget(
    name,
    (random) => makeInput(corpus, random, protocols),
    (input: PipelineInput) => checkPipeline(input, protocols),
  );
}

function makeInput(
  corpus: Corpus,
  random: Random,
  protocols: readonly Plugin[],
): PipelineInput {
  return {
    entries: makeEntries(corpus, random, protocols),
    memoryLimitBytes: random.pick([4096, 1 << 16, 1 << 20, 64 << 20]),
    maxBodyBytes: random.pick([0, 10, 4096]),
    requestTimeoutMs: random.pick([0, 1, 30_000]),
    listener: random.pick(["none", "none", "log", "doctor"]),
    width: random.pick([40, 160]),
    // The schema knows the registry's protocols alone.
    validate: protocols === plugins && random.chance(0.1),
  };
}

/** Entries of some conversations or of a recording, disturbed. */
export function makeEntries(
  corpus: Corpus,
  random: Random,
  protocols: readonly Plugin[] = plugins,
): EntryFields[] {
  const lists = Array.from(
    { length: random.small(6) },
    (_, i) =>
      random.chance(0.2)
        ? corpus.entries(random)
        : converse(corpus, random, random.pick(protocols).name, 7 + i),
  );
  const entries = random.chance(0.5) ? lists.flat() : interleaved(lists, random);
  for (let i = random.small(32) - 1; i > 0 && entries.length > 0; i--) {
    disturb(entries, random, corpus);
  }
  return entries;
}

function converse(
  corpus: Corpus,
  random: Random,
  protocol: string,
  conn: number,
): EntryFields[] {
  const { transport, steps } = corpus.sample(random, protocol);
  const conversation = new Conversation({
    conn: random.chance(0.9) ? conn : 7,
    role: random.pick(["client", "server"]),
    transport,
    tcp: random.chance(0.7),
    fresh: random.chance(0.7),
    hint: random.chance(0.5),
    pid: random.pick([100, 100, 101, conn]),
    localPort: random.pick([80, 6379, 53, 8080, 0]),
    egressStart: random.pick([0, 1000, 2 ** 32 - 50]),
    ingressStart: random.pick([0, 2000, 2 ** 32 - 50]),
  });
  if (random.chance(0.5)) conversation.open();
  for (const { side, bytes } of mutateSteps(steps, random, corpus, protocol)) {
    const how = random.below(20);
    if (how === 0) conversation.miss(side, random.small(1 << 20));
    else if (how === 1) {
      conversation.sayInChunks(side, bytes, Math.max(random.small(512), bytes.length >> 5));
    } else if (how === 2) conversation.sayCut(side, bytes, bytes.length + random.small(1 << 16));
    else if (how === 3) conversation.lost(random.small(100)).say(side, bytes);
    else conversation.say(side, bytes);
    if (random.chance(0.02)) conversation.eof(side);
    if (random.chance(0.05)) conversation.tick(random.pick([1e6, 1e8, 31e9]));
  }
  if (random.chance(0.5)) conversation.close();
  if (random.chance(0.1)) conversation.exit();
  return conversation.entries;
}

function interleaved(lists: EntryFields[][], random: Random): EntryFields[] {
  const left = lists.map((list) => [...list]).filter((list) => list.length > 0);
  const out: EntryFields[] = [];
  while (left.length > 0) {
    const list = random.pick(left);
    const next = list.shift();
    if (next !== undefined) out.push(next);
    if (list.length === 0) left.splice(left.indexOf(list), 1);
  }
  return out;
}

/** Changes one thing about the order or the fields of entries. */
function disturb(entries: EntryFields[], random: Random, corpus: Corpus): void {
  const at = random.below(entries.length);
  const entry = { ...entries[at] as EntryFields };
  const other = random.pick(entries);
  switch (random.below(20)) {
    case 0:
    case 1:
      entries.splice(at, 1);
      return;
    case 2:
      entries.splice(random.below(entries.length + 1), 0, entry);
      return;
    case 3:
      entries.splice(Math.max(0, at - random.small(8)), 0, ...entries.splice(at, 1));
      return;
    case 4:
      entry.payload = mutate(
        entry.payload ?? random.bytes(32),
        random,
        corpus,
        plugins[0]?.name ?? "",
      );
      break;
    case 5:
      entry.position = near(entry.position ?? 0, random);
      break;
    case 6:
      entry.total = near(entry.total ?? 0, random) % 2 ** 32;
      break;
    case 7:
      entry.offset = near(entry.offset ?? 0, random) % 2 ** 32;
      break;
    case 8:
      entry.cut = random.pick([...Object.values(Cut), 255]);
      break;
    case 9:
      entry.flags = (entry.flags ?? 0) ^ random.pick(Object.values(Flag));
      break;
    case 10:
      entry.kind = random.pick(KINDS);
      break;
    case 11:
      entry.direction = 1 - (entry.direction ?? 0);
      break;
    case 12:
      entry.conn = other.conn ?? 0;
      break;
    case 13:
      entry.pid = random.pick([other.pid ?? 0, 0, 1, 2 ** 32 - 1]);
      break;
    case 14:
      entry.fd = random.pick([-1, 0, 2 ** 31 - 1, other.fd ?? 0]);
      break;
    case 15:
      entry.timeNs = Math.max(
        0,
        (entry.timeNs ?? 0) + random.pick([-1e9, -1e6, 1e8, 2e9, 61e9, 2 ** 52]),
      );
      break;
    case 16:
      entry.plaintext = random.pick([0, 1, 2, 2 ** 32 - 1]);
      entry.source = random.pick([0, 1, 5, 200]);
      break;
    case 17:
      entry.family = random.pick([0, 1, 2, 10, 255]);
      break;
    case 18:
      entry.comm = random.pick(["", "\x1b[2J", "a\u009bb", "x".repeat(15)]);
      break;
    case 19:
      entry.remotePort = random.pick([0, 53, 80, 65535]);
      entry.suspect = random.below(256);
      break;
  }
  // What the pipeline takes for granted of these is checked where they are read.
  const least = entry.kind === EntryKind.OPEN ? 240 : entry.kind === EntryKind.CLOSE ? 32 : 0;
  const payload = new Uint8Array(Math.max(least, entry.payload?.length ?? 0));
  payload.set(entry.payload ?? []);
  // Positions and totals of 64 bits: as large as a position may be.
  for (let i = 6; i < Math.min(least, 32); i += 8) payload.fill(0, i, i + 2);
  if (least > 0) entry.payload = payload;
  entries[at] = entry;
}

function near(value: number, random: Random): number {
  const by = random.chance(0.6) ? value + random.pick([-1, 1, -7, 7, 100, -100, 70000]) : null;
  return Math.min(MAX_POSITION, Math.max(0, by ?? random.extreme()));
}

function checkPipeline(input: PipelineInput, protocols: readonly Plugin[]): void {
  const written = run(input, protocols, false);
  const want = written.map((each) => JSON.stringify(each));
  const again = run(input, protocols, true).map((each) => JSON.stringify(each));
  holdSame(again, want, "a second time, overwritten");
  checkOutputs(written, Math.max(20, input.width), input.validate);
}

function run(
  input: PipelineInput,
  protocols: readonly Plugin[],
  overwrite: boolean,
): Written[] {
  const written: Written[] = [];
  const clock = new WallClock(START);
  const stats = new Stats();
  const log = (line: string): void => {
    hold(line.endsWith("\n"), () => "a line of the log has no end");
    holdHarmless(line.slice(0, -1));
  };
  const connLog = input.listener === "none"
    ? null
    : input.listener === "doctor"
    ? new Observer()
    : new ConnLogLines({ pid: null, fd: null, level: 2 }, clock, log);
  const { memoryLimitBytes, maxBodyBytes, requestTimeoutMs } = input;
  const pipeline = new Pipeline(
    START,
    {
      protocols,
      showUnknown: true,
      maxBodyBytes,
      showSecrets: false,
      requestTimeoutMs: requestTimeoutMs === 0 ? null : requestTimeoutMs,
      memoryLimitBytes: memoryLimitBytes || 4096,
      summaries: true,
      connLog,
      clock,
    },
    stats,
    (record, summary) => written.push([record, summary]),
  );
  let largest = 0;
  for (const entry of input.entries) {
    const event = eventOf(entry);
    pipeline.onEvent(event);
    if (overwrite) event.bytes.fill(0xaa);
    largest = Math.max(largest, entry.payload?.length ?? 0);
    const most = (memoryLimitBytes || 4096) + largest + SLACK_BYTES;
    hold(
      pipeline.heldBytes <= most,
      () => `${pipeline.heldBytes} bytes held, limit ${memoryLimitBytes}`,
    );
  }
  pipeline.finish();
  hold(pipeline.heldBytes === 0, () => `${pipeline.heldBytes} bytes are still held`);
  for (const count of Object.values(stats.toJSON().gaps)) {
    hold(count.bytes >= 0 && count.count > 0, () => `a gap of ${count.bytes} bytes`);
  }
  hold(stats.openConnections === 0, () => `${stats.openConnections} connections are still open`);
  return written;
}
