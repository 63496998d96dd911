import assert from "node:assert/strict";
import { Buffer } from "node:buffer";
import { EntryKind } from "../../lib/capture/abi.ts";
import { encodeEntry } from "../../lib/capture/event.ts";
import { Recorder } from "../../lib/capture/recording/recorder.ts";
import { compressionOf, RecordingError } from "../../lib/capture/recording/format.ts";
import { openReplay } from "../../lib/capture/replay.ts";
import { drainAll } from "../support/pcap.ts";
import { blockOffsets, entries, facts, record, start, withFile } from "../support/recorded.ts";

for (const compression of ["none", "gzip", "zstd"] as const) {
  Deno.test(`Recorder and openReplay() give the same entries back, compression ${compression}`, () => {
    withFile((path) => {
      const all = entries(2000);
      const recorder = new Recorder(path, start, facts, compression);
      record(recorder, all);
      const losses = [{ buffer: "data_events", cpu: 1, events: 84 } as const];
      const closed = recorder.close(losses);
      assert.equal(closed.events, 2000);
      assert.equal(closed.bytes, Deno.statSync(path).size);
      assert.deepEqual(recorder.close(), closed);
      using source = openReplay(path);
      assert.deepEqual(source.start, start);
      assert.deepEqual(source.facts, facts);
      const seen = drainAll(source);
      assert.deepEqual(seen.map((event) => event.entry), all);
      assert.equal(source.failure, null);
      assert.deepEqual(source.losses(), losses);
      assert.equal(source.counts().closed, 1);
    });
  });
}

Deno.test("Recorder makes its file unreadable for others", () => {
  withFile((path) => {
    new Recorder(path, start, facts).close();
    assert.equal((Deno.statSync(path).mode ?? 0) & 0o777, 0o600);
  });
});

Deno.test("Recorder leaves a file alone until it begins, and keeps its mode", () => {
  withFile((path) => {
    Deno.writeTextFileSync(path, "was here", { mode: 0o644 });
    Deno.chmodSync(path, 0o644);
    new Recorder(path, start, facts)[Symbol.dispose]();
    assert.equal(Deno.readTextFileSync(path), "was here");
    new Recorder(path, start, facts).begin();
    assert.notEqual(Deno.readTextFileSync(path).slice(0, 8), "was here");
    assert.equal((Deno.statSync(path).mode ?? 0) & 0o777, 0o644);
  });
});

Deno.test("Recorder writes a block a second of event time, and one when 256 KiB are full", () => {
  withFile((path) => {
    const recorder = new Recorder(path, start, facts);
    record(recorder, entries(30, 100e6));
    assert.equal(blockOffsets(Deno.readFileSync(path)).length - 1, 2);
    recorder.close();
    const large = new Recorder(path, start, facts);
    const payload = new Uint8Array(200_000);
    record(
      large,
      [1, 2].map(() => encodeEntry({ kind: EntryKind.DATA, conn: 1, payload }, start.base)),
    );
    assert.equal(blockOffsets(Deno.readFileSync(path)).length - 1, 1);
    large.close();
  });
});

Deno.test("Recorder keeps an entry larger than a block", () => {
  withFile((path) => {
    const payload = new Uint8Array(1 << 20).fill(7);
    const all = [1, 2].map((conn) =>
      encodeEntry({ kind: EntryKind.DATA, conn, payload }, start.base)
    );
    using recorder = new Recorder(path, start, facts);
    record(recorder, all);
    recorder.close();
    using source = openReplay(path);
    // It comes in pieces, each with the whole entry around it.
    const seen = drainAll(source);
    assert.ok(seen.every(({ text }) => text.length > 0 && text.length <= 64 << 10));
    for (const [i, entry] of all.entries()) {
      const pieces = seen.filter(({ conn }) => conn === i + 1);
      assert.equal(pieces.map(({ text }) => text).join("").length, payload.length);
      assert.ok(pieces.every((piece) => Buffer.compare(piece.entry, entry) === 0));
    }
  });
});

Deno.test("Recorder says which file cannot be written", () => {
  assert.throws(
    () => new Recorder("/nowhere/x.rec", start, facts),
    (error) => error instanceof RecordingError && error.message.includes("/nowhere/x.rec"),
  );
});

Deno.test("compressionOf() goes by the end of the file's name", () => {
  assert.equal(compressionOf("a.rec"), "none");
  assert.equal(compressionOf("a.rec.gz"), "gzip");
  assert.equal(compressionOf("a.rec.zst"), "zstd");
});
