/**
 * A short run of every target with seeds that stay the same, and the fuzzer's own parts: it finds
 * what is broken, makes it smaller, and an input that was saved is the same again.
 */
import assert from "node:assert/strict";
import { plugins } from "../../protocols/registry.ts";
import { parseArgs } from "./arguments.ts";
import { Bench, type Fault } from "./bench.ts";
import { Random } from "./random.ts";
import { decodeInput, encodeInput } from "./saved_input.ts";
import { shrink } from "./shrink.ts";
import { Broken, defineTarget, signatureOf } from "./target.ts";
import { inputOf, loadTargets } from "./targets.ts";

const SEED = 1;
/** Some second and a half a target, alone on a core. */
const TURNS: Readonly<Record<string, number>> = {
  pipeline: 300,
  handover: 400,
  recording: 500,
  capture: 500,
  doctor: 250,
  secret: 50,
};
const USUAL_TURNS = 1500;

const targets = await loadTargets();

Deno.test("every protocol of the registry is fuzzed", () => {
  const names = targets.map(({ name }) => name);
  for (const { name } of plugins) assert.ok(names.includes(name), name);
});

// Inputs that broke something once, each as small as it became.
for (const { name } of Deno.readDirSync(new URL("./found", import.meta.url))) {
  Deno.test(`fuzz: ${name} holds again`, () => {
    const text = Deno.readTextFileSync(new URL(`./found/${name}`, import.meta.url));
    const { target, input } = decodeInput(text);
    const found = targets.find((each) => each.name === target);
    assert.ok(found, target);
    found.check(input);
  });
}

// In a worker that is watched: an input that never comes back is a fault like any other.
Deno.test("fuzz: what must hold does", async (test) => {
  using bench = new Bench();
  for (const { name } of targets) {
    await test.step(`${name}, seed ${SEED}`, async () => {
      const turns = TURNS[name] ?? USUAL_TURNS;
      const faults: string[] = [];
      const job = { target: name, seed: SEED, from: 0, step: 1, seconds: Infinity, turns };
      const done = await bench.run(job, ({ turn, text }) => faults.push(`turn ${turn}: ${text}`));
      assert.deepEqual(faults, []);
      assert.equal(done.turns, turns);
    });
  }
});

Deno.test("inputOf() gives the same input for the same seed, and others for others", () => {
  for (const target of targets) {
    const text = (seed: number, turn: number): string =>
      encodeInput({ target: target.name, fault: "", input: inputOf(target, seed, turn) });
    assert.equal(text(1, 2), text(1, 2));
    assert.notEqual(text(1, 2), text(1, 3));
    assert.notEqual(text(1, 2), text(2, 2));
  }
});

Deno.test("decodeInput() reads what encodeInput() wrote", () => {
  const input = { bytes: new Uint8Array([0, 255]), list: [{ n: 1.5 }, "\ud800"], none: null };
  const saved = { target: "http", fault: "x", input };
  assert.deepEqual(decodeInput(encodeInput(saved)), saved);
  assert.throws(() => decodeInput("{}"), /names no target/);
});

Deno.test("shrink() leaves what the fault needs", async () => {
  const input = { pad: [1, 2, 3], bytes: new Uint8Array(1000).fill(7).fill(9, 500, 501), n: 12 };
  const isBroken = (value: unknown): boolean => {
    const { bytes }: Partial<typeof input> = Object(value);
    return bytes !== undefined && bytes.includes(9);
  };
  const smallest = await shrink(input, (value) => Promise.resolve(isBroken(value)), () => false);
  assert.deepEqual(smallest, { pad: [], bytes: new Uint8Array([9]), n: 0 });
});

Deno.test("signatureOf() is the same for the same fault with other numbers", () => {
  const target = defineTarget("x", () => 0, (size: number) => {
    throw new Broken(`${size} bytes are still held\nmore`);
  });
  const signature = (input: number): string => {
    try {
      target.check(input);
      return "";
    } catch (error) {
      return signatureOf(error);
    }
  };
  assert.equal(signature(5), "Broken: N bytes are still held");
  assert.equal(signature(5), signature(70));
});

Deno.test("Random gives numbers below its limit, among them small and large ones", () => {
  const random = new Random(3);
  const numbers = Array.from({ length: 1000 }, () => random.small(100));
  assert.ok(numbers.every((number) => number >= 1 && number <= 100));
  assert.ok(numbers.filter((number) => number <= 4).length > 300);
  assert.ok(numbers.some((number) => number > 30));
});

Deno.test("parseArgs() reads flags with and without an equals sign, and refuses others", () => {
  const settings = parseArgs(["--seconds", "5", "--seed=7", "http", "--jobs", "2"], ["http"]);
  assert.deepEqual(settings, { seconds: 5, seed: 7, jobs: 2, names: ["http"], replay: null });
  assert.throws(() => parseArgs(["htp"], ["http"]), /Cannot fuzz htp: there are http/);
  assert.throws(() => parseArgs(["--seconds", "x"], []), /Cannot use --seconds x/);
  assert.throws(() => parseArgs(["--fast"], []), /Cannot use --fast/);
});

Deno.test("Bench ends an input that never comes back, and goes on behind it", async () => {
  using bench = new Bench(new URL("./stuck_worker.ts", import.meta.url), 500);
  const faults: Fault[] = [];
  const job = { target: "stuck", seed: 1, from: 0, step: 1, seconds: 60, turns: 5 };
  const done = await bench.run(job, (fault) => faults.push(fault));
  assert.deepEqual(faults.map(({ turn, signature }) => [turn, signature]), [[3, "hang"]]);
  assert.equal(done.next, 5);
  assert.equal(await bench.try("stuck", 3), "hang");
});
