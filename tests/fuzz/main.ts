/**
 * ./build.sh fuzz: valid conversations, events, recordings and captures, changed at random, for as
 * long as it is told, and what must hold for each (the heads of *_target.ts).
 *
 *     [--seconds N] [--seed S] [--jobs N] [NAME…]    names of protocols, or of other targets
 *     --replay FILE                                  an input that was saved, once more
 *
 * In: a seed. Out: a line a target; each kind of fault once, its input made smaller and saved below
 * dist/fuzz/. Exit 1 when there was one. The same seed gives the same inputs.
 */
import { parseArgs, type Settings } from "./arguments.ts";
import { Bench, type Done, type Fault, HANG_MS } from "./bench.ts";
import { decodeInput, encodeInput } from "./saved_input.ts";
import { shrink } from "./shrink.ts";
import type { Target } from "./target.ts";
import { inputOf, loadTargets } from "./targets.ts";

const FOLDER: string = new URL("../../dist/fuzz/", import.meta.url).pathname;
/** For making one input smaller. */
const SHRINK_MS = 20_000;
/** What is left on the heap may differ by this much: compiled code, caches. */
const MAX_GROWTH_BYTES = 24 << 20;
/** The targets take turns, so that all had some when it ends early. */
const ROUND_SECONDS = 30;

async function main(): Promise<number> {
  const targets = await loadTargets();
  const settings = parseArgs(Deno.args, targets.map(({ name }) => name));
  if (settings.replay !== null) return await replay(settings.replay);
  const chosen = targets.filter(({ name }) =>
    settings.names.length === 0 || settings.names.includes(name)
  );
  const faults = new Map<string, Fault>();
  await fuzz(chosen, settings, faults);
  for (const [signature, fault] of faults) {
    const target = chosen.find(({ name }) => signature.startsWith(`${name}: `));
    if (target !== undefined) await save(target, settings.seed, fault);
  }
  console.log(faults.size === 0 ? "no fault" : `${faults.size} kinds of faults`);
  return faults.size === 0 ? 0 : 1;
}

async function fuzz(
  targets: readonly Target[],
  settings: Settings,
  faults: Map<string, Fault>,
): Promise<void> {
  const { seed, jobs } = settings;
  const rounds = Math.ceil(settings.seconds / (targets.length * ROUND_SECONDS));
  const seconds = settings.seconds / (targets.length * rounds);
  const benches = Array.from({ length: jobs }, () => new Bench());
  const sums = new Map(targets.map(({ name }) => [name, { turns: 0, next: 0, seconds: 0 }]));
  for (let round = 0; round < rounds; round++) {
    for (const target of targets) {
      const { name } = target;
      const onFault = (fault: Fault): void => {
        const key = `${name}: ${fault.signature}`;
        if (faults.has(key)) return;
        faults.set(key, fault);
        console.log(`${name}: turn ${fault.turn}: ${fault.text}\n`);
        if (fault.turn >= 0) write(target, seed, fault, inputOf(target, seed, fault.turn));
      };
      const sum = sums.get(name) ?? { turns: 0, next: 0, seconds: 0 };
      const turns = Infinity;
      const done = await Promise.all(
        benches.map((bench, i) =>
          bench.run({ target: name, seed, from: sum.next + i, step: jobs, seconds, turns }, onFault)
        ),
      );
      report(name, done, onFault);
      sum.turns += done.reduce((all, one) => all + one.turns, 0);
      sum.next = Math.max(...done.map(({ next }) => next));
      sum.seconds += seconds;
    }
  }
  for (const bench of benches) bench[Symbol.dispose]();
  for (const [name, { turns, seconds }] of sums) {
    console.log(`${name}: ${turns} inputs, ${Math.round(turns / seconds)} a second`);
  }
}

function report(name: string, done: readonly Done[], onFault: (fault: Fault) => void): void {
  const growth = Math.max(...done.map(({ heapGrowth }) => heapGrowth));
  if (growth <= MAX_GROWTH_BYTES) return;
  const mib = Math.round(growth / 2 ** 20);
  const text = `${mib} MiB more on the heap than when ${name} began`;
  onFault({ kind: "fault", turn: -1, signature: "growth", text });
}

/** Makes the input of a fault smaller and writes it down. */
async function save(target: Target, seed: number, fault: Fault): Promise<void> {
  if (fault.turn < 0) return;
  using bench = new Bench();
  const limitMs = fault.signature === "hang" ? HANG_MS / 5 : HANG_MS;
  const until = performance.now() + SHRINK_MS;
  const input = await shrink(inputOf(target, seed, fault.turn), async (candidate) => {
    const tried = await bench.try(target.name, candidate, limitMs);
    return (tried === "hang" ? "hang" : tried.signature) === fault.signature;
  }, () => performance.now() > until);
  const path = write(target, seed, fault, input);
  console.log(`${target.name}: ${fault.signature}\n    ./build.sh fuzz --replay ${path}`);
}

function write(target: Target, seed: number, fault: Fault, input: unknown): string {
  Deno.mkdirSync(FOLDER, { recursive: true });
  const path = `${FOLDER}${target.name}-${seed}-${fault.turn}.json`;
  const text = fault.text.split("\n", 3).join("\n");
  Deno.writeTextFileSync(path, encodeInput({ target: target.name, fault: text, input }));
  return path;
}

async function replay(path: string): Promise<number> {
  const { target, input } = decodeInput(Deno.readTextFileSync(path));
  using bench = new Bench();
  const tried = await bench.try(target, input);
  if (tried === "hang") console.log(`${target}: it does not come back within ${HANG_MS / 1000} s`);
  else if (tried.signature === null) console.log(`${target}: holds, ${Math.round(tried.ms)} ms`);
  else console.log(`${target}: ${tried.text}`);
  return tried === "hang" || tried.signature !== null ? 1 : 0;
}

if (import.meta.main) {
  try {
    Deno.exit(await main());
  } catch (error) {
    console.error(error instanceof Error ? error.message : error);
    Deno.exit(2);
  }
}
