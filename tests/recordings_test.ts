/**
 * Every recording of tests/recordings gives its golden records again, byte by byte.
 *
 *     tests/recordings/<protocol>/<case>/events.rec      what was recorded
 *                                        golden.ndjson   the records that it gives
 *                                        README.md       its origin and purpose
 *                                        options.json    options other than the defaults, if any
 *
 * New ones are made by tests/recordings/record.ts.
 */
import assert from "node:assert/strict";
import type { PipelineOptions } from "../lib/pipeline.ts";
import { Recorder } from "../lib/capture/recording/recorder.ts";
import { openReplay } from "../lib/capture/replay.ts";
import { RECORDINGS, recordings } from "./support/recordings.ts";
import { replayRecords, toNdjson } from "./support/replay_records.ts";

function optionsOf(folder: string): Partial<PipelineOptions> {
  try {
    return JSON.parse(Deno.readTextFileSync(`${folder}/options.json`));
  } catch (error) {
    if (error instanceof Deno.errors.NotFound) return {};
    throw error;
  }
}

for (const name of recordings()) {
  const folder = `${RECORDINGS}${name}`;
  Deno.test(`recording ${name} replays to its golden records`, () => {
    const got = toNdjson(replayRecords(`${folder}/events.rec`, optionsOf(folder)));
    assert.equal(got, Deno.readTextFileSync(`${folder}/golden.ndjson`));
  });
  Deno.test(`recording ${name} says where it comes from`, () => {
    const readme = Deno.readTextFileSync(`${folder}/README.md`);
    assert.match(readme, /\S.{20,}/);
  });
  Deno.test(`recording ${name} gives the same records when recorded again`, () => {
    const path = Deno.makeTempFileSync();
    try {
      using source = openReplay(`${folder}/events.rec`);
      const recorder = new Recorder(path, source.start, { version: "", filters: {} }, "zstd");
      while (!source.ended) source.drain((event) => recorder.onEvent(event));
      recorder.close(source.losses());
      const got = toNdjson(replayRecords(path, optionsOf(folder)));
      assert.equal(got, Deno.readTextFileSync(`${folder}/golden.ndjson`));
    } finally {
      Deno.removeSync(path);
    }
  });
}
