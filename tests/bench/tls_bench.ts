/**
 * nginx with one worker and a file of 1 KiB behind TLS, under wrk with connections that stay: untraced,
 * with probes that do nothing, and traced. What sockeye costs beyond the probes is its own.
 *
 *     deno run -A tests/bench/tls_bench.ts [--quick]      root
 */
import { compare, plan } from "./support/compare.ts";
import { nginxTlsLoad } from "./support/loads.ts";
import { bareProbes, socketWay, socketWayNoTls, syscallWay } from "./support/observers.ts";

if (import.meta.main) {
  await using load = await nginxTlsLoad("nginx TLS, 1 KiB", 1024);
  const variants = [bareProbes, socketWay, syscallWay, socketWayNoTls];
  if (!await compare(load, variants, plan())) Deno.exitCode = 1;
}
