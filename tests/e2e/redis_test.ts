/**
 * Redis end to end: a real redis-server and its own clients on loopback, every record counted and
 * checked, in both capture ways. Most traces are by port and so see each exchange at both ends.
 * Needs root.
 */
import assert from "node:assert/strict";
import { CLOCK_SLACK_MS } from "../support/http_seen.ts";
import { Background, run } from "../support/process.ts";
import {
  bothEnds,
  bulkString,
  cli,
  ENDS,
  inline,
  isAsked,
  isWhole,
  OK,
  session,
  spoken,
  test,
} from "../support/redis_seen.ts";
import { bySide, type Json, type SeenRecord, traced } from "../support/tracer.ts";

test("every column of a single command is right at both ends", async (server, way) => {
  const before = Date.now();
  const records = await traced(bothEnds(server, way), async () => {
    await cli(server, "SET", "name", "värde");
  });
  assert.equal(records.length, 2);
  for (const [i, record] of records.sort(byRole).entries()) {
    const { time, latency_ns, pid, fd, conn, local, remote, ...rest } = record;
    assert.deepEqual(rest, {
      protocol: "redis",
      comm: ["redis-cli", "redis-server"][i],
      role: ENDS[i],
      request: { command: "SET", args: ["name", "värde"] },
      response: OK,
      request_bytes: "*3\r\n$3\r\nSET\r\n$4\r\nname\r\n$6\r\n".length + 6 + 2,
      response_bytes: 5,
    });
    const startMs = Date.parse(time);
    assert.ok(startMs >= before - CLOCK_SLACK_MS, time);
    assert.ok(latency_ns !== undefined && latency_ns > 0, `${latency_ns}`);
    assert.ok(startMs + latency_ns / 1e6 <= Date.now() + CLOCK_SLACK_MS, `${time} ${latency_ns}`);
    assert.ok(fd !== undefined && fd > 2);
    assert.ok(conn !== undefined && conn > 0);
    if (i === 1) assert.equal(pid, server.pid);
    else assert.ok(pid !== undefined && pid !== server.pid);
    assert.match((i === 0 ? local : remote) ?? "", /^127\.0\.0\.1:\d+$/);
    assert.equal(i === 0 ? remote : local, `127.0.0.1:${server.port}`);
  }
  const [client, other] = records;
  assert.equal(client?.local, other?.remote);
});

test("commands of every kind of reply come in order with theirs", async (server, way) => {
  const records = await traced(bothEnds(server, way), async () => {
    await session(server, [
      "PING",
      "INCR n",
      "GET none",
      "RPUSH l a b c",
      "LRANGE l 0 -1",
      "HSET h f v",
      "HGETALL h",
      "INCR l",
      "NOSUCH x",
      "SET short",
      "EVAL \"return {1,{2,'x'},false}\" 0",
    ]);
  });
  const want: [string, Json][] = [
    ["PING", { type: "simple_string", value: "PONG" }],
    ["INCR n", { type: "integer", value: 1 }],
    ["GET none", { type: "nil" }],
    ["RPUSH l a b c", { type: "integer", value: 3 }],
    ["LRANGE l 0 -1", { type: "array", value: ["a", "b", "c"] }],
    ["HSET h f v", { type: "integer", value: 1 }],
    ["HGETALL h", { type: "array", value: ["f", "v"] }],
    ["INCR l", {
      type: "error",
      code: "WRONGTYPE",
      message: "Operation against a key holding the wrong kind of value",
    }],
    ["NOSUCH x", {
      type: "error",
      code: "ERR",
      message: "unknown command 'NOSUCH', with args beginning with: 'x' ",
    }],
    ["SET short", {
      type: "error",
      code: "ERR",
      message: "wrong number of arguments for 'set' command",
    }],
    ["EVAL return {1,{2,'x'},false} 0", { type: "array", value: [1, [2, "x"], { type: "nil" }] }],
  ];
  const { client, server: served } = bySide(records.filter(isAsked));
  assert.deepEqual(client.map(spoken), want);
  assert.deepEqual(served.map(spoken), want);
  assert.ok(records.every(isWhole));
});

for (const version of [2, 3]) {
  test(`publish and subscribe in RESP${version}`, async (server, way) => {
    const kind = version === 2 ? "array" : "push";
    const records = await traced(bothEnds(server, way), async (tracer) => {
      const args = ["-p", `${server.port}`, `-${version}`, "SUBSCRIBE", "news", "more"];
      await using listener = new Background("redis-cli", args);
      await listener.until(() => listener.stdout.includes("more\n"), "the subscription");
      assert.equal(await cli(server, "PUBLISH", "news", "hello"), "1\n");
      assert.equal(await cli(server, "PUBLISH", "more", "again"), "1\n");
      await listener.until(() => listener.stdout.includes("again"), "the message");
      await tracer.untilRecords(version === 2 ? 12 : 14);
    });
    for (const end of ENDS) {
      const said = bySide(records)[end].filter((record) => record.request?.command !== "HELLO");
      const sent = said.filter((record) => record.request?.command === "PUBLISH");
      assert.deepEqual(sent.map(spoken), [
        ["PUBLISH news hello", { type: "integer", value: 1 }],
        ["PUBLISH more again", { type: "integer", value: 1 }],
      ]);
      const [subscribe, ...unasked] = said.filter((record) => !sent.includes(record));
      assert.deepEqual(subscribe?.request, { command: "SUBSCRIBE", args: ["news", "more"] });
      assert.deepEqual(subscribe?.response, { type: kind, value: ["subscribe", "news", 1] });
      assert.deepEqual(unasked.map(({ response }) => response), [
        { type: kind, value: ["subscribe", "more", 2] },
        { type: kind, value: ["message", "news", "hello"] },
        { type: kind, value: ["message", "more", "again"] },
      ]);
      for (const { request, incomplete } of unasked) {
        assert.equal(request, null);
        assert.deepEqual(incomplete, ["one_way"]);
      }
    }
  });
}

test("transactions: QUEUED, EXEC, DISCARD and an aborted one", async (server, way) => {
  const records = await traced(bothEnds(server, way), async () => {
    await session(server, [
      ...["MULTI", "SET a 1", "INCR a", "GET a", "EXEC"],
      ...["MULTI", "SET a 9", "DISCARD"],
      ...["MULTI", "NOSUCH", "EXEC"],
    ]);
  });
  const queued = { type: "simple_string", value: "QUEUED" };
  const want: [string, Json][] = [
    ["MULTI", OK],
    ["SET a 1", queued],
    ["INCR a", queued],
    ["GET a", queued],
    ["EXEC", { type: "array", value: ["OK", 2, "2"] }],
    ["MULTI", OK],
    ["SET a 9", queued],
    ["DISCARD", OK],
    ["MULTI", OK],
    ["NOSUCH", {
      type: "error",
      code: "ERR",
      message: "unknown command 'NOSUCH', with args beginning with: ",
    }],
    ["EXEC", {
      type: "error",
      code: "EXECABORT",
      message: "Transaction discarded because of previous errors.",
    }],
  ];
  for (const end of ENDS) {
    assert.deepEqual(bySide(records.filter(isAsked))[end].map(spoken), want, end);
  }
});

test(
  "RESP3 types after HELLO 3",
  async (server, way) => {
    const records = await traced(bothEnds(server, way), async () => {
      const lines = [
        ...["HSET h f v", "HGETALL h", "SADD s x", "SMEMBERS s", "GET none"],
        ...["ZADD z 1.5 m", "ZSCORE z m", "DEBUG PROTOCOL true"],
        "DEBUG PROTOCOL verbatim",
      ];
      await session(server, lines, "-3");
      await inline(server, "HELLO 3\r\nDEBUG PROTOCOL bignum\r\nDEBUG PROTOCOL attrib\r\nQUIT\r\n");
    });
    for (const end of ENDS) {
      const [hello] = bySide(records)[end];
      const said = bySide(records)[end].filter(isAsked);
      assert.deepEqual(hello?.request, { command: "HELLO", args: ["3"] });
      assert.equal(hello?.response?.type, "map");
      assert.deepEqual(said.map((record) => record.response), [
        { type: "integer", value: 1 },
        { type: "map", value: [["f", "v"]] },
        { type: "integer", value: 1 },
        { type: "set", value: ["x"] },
        { type: "nil" },
        { type: "integer", value: 1 },
        { type: "double", value: 1.5 },
        { type: "boolean", value: true },
        {
          type: "verbatim_string",
          format: "txt",
          value: "This is a verbatim\nstring",
          value_bytes: 25,
        },
        { type: "big_number", value: "1234567999999999999999999999999999999" },
        {
          type: "bulk_string",
          value: "Some real reply following the attribute",
          value_bytes: 39,
          attributes: [["key-popularity", ["key:123", 90]]],
        },
        OK,
      ]);
      assert.ok(said.every(isWhole));
    }
  },
  "--enable-debug-command",
  "local",
);

const PASSWORD = "s3kr1t-pa55word";

test(
  "passwords are withheld, and shown when asked for",
  async (server, way) => {
    const act = async (): Promise<void> => {
      await cli(server, "-a", PASSWORD, "--no-auth-warning", "PING");
      await cli(server, "--user", "default", "-a", PASSWORD, "--no-auth-warning", "PING");
      await cli(server, "-3", "-a", PASSWORD, "--no-auth-warning", "PING");
      await cli(server, "HELLO", "3", "AUTH", "default", PASSWORD);
      await cli(server, "AUTH", `not-${PASSWORD}`);
      await cli(server, "-a", PASSWORD, "CONFIG", "GET", "requirepass");
      await cli(server, "-a", PASSWORD, "CONFIG", "SET", "masterauth", PASSWORD);
    };
    const withheld = await traced(bothEnds(server, way), act);
    assert.ok(!JSON.stringify(withheld).includes(PASSWORD));
    for (const end of ENDS) {
      const said = bySide(withheld)[end].filter((record) => record.redacted !== undefined);
      assert.deepEqual(
        said.map(({ request, redacted }) => [request?.command, request?.args, redacted]),
        [
          ["AUTH", [null], ["request.args[0]"]],
          ["AUTH", ["default", null], ["request.args[1]"]],
          ["AUTH", [null], ["request.args[0]"]],
          ["HELLO", ["3", "AUTH", "default", null], ["request.args[3]"]],
          ["AUTH", [null], ["request.args[0]"]],
          ["AUTH", [null], ["request.args[0]"]],
          ["CONFIG", ["GET", "requirepass"], ["response.value"]],
          ["AUTH", [null], ["request.args[0]"]],
          ["CONFIG", ["SET", "masterauth", null], ["request.args[2]"]],
        ],
        end,
      );
    }
    const shown = await traced(bothEnds(server, way, "--show-secrets"), act);
    assert.equal(shown.length, withheld.length);
    assert.ok(shown.every((record) => record.redacted === undefined));
    assert.deepEqual(shown[0]?.request, { command: "AUTH", args: [PASSWORD] });
  },
  "--requirepass",
  PASSWORD,
);

test("a command that comes with the end of its stream, and the late reply", async (server, way) => {
  const records = await traced(bothEnds(server, way), async () => {
    const program = new URL("../support/half_close.py", import.meta.url).pathname;
    const { stdout } = await run("/usr/bin/python3", [program, `${server.port}`, `${server.pid}`]);
    assert.match(stdout, /end/);
  });
  for (const end of ENDS) {
    assert.deepEqual(bySide(records)[end].map(spoken), [
      ["PING", { type: "simple_string", value: "PONG" }],
      ["ECHO end", bulkString("end")],
    ], end);
  }
});

test("inline commands through socat", async (server, way) => {
  const records = await traced(bothEnds(server, way), async () => {
    const stdout = await inline(server, 'PING\r\nSET a "two words"\r\nget a\nQUIT\r\n');
    assert.equal(stdout, "+PONG\r\n+OK\r\n$9\r\ntwo words\r\n+OK\r\n");
  });
  for (const end of ENDS) {
    assert.deepEqual(bySide(records)[end].map(spoken), [
      ["PING", { type: "simple_string", value: "PONG" }],
      ["SET a two words", OK],
      ["GET a", bulkString("two words")],
      ["QUIT", OK],
    ], end);
    assert.deepEqual(
      bySide(records)[end].map(({ request_bytes }) => request_bytes),
      [6, 19, 6, 6],
      end,
    );
  }
});

function byRole(a: SeenRecord, b: SeenRecord): number {
  return (a.role ?? "") < (b.role ?? "") ? -1 : 1;
}
