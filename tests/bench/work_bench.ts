/**
 * A server that computes for 100 µs before it answers: a usual application, not the worst case.
 *
 *     deno run -A tests/bench/work_bench.ts [--quick]       root
 */
import { compare, plan } from "./support/compare.ts";
import { workLoad } from "./support/loads.ts";
import { socketWay, syscallWay } from "./support/observers.ts";

if (import.meta.main) {
  await using load = await workLoad("100 µs of work", 100);
  if (!await compare(load, [socketWay, syscallWay], plan())) Deno.exitCode = 1;
}
