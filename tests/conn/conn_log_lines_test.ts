/** Connection logs: which lines a conversation gives at each level, and that they are safe. */
import { deepEqual, equal, match, ok } from "node:assert/strict";
import { WallClock } from "../../lib/clock.ts";
import { ConnLogLines, type ConnLogOptions } from "../../lib/conn/conn_log_lines.ts";
import { bytesOf, Conversation, START, Trace } from "../support/events.ts";
import { linesNamed } from "../support/lines.ts";

/** Lines of a log over the given talk, without their time. */
function logged(talk: Conversation, options: Partial<ConnLogOptions> = {}): string[] {
  const log: string[] = [];
  const connLog = new ConnLogLines(
    { pid: null, fd: null, level: 2, ...options },
    new WallClock(START),
    (line) => log.push(line),
  );
  const of = new Trace({ protocols: [linesNamed("lines")], connLog });
  of.feedAll(talk.entries);
  of.finish();
  return log.map((line) => line.replace(/ time=\S+/, ""));
}

function talk(): Conversation {
  return new Conversation().open().say("request", "?a\n").say("response", "!b\n").close();
}

const WHO = "conn-trace pid=100 fd=5 conn=7";

Deno.test("ConnLogLines tells at level 1 what changes a connection's state", () => {
  deepEqual(logged(talk(), { level: 1 }), [
    `${WHO} address local=127.0.0.1:8080 remote=10.0.0.9:40000\n`,
    `${WHO} open start=seen\n`,
    `${WHO} state from=new to=probing why=data\n`,
    `${WHO} state from=probing to=parsing why=lines\n`,
    `${WHO} protocol is=lines role=server\n`,
    `${WHO} state from=parsing to=closed why=closed\n`,
  ]);
});

Deno.test("ConnLogLines tells at level 2 every operation, frame, exchange and record", () => {
  const log = logged(talk());
  deepEqual(log.filter((line) => / (data|frame|record) /.test(line)), [
    `${WHO} data direction=ingress by=other position=2000 bytes=3 seen=3 hex=3f610a text="?a\\n"\n`,
    `${WHO} frame side=request bytes=3\n`,
    `${WHO} data direction=egress by=other position=1000 bytes=3 seen=3 hex=21620a text="!b\\n"\n`,
    `${WHO} frame side=response bytes=3\n`,
    `${WHO} record protocol=lines request=3 response=3 latency_ns=1000\n`,
  ]);
  ok(log.includes(`${WHO} stitch exchanges=1 requests_left=0 responses_left=0\n`));
});

Deno.test("ConnLogLines tells when a connection is given up, and why", () => {
  const strange = new Conversation();
  for (let i = 0; i < 64; i++) strange.say("request", "strange\n");
  const log = logged(strange.say("request", "?a\n"), { level: 1 });
  ok(log.includes(`${WHO} disabled why="no protocol matches"\n`), log.join(""));
  ok(!log.join("").includes("protocol is="));
});

Deno.test("ConnLogLines tells what was invalid, where, and how it went on", () => {
  const log = logged(
    new Conversation().say("request", "?a\n").say("request", "garbage\n").say("request", "?c\n"),
  );
  const invalid = log.find((line) => line.includes(" invalid ")) ?? "";
  match(
    invalid,
    /invalid side=request why=bad_start position=2003 hex=676172626167650a text="garbage\\n"\n$/,
  );
  match(log.join(""), /resync side=request dropped=\d+\n/);
});

const choices: { name: string; options: Partial<ConnLogOptions>; lines: boolean }[] = [
  { name: "the process", options: { pid: 100 }, lines: true },
  { name: "another process", options: { pid: 101 }, lines: false },
  { name: "the descriptor", options: { pid: 100, fd: 5 }, lines: true },
  { name: "another descriptor", options: { pid: 100, fd: 6 }, lines: false },
];
for (const { name, options, lines } of choices) {
  Deno.test(`ConnLogLines ${lines ? "tells of" : "is silent on"} ${name}`, () => {
    equal(logged(talk(), options).length > 0, lines);
  });
}

Deno.test("ConnLogLines keeps an entry on one line, whatever the bytes are", () => {
  const bytes = Uint8Array.from({ length: 256 }, (_, i) => i);
  for (let at = 0; at < 256; at += 16) {
    const log = logged(new Conversation().say("request", bytes.slice(at, at + 16)));
    for (const line of log) match(line, /^[\x20-\x7e]+\n$/);
    const data = log.find((line) => line.includes(" data ")) ?? "";
    equal((data.match(/"/g) ?? []).length, 2);
  }
});

Deno.test("ConnLogLines shows the head of a large payload only", () => {
  const log = logged(new Conversation().say("request", bytesOf(`?${"x".repeat(9000)}\n`)));
  const data = log.find((line) => line.includes(" data ")) ?? "";
  match(data, /bytes=9002 seen=9002/);
  ok(data.length < 500);
});

Deno.test("ConnLogLines changes nothing of the records", () => {
  const plain = new Trace({ protocols: [linesNamed("lines")] });
  const watched = new Trace({
    protocols: [linesNamed("lines")],
    connLog: new ConnLogLines({ pid: null, fd: null, level: 2 }, new WallClock(START), () => {}),
  });
  for (const one of [plain, watched]) {
    one.feedAll(talk().entries);
    one.finish();
  }
  deepEqual(watched.json(), plain.json());
});
