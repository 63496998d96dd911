/**
 * What the worst inputs of each plug-in cost, beside its usual traffic: milliseconds of CPU time a
 * megabyte, events in memory, one connection.
 *
 *     deno run -A tests/bench/hostile_bench.ts [NAME of a protocol] [--quick]
 *
 * A plug-in's inputs are those of tests/protocols/NAME/worst.ts. "×" is beside usual traffic of as many
 * bytes in operations of that size, or of as many records where these are more.
 */
import { plugins } from "../../protocols/registry.ts";
import { cheapest, type Cost, entriesOf, ratioOf } from "../support/hostile.ts";
import { worstOf } from "../support/protocol_files.ts";
import { figure } from "./support/report.ts";

const GOAL = 5;
const OPERATION_BYTES = [16_384, 64];

function msPerMb({ ms, bytes }: Cost): string {
  return `${(ms / bytes * 1e6).toFixed(1)} ms/MB`;
}

if (import.meta.main) {
  const quick = Deno.args.includes("--quick");
  const [only] = Deno.args.filter((arg) => !arg.startsWith("--"));
  const [bytes, rounds] = quick ? [500_000, 2] : [2_000_000, 5];
  for (const { name } of plugins) {
    if (only !== undefined && only !== name) continue;
    const { usual, worst } = await worstOf(name);
    const sizes = OPERATION_BYTES.map((size) => ({
      size,
      // Small operations cost most by themselves: fewer bytes are enough.
      bytes: size < 1024 ? bytes / 4 : bytes,
    }));
    const expected = sizes.map((each) =>
      cheapest(entriesOf(usual, each.bytes, each.size), 4 * rounds)
    );
    figure(`hostile, ${name}: usual traffic`, expected.map(msPerMb).join(", "));
    for (const load of worst) {
      const results = sizes.map((each, i) => {
        const cost = cheapest(entriesOf(load, each.bytes, each.size), rounds);
        return `${msPerMb(cost)} (×${ratioOf(cost, expected[i] as Cost).toFixed(1)})`;
      });
      figure(`hostile, ${name}: ${load.name}`, results.join(", "), `≤ ×${GOAL}`);
    }
  }
}
