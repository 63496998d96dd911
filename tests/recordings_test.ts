/**
 * Every recording of tests/recordings (tests/support/recordings.ts) gives its golden records again, byte
 * by byte, also when it is recorded again, and when one more protocol is known. New ones are made by
 * tests/recordings/record.ts.
 */
import assert from "node:assert/strict";
import { Recorder } from "../lib/capture/recording/recorder.ts";
import { openReplay } from "../lib/capture/replay.ts";
import { definePlugin, type Plugin } from "../protocols/protocol.ts";
import { plugins } from "../protocols/registry.ts";
import { pipelineOptions, readOptions, RECORDINGS, recordings } from "./support/recordings.ts";
import { replayRecords, toNdjson } from "./support/replay_records.ts";

/** A protocol of later, which none of these recordings has. */
const later: Plugin = definePlugin({
  name: "of_later",
  ports: [],
  transports: ["stream", "datagram"],
  probe: () => "no",
  createTrace: () => null,
  createState: () => null,
  parseFrame: () => ({ kind: "invalid", reason: "never" }),
  findBoundary: (bytes) => bytes.length,
  abandon: () => null,
  stitch: () => [],
  outline: () => ({ operation: "", target: "", outcome: "ok", attributes: {} }),
  summarize: () => ({ request: "", response: "" }),
});

function replayed(folder: string, path: string, known: readonly Plugin[]): string {
  return toNdjson(replayRecords(path, pipelineOptions(readOptions(folder), known)));
}

for (const name of recordings()) {
  const folder = `${RECORDINGS}${name}`;
  Deno.test(`recording ${name} replays to its golden records`, () => {
    const got = replayed(folder, `${folder}/events.rec`, plugins);
    assert.equal(got, Deno.readTextFileSync(`${folder}/golden.ndjson`));
  });
  Deno.test(`recording ${name} gives the same records when one more protocol is known`, () => {
    const got = replayed(folder, `${folder}/events.rec`, [later, ...plugins]);
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
      const got = replayed(folder, path, plugins);
      assert.equal(got, Deno.readTextFileSync(`${folder}/golden.ndjson`));
    } finally {
      Deno.removeSync(path);
    }
  });
}
