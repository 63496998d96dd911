import assert from "node:assert/strict";
import { summarize } from "../../../protocols/redis/summarize.ts";
import { ask, command, converse, reply } from "./support.ts";

const CELLS: { name: string; request: Uint8Array; response: string; want: [string, string] }[] = [
  {
    name: "value",
    request: command("GET", "k"),
    response: "$5\r\na b\r\n\r\n",
    want: ["GET k", '"a b\r\n"'],
  },
  { name: "nil", request: command("GET", "k"), response: "$-1\r\n", want: ["GET k", "(nil)"] },
  {
    name: "error",
    request: command("SET", "k", "a b"),
    response: "-ERR no\r\n",
    want: ['SET k "a b"', "ERR no"],
  },
  {
    name: "list",
    request: command("LRANGE", "l"),
    response: "*2\r\n$1\r\na\r\n:2\r\n",
    want: ["LRANGE l", '["a", 2]'],
  },
  {
    name: "secret",
    request: command("AUTH", "pw"),
    response: "+OK\r\n",
    want: ["AUTH (withheld)", "OK"],
  },
  {
    name: "bytes that are no text",
    request: command("GET", "k"),
    response: "$2\r\n\xff\xfe\r\n",
    want: ["GET k", "(binary) (2 B)"],
  },
];

for (const { name, request, response, want } of CELLS) {
  Deno.test(`summarize() gives two short cells: ${name}`, () => {
    const [got] = converse([ask(request), reply(response)]);
    assert.ok(got);
    const cells = summarize(got.exchange);
    assert.deepEqual([cells.request, cells.response], want);
  });
}

Deno.test("summarize() cuts long cells", () => {
  const [got] = converse([
    ask(command("SET", "k", "x".repeat(3000))),
    reply(`$3000\r\n${"y".repeat(3000)}\r\n`),
  ]);
  assert.ok(got);
  const cells = summarize(got.exchange);
  assert.ok(cells.request.length <= 200 && cells.response.length <= 200);
});
