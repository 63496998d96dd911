/**
 * Every recording of tests/recordings gives its golden records again, byte by byte.
 *
 *     tests/recordings/<protocol>/<case>/events.rec      what was recorded
 *                                        golden.ndjson   the records that it gives
 *                                        README.md       its origin and purpose
 *                                        options.json    options other than the defaults, if any, and the protocols that
 *                                                         a golden of unknown ones was made with
 *
 * New ones are made by tests/recordings/record.ts.
 */
import assert from "node:assert/strict";
import { Recorder } from "../lib/capture/recording/recorder.ts";
import { openReplay } from "../lib/capture/replay.ts";
import { recordingOptions, RECORDINGS, recordings } from "./support/recordings.ts";
import { replayRecords, toNdjson } from "./support/replay_records.ts";

for (const name of recordings()) {
  const folder = `${RECORDINGS}${name}`;
  Deno.test(`recording ${name} replays to its golden records`, () => {
    const got = toNdjson(replayRecords(`${folder}/events.rec`, recordingOptions(folder)));
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
      const got = toNdjson(replayRecords(path, recordingOptions(folder)));
      assert.equal(got, Deno.readTextFileSync(`${folder}/golden.ndjson`));
    } finally {
      Deno.removeSync(path);
    }
  });
}
