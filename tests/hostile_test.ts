/**
 * The worst inputs of every plug-in of the registry cost no more than some times its usual traffic, and
 * four times as much of them about four times as much: nothing is quadratic. What the plug-in is shown
 * is counted, to the byte; for what it does with it CPU time is compared, with much room. What it costs
 * to the digit is the bench's (tests/bench/hostile_bench.ts).
 */
import assert from "node:assert/strict";
import { plugins } from "../protocols/registry.ts";
import { counting, Work } from "./support/counting.ts";
import { cheapest, costOf, entriesOf, ratioOf } from "./support/hostile.ts";
import { worstOf } from "./support/protocol_files.ts";

/** The heads that are waited for longest are 256 KiB. */
const SIZES = [
  { bytes: 600_000, operationBytes: 16_384 },
  { bytes: 100_000, operationBytes: 64 },
];
/** Quadratic work took 50 to 2,000 times as much. */
const MAX_RATIO = 12;
const MAX_GROWTH = 12;
/** What else the process and the machine do may spoil both of a measurement, not of all of them. */
const ATTEMPTS = 4;

/** Calls for a byte: the shortest frames are of 4 bytes; and for an operation. */
const MAX_CALLS_A_BYTE = 0.3;
const MAX_CALLS_AN_EVENT = 4;
/** Looks at a byte: a head of 256 KiB without end is shown 16 times, a start of 10 bytes in garbage 256. */
const MAX_LOOKS = 32;

function workOf(entries: Uint8Array): { calls: number; looks: number } {
  const work = new Work();
  const { bytes, events } = costOf(entries, plugins.map((plugin) => counting(plugin, work)));
  const calls = work.calls / (MAX_CALLS_A_BYTE * bytes + MAX_CALLS_AN_EVENT * events);
  return { calls, looks: work.bytes / bytes };
}

for (const { name } of plugins) {
  const { usual, worst } = await worstOf(name);

  Deno.test(`${name}: of its worst inputs it is shown each byte a bounded number of times`, () => {
    for (const load of [usual, ...worst]) {
      for (const bytes of [100_000, 400_000]) {
        const { calls, looks } = workOf(entriesOf(load, bytes, 16_384));
        assert.ok(calls <= 1, `${load.name}: ${calls.toFixed(2)} of the calls allowed`);
        assert.ok(looks <= MAX_LOOKS, `${load.name}: ${looks.toFixed(1)} looks at a byte`);
      }
    }
  });

  Deno.test(`${name}: its worst inputs cost some times as much as its usual traffic, not more`, () => {
    assert.ok(worst.length > 5, "too few worst inputs");
    for (const { bytes, operationBytes } of SIZES) {
      const expected = cheapest(entriesOf(usual, bytes, operationBytes), 8);
      assert.ok(expected.records > 0, "usual traffic gives no records");
      for (const load of worst) {
        const large = entriesOf(load, bytes, operationBytes);
        const small = entriesOf(load, bytes / 4, operationBytes);
        let said = "";
        for (let attempt = 1; attempt <= ATTEMPTS; attempt++) {
          const cost = cheapest(large, attempt);
          const ratio = ratioOf(cost, expected);
          const growth = ratio > MAX_RATIO ? cost.ms / cheapest(small, attempt).ms : 0;
          said = `${ratio.toFixed(1)} times as much, and grows by ${growth.toFixed(1)}`;
          if (growth <= MAX_GROWTH) {
            said = "";
            break;
          }
        }
        assert.equal(said, "", `${load.name}, ${operationBytes} bytes an operation`);
      }
    }
  });
}
