/**
 * Answers that take longer than --request-timeout: what has begun is one record when it is complete,
 * what has not is told while it hangs, and whole when its answer comes. Needs root, nginx, redis-server.
 */
import assert from "node:assert/strict";
import { run } from "../support/process.ts";
import { RawTalker } from "../support/raw_talker.ts";
import { startNginx, startRedis } from "../support/servers.ts";
import { lossIn, type SeenRecord, startTracer, type Tracer, WAYS } from "../support/tracer.ts";

const TIMEOUT_MS = 1000;
const BODY_BYTES = 20_000;

interface Slow {
  records: SeenRecord[];
  /** By protocol, as --stats-file has them. */
  counted: Record<string, number>;
}

/** A trace by port of both ends, with the time limit above. */
async function traceSlow(
  way: string,
  port: number,
  act: (tracer: Tracer) => Promise<void>,
): Promise<Slow> {
  const folder = await Deno.makeTempDir({ prefix: "sockeye-slow-" });
  const stats = `${folder}/stats`;
  const args = ["--capture", way, "--port", `${port}`, "--protocol", "http,redis"];
  const limit = ["--request-timeout", `${TIMEOUT_MS}ms`, "--stats-file", stats];
  await using tracer = await startTracer(...args, ...limit);
  await act(tracer);
  const { records, summary, code } = await tracer.stop();
  assert.deepEqual([code, lossIn(summary)], [0, ""]);
  const { records: counted } = JSON.parse(await Deno.readTextFile(stats));
  await Deno.remove(folder, { recursive: true });
  return { records, counted };
}

/** What one end tells, in order: what was asked, what came, what is missing. */
function told(records: readonly SeenRecord[], role: string): unknown[] {
  return records.filter((record) => record.role === role).map((record) => {
    const { request, response, incomplete } = record;
    const asked = request?.path ?? [request?.command, ...(request?.args as string[])].join(" ");
    return [asked, response?.status ?? response?.value ?? null, incomplete ?? null];
  });
}

function isMissing({ incomplete }: SeenRecord): boolean {
  return incomplete?.includes("no_response") === true;
}

/** Each record that came late is that of one that was missing: same time, same connection. */
function assertLate(records: readonly SeenRecord[], count: number): void {
  const missing = records.filter(isMissing);
  const late = records.filter(({ incomplete }) => incomplete?.includes("late"));
  assert.deepEqual([missing.length, late.length], [count, count]);
  const keyOf = ({ time, conn, role }: SeenRecord): string => `${time} ${conn} ${role}`;
  assert.deepEqual(late.map(keyOf).sort(), missing.map(keyOf).sort());
  for (const { latency_ns = 0 } of late) assert.ok(latency_ns >= TIMEOUT_MS * 1e6);
}

for (const way of WAYS) {
  Deno.test(`e2e slow answers: a download that takes its time is one record (${way} way)`, async () => {
    await using nginx = await startNginx({
      files: { "slow.bin": "x".repeat(BODY_BYTES) },
      server: "location /slow.bin { limit_rate 8k; }",
    });
    const { records, counted } = await traceSlow(way, nginx.port, async (tracer) => {
      const url = `http://127.0.0.1:${nginx.port}/slow.bin`;
      await run("curl", ["-sS", "-o", "/dev/null", url, "-o", "/dev/null", url]);
      await tracer.untilRecords(4);
    });
    for (const role of ["client", "server"]) {
      assert.deepEqual(told(records, role), [["/slow.bin", 200, null], ["/slow.bin", 200, null]]);
    }
    for (const { response, latency_ns = 0 } of records) {
      assert.equal(response?.body_bytes, BODY_BYTES);
      assert.ok(latency_ns > TIMEOUT_MS * 1e6);
    }
    assert.equal(counted.http, 4);
  });

  Deno.test(`e2e slow answers: a gateway's late 504, and what is pipelined behind it (${way} way)`, async () => {
    using silent = Deno.listen({ hostname: "127.0.0.1", port: 0 });
    const { port } = silent.addr;
    await using nginx = await startNginx({
      server: `location /hangs { proxy_pass http://127.0.0.1:${port}; proxy_read_timeout 2s; }
        location /quick { return 200 quick; }`,
    });
    const { records, counted } = await traceSlow(way, nginx.port, async (tracer) => {
      await using client = new RawTalker(nginx.port);
      const ask = (path: string): string => `GET ${path} HTTP/1.1\r\nHost: a\r\n\r\n`;
      await client.say(ask("/quick") + ask("/hangs") + ask("/quick"));
      await tracer.untilRecords(5);
      await client.say(ask("/quick"));
      await tracer.untilRecords(2 * 6);
    });
    // The server reads what is pipelined when it has answered; the client has asked long before.
    const first = [["/quick", 200, null], ["/hangs", null, ["no_response"]]];
    const behind = [["/hangs", 504, ["late"]], ["/quick", 200, ["late"]], ["/quick", 200, null]];
    for (const role of ["client", "server"]) {
      const missing = [...first, ["/quick", null, ["no_response"]]];
      assert.deepEqual(told(records, role), [...missing, ...behind], role);
    }
    assertLate(records, 4);
    assert.equal(counted.http, 2 * 4);
  });

  Deno.test(`e2e slow answers: BLPOP, and what is pipelined behind it (${way} way)`, async () => {
    await using redis = await startRedis();
    const { records, counted } = await traceSlow(way, redis.port, async (tracer) => {
      await using client = new RawTalker(redis.port);
      await client.say("PING\r\n", "+PONG\r\n".length);
      await client.say("BLPOP list 0\r\nECHO behind\r\n");
      await tracer.untilRecords(4, isMissing);
      await run("redis-cli", ["-p", `${redis.port}`, "RPUSH", "list", "item"]);
      await client.hear("*2\r\n$4\r\nlist\r\n$4\r\nitem\r\n$6\r\nbehind\r\n".length);
      await client.say("ECHO again\r\n", "$5\r\nagain\r\n".length);
      await tracer.untilRecords(2 * 7);
    });
    const blocked = records.filter(({ request }) => request?.command === "BLPOP");
    const conns = new Set(blocked.map(({ conn }) => conn));
    for (const role of ["client", "server"]) {
      assert.deepEqual(told(records.filter(({ conn }) => conns.has(conn)), role), [
        ["PING", "PONG", null],
        ["BLPOP list 0", null, ["no_response"]],
        ["ECHO behind", null, ["no_response"]],
        ["BLPOP list 0", ["list", "item"], ["late"]],
        ["ECHO behind", "behind", ["late"]],
        ["ECHO again", "again", null],
      ], role);
    }
    assertLate(records, 4);
    // Both ends of five exchanges.
    assert.equal(counted.redis, 2 * 5);
  });
}
