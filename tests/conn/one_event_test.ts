/**
 * What one event may cost, however much came before it: counted in what it does, not in time, which
 * tells more of the machine. A turn of the event loop is one event more than its time (turn.ts).
 */
import assert from "node:assert/strict";
import { SocketEvent } from "../../lib/capture/event.ts";
import { Turn } from "../../lib/capture/turn.ts";
import { Pipeline } from "../../lib/pipeline.ts";
import { Stats } from "../../lib/stats.ts";
import { plugins } from "../../protocols/registry.ts";
import { START } from "../support/events.ts";
import { type GreedyLoad, greedyLoads } from "../support/greedy.ts";

const LIMIT_BYTES = 16 << 20;
/** What an event completes itself, and what it hands out of what waits. */
const MAX_RECORDS = 2 * 2048;
/** An entry of 64 KiB, or as much of what waited, in the shortest frames: "+OK\r\n". */
const MAX_FRAMES = 2 * 65536 / 5;
/** Those of one connection more. */
const MAX_ENDED = 64 + 4096;
/** Of the load's amount: as much as comes to a limit that is so much smaller. */
const SHARE = 1 / 16;

/** The most that one event did. */
interface Most {
  records: number;
  frames: number;
  ended: number;
  heldBytes: number;
}

function framesOf(stats: Stats): number {
  return plugins.reduce((sum, { name }) => sum + stats.protocol(name).frames, 0);
}

function run(load: GreedyLoad): { most: Most; pipeline: Pipeline; all: () => number } {
  let records = 0;
  const stats = new Stats();
  const options = {
    protocols: plugins,
    showUnknown: true,
    maxBodyBytes: 4096,
    showSecrets: false,
    requestTimeoutMs: null,
    memoryLimitBytes: LIMIT_BYTES,
    summaries: false,
  };
  const pipeline = new Pipeline(START, options, stats, () => records++);
  const event = new SocketEvent();
  const most = { records: 0, frames: 0, ended: 0, heldBytes: 0 };
  /** What one event does, and each part of what it leaves to do. */
  const watch = (step: () => void): void => {
    const before = { records, evicted: stats.evicted, frames: framesOf(stats) };
    step();
    most.records = Math.max(most.records, records - before.records);
    most.frames = Math.max(most.frames, framesOf(stats) - before.frames);
    most.ended = Math.max(most.ended, stats.evicted - before.evicted);
    most.heldBytes = Math.max(most.heldBytes, pipeline.heldBytes);
  };
  const over = new Turn();
  over.end();
  for (const bytes of load.entries(Math.ceil(load.amount * SHARE))) {
    const words = new Uint32Array(bytes.buffer, bytes.byteOffset, bytes.length >>> 2);
    assert.ok(event.read(words, bytes, 0, bytes.length, START.base));
    watch(() => pipeline.onEvent(event));
    while (pipeline.isBehind) watch(() => pipeline.catchUp(over));
  }
  return { most, pipeline, all: () => records };
}

for (const load of greedyLoads) {
  Deno.test(`one event ends and completes a bounded number: ${load.name}`, () => {
    const { most, pipeline, all } = run(load);
    assert.ok(most.records <= MAX_RECORDS, `${most.records} records of one event`);
    assert.ok(most.frames <= MAX_FRAMES, `${most.frames} frames of one event`);
    assert.ok(most.ended <= MAX_ENDED, `${most.ended} connections ended by one event`);
    assert.ok(most.heldBytes <= LIMIT_BYTES, `${most.heldBytes} bytes held`);
    // The end goes in parts as well, and nothing is left out.
    let parts = 0;
    for (let before = -1; !pipeline.finish(new Turn()); parts++) {
      assert.ok(all() > before || parts < 10_000, "no end");
      before = all();
    }
    assert.equal(pipeline.heldBytes, 0);
    assert.ok(all() > 0);
  });
}
