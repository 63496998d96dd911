/**
 * One hostile connection takes nobody else from being recorded, and Ctrl-C is heard meanwhile.
 * Needs root, nginx and python3.
 */
import assert from "node:assert/strict";
import { openLive } from "../../lib/capture/live/source.ts";
import { Pipeline } from "../../lib/pipeline.ts";
import { Run } from "../../lib/run.ts";
import { NdjsonSink } from "../../lib/sink/ndjson.ts";
import { FileOutput } from "../../lib/sink/output.ts";
import { Stats } from "../../lib/stats.ts";
import { plugins } from "../../protocols/registry.ts";
import { Background } from "../support/process.ts";
import { startNginx } from "../support/servers.ts";
import { startTracer } from "../support/tracer.ts";

const HOSTILE_BYTES = 8 << 20;
/** Far less than the minutes that such bytes took, far more than a busy machine needs. */
const MAX_STOP_MS = 10_000;

/** A server that takes whatever comes, and one connection to it that sends heads without end. */
async function attack(listener: Deno.TcpListener, bytes: number): Promise<void> {
  const { port } = listener.addr as Deno.NetAddr;
  const [taken, conn] = await Promise.all([listener.accept(), Deno.connect({ port })]);
  const drained = taken.readable.pipeTo(new WritableStream());
  const writer = conn.writable.getWriter();
  const part = new TextEncoder().encode("GET /".repeat(6000));
  await writer.write(new TextEncoder().encode("GET / HTTP/1.1\r\nHost: a\r\n\r\n"));
  for (let sent = 0; sent < bytes; sent += part.length) await writer.write(part);
  await writer.close();
  await drained;
}

Deno.test("a connection of heads without end takes no record from others, and no signal", async () => {
  await using nginx = await startNginx({ files: { page: "hello" } });
  using listener = Deno.listen({ hostname: "127.0.0.1", port: 0 });
  const ports = [`${nginx.port}`, `${(listener.addr as Deno.NetAddr).port}`];
  await using tracer = await startTracer(...ports.flatMap((port) => ["--port", port]));
  let done = false;
  const hostile = attack(listener, HOSTILE_BYTES).finally(() => done = true);
  let asked = 0;
  while (!done || asked < 50) {
    const answer = await fetch(`http://127.0.0.1:${nginx.port}/page`);
    assert.equal(await answer.text(), "hello");
    asked++;
  }
  await hostile;
  const before = performance.now();
  const { records, code } = await tracer.stop();
  assert.ok(performance.now() - before < MAX_STOP_MS, "Ctrl-C was not heard");
  assert.equal(code, 0);
  const pages = records.filter(({ role, request, response }) =>
    role === "server" && request?.path === "/page" && response?.status === 200
  );
  assert.equal(pages.length, asked);
});

/** A turn takes 15 ms and one event more, some 50 ms; and V8's collector takes what it takes. */
const MAX_GAP_CPU_MS = 120;
const CLOCK_THREAD_CPUTIME_ID = 3;
/** Under a load that goes on. */
const MAX_END_MS = 5000;

/** Clients that send what a tracer would keep, and a server that answers nothing. */
async function startGreedy(mib: number): Promise<{ program: Background; port: number }> {
  const file = new URL("programs/greedy.py", import.meta.url).pathname;
  const program = new Background("/usr/bin/python3", [file, `${mib}`], { stdin: "piped" });
  await program.until(() => program.stdout.includes("\n"), "its port");
  return { program, port: Number(program.stdout.trim()) };
}

/** CPU time of this thread: what else the machine does is not in it. */
function threadClock(): { cpuMs: () => number } & Disposable {
  const libc = Deno.dlopen("libc.so.6", {
    clock_gettime: { parameters: ["i32", "buffer"], result: "i32" },
  });
  const time = new BigInt64Array(2);
  return {
    cpuMs(): number {
      libc.symbols.clock_gettime(CLOCK_THREAD_CPUTIME_ID, time);
      return Number(time[0]) * 1e3 + Number(time[1]) / 1e6;
    },
    [Symbol.dispose]: () => libc.close(),
  };
}

interface Gaps {
  cpuMs: number;
  wallMs: number;
  records: number;
}

/** A trace of that port within this process; the longest between two turns of its event loop. */
async function longestGap(port: number, seconds: number): Promise<Gaps> {
  using clock = threadClock();
  using source = openLive({
    pids: [],
    comm: [],
    ports: [port],
    follow: false,
    unfiltered: false,
    snaplen: 1 << 20,
    tls: false,
    libbpf: "system",
    warn: () => {},
  });
  const output = new FileOutput({ writeSync: (bytes) => bytes.length });
  const options = { durationNs: null, maxRecords: null, patient: false };
  const traceRun = new Run(source, [new NdjsonSink(output, false)], options);
  const pipeline = new Pipeline(
    source.start,
    {
      protocols: plugins,
      showUnknown: true,
      maxBodyBytes: 4096,
      showSecrets: false,
      requestTimeoutMs: null,
      memoryLimitBytes: 64 << 20,
      summaries: false,
      verdict: (conn, verdict, passing) => source.setVerdict(conn, verdict, passing),
    },
    new Stats(),
    traceRun.emit,
  );
  const longest = { cpuMs: 0, wallMs: 0 };
  let last = { cpuMs: clock.cpuMs(), wallMs: performance.now() };
  const ticks = setInterval(() => {
    const now = { cpuMs: clock.cpuMs(), wallMs: performance.now() };
    longest.cpuMs = Math.max(longest.cpuMs, now.cpuMs - last.cpuMs);
    longest.wallMs = Math.max(longest.wallMs, now.wallMs - last.wallMs);
    last = now;
  }, 1);
  const end = setTimeout(() => traceRun.stop("asked"), seconds * 1000);
  await traceRun.loop(pipeline);
  clearInterval(ticks);
  clearTimeout(end);
  return { ...longest, records: traceRun.records };
}

Deno.test("a load that would have all memory and all time leaves the event loop its turns", async () => {
  const { program, port } = await startGreedy(400);
  await using _ = program;
  const traced = longestGap(port, 5);
  await program.write("\n");
  const { cpuMs, wallMs, records } = await traced;
  const [own, whole] = [cpuMs.toFixed(0), wallMs.toFixed(0)];
  console.log(
    `longest between two turns: ${own} ms of CPU, ${whole} ms in all; ${records} records`,
  );
  assert.ok(records > 1000, `${records} records`);
  assert.ok(cpuMs < MAX_GAP_CPU_MS, `${own} ms of CPU without a turn of the event loop`);
});

Deno.test("Ctrl-C is heard while such a load goes on", async () => {
  const { program, port } = await startGreedy(400);
  await using _ = program;
  const file = Deno.makeTempFileSync({ prefix: "sockeye-hostile-" });
  try {
    const limits = ["--memory-limit", "64M", "--output-file", file];
    await using tracer = await startTracer("--port", `${port}`, ...limits);
    await program.write("\n");
    await tracer.process.until(() => Deno.statSync(file).size > 1 << 20, "records");
    const before = performance.now();
    const { code, summary } = await tracer.stop();
    const endedMs = performance.now() - before;
    console.log(`Ctrl-C to the end: ${endedMs.toFixed(0)} ms\n${summary}`);
    assert.equal(code, 0);
    assert.ok(!program.stdout.includes("sent"), "the load was over before");
    assert.ok(endedMs < MAX_END_MS, `${endedMs} ms`);
  } finally {
    Deno.removeSync(file);
  }
});
