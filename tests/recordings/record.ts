/**
 * Makes or renews a recording of the test suite.
 *
 *     deno run -A tests/recordings/record.ts PROTOCOL/CASE FILE "origin and purpose"
 *     deno run -A tests/recordings/record.ts --golden [PROTOCOL/CASE …]
 *
 * In: a recording made by `sockeye --record`, or a packet capture. Out: events.rec, golden.ndjson
 * and README.md in the case's folder. --golden writes only golden.ndjson again, for the cases named or
 * for all. Where records say which protocols were tried, options.json keeps the names of these. What
 * it writes is to be read before it is committed: a golden is what people agreed on.
 */
import { Recorder } from "../../lib/capture/recording/recorder.ts";
import { openReplay } from "../../lib/capture/replay.ts";
import { plugins } from "../../protocols/registry.ts";
import {
  pipelineOptions,
  readOptions,
  RECORDINGS,
  recordings,
  type SavedOptions,
} from "../support/recordings.ts";
import { replayRecords, toNdjson } from "../support/replay_records.ts";

function writeGolden(folder: string): void {
  const saved = readOptions(folder);
  const records = replayRecords(`${folder}/events.rec`, pipelineOptions(saved, plugins));
  pinProtocols(folder, saved, records.some(({ protocol }) => protocol === "unknown"));
  Deno.writeTextFileSync(`${folder}/golden.ndjson`, toNdjson(records));
  console.log(`${folder}: ${records.length} records`);
}

/** A record of an unknown protocol says what was tried: protocols of later shall not change it. */
function pinProtocols(folder: string, saved: SavedOptions, isUnknown: boolean): void {
  if (isUnknown === (saved.protocols !== undefined)) return;
  const protocols = isUnknown ? plugins.map(({ name }) => name) : undefined;
  const options = JSON.stringify({ ...saved, protocols });
  if (options === "{}") Deno.removeSync(`${folder}/options.json`);
  else Deno.writeTextFileSync(`${folder}/options.json`, `${options}\n`);
}

/** Copies a trace of either format as one recording, compressed. */
function copy(from: string, to: string): void {
  using source = openReplay(from);
  const facts = source.facts ?? { version: "0.1.0", filters: {} };
  const recorder = new Recorder(to, source.start, facts, "zstd");
  while (!source.ended) source.drain((event) => recorder.onEvent(event));
  recorder.close(source.losses());
  if (source.failure !== null) throw source.failure;
  // Recordings are private by default; these are part of the sources.
  Deno.chmodSync(to, 0o644);
}

const [first, file, purpose] = Deno.args;
if (first === "--golden") {
  const named = Deno.args.slice(1);
  for (const name of named.length > 0 ? named : recordings()) writeGolden(`${RECORDINGS}${name}`);
} else if (first !== undefined && file !== undefined && purpose !== undefined) {
  const folder = `${RECORDINGS}${first}`;
  Deno.mkdirSync(folder, { recursive: true });
  copy(file, `${folder}/events.rec`);
  Deno.writeTextFileSync(`${folder}/README.md`, `${purpose.trim()}\n`);
  writeGolden(folder);
} else {
  console.error('usage: record.ts PROTOCOL/CASE FILE "origin and purpose" | --golden [CASE …]');
  Deno.exit(2);
}
