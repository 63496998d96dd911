/**
 * What a trace costs besides traffic: start, end, idling, and memory for connections that stay open.
 *
 *     deno run -A tests/bench/start_bench.ts [--quick]      root
 */
import { Background } from "../support/process.ts";
import type { Server } from "../support/servers.ts";
import { SOCKEYE } from "../support/tracer.ts";
import { cpuNs, median, memoryBytes } from "./support/cpu.ts";
import { startWorkServer } from "./support/loads.ts";
import { figure } from "./support/report.ts";

const MIB = 2 ** 20;
const CONNECTIONS = 10_000;
/** Connections opened at the same time. */
const AT_ONCE = 200;

async function trace(...args: string[]): Promise<Background> {
  const tracer = new Background(SOCKEYE, ["--output-file", "/dev/null", ...args]);
  await tracer.until(() => tracer.stderr.includes("sockeye: ready"), "the ready line");
  return tracer;
}

/** Start and end, without a backlog. */
async function benchStart(times: number, idlePid: number): Promise<void> {
  const starts: number[] = [];
  const ends: number[] = [];
  for (let i = 0; i < times; i++) {
    const began = performance.now();
    await using tracer = await trace("--pid", `${idlePid}`);
    starts.push(performance.now() - began);
    const asked = performance.now();
    tracer.kill("SIGINT");
    await tracer.end();
    ends.push(performance.now() - asked);
  }
  figure(`start to ready, ${times} times`, shortAndMedian(starts), "≤ 150 ms");
  figure(`Ctrl-C to prompt, ${times} times`, shortAndMedian(ends), "≤ 200 ms");
}

function shortAndMedian(values: readonly number[]): string {
  return `${Math.min(...values).toFixed(0)} ms, median ${median(values).toFixed(0)} ms`;
}

async function benchIdle(what: string, seconds: number, ...args: string[]): Promise<void> {
  await using tracer = await trace(...args);
  const start = cpuNs(tracer.pid);
  const began = performance.now();
  await new Promise((resolve) => setTimeout(resolve, seconds * 1000));
  const share = (cpuNs(tracer.pid) - start) / 1e6 / (performance.now() - began);
  figure(
    `idle, ${what}`,
    `${(100 * share).toFixed(1)} % of a core, ${mib(memoryBytes(tracer.pid, "VmRSS"))}`,
  );
}

/** One exchange on each connection; all stay open. */
async function openConnections(server: Server, connections: Deno.Conn[]): Promise<void> {
  const request = new TextEncoder().encode("GET /a HTTP/1.1\r\nHost: localhost\r\n\r\n");
  const open = async (): Promise<void> => {
    const connection = await Deno.connect({ hostname: "127.0.0.1", port: server.port });
    connections.push(connection);
    await connection.write(request);
    await connection.read(new Uint8Array(512));
  };
  while (connections.length < CONNECTIONS) {
    const count = Math.min(AT_ONCE, CONNECTIONS - connections.length);
    await Promise.all(Array.from({ length: count }, open));
  }
}

async function benchConnections(): Promise<void> {
  await using server = await startWorkServer(0);
  await using tracer = await trace("--pid", `${server.pid}`);
  const before = memoryBytes(tracer.pid, "VmRSS");
  const connections: Deno.Conn[] = [];
  try {
    await openConnections(server, connections);
    const rss = memoryBytes(tracer.pid, "VmRSS");
    tracer.kill("SIGINT");
    await tracer.end();
    const records = tracer.stderr.match(/(\d+) records?:/)?.[1] ?? "no";
    figure(
      `memory with ${CONNECTIONS} open connections, ${records} records`,
      `${mib(rss)} RSS (${mib(before)} before)`,
      "≤ 150 MiB",
    );
  } finally {
    for (const connection of connections) connection.close();
  }
}

function mib(bytes: number): string {
  return `${(bytes / MIB).toFixed(0)} MiB`;
}

if (import.meta.main) {
  const quick = Deno.args.includes("--quick");
  await using idle = new Background("sleep", ["3600"]);
  await benchStart(quick ? 3 : 10, idle.pid);
  await benchIdle("one quiet process", quick ? 1 : 4, "--pid", `${idle.pid}`);
  await benchIdle("every process", quick ? 1 : 4);
  await benchConnections();
}
