import assert from "node:assert/strict";
import { samples } from "./samples.ts";
import { ask, command, concat, Connection, converse, raw, reply, type Step } from "./support.ts";

/** "GET k -> bulk_string (reason)" for every exchange. */
function outline(steps: Step[], options = {}): string[] {
  return converse(steps, options).map(({ exchange, incomplete }) => {
    const { request, response } = exchange;
    const asked = request === null ? "-" : [request.command, ...request.args].join(" ");
    const value = response !== null && "value" in response
      ? ` ${JSON.stringify(response.value)}`
      : "";
    const got = response === null ? "-" : response.type + value;
    return `${asked} > ${got}${incomplete.length > 0 ? ` (${incomplete.join(" ")})` : ""}`;
  });
}

for (const { name, steps, exchanges } of samples) {
  Deno.test(`stitch() gives as many exchanges as were held, however cut: ${name}`, () => {
    const want = outline(steps);
    assert.equal(want.length, exchanges);
    const cuts = name.startsWith("value of") ? [1000, 65536] : [1, 2, 5, 64];
    for (const chunk of cuts) assert.deepEqual(outline(steps, { chunk }), want);
    assert.equal(outline(steps, { late: true }).length, exchanges);
  });
}

const CONVERSATIONS: { name: string; steps: Step[]; want: string[]; midStream?: boolean }[] = [
  {
    name: "replies pair in order, errors included",
    steps: samples[1]?.steps ?? [],
    want: [
      'SET k v > simple_string "OK"',
      "LPUSH k x > error",
      "GET none > nil",
      "INCR n > integer 1",
    ],
  },
  {
    name: "the first confirmation answers SUBSCRIBE, published messages answer nothing",
    steps: samples[3]?.steps ?? [],
    want: [
      'SUBSCRIBE a b > array ["subscribe","a",1]',
      '- > array ["subscribe","b",2] (one_way)',
      '- > array ["message","a","hi"] (one_way)',
      'PING > array ["pong",""]',
      'UNSUBSCRIBE > array ["unsubscribe","a",1]',
      '- > array ["unsubscribe","b",0] (one_way)',
    ],
  },
  {
    name: "pushes do not disturb the replies around them",
    steps: samples[4]?.steps.slice(2, 5) ?? [],
    want: [
      'SUBSCRIBE a > push ["subscribe","a",1]',
      '- > push ["message","a","hi"] (one_way)',
      "GET k > nil",
    ],
  },
  {
    name: "CLIENT REPLY OFF and SKIP leave commands without a reply",
    steps: samples[5]?.steps ?? [],
    want: [
      "CLIENT REPLY OFF > - (one_way)",
      "SET a 1 > - (one_way)",
      'CLIENT REPLY ON > simple_string "OK"',
      "CLIENT REPLY SKIP > - (one_way)",
      "SET a 2 > - (one_way)",
      'GET a > bulk_string "2"',
      'QUIT > simple_string "OK"',
    ],
  },
  {
    name: "a queued SUBSCRIBE is answered by QUEUED",
    steps: [
      ask(concat(command("MULTI"), command("SUBSCRIBE", "a"), command("DISCARD"))),
      reply("+OK\r\n+QUEUED\r\n+OK\r\n"),
    ],
    want: [
      'MULTI > simple_string "OK"',
      'SUBSCRIBE a > simple_string "QUEUED"',
      'DISCARD > simple_string "OK"',
    ],
  },
  {
    name: "an array like a message is a reply where nobody subscribed",
    steps: [
      ask(command("LRANGE", "l", "0", "2")),
      reply("*3\r\n$7\r\nmessage\r\n$1\r\na\r\n$2\r\nhi\r\n"),
    ],
    want: ['LRANGE l 0 2 > array ["message","a","hi"]'],
  },
  {
    name: "a connection that ends leaves its requests unanswered",
    steps: [ask(command("GET", "a"))],
    want: ["GET a > - (closed)"],
  },
  {
    name: "mid-stream: a reply before the first request is nobody's",
    steps: [reply("$1\r\nx\r\n"), ask(command("GET", "a")), reply("$1\r\na\r\n")],
    midStream: true,
    want: ['- > bulk_string "x" (mid_stream)', 'GET a > bulk_string "a"'],
  },
  {
    name: "mid-stream: a reply that began before the request is nobody's, though it ends later",
    steps: [reply("$5\r\nhe"), ask(command("GET", "a")), reply("llo\r\n$1\r\na\r\n")],
    midStream: true,
    want: ['- > bulk_string "hello" (mid_stream)', 'GET a > bulk_string "a"'],
  },
  {
    name: "mid-stream: a reply that the command never gives is nobody's",
    steps: [ask(command("INCR", "n")), reply("$1\r\nx\r\n:5\r\n")],
    midStream: true,
    want: ['- > bulk_string "x" (mid_stream)', "INCR n > integer 5"],
  },
  {
    name: "mid-stream: a surplus of replies is not carried on to the next batch",
    steps: [
      ask(concat(command("GET", "a"), command("GET", "b"))),
      reply("$1\r\nx\r\n$1\r\na\r\n$1\r\nb\r\n"),
      ask(command("GET", "c")),
      reply("$1\r\nc\r\n"),
    ],
    midStream: true,
    want: [
      'GET a > bulk_string "x"',
      'GET b > bulk_string "a"',
      '- > bulk_string "b" (mid_stream)',
      'GET c > bulk_string "c"',
    ],
  },
  {
    name: "mid-stream: published messages are known by their shape",
    steps: [reply("*3\r\n$7\r\nmessage\r\n$1\r\na\r\n$2\r\nhi\r\n")],
    midStream: true,
    want: ['- > array ["message","a","hi"] (one_way)'],
  },
];

for (const { name, steps, want, midStream } of CONVERSATIONS) {
  Deno.test(`stitch(): ${name}`, () => {
    assert.deepEqual(outline(steps, { midStream }), want);
  });
}

Deno.test("stitch() types the replication stream and the file before it", () => {
  const got = converse(samples[8]?.steps ?? []).map(({ exchange }) => exchange.response);
  assert.deepEqual(got.slice(2, 5), [
    { type: "rdb", value_bytes: 29 },
    { type: "command", command: "SELECT", args: ["0"] },
    { type: "command", command: "SET", args: ["k", "v"] },
  ]);
});

Deno.test("stitch() hands over a request that waits too long, and does not misplace its late reply", () => {
  const connection = new Connection();
  connection.send("request", command("BLPOP", "q", "0"));
  connection.nowNs += 31e9;
  connection.stitch(null);
  connection.send("request", command("GET", "a"));
  connection.send("response", raw("*2\r\n$1\r\nq\r\n$1\r\nx\r\n$1\r\n1\r\n"));
  assert.deepEqual(
    connection.out.map(({ exchange, incomplete }) => [
      exchange.request?.command,
      exchange.response?.type,
      incomplete,
    ]),
    [
      ["BLPOP", undefined, ["no_response"]],
      ["BLPOP", "array", ["late"]],
      ["GET", "bulk_string", []],
    ],
  );
});

Deno.test("stitch() aligns anew after lost replies", () => {
  const connection = new Connection({ late: true });
  connection.send("request", command("GET", "lost"));
  connection.send("request", command("GET", "a"));
  connection.send("response", raw("$1\r\na\r\n"));
  const frame = connection.response.frames[0];
  assert.ok(frame);
  frame.loss = { reason: "gap", behindRest: false, mayBeBoth: false, isWhole: true, isJoin: false };
  const got = connection.end().map(({ exchange, incomplete }) => [
    exchange.request?.args[0],
    exchange.response?.type,
    incomplete,
  ]);
  assert.deepEqual(got, [["lost", undefined, ["gap"]], ["a", "bulk_string", []]]);
});

Deno.test("stitch() names what was withheld from a command cut short", () => {
  const [got] = converse([ask(command("AUTH", "bob", "hunter2").subarray(0, -4))]);
  assert.deepEqual(got?.exchange.request?.args, ["bob", null]);
  assert.deepEqual(got?.redacted, ["request.args[1]"]);
});

Deno.test("stitch() withholds the passwords in replies", () => {
  const secrets: { request: Uint8Array; response: string; want: unknown }[] = [
    {
      request: command("CONFIG", "GET", "*"),
      response: "*4\r\n$4\r\nport\r\n$4\r\n6379\r\n$11\r\nrequirepass\r\n$2\r\npw\r\n",
      want: ["port", "6379", "requirepass", null],
    },
    {
      request: command("CONFIG", "GET", "requirepass"),
      response: "%1\r\n$11\r\nrequirepass\r\n$2\r\npw\r\n",
      want: [["requirepass", null]],
    },
    { request: command("ACL", "LIST"), response: "*1\r\n$2\r\npw\r\n", want: null },
  ];
  for (const { request, response, want } of secrets) {
    const [got] = converse([ask(request), reply(response)]);
    const value = got?.exchange.response;
    assert.ok(value && "value" in value);
    assert.deepEqual(value.value, want);
    assert.deepEqual(got?.redacted, ["response.value"]);
  }
});
