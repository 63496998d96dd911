/**
 * The worst inputs of every plug-in of the registry cost no more than some times its usual traffic, and
 * four times as much of them about four times as much: nothing is quadratic. What it costs to the digit
 * is the bench's (tests/bench/hostile_bench.ts): CPU time is compared here with much room.
 */
import assert from "node:assert/strict";
import { plugins } from "../protocols/registry.ts";
import { cheapest, entriesOf, ratioOf } from "./support/hostile.ts";
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

for (const { name } of plugins) {
  const { usual, worst } = await worstOf(name);

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
