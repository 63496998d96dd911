/**
 * Makes or renews a recording of the test suite.
 *
 *     deno run -A tests/recordings/record.ts PROTOCOL/CASE FILE "origin and purpose"
 *     deno run -A tests/recordings/record.ts --golden [PROTOCOL/CASE …]
 *
 * In: a recording made by `sockeye --record`, or a packet capture. Out: events.rec, golden.ndjson
 * and README.md in the case's folder. --golden writes only golden.ndjson again, for the cases named or
 * for all. What it writes is to be read before it is committed: a golden is what people agreed on.
 */
import { Recorder } from "../../lib/capture/recording/recorder.ts";
import { openReplay } from "../../lib/capture/replay.ts";
import { pinProtocols, recordingOptions } from "../support/recordings.ts";
import { replayRecords, toNdjson } from "../support/replay_records.ts";

const ROOT = new URL("./", import.meta.url).pathname;

function writeGolden(folder: string): void {
  const { protocols: _, ...options } = recordingOptions(folder);
  const records = replayRecords(`${folder}/events.rec`, options);
  const golden = toNdjson(records);
  Deno.writeTextFileSync(`${folder}/golden.ndjson`, golden);
  pinProtocols(folder, golden);
  console.log(`${folder}: ${records.length} records`);
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

function allCases(): string[] {
  const list = (path: string): string[] =>
    [...Deno.readDirSync(path)].filter((entry) => entry.isDirectory).map((entry) => entry.name);
  return list(ROOT).flatMap((protocol) =>
    list(`${ROOT}${protocol}`).map((name) => `${protocol}/${name}`)
  ).sort();
}

const [first, file, purpose] = Deno.args;
if (first === "--golden") {
  const named = Deno.args.slice(1);
  for (const name of named.length > 0 ? named : allCases()) writeGolden(`${ROOT}${name}`);
} else if (first !== undefined && file !== undefined && purpose !== undefined) {
  const folder = `${ROOT}${first}`;
  Deno.mkdirSync(folder, { recursive: true });
  copy(file, `${folder}/events.rec`);
  Deno.writeTextFileSync(`${folder}/README.md`, `${purpose.trim()}\n`);
  writeGolden(folder);
} else {
  console.error('usage: record.ts PROTOCOL/CASE FILE "origin and purpose" | --golden [CASE …]');
  Deno.exit(2);
}
