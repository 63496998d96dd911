/**
 * Where the machine gives less than usual: little memory that may be locked, a clock that is shifted.
 * Needs root, unshare, prlimit, setpriv, nginx and curl.
 */
import assert from "node:assert/strict";
import { CLOCK_SLACK_MS } from "../support/http_seen.ts";
import { Background, run } from "../support/process.ts";
import { startNginx } from "../support/servers.ts";
import { type SeenRecord, SOCKEYE, startTracer, WAYS } from "../support/tracer.ts";

const MIB = 1 << 20;

/** A command line that runs sockeye without CAP_IPC_LOCK, with so much memory to lock. */
function limited(bytes: number, ...args: string[]): [string, string[]] {
  const drop = ["setpriv", "--bounding-set", "-ipc_lock", SOCKEYE];
  return ["prlimit", [`--memlock=${bytes}`, ...drop, ...args]];
}

Deno.test("e2e limits: of 8 MiB of locked memory data gets the most, and check says so", async () => {
  const { stdout } = await run(...limited(8 * MIB, "check"));
  const ring = Number(/perf buffers of (\d+) KiB a CPU/.exec(stdout)?.[1]);
  const cpus = navigator.hardwareConcurrency;
  // Half of what there is, at least: rings are powers of two.
  assert.ok(ring * 1024 * cpus >= 4 * MIB, stdout);
  assert.match(stdout, /the limit of locked memory \(RLIMIT_MEMLOCK, 8192 KiB\) is reached/);
});

Deno.test("e2e limits: with too little memory to lock, the hint names the limit", async () => {
  // Takes what all users may lock beyond their limit.
  await using _other = await startTracer("--port", "1");
  const { code, stderr } = await run(...limited(65536, "--duration", "1s"), { allowFailure: true });
  assert.equal(code, 1, stderr);
  assert.match(stderr, /^Cannot lock memory for perf buffers: .*EPERM/);
  assert.match(
    stderr,
    /\nHint: raise the limit of locked memory \(RLIMIT_MEMLOCK, 64 KiB\): ulimit -l/,
  );
  assert.doesNotMatch(stderr, /CAP_BPF|CAP_PERFMON/);
});

/** Seconds by which a clock may be shifted. The kernel refuses to shift one to before its zero, the boot. */
const SHIFTS = {
  "100,000 s forward": (): number => 100_000,
  "back by half of the uptime": (): number => -Math.max(1, Math.floor(Deno.osUptime() / 2)),
};

for (const way of WAYS) {
  for (const [name, seconds] of Object.entries(SHIFTS)) {
    Deno.test(`e2e limits: times are right where the clock is shifted ${name} (${way} way)`, async () => {
      await using nginx = await startNginx();
      const filters = ["--port", `${nginx.port}`, "--protocol", "http", "--role", "server"];
      const args = ["-o", "ndjson", "--capture", way, ...filters, "--max-records", "3"];
      const unshare = ["--time", "--monotonic", `${seconds()}`, "--fork", SOCKEYE, ...args];
      await using tracer = new Background("unshare", unshare);
      await tracer.until(() => tracer.stderr.includes("sockeye: ready"), "the ready line");
      const fromMs = Date.now();
      const url = `http://127.0.0.1:${nginx.port}/`;
      await run("curl", ["--silent", url, url, url]);
      const toMs = Date.now();
      assert.equal((await tracer.end()).code, 0, tracer.stderr);
      assert.match(tracer.stderr, /nothing lost/);
      const records: SeenRecord[] = tracer.stdout.trim().split("\n").map((line) =>
        JSON.parse(line)
      );
      assert.equal(records.length, 3);
      for (const { time, latency_ns = 0, incomplete } of records) {
        assert.equal(incomplete, undefined);
        const ms = Date.parse(time);
        assert.ok(ms >= fromMs - CLOCK_SLACK_MS && ms <= toMs + CLOCK_SLACK_MS, time);
        assert.ok(latency_ns > 0 && latency_ns < (toMs - fromMs) * 1e6);
      }
    });
  }
}
