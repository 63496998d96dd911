import { deepEqual, equal, ok } from "node:assert/strict";
import type { TraceRecord } from "../../lib/record/record.ts";
import { textWidth } from "../../lib/wire/escape.ts";
import { NdjsonSink } from "../../lib/sink/ndjson.ts";
import { plugins } from "../../protocols/registry.ts";
import { layout, TableSink } from "../../lib/sink/table.ts";
import { timeAt } from "../support/events.ts";
import { MemoryOutput } from "../support/memory_output.ts";

const record: TraceRecord = {
  time: timeAt("2026-11-21T12:34:56.123456789Z"),
  protocol: "http",
  latency_ns: 1_234_567,
  pid: 4242,
  comm: "nginx",
  fd: 7,
  role: "server",
  local: "127.0.0.1:80",
  remote: "127.0.0.1:50000",
  conn: 9,
  request: {},
  response: {},
  request_bytes: 78,
  response_bytes: 1300,
};
const summary = { request: "GET /index.html", response: "200 OK" };
const screen = (columns: number, rows = 0, colour = false) => ({
  width: () => columns,
  height: () => rows,
  colour,
});

const widths: { width: number; names: string[] }[] = [
  {
    width: 200,
    names: [
      "time",
      "process",
      "role",
      "remote",
      "protocol",
      "request",
      "response",
      "sizes",
      "latency",
    ],
  },
  {
    width: 120,
    names: ["time", "process", "remote", "protocol", "request", "response", "sizes", "latency"],
  },
  { width: 80, names: ["time", "process", "request", "response", "latency"] },
  { width: 40, names: ["request", "response"] },
];
for (const { width, names } of widths) {
  Deno.test(`layout() at ${width} columns shows ${names.length} columns and fills the width`, () => {
    const columns = layout(width);
    deepEqual(columns.map((column) => column.name), names);
    equal(columns.reduce((sum, column) => sum + column.width, 2 * (columns.length - 1)), width);
  });
}

Deno.test("layout() gives every column at least one place, however narrow the window", () => {
  for (let width = 1; width < 60; width++) {
    ok(layout(width).every((column) => column.width >= 1), `${width}`);
  }
});

Deno.test("TableSink shows heading and record in columns", () => {
  const output = new MemoryOutput();
  new TableSink(output, screen(160)).write(record, summary);
  const [heading = "", line = ""] = output.lines;
  ok(heading.startsWith("TIME UTC      PID/COMM"), heading);
  ok(line.startsWith("12:34:56.123  4242/nginx"), line);
  for (const part of ["server", "127.0.0.1:50000", "GET /index.html", "200 OK", "78→1.3K"]) {
    ok(line.includes(part), part);
  }
  ok(line.endsWith("1.23ms"), line);
});

Deno.test("TableSink never lets traffic out unescaped, nor past the width", () => {
  for (const width of [20, 33, 80, 120, 200]) {
    const output = new MemoryOutput();
    const hostile = "\x1b]0;owned\x07\x9b2J\u202e日本語\r\n".repeat(9);
    new TableSink(output, screen(width)).write(
      { ...record, comm: hostile, remote: `unix:${hostile}` },
      { request: hostile, response: hostile },
    );
    equal(output.lines.length, 2);
    for (const line of output.lines) {
      ok(!/\p{C}/u.test(line), JSON.stringify(line));
      ok(textWidth(line) <= width, `${textWidth(line)} > ${width}`);
    }
  }
});

Deno.test("TableSink says why a response is missing", () => {
  const output = new MemoryOutput();
  const lost: TraceRecord = { ...record, response: null, incomplete: ["no_response"] };
  delete lost.latency_ns;
  new TableSink(output, screen(160)).write(lost, { request: "GET /", response: "" });
  ok(output.lines[1]?.includes("(no_response)"), output.text);
});

Deno.test("TableSink repeats the heading after a screenful, and not at all into a pipe", () => {
  const headings = (rows: number): number => {
    const output = new MemoryOutput();
    const sink = new TableSink(output, screen(120, rows));
    for (let i = 0; i < 200; i++) sink.write(record, summary);
    return output.lines.filter((line) => line.startsWith("TIME")).length;
  };
  equal(headings(0), 1);
  const repeated = headings(24);
  ok(repeated >= 5 && repeated <= 10, `${repeated}`);
});

Deno.test("TableSink follows a window that changes its width", () => {
  let width = 160;
  const output = new MemoryOutput();
  const sink = new TableSink(output, { width: () => width, height: () => 0, colour: false });
  for (let i = 0; i < 20; i++) sink.write(record, summary);
  width = 60;
  for (let i = 0; i < 40; i++) sink.write(record, summary);
  ok((output.lines.at(-1) ?? "").length <= 60);
});

Deno.test("TableSink colours only when told to", () => {
  const text = (colour: boolean): string => {
    const output = new MemoryOutput();
    new TableSink(output, screen(120, 0, colour)).write(record, summary);
    return output.text;
  };
  ok(!text(false).includes("\x1b"));
  ok(text(true).includes("\x1b["));
});

Deno.test("NdjsonSink writes one line a record, keys in the record's order", () => {
  const output = new MemoryOutput();
  const sink = new NdjsonSink(output, false);
  sink.write(record);
  sink.write({ ...record, conn: 10 });
  equal(output.lines.length, 2);
  equal(output.lines[0], JSON.stringify(record));
  deepEqual(Object.keys(JSON.parse(output.lines[1] ?? "")), Object.keys(record));
});

Deno.test("NdjsonSink towards a terminal escapes what JSON leaves bare", () => {
  const output = new MemoryOutput();
  const hostile = { ...record, request: { path: "\x9b2J\u202e\x7f" } };
  new NdjsonSink(output, true).write(hostile);
  ok(!/(?!\n)\p{C}/u.test(output.text), JSON.stringify(output.text));
  deepEqual(JSON.parse(output.text), { ...hostile, time: hostile.time.toString() });
});

Deno.test("TableSink's PROTOCOL column fits the longest name that may stand in it", () => {
  const names = plugins.flatMap((plugin) => plugin.names);
  for (const protocol of ["a_protocol_with_a_long_name", ...names]) {
    const output = new MemoryOutput();
    new TableSink(output, screen(200), [protocol]).write({ ...record, protocol }, summary);
    ok(output.lines[1]?.includes(` ${protocol} `), output.text);
    equal(output.lines[0]?.indexOf("REQUEST"), output.lines[1]?.indexOf("GET /index.html"));
  }
});
