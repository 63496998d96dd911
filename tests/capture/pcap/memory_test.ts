/** What PcapSource keeps is bounded, counted against the limit, and told when it is given up. */
import assert from "node:assert/strict";
import { RecordingInput } from "../../../lib/capture/recording/input.ts";
import { replayOf } from "../../../lib/capture/replay.ts";
import { captureBytes, Pipeline } from "../../../lib/pipeline.ts";
import { Stats } from "../../../lib/stats.ts";
import { type GreedyCapture, greedyCaptures, writeCapture } from "../../support/greedy_captures.ts";
import { DEFAULTS } from "../../support/replay_records.ts";

const LIMIT_BYTES = 32 << 20;
/** What a pipeline may hold at that limit: see liveBytes(). */
const LIVE_BYTES = LIMIT_BYTES / 4;
/** The window into the file, a free slab of pieces, and the packet at hand. */
const BESIDE_BYTES = 3 << 20;

interface Kept {
  mostInSource: number;
  mostInAll: number;
  counts: Readonly<Record<string, number>>;
  notRead: Readonly<Record<string, number>>;
}

function keptOf(load: GreedyCapture, amount: number): Kept {
  const path = Deno.makeTempFileSync({ suffix: ".pcap" });
  try {
    writeCapture(load, amount, path);
    using source = replayOf(new RecordingInput(path), captureBytes(LIMIT_BYTES));
    const options = { ...DEFAULTS, memoryLimitBytes: LIMIT_BYTES, source };
    const pipeline = new Pipeline(source.start, options, new Stats(), () => {});
    let mostInSource = 0, mostInAll = 0;
    while (!source.ended) {
      source.drain((event) => {
        pipeline.onEvent(event);
        mostInSource = Math.max(mostInSource, source.heldBytes);
        mostInAll = Math.max(mostInAll, pipeline.heldBytes);
      });
    }
    assert.equal(source.failure, null);
    return { mostInSource, mostInAll, counts: source.counts(), notRead: source.notRead() };
  } finally {
    Deno.removeSync(path);
  }
}

Deno.test("PcapSource keeps to its room, and the pipeline to what is left of the limit", () => {
  for (const load of greedyCaptures) {
    const { mostInSource, mostInAll } = keptOf(load, Math.ceil(load.amount / 20));
    assert.ok(mostInSource > 0, load.name);
    assert.ok(
      mostInSource <= captureBytes(LIMIT_BYTES) + BESIDE_BYTES,
      `${load.name}: ${mostInSource}`,
    );
    assert.ok(mostInAll <= LIVE_BYTES + BESIDE_BYTES, `${load.name}: ${mostInAll}`);
  }
});

Deno.test("PcapSource counts what it gives up for want of room", () => {
  const cases = [
    { name: "answered requests, 1,000 connections", amount: 5000, want: [] },
    { name: "segments behind gaps", amount: 5000, want: ["early_gaps"] },
    { name: "connections that stay open", amount: 5000, want: ["evicted_conversations"] },
    { name: "connections half open", amount: 5000, want: ["evicted_conversations"] },
    { name: "UDP conversations", amount: 10_000, want: ["evicted_conversations"] },
    { name: "first fragments alone", amount: 2000, want: ["evicted_fragments"] },
  ];
  for (const { name, amount, want } of cases) {
    const load = greedyCaptures.find((each) => each.name === name);
    assert.ok(load !== undefined, name);
    const { counts, notRead } = keptOf(load, amount);
    const { early_gaps, evicted_conversations } = counts;
    const all = { early_gaps, evicted_conversations, evicted_fragments: notRead.evicted_fragments };
    const seen = Object.entries(all).filter(([, count = 0]) => count > 0).map(([key]) => key);
    assert.deepEqual(seen, want, name);
  }
});
