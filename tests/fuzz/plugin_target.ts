/**
 * One plug-in by way of the real drivers, stitching and records: on both sides, with bytes that are
 * damaged or another protocol's, with gaps, joined late.
 *
 * What must hold: the probe never takes back an answer; nothing throws; the records are the same a
 * second time, however the bytes are chunked, and with every chunk overwritten once it was shown;
 * nothing is kept at the end.
 */
import { WallClock } from "../../lib/clock.ts";
import type { TrackerContext } from "../../lib/conn/context.ts";
import { Outbox } from "../../lib/conn/outbox.ts";
import { openSession, type Session } from "../../lib/conn/session.ts";
import { Stats } from "../../lib/stats.ts";
import { BufferPool } from "../../lib/stream/buffer_pool.ts";
import { ByteStream } from "../../lib/stream/byte_stream.ts";
import { GAP_UNSEEN } from "../../lib/stream/gap.ts";
import type { Plugin, Side } from "../../protocols/protocol.ts";
import { START } from "../support/events.ts";
import { plugins } from "../../protocols/registry.ts";
import type { Corpus } from "./corpus.ts";
import { mutateSteps } from "./mutate.ts";
import { checkOutputs, type Written } from "./outputs.ts";
import type { Random } from "./random.ts";
import { defineTarget, hold, holdSame, type Target } from "./target.ts";

interface Step {
  side: Side;
  bytes: Uint8Array;
  /** Bytes missing behind them. */
  gapBytes: number;
  afterNs: number;
}

interface PluginInput {
  transport: "stream" | "datagram";
  isJoined: boolean;
  maxBodyBytes: number;
  /** 0: the protocol's own. */
  requestTimeoutMs: number;
  steps: Step[];
  /** Sizes of chunks, by turns. */
  cuts: number[];
  width: number;
  validate: boolean;
}

const OWNER = { pid: 100, fd: 5, comm: "fuzzed" };
/** More chunks of a step would measure only how often the same bytes are looked at. */
const MAX_CHUNKS = 200;
/** All of them together stay below the largest position there is. */
const MAX_GAP_BYTES = 2 ** 40;
/** Frames, of a byte at least, that a session queues. */
const MAX_QUEUED = 10_000;
const PROBED_BYTES = 4096;

export function pluginTarget(plugin: Plugin, corpus: Corpus): Target {
  return defineTarget(
    plugin.name,
    (random) => makeInput(plugin, corpus, random),
    (input: PluginInput) => checkPlugin(plugin, input),
  );
}

function makeInput(plugin: Plugin, corpus: Corpus, random: Random): PluginInput {
  const sample = corpus.sample(random, plugin.name);
  const mutated = mutateSteps(sample.steps, random, corpus, plugin.name);
  const hasGaps = sample.transport === "stream" && random.chance(0.15);
  const isSlow = random.chance(0.3);
  const steps = mutated.map(({ side, bytes }): Step => ({
    side,
    bytes,
    gapBytes: hasGaps && random.chance(0.2) ? (random.extreme() % MAX_GAP_BYTES) + 1 : 0,
    afterNs: isSlow && random.chance(0.3) ? random.pick([1e6, 2e8, 1e9, 6e9, 40e9]) : 0,
  }));
  return {
    transport: random.chance(0.97) ? sample.transport : random.pick(plugin.transports),
    isJoined: random.chance(0.1),
    maxBodyBytes: random.pick([4096, 4096, 0, 1, 7, 100, 1 << 20]),
    requestTimeoutMs: random.pick([0, 0, 1, 100, 5000]),
    steps,
    cuts: Array.from({ length: random.small(8) }, () => random.small(64)),
    width: random.pick([20, 80, 160, 1000]),
    // The schema knows the registry's protocols alone.
    validate: plugins.includes(plugin) && random.chance(0.1),
  };
}

function checkPlugin(plugin: Plugin, input: PluginInput): void {
  for (const side of ["request", "response"] as const) {
    const head = input.steps.find((step) => step.side === side)?.bytes;
    if (head !== undefined) checkProbe(plugin, head, side);
  }
  const whole = { ...input, cuts: [] };
  const { written, resyncs } = drive(plugin, whole, false);
  const want = linesOf(written);
  holdSame(linesOf(drive(plugin, whole, true).written), want, "a second time, overwritten");
  const chunked = drive(plugin, input, true).written;
  // Where bytes are missing, late or too many to queue, it matters which of them come together.
  const isComparable = input.transport === "stream" &&
    input.steps.every(({ bytes, gapBytes, afterNs }) =>
      gapBytes === 0 && afterNs === 0 && bytes.length < MAX_QUEUED
    );
  // What is sent unasked may be handed over before or behind what was asked.
  if (isComparable && (resyncs === 0 || !written.some(isAnsweredAhead))) {
    holdSame(linesOf(chunked).sort(), want.sort(), "chunked");
  } else if (isComparable) {
    // The pairs behind garbage depend on the turns before it, which such an answer makes unclear. But
    // the frames are the same.
    for (const half of ["request", "response"] as const) {
      holdSame(sizesOf(chunked, half), sizesOf(written, half), `chunked, bytes of each ${half}`);
    }
  }
  checkOutputs(written, Math.max(20, input.width), input.validate);
}

/** Was the response there before its request? */
function isAnsweredAhead([{ latency_ns, request, response }]: Written): boolean {
  return request !== null && response !== null && latency_ns === 0;
}

function sizesOf(written: readonly Written[], half: "request" | "response"): string[] {
  return written.map(([record]) => record).filter((record) => record[half] !== null)
    .map((record) => `${record[`${half}_bytes`]}`).sort();
}

function linesOf(written: readonly Written[]): string[] {
  return written.map((each) => JSON.stringify(each));
}

function checkProbe(plugin: Plugin, head: Uint8Array, side: Side): void {
  let before: string = "unsure";
  // Every length at first, then some.
  const last = Math.min(head.length, PROBED_BYTES);
  for (let length = 1; length <= last; length += 1 + (length >> 6)) {
    const answer = plugin.probe(head.slice(0, length), side);
    hold(before !== "no" || answer === "no", () => `probe(${side}) takes back no at ${length}`);
    hold(before !== "yes" || answer !== "no", () => `probe(${side}) takes back yes at ${length}`);
    before = answer;
  }
}

interface Driven {
  written: Written[];
  /** How often the next frame had to be looked for. */
  resyncs: number;
}

/** Runs the steps through a session, chunk by chunk. */
function drive(plugin: Plugin, input: PluginInput, overwrite: boolean): Driven {
  const written: Written[] = [];
  const context = contextOf(plugin, input, written);
  const streams = { request: new ByteStream(context.pool), response: new ByteStream(context.pool) };
  const options = { maxBodyBytes: input.maxBodyBytes, showSecrets: false };
  const session = openSession(plugin.start(options), {
    context,
    facts: {
      protocol: plugin.name,
      role: "server",
      local: "127.0.0.1:80",
      remote: "127.0.0.1:40000",
      conn: 7,
      tls: undefined,
      unbound: false,
      proxy: undefined,
    },
    subject: { id: 7, pid: OWNER.pid, fd: OWNER.fd, lastNs: 0 },
    log: null,
    unseen: "mid_stream",
    transport: input.transport,
    requestStream: streams.request,
    responseStream: streams.response,
    start: input.isJoined ? "joined" : "seen",
    inherited: null,
    pass: () => {},
  });
  for (const step of input.steps) {
    context.nowNs += 1000 + step.afterNs;
    if (step.afterNs > 0) session.tick();
    feed(session, streams[step.side], step, input, context.nowNs, overwrite);
    if (session.next !== undefined) break;
  }
  if (session.next === undefined) session.finish("closed", true);
  else session.settle();
  while (!context.outbox.handOut());
  for (const stream of [streams.request, streams.response]) stream.clear();
  hold(context.pool.lentBytes === 0, () => `${context.pool.lentBytes} bytes are still lent`);
  hold(context.queuedBytes === 0, () => `${context.queuedBytes} bytes are still queued`);
  return { written, resyncs: context.stats.resyncs };
}

function feed(
  session: Session,
  stream: ByteStream,
  step: Step,
  input: PluginInput,
  nowNs: number,
  overwrite: boolean,
): void {
  const { side, bytes, gapBytes } = step;
  const isDatagram = input.transport === "datagram";
  const least = Math.ceil(bytes.length / MAX_CHUNKS);
  for (let at = 0, turn = 0; at < bytes.length && session.next === undefined; turn++) {
    const cut = Math.max(input.cuts[turn % input.cuts.length] ?? Infinity, least, 1);
    const chunk = bytes.slice(at, isDatagram ? bytes.length : at + cut);
    stream.borrow(chunk, 0, chunk.length, nowNs, OWNER);
    if (isDatagram) session.datagram(side);
    else session.advance(side);
    stream.keep();
    if (overwrite) chunk.fill(0xaa);
    at += chunk.length;
  }
  if (gapBytes === 0 || isDatagram || session.next !== undefined) return;
  stream.appendGap(gapBytes, GAP_UNSEEN, nowNs, OWNER);
  session.advance(side);
}

function contextOf(plugin: Plugin, input: PluginInput, written: Written[]): TrackerContext {
  return {
    plugins: [],
    showUnknown: false,
    showEncrypted: false,
    role: undefined,
    maxBodyBytes: input.maxBodyBytes,
    showSecrets: false,
    requestTimeoutMs: input.requestTimeoutMs > 0 ? input.requestTimeoutMs : null,
    summaries: true,
    outlines: true,
    maxFrameBytes: 16 << 20,
    stats: new Stats(),
    pool: new BufferPool(),
    clock: new WallClock(START),
    log: null,
    containers: new Map(),
    emit: (record, summary) => {
      hold(plugin.names.includes(record.protocol), () => `record of ${record.protocol}`);
      written.push([record, summary]);
    },
    verdict: () => {},
    nowNs: 0,
    filters: false,
    losses: 0,
    hasOpens: false,
    maxQueuedBytes: 32 << 20,
    outbox: new Outbox(Infinity),
    queuedBytes: 0,
    behind: new Set(),
    source: { heldBytes: 0 },
    weighs: false,
    trackers: 0,
  };
}
