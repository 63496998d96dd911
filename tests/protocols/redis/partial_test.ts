/** Messages of which a part is not kept, not here yet, or was never seen. */
import assert from "node:assert/strict";
import { command, Connection, raw, utf8Bytes } from "./support.ts";

const CUTS = [undefined, 1, 2, 3, 7];

Deno.test("parseFrame() keeps the head of a long value and its true size", () => {
  const size = 1 << 20;
  const value = "é".repeat(size / 2);
  const bytes = utf8Bytes(`$${size}\r\n${value}\r\n+OK\r\n`);
  for (const chunk of [undefined, 1000, 4097, 65536]) {
    const connection = new Connection({ chunk, maxBodyBytes: 101, late: true });
    connection.send("response", bytes);
    assert.deepEqual(connection.response.frames.map((timed) => timed.frame.reply), [
      {
        type: "bulk_string",
        value: "é".repeat(50),
        value_bytes: size,
        value_truncated: true,
      },
      { type: "simple_string", value: "OK" },
    ]);
    assert.equal(connection.response.frames[0]?.bytes, bytes.length - 5);
  }
});

Deno.test("parseFrame() skips the rest of a value that is not there yet", () => {
  const connection = new Connection({ maxBodyBytes: 10, late: true });
  connection.send("request", raw("*3\r\n$3\r\nSET\r\n$1\r\nk\r\n$536870912\r\n0123456789abc"));
  const { calls } = connection.request;
  connection.send("request", new Uint8Array(100_000));
  assert.equal(connection.request.calls, calls);
});

Deno.test("parseFrame() bounds the values kept of one reply and says how many there were", () => {
  const bytes = raw(`*5000\r\n${":7\r\n".repeat(5000)}`);
  for (const chunk of [undefined, 999]) {
    const connection = new Connection({ chunk, late: true });
    connection.send("response", bytes);
    const reply = connection.response.frames[0]?.frame.reply;
    assert.ok(reply?.type === "array" && reply.value !== null);
    assert.equal(reply.value.length, 1000);
    assert.equal(reply.count, 5000);
    assert.equal(reply.value_truncated, true);
  }
});

Deno.test("parseFrame() bounds the arguments kept of one command", () => {
  const parts = Array.from({ length: 3001 }, (_, i) => `m${i}`);
  const connection = new Connection({ late: true });
  connection.send("request", command(...parts));
  const request = connection.request.frames[0]?.frame.request;
  assert.equal(request?.args.length, 999);
  assert.equal(request?.args_count, 3000);
  assert.equal(request?.args_truncated, true);
});

Deno.test("parseFrame() allocates nothing for a count it is told", () => {
  const connection = new Connection({ late: true });
  connection.send("response", raw("*4294967296\r\n:1\r\n"));
  assert.deepEqual(connection.response.invalid, []);
  assert.equal(connection.response.frames.length, 0);
});

Deno.test("abandon() hands over what there is of a reply", () => {
  const connection = new Connection({ late: true });
  connection.send("response", raw("*3\r\n:1\r\n$10\r\nabc"));
  connection.response.push(new Uint8Array(0), 1, 0, true);
  assert.deepEqual(connection.response.frames[0]?.frame.reply, {
    type: "array",
    value: [1, { type: "bulk_string", value: "abc", value_bytes: 10, value_truncated: true }],
    count: 3,
    value_truncated: true,
  });
});

Deno.test("parseFrame() passes over a gap inside a value", () => {
  const connection = new Connection({ late: true });
  connection.response.push(raw("$1000\r\nabc"), 1, 997);
  connection.response.push(raw("\r\n:5\r\n"), 2);
  assert.deepEqual(connection.response.frames.map((timed) => timed.frame.reply), [
    { type: "bulk_string", value: "abc", value_bytes: 1000, value_truncated: true },
    { type: "integer", value: 5 },
  ]);
});

Deno.test("findBoundary() finds the next command or reply behind garbage", () => {
  const connection = new Connection({ late: true });
  connection.send("response", raw("\x01\x02 rest of a value\r\n$3\r\nabc\r\n"));
  assert.deepEqual(connection.response.frames.at(-1)?.frame.reply, {
    type: "bulk_string",
    value: "abc",
    value_bytes: 3,
  });
  connection.send("request", raw("\x01 value\r\n$3\r\nabc\r\n*1\r\n$4\r\nPING\r\n"));
  assert.equal(connection.request.frames.at(-1)?.frame.request?.command, "PING");
});

Deno.test("parseFrame() takes the file behind FULLRESYNC, and what looks like one behind SYNC", () => {
  const id = "0123456789abcdef0123456789abcdef01234567";
  const file = "REDIS0010\xfa\x09redis-ver\xff12345678";
  const cases = [
    `+FULLRESYNC ${id} 14\r\n$${file.length}\r\n${file}*1\r\n$4\r\nPING\r\n`,
    `\n\n$${file.length}\r\n${file}*1\r\n$4\r\nPING\r\n`,
  ];
  for (const bytes of cases) {
    for (const chunk of CUTS) {
      const connection = new Connection({ chunk, late: true });
      connection.send("response", raw(bytes));
      const got = connection.response.frames.map((timed) => timed.frame.reply).slice(-2);
      assert.deepEqual(got, [{ type: "rdb", value_bytes: file.length }, {
        type: "array",
        value: ["PING"],
      }]);
    }
  }
  for (const chunk of CUTS) { // a key that holds such a file
    const connection = new Connection({ chunk, late: true });
    connection.send("response", raw(`$20\r\nREDIS0010 in a value\r\n`));
    assert.deepEqual(connection.response.frames.map((timed) => timed.frame.reply), [
      { type: "bulk_string", value: "REDIS0010 in a value", value_bytes: 20 },
    ]);
  }
});
