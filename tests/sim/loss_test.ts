/** The simulation of loss (loss.ts), as much of it as a minute holds. It prints its figures. */
import assert from "node:assert/strict";
import { PATTERNS } from "./traffic.ts";
import { simulate, tableOf } from "./loss.ts";

const EXCHANGES = 1_200_000;
const SEED = 20261126;

Deno.test("no pair is wrong and unmarked, whatever is lost, of any pattern", () => {
  const all = simulate(EXCHANGES, SEED);
  console.log(`${EXCHANGES} exchanges, seed ${SEED}\n${tableOf(all)}`);
  assert.equal(all.size, 2 * PATTERNS.length);
  for (const [name, { exchanges, paired, wrongUnmarked, samples }] of all) {
    assert.equal(wrongUnmarked, 0, `${name}\n${samples.join("\n")}`);
    // Traced from their beginning: clients that do not overlap their turns lose little but a mark.
    if (/^(one|batch), fresh$/.test(name)) assert.ok(paired / exchanges > 0.85, name);
  }
});
