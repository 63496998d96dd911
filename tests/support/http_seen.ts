/**
 * What a record must say of a request and its response, read from their plain bytes.
 *
 * In: bytes that went over the wire, and the trace's record. Out: assertions. The heads are split here
 * by the simplest means, on purpose not by the parser under test.
 */
import assert from "node:assert/strict";
import { keysInOrder, recordViolations } from "./schema.ts";
import type { Fields, SeenRecord } from "./tracer.ts";

/** Offsets of the two clocks, and rounding to a millisecond. */
export const CLOCK_SLACK_MS = 5;
const WITHHELD = ["authorization", "proxy-authorization", "cookie", "set-cookie"];

/** The clock was read at `fromMs`, and all of the records happened before now. */
export function assertSound(records: readonly SeenRecord[], fromMs: number): void {
  for (const record of records) {
    const what = JSON.stringify(record).slice(0, 600);
    assert.equal(recordViolations(record), null, what);
    assert.ok(keysInOrder(record), what);
    const startMs = Date.parse(record.time);
    assert.match(record.time, /^\d{4}-\d\d-\d\dT\d\d:\d\d:\d\d\.\d{9}Z$/);
    assert.ok(startMs >= fromMs - CLOCK_SLACK_MS, `too early: ${what}`);
    const latencyMs = (record.latency_ns ?? 0) / 1e6;
    assert.ok(startMs + latencyMs <= Date.now() + CLOCK_SLACK_MS, `too late: ${what}`);
    assert.equal(
      record.latency_ns === undefined,
      record.request === null || record.response === null,
    );
    if (record.response !== null && record.request !== null) {
      const firstByteNs = Number(record.response.time_to_first_byte_ns);
      assert.ok(firstByteNs > 0 && firstByteNs <= Number(record.latency_ns), what);
    }
  }
}

/** Lower-case names in order, values as sent; the fields that sockeye withholds are left out. */
export function fieldsOf(head: string): Fields {
  const fields: Fields = {};
  for (const line of head.split("\r\n").slice(1)) {
    if (line === "") break;
    const name = line.slice(0, line.indexOf(":")).toLowerCase();
    const value = line.slice(line.indexOf(":") + 1).trim();
    if (WITHHELD.includes(name)) continue;
    const before = fields[name];
    if (before === undefined) fields[name] = value;
    else fields[name] = Array.isArray(before) ? [...before, value] : [before, value];
  }
  return fields;
}

/** Asserts a request's first line and fields, their order included. */
export function assertRequestHead(message: Fields | null, head: string): void {
  const [method, path, version] = (head.split("\r\n")[0] ?? "").split(" ");
  assert.ok(message !== null);
  assert.deepEqual(
    { method: message.method, path: message.path, version: message.version },
    { method, path, version: version?.slice("HTTP/".length) },
  );
  assertFields(message, head);
}

/** The same for a response. */
export function assertResponseHead(message: Fields | null, head: string): void {
  const line = head.split("\r\n")[0] ?? "";
  const [version, status] = line.split(" ", 2);
  assert.ok(message !== null);
  assert.deepEqual(
    { version: message.version, status: message.status, reason: message.reason },
    {
      version: version?.slice("HTTP/".length),
      status: Number(status),
      reason: line.split(" ").slice(2).join(" "),
    },
  );
  assertFields(message, head);
}

function assertFields(message: Fields, head: string): void {
  const want = fieldsOf(head);
  assert.deepEqual(message.headers, want);
  assert.deepEqual(Object.keys(message.headers ?? {}), Object.keys(want));
}
