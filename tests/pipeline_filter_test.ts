/** The filters of a replay: which processes' and connections' records come out. */
import { deepEqual } from "node:assert/strict";
import { EntryKind } from "../lib/capture/abi.ts";
import type { PipelineOptions } from "../lib/pipeline.ts";
import { plugins } from "../protocols/registry.ts";
import { Conversation, Trace } from "./support/events.ts";

const GET = "GET / HTTP/1.1\r\nHost: a\r\n\r\n";
const OK = "HTTP/1.1 200 OK\r\nContent-Length: 0\r\n\r\n";

/** A process's exchange, and a connection of its of no known protocol. */
function talk(pid: number): Conversation[] {
  const at = { pid, comm: `name${pid}`, localPort: 1000 + pid };
  const http = new Conversation({ ...at, conn: pid }).open().say("request", GET).say(
    "response",
    OK,
  );
  const strange = new Conversation({ ...at, conn: pid + 50 }).open()
    .say("request", "\x01\x02\x03").say("response", "\x04");
  return [http.close(), strange.close()];
}

/** Process 1 is the parent of 2, which starts meanwhile; 3 is another one. */
function recordsOf(filter: PipelineOptions["filter"]): string[] {
  const trace = new Trace({ protocols: plugins, showUnknown: true, filter });
  trace.feed({ kind: EntryKind.START, pid: 2, total: 1, timeNs: 1 });
  for (const pid of [1, 2, 3]) for (const { entries } of talk(pid)) trace.feedAll(entries);
  return trace.finish().map(({ pid, protocol }) => `${pid} ${protocol}`).sort();
}

const cases: { name: string; filter: PipelineOptions["filter"]; pids: number[] }[] = [
  { name: "none", filter: {}, pids: [1, 2, 3] },
  { name: "a process and its children", filter: { pids: [1], follow: true }, pids: [1, 2] },
  { name: "a process alone", filter: { pids: [1], follow: false }, pids: [1] },
  { name: "a child", filter: { pids: [2], follow: true }, pids: [2] },
  { name: "names", filter: { comm: ["name3", "name1"] }, pids: [1, 3] },
  { name: "a port", filter: { ports: [1002] }, pids: [2] },
  { name: "both must match", filter: { pids: [1, 3], ports: [1003] }, pids: [3] },
];
Deno.test("Pipeline filters: what is left out is not missing", () => {
  const trace = new Trace({ protocols: plugins, filter: { pids: [1] } });
  for (const pid of [1, 2]) for (const { entries } of talk(pid)) trace.feedAll(entries);
  trace.finish();
  deepEqual(trace.stats.toJSON().gaps, {});
});

for (const { name, filter, pids } of cases) {
  Deno.test(`Pipeline filters, ${name}: whole connections come or do not`, () => {
    deepEqual(recordsOf(filter), pids.flatMap((pid) => [`${pid} http`, `${pid} unknown`]));
  });
}
