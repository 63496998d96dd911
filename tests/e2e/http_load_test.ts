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
import { type Server, startNginx } from "../support/servers.ts";
import { type SeenRecord, startTracer, traced, WAYS } from "../support/tracer.ts";
import { Load } from "../support/wrk.ts";

const CONNECTIONS = 100;
const REQUESTS = 10_000;
const LOAD = { path: "/f.txt", connections: CONNECTIONS };
const RING = ["--ring-mib", "64"];

function startLogged(workers: number): Promise<Server> {
  return startNginx({
    workers,
    http: LOG_FORMAT,
    server: ACCESS_LOG,
    files: { "f.txt": "x".repeat(1024) },
  });
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
      await using nginx = await startLogged(workers);
      const fromMs = Date.now();
      let count = 0;
      const args = ["--capture", way, "--pid", `${nginx.pid}`, ...RING];
      const records = await traced(args, async (tracer) => {
        await using load = await Load.start(nginx, { ...LOAD, total: REQUESTS });
        count = await load.finish();
        await tracer.untilRecords(count);
      });
      const logged = await readAccessLog(nginx);
      assert.equal(count, REQUESTS);
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
    await using nginx = await startLogged(1);
    await using load = await Load.start(nginx, { ...LOAD, pauseMs: 10 });
    const asked = async (): Promise<number> => (await readAccessLog(nginx)).length;
    await load.process.until(async () => await asked() > 500, "load");
    await using tracer = await startTracer("--capture", way, "--pid", `${nginx.pid}`, ...RING);
    const before = await asked();
    await load.process.until(async () => await asked() > before + 10_000, "more load");
    const count = await load.finish();
    const logged = await readAccessLog(nginx);
    assert.equal(logged.length, count);
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
