import assert from "node:assert/strict";
import { command, Connection, raw, utf8Bytes } from "./support.ts";

const REPLIES: { name: string; bytes: string; want: unknown }[] = [
  { name: "simple string", bytes: "+OK\r\n", want: { type: "simple_string", value: "OK" } },
  {
    name: "simple string, another",
    bytes: "+PONG\r\n",
    want: { type: "simple_string", value: "PONG" },
  },
  { name: "empty simple string", bytes: "+\r\n", want: { type: "simple_string", value: "" } },
  {
    name: "error",
    bytes: "-ERR unknown command\r\n",
    want: { type: "error", code: "ERR", message: "unknown command" },
  },
  {
    name: "error without a code",
    bytes: "-my own words\r\n",
    want: { type: "error", message: "my own words" },
  },
  {
    name: "MOVED",
    bytes: "-MOVED 3999 127.0.0.1:6381\r\n",
    want: {
      type: "error",
      code: "MOVED",
      message: "3999 127.0.0.1:6381",
      slot: 3999,
      target: "127.0.0.1:6381",
    },
  },
  {
    name: "ASK over IPv6",
    bytes: "-ASK 0 ::1:7000\r\n",
    want: { type: "error", code: "ASK", message: "0 ::1:7000", slot: 0, target: "::1:7000" },
  },
  {
    name: "MOVED with a slot that is none",
    bytes: "-MOVED 16384 a:1\r\n",
    want: { type: "error", code: "MOVED", message: "16384 a:1" },
  },
  { name: "integer", bytes: ":-42\r\n", want: { type: "integer", value: -42 } },
  {
    name: "integer beyond 2^53",
    bytes: ":9223372036854775807\r\n",
    want: { type: "integer", value: "9223372036854775807" },
  },
  {
    name: "bulk string",
    bytes: "$5\r\nhello\r\n",
    want: { type: "bulk_string", value: "hello", value_bytes: 5 },
  },
  {
    name: "empty bulk string",
    bytes: "$0\r\n\r\n",
    want: { type: "bulk_string", value: "", value_bytes: 0 },
  },
  {
    name: "bulk string that is no text",
    bytes: "$3\r\n\xff\x00\r\r\n",
    want: { type: "bulk_string", value_base64: "/wAN", value_bytes: 3 },
  },
  {
    name: "UTF-8",
    bytes: "$2\r\n\xc3\xa9\r\n",
    want: { type: "bulk_string", value: "é", value_bytes: 2 },
  },
  { name: "null bulk string", bytes: "$-1\r\n", want: { type: "nil" } },
  { name: "null array", bytes: "*-1\r\n", want: { type: "nil" } },
  { name: "null", bytes: "_\r\n", want: { type: "nil" } },
  { name: "true", bytes: "#t\r\n", want: { type: "boolean", value: true } },
  { name: "double", bytes: ",3.25\r\n", want: { type: "double", value: 3.25 } },
  { name: "infinity", bytes: ",-inf\r\n", want: { type: "double", value: "-inf" } },
  {
    name: "big number",
    bytes: "(3492890328409238509324850943850943825024385\r\n",
    want: { type: "big_number", value: "3492890328409238509324850943850943825024385" },
  },
  {
    name: "bulk error",
    bytes: "!21\r\nSYNTAX invalid syntax\r\n",
    want: { type: "error", code: "SYNTAX", message: "invalid syntax" },
  },
  {
    name: "verbatim string",
    bytes: "=15\r\ntxt:Some string\r\n",
    want: { type: "verbatim_string", format: "txt", value: "Some string", value_bytes: 11 },
  },
  { name: "empty array", bytes: "*0\r\n", want: { type: "array", value: [] } },
  {
    name: "array of everything",
    bytes: "*6\r\n$1\r\na\r\n:1\r\n$-1\r\n*2\r\n+OK\r\n#f\r\n,1\r\n-ERR x\r\n",
    want: {
      type: "array",
      value: ["a", 1, { type: "nil" }, ["OK", false], { type: "double", value: 1 }, {
        type: "error",
        code: "ERR",
        message: "x",
      }],
    },
  },
  {
    name: "map",
    bytes: "%2\r\n+a\r\n:1\r\n$1\r\nb\r\n~1\r\n$1\r\nx\r\n",
    want: { type: "map", value: [["a", 1], ["b", { type: "set", value: ["x"] }]] },
  },
  {
    name: "attribute before a reply",
    bytes: "|1\r\n+ttl\r\n:10\r\n*2\r\n:1\r\n:2\r\n",
    want: { type: "array", value: [1, 2], attributes: [["ttl", 10]] },
  },
  {
    name: "attribute inside an array",
    bytes: "*2\r\n:1\r\n|1\r\n+ttl\r\n:10\r\n:2\r\n",
    want: { type: "array", value: [1, { type: "integer", value: 2, attributes: [["ttl", 10]] }] },
  },
  {
    name: "streamed string",
    bytes: "$?\r\n;4\r\nHell\r\n;5\r\no wor\r\n;2\r\nld\r\n;0\r\n",
    want: { type: "bulk_string", value: "Hello world", value_bytes: 11 },
  },
  {
    name: "streamed array",
    bytes: "*?\r\n:1\r\n*?\r\n.\r\n.\r\n",
    want: { type: "array", value: [1, []] },
  },
  {
    name: "streamed map",
    bytes: "%?\r\n+a\r\n:1\r\n+b\r\n:2\r\n.\r\n",
    want: { type: "map", value: [["a", 1], ["b", 2]] },
  },
  {
    name: "push",
    bytes: ">2\r\n+invalidate\r\n*1\r\n$1\r\nk\r\n",
    want: { type: "push", value: ["invalidate", ["k"]] },
  },
  {
    name: "database file by delimiter",
    bytes: `$EOF:${"ab".repeat(20)}\r\nREDIS0010 bytes${"ab".repeat(20)}`,
    want: { type: "rdb", value_bytes: 15 },
  },
];

const CUTS = [undefined, 1, 2, 3, 7];

for (const { name, bytes, want } of REPLIES) {
  Deno.test(`parseFrame() reads a reply however it is cut: ${name}`, () => {
    for (const chunk of CUTS) {
      const connection = new Connection({ chunk, late: true });
      connection.send("response", raw(bytes + bytes));
      const got = connection.response.frames.map((timed) => timed.frame.reply);
      assert.deepEqual(got, [want, want], `cut at ${chunk}`);
      assert.deepEqual(connection.response.frames.map((timed) => timed.bytes), [
        bytes.length,
        bytes.length,
      ]);
    }
  });
}

const COMMANDS: { name: string; bytes: Uint8Array; want: unknown; redacted?: string[] }[] = [
  { name: "GET", bytes: command("get", "k"), want: { command: "GET", args: ["k"] } },
  {
    name: "subcommand as an argument",
    bytes: command("client", "setname", "x"),
    want: { command: "CLIENT", args: ["setname", "x"] },
  },
  {
    name: "empty and UTF-8 arguments",
    bytes: command("SET", "", "naïve"),
    want: { command: "SET", args: ["", "naïve"] },
  },
  {
    name: "argument that is no text",
    bytes: raw("*2\r\n$3\r\nGET\r\n$2\r\n\xff\xfe\r\n"),
    want: {
      command: "GET",
      args: [{ type: "bulk_string", value_base64: "//4=", value_bytes: 2 }],
    },
  },
  { name: "inline", bytes: raw("SET k v\r\n"), want: { command: "SET", args: ["k", "v"] } },
  { name: "inline, LF only", bytes: raw("ping\n"), want: { command: "PING", args: [] } },
  {
    name: "inline with quotes",
    bytes: raw(`set k "a \\"b\\"\\x41\\n" 'c\\'d'\r\n`),
    want: { command: "SET", args: ["k", 'a "b"A\n', "c'd"] },
  },
  {
    name: "AUTH password",
    bytes: command("AUTH", "hunter2"),
    want: { command: "AUTH", args: [null] },
    redacted: ["request.args[0]"],
  },
  {
    name: "AUTH user password",
    bytes: command("auth", "bob", "hunter2"),
    want: { command: "AUTH", args: ["bob", null] },
    redacted: ["request.args[1]"],
  },
  {
    name: "inline AUTH",
    bytes: raw("AUTH hunter2\r\n"),
    want: { command: "AUTH", args: [null] },
    redacted: ["request.args[0]"],
  },
  {
    name: "HELLO AUTH",
    bytes: command("HELLO", "3", "AUTH", "bob", "hunter2", "SETNAME", "x"),
    want: { command: "HELLO", args: ["3", "AUTH", "bob", null, "SETNAME", "x"] },
    redacted: ["request.args[3]"],
  },
  {
    name: "CONFIG SET",
    bytes: command("CONFIG", "SET", "maxmemory", "1", "requirepass", "hunter2"),
    want: { command: "CONFIG", args: ["SET", "maxmemory", "1", "requirepass", null] },
    redacted: ["request.args[4]"],
  },
  {
    name: "ACL SETUSER",
    bytes: command("ACL", "SETUSER", "bob", "on", ">hunter2", "~*"),
    want: { command: "ACL", args: ["SETUSER", "bob", "on", null, "~*"] },
    redacted: ["request.args[3]"],
  },
  {
    name: "MIGRATE AUTH2",
    bytes: command(
      "MIGRATE",
      "h",
      "1",
      "",
      "0",
      "9",
      "AUTH2",
      "bob",
      "hunter2",
      "KEYS",
      "auth",
      "k",
    ),
    want: {
      command: "MIGRATE",
      args: ["h", "1", "", "0", "9", "AUTH2", "bob", null, "KEYS", "auth", "k"],
    },
    redacted: ["request.args[7]"],
  },
];

for (const { name, bytes, want, redacted } of COMMANDS) {
  Deno.test(`parseFrame() reads a command however it is cut: ${name}`, () => {
    for (const chunk of CUTS) {
      const connection = new Connection({ chunk, late: true });
      connection.send("request", bytes).send("request", bytes);
      assert.deepEqual(connection.request.frames.map((timed) => timed.frame.request), [want, want]);
      assert.deepEqual(connection.request.frames[0]?.redacted, redacted ?? []);
      assert.equal(connection.request.frames[1]?.bytes, bytes.length);
    }
  });
}

Deno.test("parseFrame() shows secrets when asked to", () => {
  const connection = new Connection({ showSecrets: true, late: true });
  connection.send("request", command("AUTH", "hunter2"));
  assert.deepEqual(connection.request.frames[0]?.frame.request?.args, ["hunter2"]);
});

const BAD: { name: string; side: "request" | "response"; bytes: string; want: string }[] = [
  { name: "no type", side: "response", bytes: "HTTP/1.1 200 OK\r\n", want: "bad_type" },
  { name: "length", side: "response", bytes: "$-2\r\n", want: "bad_length" },
  {
    name: "length of 2^60",
    side: "response",
    bytes: "$1152921504606846976\r\n",
    want: "bad_length",
  },
  { name: "count", side: "response", bytes: "*x\r\n", want: "bad_count" },
  { name: "string end", side: "response", bytes: "$1\r\nabc\r\n", want: "bad_string_end" },
  { name: "boolean", side: "response", bytes: "#x\r\n", want: "bad_boolean" },
  { name: "lone end mark", side: "response", bytes: ".\r\n", want: "bad_end" },
  { name: "too deep", side: "response", bytes: "*1\r\n".repeat(200), want: "too_deep" },
  { name: "integer in a command", side: "request", bytes: "*1\r\n:1\r\n", want: "bad_command" },
  { name: "line of an HTTP header", side: "request", bytes: "Host: x\r\n", want: "bad_inline" },
  { name: "open quote", side: "request", bytes: 'GET "a\r\n', want: "unbalanced_quotes" },
];

for (const { name, side, bytes, want } of BAD) {
  Deno.test(`parseFrame() names what is wrong: ${name}`, () => {
    for (const chunk of CUTS) {
      const connection = new Connection({ chunk, late: true });
      connection.send(side, raw(bytes));
      assert.equal(connection[side].invalid[0], want);
    }
  });
}

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
