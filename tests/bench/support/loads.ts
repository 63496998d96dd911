/**
 * Servers under load and their generators. In: how long. Out: requests done and their rate.
 *
 * `served` is the server's own count of requests, so that records are compared with what really came
 * in: a generator does not count what is under way when it ends.
 */
import { Background, run } from "../../support/process.ts";
import { accepts, freePort, Server, startNginx, startRedis } from "../../support/servers.ts";
import { startTlsNginx } from "../../support/tls.ts";
import { OTHER_CPU, pin, pinned, SERVER_CPU } from "./cpu.ts";

/** What a generator did. */
export interface Done {
  readonly requests: number;
  readonly perSecond: number;
}

/** A server that is pinned, and how to load it. */
export interface Load extends AsyncDisposable {
  readonly name: string;
  /** The process that works. */
  readonly pid: number;
  readonly port: number;
  generate(seconds: number): Promise<Done>;
  /** Requests so far; asking counts as one. */
  served(): Promise<number>;
}

const CONNECTIONS = 32;

async function wrk(url: string, seconds: number): Promise<Done> {
  const args = ["-t", "1", "-c", `${CONNECTIONS}`, "-d", `${seconds}s`, url];
  const { stdout } = await run(...pinned(OTHER_CPU, "wrk", args));
  const number = (pattern: RegExp): number => Number(stdout.match(pattern)?.[1] ?? NaN);
  const errors = stdout.match(/Socket errors: .*|Non-2xx.*/)?.[0];
  if (errors !== undefined) throw new Error(`Cannot load ${url}: ${errors}`);
  return {
    requests: number(/(\d+) requests in/),
    perSecond: number(/Requests\/sec:\s*([\d.]+)/),
  };
}

/** As many requests a second as asked for, whoever takes part of the CPU. */
async function h2load(url: string, seconds: number, perSecond: number): Promise<Done> {
  const args = ["--h1", "-t", "1", "-c", `${CONNECTIONS}`, "-D", `${seconds}`];
  args.push("--rps", `${perSecond / CONNECTIONS}`, url);
  const { stdout } = await run(...pinned(OTHER_CPU, "h2load", args));
  const done = stdout.match(
    /([\d.]+) req\/s[^]*requests: \d+ total, \d+ started, (\d+) done, \2 succ/,
  );
  if (done === null) throw new Error(`Cannot load ${url}: ${stdout}`);
  return { requests: Number(done[2]), perSecond: Number(done[1]) };
}

async function getNumber(url: string, pattern: RegExp): Promise<number> {
  const response = await fetch(url, { headers: { connection: "close" } });
  return Number((await response.text()).match(pattern)?.[1] ?? NaN);
}

/** nginx with one worker and a file of that size; as fast as it goes, or so many a second. */
export async function nginxLoad(
  name: string,
  bodyBytes: number,
  perSecond?: number,
): Promise<Load> {
  const server = await startNginx({
    server: "location = /served { stub_status; }",
    files: { "file.txt": "x".repeat(bodyBytes) },
  });
  const [worker] = server.workers;
  if (worker === undefined) throw new Error("Cannot find the worker of nginx");
  await pin(worker, SERVER_CPU);
  const url = `http://127.0.0.1:${server.port}`;
  return {
    name,
    pid: worker,
    port: server.port,
    generate: (seconds) =>
      perSecond === undefined
        ? wrk(`${url}/file.txt`, seconds)
        : h2load(`${url}/file.txt`, seconds, perSecond),
    served: () => getNumber(`${url}/served`, /\n \d+ \d+ (\d+)/),
    [Symbol.asyncDispose]: () => server[Symbol.asyncDispose](),
  };
}

/** The same behind TLS. The count of its requests is asked for without. */
export async function nginxTlsLoad(name: string, bodyBytes: number): Promise<Load> {
  const countPort = freePort();
  const server = await startTlsNginx({
    http: `server { listen 127.0.0.1:${countPort}; location = /served { stub_status; } }`,
    files: { "file.txt": "x".repeat(bodyBytes) },
  });
  const [worker] = server.workers;
  if (worker === undefined) throw new Error("Cannot find the worker of nginx");
  await pin(worker, SERVER_CPU);
  return {
    name,
    pid: worker,
    port: server.port,
    generate: (seconds) => wrk(`https://127.0.0.1:${server.port}/file.txt`, seconds),
    served: () => getNumber(`http://127.0.0.1:${countPort}/served`, /\n \d+ \d+ (\d+)/),
    [Symbol.asyncDispose]: () => server[Symbol.asyncDispose](),
  };
}

/** The server of work_server.c, which computes for so long before it answers. */
export async function startWorkServer(workUs: number): Promise<Server> {
  const folder = await Deno.makeTempDir({ prefix: "sockeye-bench-" });
  const source = new URL("work_server.c", import.meta.url).pathname;
  await run("cc", ["-O2", "-Wall", "-o", `${folder}/work_server`, source]);
  const port = freePort();
  const [program, args] = pinned(SERVER_CPU, `${folder}/work_server`, [`${port}`, `${workUs}`]);
  const process = new Background(program, args);
  await process.until(() => accepts(port), "work_server");
  return new Server(process, port, folder);
}

/** That server under wrk. */
export async function workLoad(name: string, workUs: number): Promise<Load> {
  const server = await startWorkServer(workUs);
  const url = `http://127.0.0.1:${server.port}`;
  return {
    name,
    pid: server.pid,
    port: server.port,
    generate: (seconds) => wrk(`${url}/work`, seconds),
    served: () => getNumber(`${url}/served`, /(\d+)/),
    [Symbol.asyncDispose]: () => server[Symbol.asyncDispose](),
  };
}

/** redis-server with SETs, so many under way on each connection. */
export async function redisLoad(name: string, depth: number): Promise<Load> {
  const server = await startRedis();
  await pin(server.pid, SERVER_CPU);
  // The generator takes a number of requests, not a time; the first round finds out how many.
  let perSecond = 20_000;
  const generate = async (seconds: number): Promise<Done> => {
    const requests = Math.ceil(perSecond * seconds);
    const args = ["-p", `${server.port}`, "-t", "set", "-c", `${CONNECTIONS}`, "--csv"];
    args.push("-n", `${requests}`, "-P", `${depth}`, "-r", "100000");
    const { stdout } = await run(...pinned(OTHER_CPU, "redis-benchmark", args));
    perSecond = Number(stdout.match(/"SET","([\d.]+)"/)?.[1] ?? NaN);
    return { requests, perSecond };
  };
  return {
    name,
    pid: server.pid,
    port: server.port,
    generate,
    served: async () => {
      const { stdout } = await run("redis-cli", ["-p", `${server.port}`, "info", "stats"]);
      return Number(stdout.match(/total_commands_processed:(\d+)/)?.[1] ?? NaN);
    },
    [Symbol.asyncDispose]: () => server[Symbol.asyncDispose](),
  };
}
