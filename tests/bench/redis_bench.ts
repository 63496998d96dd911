/**
 * redis-server under redis-benchmark: commands one by one, and 16 under way on each connection, where
 * one event holds many records.
 *
 *     deno run -A tests/bench/redis_bench.ts [--quick]      root
 */
import { compare, plan } from "./support/compare.ts";
import { redisLoad } from "./support/loads.ts";
import { socketWay, syscallWay } from "./support/observers.ts";

if (import.meta.main) {
  let exact = true;
  for (const depth of [1, 16]) {
    await using load = await redisLoad(`redis SET, -P ${depth}`, depth);
    exact = await compare(load, [socketWay, syscallWay], plan()) && exact;
  }
  if (!exact) Deno.exitCode = 1;
}
