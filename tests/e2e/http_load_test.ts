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
import { Background } from "../support/process.ts";
import { exists, type Server, startNginx } from "../support/servers.ts";
import { type SeenRecord, startTracer, traced, WAYS } from "../support/tracer.ts";

const CONNECTIONS = 100;
const REQUESTS = 10_000;
const RING = ["--ring-mib", "64"];

/**
 * Every request has a target of its own, and comes `pauseMs` after the answer before it. There are
 * `total`, or as many as were on their way when FOLDER/enough appeared. FOLDER/answered appears when
 * all are answered: none is under way when wrk leaves then.
 */
const script = (folder: string, total: string, pauseMs: number): string => `
local granted, sent, answered, last = 0, 0, 0, ${total}
local function is_there(name)
  local file = io.open("${folder}/" .. name)
  if file then file:close() end
  return file ~= nil
end
local function settle()
  if answered == last then io.open("${folder}/answered", "w"):close() end
end
delay = function()
  if last == math.huge and is_there("enough") then
    last = granted
    settle()
  end
  if granted >= last then return 3600000 end
  granted = granted + 1
  return ${pauseMs}
end
request = function()
  sent = sent + 1
  return wrk.format("GET", "/f.txt?" .. sent)
end
response = function()
  answered = answered + 1
  settle()
end
`;

async function startLogged(workers: number, total: string, pauseMs: number): Promise<Server> {
  const nginx = await startNginx({
    workers,
    http: LOG_FORMAT,
    server: ACCESS_LOG,
    files: { "f.txt": "x".repeat(1024) },
  });
  const load = script(nginx.folder, total, pauseMs);
  await Deno.writeTextFile(`${nginx.folder}/load.lua`, load);
  return nginx;
}

/** wrk; it ends by finishLoad(). */
function startLoad(nginx: Server): Background {
  return new Background("wrk", [
    ...["-t", "1", "-c", `${CONNECTIONS}`, "-d", "1h", "-s", `${nginx.folder}/load.lua`],
    `http://127.0.0.1:${nginx.port}/`,
  ]);
}

/** Waits for the last answer; responses that wrk took, by its own count. */
async function finishLoad(wrk: Background, nginx: Server): Promise<number> {
  await wrk.until(() => exists(`${nginx.folder}/answered`), "the last answer");
  wrk.kill("SIGINT");
  assert.equal((await wrk.end()).code, 0);
  assert.doesNotMatch(wrk.stdout, /Socket errors|Non-2xx/);
  return Number(/(\d+) requests in/.exec(wrk.stdout)?.[1]);
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
      await using nginx = await startLogged(workers, `${REQUESTS}`, 0);
      const fromMs = Date.now();
      let count = 0;
      const args = ["--capture", way, "--pid", `${nginx.pid}`, ...RING];
      const records = await traced(args, async (tracer) => {
        await using wrk = startLoad(nginx);
        count = await finishLoad(wrk, nginx);
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
    await using nginx = await startLogged(1, "math.huge", 10);
    await using wrk = startLoad(nginx);
    const asked = async (): Promise<number> => (await readAccessLog(nginx)).length;
    await wrk.until(async () => await asked() > 500, "load");
    await using tracer = await startTracer("--capture", way, "--pid", `${nginx.pid}`, ...RING);
    const before = await asked();
    await wrk.until(async () => await asked() > before + 10_000, "more load");
    await Deno.writeTextFile(`${nginx.folder}/enough`, "");
    const count = await finishLoad(wrk, nginx);
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
