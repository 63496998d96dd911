/**
 * HTTP under load: wrk against nginx, compared request by request with nginx's own log.
 * Needs root, nginx and wrk.
 */
import assert from "node:assert/strict";
import {
  ACCESS_LOG,
  LOG_FORMAT,
  type LoggedRequest,
  readAccessLog,
} from "../support/access_log.ts";
import { assertSound } from "../support/http_seen.ts";
import { Background, run } from "../support/process.ts";
import { type Server, startNginx } from "../support/servers.ts";
import { type SeenRecord, startTracer, traced, WAYS } from "../support/tracer.ts";

const CONNECTIONS = 100;
const RING = ["--ring-mib", "64"];

/**
 * Every request has a target of its own. Once `total` are sent, wrk sends no more, so that none is
 * under way when it leaves; `pauseMs` is between an answer and the next request.
 */
const script = (total: number, pauseMs: number): string => `
local sent = 0
delay = function() return sent < ${total} and ${pauseMs} or 60000 end
request = function()
  sent = sent + 1
  return wrk.format("GET", "/f.txt?" .. sent)
end
`;

async function startLogged(workers: number, load: string): Promise<Server> {
  const nginx = await startNginx({
    workers,
    http: LOG_FORMAT,
    server: ACCESS_LOG,
    files: { "f.txt": "x".repeat(1024) },
  });
  await Deno.writeTextFile(`${nginx.folder}/load.lua`, load);
  return nginx;
}

function wrkArgs(nginx: Server, seconds: number): string[] {
  const load = [
    "-t",
    "1",
    "-c",
    `${CONNECTIONS}`,
    "-d",
    `${seconds}s`,
    "-s",
    `${nginx.folder}/load.lua`,
  ];
  return [...load, `http://127.0.0.1:${nginx.port}/`];
}

/** Responses that wrk took, by its own count. */
function wrkCount(stdout: string): number {
  assert.doesNotMatch(stdout, /Socket errors|Non-2xx/);
  return Number(/(\d+) requests in/.exec(stdout)?.[1]);
}

function asLogged(record: SeenRecord): string {
  const { request, response } = record;
  return JSON.stringify([
    record.pid,
    record.remote,
    record.request_bytes,
    record.response_bytes,
    response?.status,
    `${request?.method} ${request?.path} HTTP/${request?.version}`,
  ]);
}

function asRecorded(logged: LoggedRequest): string {
  const { pid, port, requestBytes, responseBytes, status, line } = logged;
  return JSON.stringify([pid, `127.0.0.1:${port}`, requestBytes, responseBytes, status, line]);
}

/** Lines by connection, each in its order: connections of one port come one after the other. */
function byConnection(lines: string[]): Map<string, string[]> {
  const all = new Map<string, string[]>();
  for (const line of lines) {
    const remote = String(JSON.parse(line)[1]);
    const mine = all.get(remote);
    if (mine === undefined) all.set(remote, [line]);
    else mine.push(line);
  }
  return all;
}

for (const way of WAYS) {
  for (const workers of [1, 4]) {
    Deno.test(`e2e http: ${CONNECTIONS} connections at once, ${workers} workers: as many records as requests (${way} way)`, async () => {
      await using nginx = await startLogged(workers, script(10_000, 0));
      const fromMs = Date.now();
      let count = 0;
      const args = ["--capture", way, "--pid", `${nginx.pid}`, ...RING];
      const records = await traced(args, async (tracer) => {
        count = wrkCount((await run("wrk", wrkArgs(nginx, 2))).stdout);
        await tracer.untilRecords(count);
      });
      const logged = await readAccessLog(nginx);
      assert.ok(count > 9_000, `only ${count} requests`);
      assert.equal(records.length, count);
      assert.equal(logged.length, count);
      assertSound(records.slice(0, 500), fromMs);
      const want = byConnection(logged.map(asRecorded));
      assert.equal(want.size, CONNECTIONS);
      assert.deepEqual(byConnection(records.map(asLogged)), want);
      for (const record of records) {
        assert.equal(record.incomplete, undefined);
        assert.equal(record.response?.body_bytes, 1024);
        assert.equal(record.response?.body, "x".repeat(1024));
      }
    });
  }

  Deno.test(`e2e http: attached under load, all that follows is told, once (${way} way)`, async () => {
    await using nginx = await startLogged(1, script(25_000, 10));
    await using wrk = new Background("wrk", wrkArgs(nginx, 4));
    await wrk.until(async () => (await readAccessLog(nginx)).length > 500, "load");
    await using tracer = await startTracer("--capture", way, "--pid", `${nginx.pid}`, ...RING);
    const before = (await readAccessLog(nginx)).length;
    assert.equal((await wrk.end()).code, 0);
    const logged = await readAccessLog(nginx);
    assert.ok(before < logged.length - 1000, "the load was over too early");
    await tracer.untilRecords(logged.length - before);
    const { records, summary, code } = await tracer.stop();
    assert.equal(code, 0);
    assert.doesNotMatch(summary, /lost in/);
    const seen = byConnection(records.map(asLogged));
    for (const [remote, want] of byConnection(logged.map(asRecorded))) {
      // The first may have been under way when the trace began; from there on there is no break.
      const mine = seen.get(remote) ?? [];
      const whole = mine.slice(1);
      assert.ok(whole.length > 0, remote);
      assert.deepEqual(whole, want.slice(-whole.length));
    }
    const torn = records.filter((record) => record.incomplete !== undefined);
    assert.ok(torn.length <= CONNECTIONS, `${torn.length} records are incomplete`);
    for (const record of torn) assert.deepEqual(record.incomplete, ["mid_stream"]);
    assert.ok(records.length >= logged.length - before);
  });
}
