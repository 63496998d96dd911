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
import { Recorder } from "../lib/capture/recorder.ts";
import { openReplay } from "../lib/capture/replay.ts";
import { replayRecords, toNdjson } from "./support/replay_records.ts";

const ROOT = new URL("./recordings/", import.meta.url).pathname;

function folders(path: string): string[] {
  return [...Deno.readDirSync(path)].filter((entry) => entry.isDirectory)
    .map((entry) => entry.name).sort();
}

function optionsOf(folder: string): Partial<PipelineOptions> {
  try {
    return JSON.parse(Deno.readTextFileSync(`${folder}/options.json`));
  } catch (error) {
    if (error instanceof Deno.errors.NotFound) return {};
    throw error;
  }
}

for (const protocol of folders(ROOT)) {
  for (const name of folders(`${ROOT}${protocol}`)) {
    const folder = `${ROOT}${protocol}/${name}`;
    Deno.test(`recording ${protocol}/${name} replays to its golden records`, () => {
      const got = toNdjson(replayRecords(`${folder}/events.rec`, optionsOf(folder)));
      assert.equal(got, Deno.readTextFileSync(`${folder}/golden.ndjson`));
    });
    Deno.test(`recording ${protocol}/${name} says where it comes from`, () => {
      const readme = Deno.readTextFileSync(`${folder}/README.md`);
      assert.match(readme, /\S.{20,}/);
    });
    Deno.test(`recording ${protocol}/${name} gives the same records when recorded again`, () => {
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
}
