/**
 * Redis end to end, by numbers and sizes: pipelining, many connections, large values, unix sockets,
 * and traces that begin in the middle. Every record counted, in both capture ways. Needs root.
 */
import assert from "node:assert/strict";
import { Background, run } from "../support/process.ts";
import {
  argOf,
  benchmark,
  bothEnds,
  bulkString,
  cli,
  commandBytes,
  conversations,
  ENDS,
  isAsked,
  isRising,
  isWhole,
  numberOf,
  OK,
  sequence,
  spoken,
  sum,
  test,
  type Way,
} from "../support/redis_seen.ts";
import { type Server, startRedis } from "../support/servers.ts";
import {
  bySide,
  lossIn,
  type SeenRecord,
  SOCKEYE,
  startTracer,
  traced,
  WAYS,
} from "../support/tracer.ts";

test("redis-benchmark -P 16: every reply goes with its request", async (server, way) => {
  const count = 16_000;
  const args = ["-P", "16", "-c", "10", "-n", `${count}`, "-r", "1000000000"];
  const records = await traced(bothEnds(server, way), async () => {
    await benchmark(server, [...args, "ECHO", "__rand_int__"]);
  });
  for (const end of ENDS) {
    const load = bySide(records)[end].filter(isAsked);
    assert.equal(load.length, count, end);
    assert.ok(load.every(isWhole), end);
    assert.equal(conversations(load).size, 10, end);
    for (const { request, response } of load) {
      assert.deepEqual(response, { type: "bulk_string", value: argOf(request), value_bytes: 12 });
    }
    assert.equal(sum(load, "request_bytes"), count * commandBytes("ECHO", "123456789012"));
    assert.equal(sum(load, "response_bytes"), count * "$12\r\n123456789012\r\n".length);
  }
});

test("redis-benchmark -P 16: a connection's records keep its order", async (server, way) => {
  const count = 8_000;
  const args = ["-P", "16", "-c", "10", "-n", `${count}`, "INCR", "counter"];
  const records = await traced(bothEnds(server, way), () => benchmark(server, args));
  for (const end of ENDS) {
    const load = bySide(records)[end].filter(isAsked);
    const numbers = load.map(numberOf);
    assert.deepEqual(numbers.toSorted((a, b) => a - b), sequence(1, count), end);
    for (const said of conversations(load).values()) {
      assert.ok(isRising(said.map(numberOf)), end);
    }
  }
});

test("300 connections at once are 300 conversations", async (server, way) => {
  const count = 6_000;
  const records = await traced(bothEnds(server, way), async () => {
    await benchmark(server, [
      "-c",
      "300",
      "-n",
      `${count}`,
      "-r",
      "1000000000",
      "ECHO",
      "__rand_int__",
    ]);
  });
  for (const end of ENDS) {
    const load = bySide(records)[end].filter(isAsked);
    assert.equal(load.length, count, end);
    assert.ok(load.every(isWhole), end);
    assert.ok(load.every(({ request, response }) => response?.value === argOf(request)), end);
    assert.equal(conversations(load).size, 300, end);
    assert.equal(new Set(load.map((record) => `${record.local} ${record.remote}`)).size, 300, end);
  }
});

test("values of 1 MiB both ways come whole", async (server, way) => {
  const records = await traced(
    bothEnds(server, way, "--snaplen", "2MiB", "--max-body", "2MiB"),
    () => sendAndFetch(server),
  );
  for (const end of ENDS) {
    const [set, get, strlen, ...others] = bySide(records)[end];
    assert.deepEqual(others, []);
    assert.deepEqual(set?.request, { command: "SET", args: ["big", BIG_VALUE] });
    assert.equal(set?.request_bytes, commandBytes("SET", "big", BIG_VALUE), end);
    assert.deepEqual(set?.response, OK);
    assert.deepEqual(get?.request, { command: "GET", args: ["big"] });
    assert.equal(
      get?.response_bytes,
      `$${BIG_VALUE.length}\r\n\r\n`.length + BIG_VALUE.length,
      end,
    );
    assert.deepEqual(get?.response, bulkString(BIG_VALUE));
    assert.deepEqual(strlen?.response, { type: "integer", value: BIG_VALUE.length });
    assert.ok([set, get, strlen].every((record) => record !== undefined && isWhole(record)), end);
  }
});

test("values beyond --snaplen and --max-body have their true size", async (server, way) => {
  await using tracer = await startTracer(...bothEnds(server, way, "--snaplen", "64KiB"));
  await sendAndFetch(server);
  const { records, summary } = await tracer.stop();
  assert.match(lossIn(summary), /^\d gaps? snaplen, [\d.]+ [KM]iB$/);
  for (const end of ENDS) {
    const [set, get, strlen, ...others] = bySide(records)[end];
    assert.deepEqual(others, []);
    assert.equal(set?.request?.command, "SET");
    assert.equal(set?.request_bytes, commandBytes("SET", "big", BIG_VALUE), end);
    assert.deepEqual(set?.response, OK);
    assert.equal(
      get?.response_bytes,
      `$${BIG_VALUE.length}\r\n\r\n`.length + BIG_VALUE.length,
      end,
    );
    assert.deepEqual(get?.response, {
      ...bulkString(BIG_VALUE.slice(0, 4096)),
      value_bytes: BIG_VALUE.length,
      value_truncated: true,
    });
    assert.deepEqual(strlen?.response, { type: "integer", value: BIG_VALUE.length });
    assert.ok(strlen !== undefined && isWhole(strlen));
  }
});

const BIG_VALUE = "0123456789abcdef".repeat(1 << 16);

async function sendAndFetch(server: Server): Promise<void> {
  await run("redis-cli", ["-p", `${server.port}`, "-x", "SET", "big"], { stdin: BIG_VALUE });
  assert.equal(await cli(server, "GET", "big"), `${BIG_VALUE}\n`);
  assert.equal(await cli(server, "STRLEN", "big"), `${BIG_VALUE.length}\n`);
}

for (const end of ["before", "under load"]) {
  test(`attached ${end === "before" ? "to an idle session" : end}: no reply is mixed up`, (
    server,
    way,
  ) => end === "before" ? attachIdle(server, way) : attachUnderLoad(server, way));
}

/** The session says something before the trace, then rests while it is attached. */
async function attachIdle(server: Server, way: Way): Promise<void> {
  await using client = new Background("redis-cli", ["-p", `${server.port}`], { stdin: "piped" });
  await client.write("SET a before\n");
  await client.until(() => client.stdout === "OK\n", "the first reply");
  const records = await traced(bothEnds(server, way), async () => {
    await client.write("GET a\n");
    await client.until(() => client.stdout.endsWith("before\n"), "the second reply");
    await client.write("STRLEN a\nINCR a\n");
    await client.closeInput();
    await client.end();
  });
  for (const end of ENDS) {
    assert.deepEqual(bySide(records)[end].map(spoken), [
      ["GET a", bulkString("before")],
      ["STRLEN a", { type: "integer", value: 6 }],
      ["INCR a", {
        type: "error",
        code: "ERR",
        message: "value is not an integer or out of range",
      }],
    ], end);
    assert.ok(bySide(records)[end].every(isWhole), end);
  }
}

/** Of what begins when the trace is there, nothing is missing; of what is older, nothing is wrong. */
async function attachUnderLoad(server: Server, way: Way): Promise<void> {
  const talkers = await Promise.all(Array.from({ length: 10 }, () => Talker.connect(server.port)));
  const talk = Promise.all(talkers.map((talker) => talker.talk()));
  const sent = (): number[] => talkers.map((talker) => talker.batches);
  await until(() => Math.min(...sent()) > 10);
  await using tracer = await startTracer("--capture", way, "-p", `${server.pid}`);
  const from = sent();
  // All say as much: who ran ahead would have more answers wait than a joined connection keeps.
  for (const talker of talkers) talker.last = talker.batches + TRACED_BATCHES;
  await talk;
  const { records, summary, code } = await tracer.stop();
  assert.equal(code, 0);
  assert.equal(lossIn(summary), "");
  const byRemote = Map.groupBy(records, (record) => record.remote);
  assert.equal(byRemote.size, talkers.length);
  for (const [i, talker] of talkers.entries()) {
    const said = byRemote.get(talker.address) ?? [];
    const whole = said.filter(isWhole);
    for (const { request, response } of whole) assert.equal(response?.value, argOf(request));
    // The batch under way when the trace began was sent before it; the next ones are all there.
    const words = new Set(whole.map(({ request }) => argOf(request)));
    const due = talker.words((from[i] ?? 0) + 1, talker.batches);
    assert.deepEqual(due.filter((word) => !words.has(word)), []);
    assert.equal(words.size, whole.length);
    for (const record of said) {
      if (!isWhole(record)) assert.deepEqual(record.incomplete, ["mid_stream"]);
    }
    assert.ok(said.length - whole.length <= BATCH, "only the first batch may be cut");
  }
}

const BATCH = 16;
const TRACED_BATCHES = 120;

/** A connection that sends ECHO in batches, each when the one before is answered. */
class Talker {
  batches = 0;
  /** It says no more than so many. */
  last = Infinity;
  readonly address: string;

  private constructor(readonly connection: Deno.TcpConn) {
    this.address = `127.0.0.1:${connection.localAddr.port}`;
  }

  static async connect(port: number): Promise<Talker> {
    return new Talker(await Deno.connect({ port }));
  }

  /** Those of the batches `from` up to and without `to`, counted from 0. */
  words(from: number, to: number): string[] {
    return sequence(from * BATCH, (to - from) * BATCH).map((n) => `w${`${n}`.padStart(9, "0")}`);
  }

  async talk(): Promise<void> {
    const reply = new Uint8Array(BATCH * "$10\r\nw000000000\r\n".length);
    while (this.batches < this.last) {
      const words = this.words(this.batches, this.batches + 1);
      const commands = words.map((word) => `*2\r\n$4\r\nECHO\r\n$10\r\n${word}\r\n`).join("");
      await this.connection.write(new TextEncoder().encode(commands));
      for (let got = 0; got < reply.length;) {
        got += await this.connection.read(reply) ?? reply.length;
      }
      this.batches++;
    }
    this.connection.close();
  }
}

async function until(test: () => boolean): Promise<void> {
  const deadline = Date.now() + 120_000;
  while (!test()) {
    assert.ok(Date.now() < deadline, "out of time");
    await new Promise((resolve) => setTimeout(resolve, 5));
  }
}

for (const way of WAYS) {
  Deno.test(`redis, ${way} way: over a unix socket`, async () => {
    const folder = await Deno.makeTempDir({ prefix: "sockeye-unix-" });
    const path = `${folder}/redis.sock`;
    await using server = await startRedis("--unixsocket", path);
    const cliArgs = ["redis-cli", "-s", path, "SET", "a", "1"];
    const served = await traced(["--capture", way, "-p", `${server.pid}`], async () => {
      await run("redis-cli", cliArgs.slice(1));
      await run("redis-benchmark", ["-s", path, "-q", "-P", "16", "-n", "4000", "INCR", "n"]);
    });
    assert.deepEqual(served.slice(0, 1).map(spoken), [["SET a 1", OK]]);
    const load = served.filter((record) => record.request?.command === "INCR");
    assert.deepEqual(load.map(numberOf).sort((a, b) => a - b), sequence(1, 4000));
    for (const record of served) {
      assert.equal(record.local, `unix:${path}`);
      assert.equal(record.remote, "unix:");
      assert.equal(record.role, "server");
    }
    const { stdout } = await run(SOCKEYE, ["--capture", way, "-o", "ndjson", "--", ...cliArgs]);
    const asked: SeenRecord[] = stdout.trimEnd().split("\n").map((line) => JSON.parse(line));
    assert.deepEqual(asked.map(spoken), [["SET a 1", OK]]);
    assert.equal(asked[0]?.local, "unix:");
    assert.equal(asked[0]?.remote, `unix:${path}`);
    assert.equal(asked[0]?.comm, "redis-cli");
    await Deno.remove(folder, { recursive: true });
  });
}
