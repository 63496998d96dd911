import { equal } from "node:assert/strict";
import type { TraceRecord } from "../../lib/record/record.ts";
import { NdjsonSink } from "../../lib/sink/ndjson.ts";
import { FileOutput } from "../../lib/sink/output.ts";
import { timeAt } from "../support/events.ts";

const full: TraceRecord = {
  time: timeAt("2026-11-21T12:34:56.123456789Z"),
  protocol: "http",
  latency_ns: 1_234_567,
  pid: 4242,
  comm: 'n"ginx é',
  fd: 7,
  role: "server",
  local: "127.0.0.1:80",
  remote: "[::1]:50000",
  conn: 9,
  tls: { library: "openssl" },
  container: { id: "0123" },
  request: { method: "GET", path: "/", headers: { host: "a" }, body_bytes: 0 },
  response: { status: 200, reason: "OK", body: "x".repeat(300), body_bytes: 300 },
  request_bytes: 78,
  response_bytes: 1300,
  incomplete: ["gap", "truncated"],
  redacted: ["request.headers.cookie"],
};

const changes: { name: string; change: Partial<TraceRecord> }[] = [
  { name: "nothing", change: {} },
  {
    name: "another time and latency",
    change: { time: timeAt("2026-11-22T00:00:00.000000000Z"), latency_ns: 5e9 },
  },
  { name: "another process", change: { pid: 1, comm: "other", fd: 0 } },
  { name: "another role", change: { role: "client" } },
  { name: "other addresses", change: { local: "unix:", remote: "unix:@x" } },
  { name: "another connection", change: { conn: 9 + 1024 } },
  { name: "a connection beyond 2^32", change: { conn: 2 ** 40 + 9 } },
  { name: "another protocol", change: { protocol: "redis" } },
  { name: "no halves", change: { request: null, response: null } },
];
const optional = Object.keys(full).filter((name) =>
  !["time", "protocol", "request", "response"].includes(name)
);
for (const name of optional) changes.push({ name: `no ${name}`, change: { [name]: undefined } });

/** What comes out when `records` follow each other. */
function linesOf(records: readonly TraceRecord[]): string {
  let text = "";
  const decoder = new TextDecoder();
  const output = new FileOutput({
    writeSync: (bytes) => {
      text += decoder.decode(bytes, { stream: true });
      return bytes.length;
    },
  });
  const sink = new NdjsonSink(output, false);
  for (const record of records) sink.write(record);
  output.flush();
  return text;
}

for (const { name, change } of changes) {
  Deno.test(`NdjsonSink says what JSON.stringify() says, before and after a change: ${name}`, () => {
    const changed = { ...full, ...change };
    const records = [full, full, changed, changed, changed, full, changed, full];
    equal(linesOf(records), records.map((record) => `${JSON.stringify(record)}\n`).join(""));
  });
}

Deno.test("NdjsonSink hands on whole lines whatever their size", () => {
  const records = [1, 100, 20_000, 1_000_000, 5].map((size) => ({
    ...full,
    response: { body: '\u0001é"'.repeat(size) },
  }));
  equal(linesOf(records), records.map((record) => `${JSON.stringify(record)}\n`).join(""));
});
