import assert from "node:assert/strict";
import { command, Connection, raw } from "./support.ts";

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
