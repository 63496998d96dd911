/**
 * The plug-in contract, for every protocol of the registry on every sample of every protocol, and for
 * one that uses every ability of the contract: it never throws, always moves on, keeps nothing, and
 * gives the same records however bytes are chunked.
 */
import assert from "node:assert/strict";
import type { Plugin } from "../protocols/protocol.ts";
import { plugins as registry } from "../protocols/registry.ts";
import {
  chopped,
  contents,
  cutAt,
  halves,
  inEntries,
  joinedAt,
  missing,
  mutated,
  places,
  run,
  type Sample,
  splitAt,
  whole,
  withGarbage,
} from "./support/contract.ts";
import { every, everyNext, samples as everySamples } from "./support/every.ts";
import { bytesOf, type Trace } from "./support/events.ts";
import { samplesOf } from "./support/protocol_files.ts";

const PLACES = 120;
const MUTATIONS = 60;
const GARBAGE_PLACES = 6;
const GARBAGE = ["\0\xff\0", "?", "\r\n", "$9\r\n", "GET ", "0\r\n\r\n"].map(bytesOf);
/** Samples larger than this are not chopped to single bytes. */
const LARGE_BYTES = 32 << 10;

const allSamples = new Map<string, Sample[]>([[every.name, everySamples]]);
for (const { name } of registry) allSamples.set(name, (await samplesOf(name)).samples);
/** `every` hands over to `every_next`, which is found no other way. */
const helpers: ReadonlyMap<string, Plugin[]> = new Map([[every.name, [everyNext]]]);
const plugins = [...registry, every, everyNext];

function sizeOf(sample: Sample): number {
  return sample.steps.reduce((sum, { bytes }) => sum + bytes.length, 0);
}

function countOf(trace: Trace, names: readonly string[]): number {
  return trace.records.filter(({ protocol }) => names.includes(protocol)).length;
}

for (const plugin of [...registry, every]) {
  const { name } = plugin;
  const others = helpers.get(name) ?? [];
  const names = [plugin, ...others].flatMap((each) => each.names);
  const alone = [plugin, ...others];
  const samples = allSamples.get(name) ?? [];

  Deno.test(`${name} contract: each sample gives its exchanges, as itself`, () => {
    assert.ok(samples.length > 0, "no samples");
    for (const sample of samples) {
      const trace = run(plugins, whole(sample));
      assert.equal(countOf(trace, names), sample.exchanges, sample.name);
      assert.equal(trace.records.length, sample.exchanges, `${sample.name}: other records`);
    }
  });

  Deno.test(`${name} contract: the same records however the bytes are chunked`, () => {
    for (const sample of samples) {
      const want = contents(run(plugins, whole(sample)));
      assert.deepEqual(contents(run(plugins, inEntries(sample, 7))), want, sample.name);
      if (sample.transport === "datagram") continue;
      const sizes = sizeOf(sample) > LARGE_BYTES ? [1000] : [1, 2, 3, 7];
      for (const size of sizes) {
        const got = contents(run(plugins, chopped(sample, size)));
        assert.deepEqual(got, want, `${sample.name}, ${size} at a time`);
      }
      for (const place of places(sample, PLACES)) {
        if (place.offset === 0) continue;
        const got = contents(run(plugins, splitAt(sample, place)));
        assert.deepEqual(got, want, `${sample.name}, split at ${place.step}:${place.offset}`);
      }
    }
  });

  Deno.test(`${name} contract: what stands behind invalid bytes is read however they are cut`, () => {
    for (const sample of samples) {
      if (sample.transport === "datagram" || sizeOf(sample) > LARGE_BYTES) continue;
      // A connection's first bytes are judged by whole operations.
      if (sample.isTunnel) continue;
      for (const [i, at] of places(sample, GARBAGE_PLACES).entries()) {
        const garbage = GARBAGE[i % GARBAGE.length] as Uint8Array;
        const damaged = withGarbage(sample, at, garbage);
        const step = sample.steps.length + at.step;
        const want = halves(run(alone, whole(damaged)));
        const title = `${sample.name}, garbage at ${at.step}:${at.offset}`;
        for (const size of [1, 5]) {
          assert.deepEqual(halves(run(alone, chopped(damaged, size))), want, `${title}, ${size}`);
        }
        const length = damaged.steps[step]?.bytes.length ?? 0;
        for (let offset = 1; offset < length; offset += 1 + (length >> 4)) {
          const got = halves(run(alone, splitAt(damaged, { step, offset })));
          assert.deepEqual(got, want, `${title}, split at ${offset}`);
        }
      }
    }
  });

  Deno.test(`${name} contract: a conversation cut anywhere ends with a reason`, () => {
    for (const sample of samples) {
      for (const place of places(sample, PLACES)) {
        const trace = run(plugins, cutAt(sample, place));
        for (const { protocol, request, response, incomplete } of trace.records) {
          if (protocol === "unknown" || (request !== null && response !== null)) continue;
          assert.ok(incomplete !== undefined, `${sample.name} at ${place.step}:${place.offset}`);
        }
      }
    }
  });

  Deno.test(`${name} contract: bytes missing anywhere are survived and counted`, () => {
    for (const sample of samples) {
      for (const place of places(sample, PLACES)) {
        for (const length of [1, 50, Infinity]) run(plugins, missing(sample, place, length));
      }
    }
  });

  Deno.test(`${name} contract: a trace may begin anywhere`, () => {
    for (const sample of samples) {
      for (const place of places(sample, PLACES)) {
        run(plugins, joinedAt(sample, place));
        run(alone, joinedAt(sample, place));
      }
    }
  });

  Deno.test(`${name} contract: another protocol's bytes give no records`, () => {
    for (const [other, foreign] of allSamples) {
      if (other === name) continue;
      for (const sample of foreign) {
        const trace = run(alone, whole(sample));
        assert.equal(countOf(trace, names), 0, `${other}: ${sample.name}`);
      }
    }
  });

  Deno.test(`${name} contract: damaged bytes never throw`, () => {
    for (const sample of samples) {
      for (let seed = 0; seed < MUTATIONS; seed++) {
        run(plugins, mutated(sample, seed));
        run(alone, mutated(sample, seed));
      }
    }
  });
}
