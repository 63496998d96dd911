/** The simulation of loss (loss.ts), as much of it as a minute holds. It prints its figures. */
import assert from "node:assert/strict";
import { PATTERNS } from "./traffic.ts";
import { type Figures, type Losses, simulate, tableOf } from "./loss.ts";

const SEED = 20261126;

/** Plays so many exchanges, and prints what became of them. */
function figuresOf(exchanges: number, losses: Losses): Map<string, Figures> {
  const all = simulate(exchanges, SEED, losses);
  console.log(`${exchanges} exchanges, lost: ${losses}, seed ${SEED}\n${tableOf(all)}`);
  assert.equal(all.size, 2 * PATTERNS.length);
  for (const [name, { wrongUnmarked, samples }] of all) {
    assert.equal(wrongUnmarked, 0, `${name}\n${samples.join("\n")}`);
  }
  return all;
}

Deno.test("no pair is wrong and unmarked, whatever is lost, of any pattern", () => {
  for (const [name, { exchanges, paired }] of figuresOf(1_200_000, "many")) {
    // Traced from their beginning: clients that do not overlap their turns lose little but a mark.
    if (/^(one|batch), fresh$/.test(name)) assert.ok(paired / exchanges > 0.85, name);
  }
});

Deno.test("where nothing is lost nothing is given up, nor marked without need", () => {
  for (const [name, { exchanges, paired, givenUp }] of figuresOf(150_000, "none")) {
    if (name.endsWith("fresh")) assert.equal(paired, exchanges, name);
    else if (!name.startsWith("depth")) assert.equal(givenUp, 0, name);
  }
});

Deno.test("behind a single loss most is paired, without a mark", () => {
  for (const [name, { exchanges, paired }] of figuresOf(150_000, "one")) {
    if (name.endsWith("fresh")) assert.ok(paired / exchanges > 0.9, name);
  }
});
