/**
 * The plug-in contract on every recording of tests/recordings, all of its connections at once: it
 * never throws, always moves on, keeps nothing, and gives the same records however bytes are chunked.
 * tests/contract_test.ts asks the same of the protocols' samples.
 */
import assert from "node:assert/strict";
import { EntryKind } from "../lib/capture/abi.ts";
import type { TraceRecord } from "../lib/record/record.ts";
import { plugins } from "../protocols/registry.ts";
import type { Trace } from "./support/events.ts";
import {
  cutBehind,
  damaged,
  type Entries,
  inOperations,
  inParts,
  joinedBehind,
  operationsIn,
  placesIn,
  readEntries,
  runEntries,
  splitEntry,
  without,
} from "./support/saved.ts";
import { RECORDINGS, recordings } from "./support/recordings.ts";

const MUTATIONS = 20;
/** Large recordings are run less often, so that each takes about as long. */
const PLACES = 60;
const LEAST_PLACES = 10;
const LARGE_ENTRIES = 300;
/** Recordings with more payload are not chopped to single bytes. */
const LARGE_BYTES = 64 << 10;

function countOf(trace: Trace, protocol: string): number {
  return trace.records.filter((record) => record.protocol === protocol).length;
}

function bytesIn(entries: Entries): number {
  return entries.reduce((sum, { payload }) => sum + (payload?.length ?? 0), 0);
}

/** What was asked and answered, without when and by whom; what was before it may look odd. */
function exchangeOf({ conn, protocol, request, response }: TraceRecord): string {
  const timeless = (key: string, value: unknown): unknown =>
    key.endsWith("_ns") || key === "anomalies" ? undefined : value;
  return JSON.stringify([conn, protocol, request, response], timeless);
}

/**
 * Records as text. Those of handshakes wait until their connections end, and which of two ends first may
 * depend on how many entries their last bytes come in: then by connection.
 */
function linesOf(trace: Trace): string[] {
  const lines = trace.json();
  return countOf(trace, "tls") === 0 ? lines : lines
    .map((line, i) => ({ line, conn: trace.records[i]?.conn ?? 0 }))
    .sort((a, b) => a.conn - b.conn)
    .map(({ line }) => line);
}

for (const name of recordings()) {
  const entries = readEntries(`${RECORDINGS}${name}/events.rec`);
  const share = Math.min(1, LARGE_ENTRIES / entries.length);
  const places = placesIn(entries, Math.max(LEAST_PLACES, Math.round(PLACES * share)));
  const whole = runEntries(plugins, entries);

  Deno.test(`${name} contract: the same records however the bytes are chunked`, () => {
    const want = linesOf(whole);
    assert.deepEqual(linesOf(runEntries(plugins, entries)), want, "a second time");
    for (const size of bytesIn(entries) > LARGE_BYTES ? [1000] : [1, 2, 3, 7, 1000]) {
      const parts = linesOf(runEntries(plugins, inParts(entries, size)));
      assert.deepEqual(parts, want, `entries of ${size}`);
      const operations = linesOf(runEntries(plugins, inOperations(entries, size)));
      assert.deepEqual(operations, want, `operations of ${size}`);
    }
    for (const place of places) {
      const got = linesOf(runEntries(plugins, splitEntry(entries, place)));
      assert.deepEqual(got, want, `split at ${place.entry}:${place.offset}`);
    }
  });

  Deno.test(`${name} contract: a trace cut anywhere ends with a reason`, () => {
    for (const place of places) {
      const trace = runEntries(plugins, cutBehind(entries, place));
      for (const { protocol, request, response, incomplete } of trace.records) {
        if (protocol === "unknown" || (request !== null && response !== null)) continue;
        const what = JSON.stringify({ protocol, request, response });
        assert.ok(incomplete !== undefined, `at ${place.entry}:${place.offset}: ${what}`);
      }
    }
  });

  Deno.test(`${name} contract: bytes missing anywhere are survived, by the others unnoticed`, () => {
    for (const place of places) {
      const conn = entries[place.entry]?.conn ?? 0;
      const others = (trace: Trace): string[] =>
        trace.records.filter((record) => record.conn !== conn).map((it) => JSON.stringify(it));
      for (const length of [1, 50, Infinity]) {
        const got = others(runEntries(plugins, without(entries, place, length)));
        assert.deepEqual(got.sort(), others(whole).sort(), `at ${place.entry}:${place.offset}`);
      }
    }
  });

  Deno.test(`${name} contract: a trace that begins anywhere pairs nothing wrong`, () => {
    const known = new Set(whole.records.map(exchangeOf));
    for (const place of [...operationsIn(entries, LARGE_ENTRIES), ...places]) {
      const joined = joinedBehind(entries, place);
      let isCut = place.offset > 0;
      for (const record of runEntries(plugins, joined).records) {
        if (record.incomplete !== undefined || record.protocol === "unknown") continue;
        if (known.has(exchangeOf(record))) continue;
        // The rest of a message may look like a whole one: "ET / HTTP/1.1".
        assert.ok(isCut, `at ${place.entry}:${place.offset}: ${exchangeOf(record)}`);
        isCut = false;
      }
      for (const plugin of plugins) runEntries([plugin], joined);
    }
  });

  Deno.test(`${name} contract: a protocol alone finds its own records`, () => {
    for (const plugin of plugins) {
      const alone = countOf(runEntries([plugin], entries), plugin.name);
      assert.equal(alone, countOf(whole, plugin.name), plugin.name);
    }
  });

  Deno.test(`${name} contract: damaged bytes never throw`, () => {
    for (let seed = 0; seed < MUTATIONS; seed++) {
      const bytes = damaged(entries, seed);
      const trace = runEntries(plugins, bytes);
      const dataCount = bytes.filter(({ kind }) => kind === EntryKind.DATA).length;
      assert.equal(trace.stats.events[EntryKind.DATA], dataCount);
      for (const plugin of plugins) runEntries([plugin], bytes);
    }
  });
}
