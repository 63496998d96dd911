/**
 * nginx with one worker under wrk: a file of 1 KiB, which is the worst case (two events and a few
 * microseconds of work a request), and one of 64 KiB, where payload counts. At full speed nginx,
 * generator and sockeye compete; what tracing itself costs nginx shows at a rate that all can keep.
 *
 *     deno run -A tests/bench/nginx_bench.ts [--quick]      root
 */
import { compare, plan } from "./support/compare.ts";
import { nginxLoad } from "./support/loads.ts";
import {
  bpftrace,
  otherPid,
  otherPidSyscall,
  recording,
  socketWay,
  strace,
  syscallWay,
  tcpdump,
} from "./support/observers.ts";

const STEADY_PER_SECOND = 40_000;

if (import.meta.main) {
  const chosen = plan();
  const variants = [socketWay, syscallWay, otherPid, otherPidSyscall, recording, tcpdump];
  let exact = true;
  {
    await using small = await nginxLoad("nginx, 1 KiB", 1024);
    exact = await compare(small, variants, { ...chosen, rounds: chosen.rounds + 1 }) && exact;
    await compare(small, [bpftrace, strace], { rounds: Math.min(2, chosen.rounds), seconds: 1 });
  }
  {
    await using steady = await nginxLoad("nginx, 1 KiB, steady", 1024, STEADY_PER_SECOND);
    exact = await compare(steady, [socketWay, syscallWay], chosen) && exact;
  }
  await using large = await nginxLoad("nginx, 64 KiB", 65536);
  exact = await compare(large, [socketWay, syscallWay, tcpdump], chosen) && exact;
  if (!exact) Deno.exitCode = 1;
}
