/**
 * Saved traces that lie: recordings and packet captures made of parts, so that what a change breaks is
 * that part alone, and checksums are right where the deep code is to be reached.
 *
 * What must hold: opening and reading end with events or a RecordingError, whose words are harmless;
 * the pipeline behind them holds nothing at the end, and says the same a second time.
 */
import { RecordingError } from "../../lib/capture/recording/format.ts";
import { openReplay } from "../../lib/capture/replay.ts";
import { Pipeline } from "../../lib/pipeline.ts";
import type { TraceRecord } from "../../lib/record/record.ts";
import { Stats } from "../../lib/stats.ts";
import { DEFAULTS } from "../support/replay_records.ts";
import { holdHarmless } from "./outputs.ts";
import type { Random } from "./random.ts";
import { hold, holdSame } from "./target.ts";

/** Bytes changed where they lie in a file, after everything else was right. */
export interface Patch {
  at: number;
  bytes: Uint8Array;
}

export function makePatches(random: Random): Patch[] {
  if (random.chance(0.8)) return [];
  return Array.from({ length: random.small(4) }, () => ({
    at: random.chance(0.5) ? random.below(64) : random.below(4096),
    bytes: random.bytes(random.small(4)),
  }));
}

/** The file as it is, patched and cut. */
export function damagedFile(
  file: Uint8Array,
  patches: readonly Patch[],
  cut: number,
): Uint8Array {
  const out = file.slice(0, cut === 0 ? file.length : cut);
  for (const { at, bytes } of patches) {
    bytes.forEach((byte, i) => at + i < out.length && (out[at + i] = byte));
  }
  return out;
}

/** Replays a file twice. */
export function checkFile(file: Uint8Array): void {
  const path = `${folder()}/sockeye-fuzz-${Deno.pid}-${workerId}`;
  Deno.writeFileSync(path, file);
  try {
    const want = replay(path);
    holdSame(replay(path), want, "a second time");
  } finally {
    Deno.removeSync(path);
  }
}

const workerId = crypto.randomUUID();

/** A file system in memory where there is one. */
function folder(): string {
  try {
    return Deno.statSync("/dev/shm").isDirectory ? "/dev/shm" : "/tmp";
  } catch {
    return "/tmp";
  }
}

function replay(path: string): string[] {
  let source: ReturnType<typeof openReplay>;
  try {
    source = openReplay(path);
  } catch (error) {
    return [refusal(error)];
  }
  using open = source;
  const records: TraceRecord[] = [];
  const options = { ...DEFAULTS, memoryLimitBytes: 1 << 20 };
  const pipeline = new Pipeline(open.start, options, new Stats(), (record) => records.push(record));
  while (!open.ended) open.drain((event) => pipeline.onEvent(event));
  pipeline.finish();
  hold(pipeline.heldBytes === 0, () => `${pipeline.heldBytes} bytes are still held`);
  for (const count of Object.values(open.counts())) {
    hold(Number.isInteger(count) && count >= 0, () => `a count of ${count}`);
  }
  const lines = records.map((record) => JSON.stringify(record));
  return open.failure === null ? lines : [...lines, refusal(open.failure)];
}

function refusal(error: unknown): string {
  if (!(error instanceof RecordingError)) throw error;
  holdHarmless(error.message);
  return error.message;
}
