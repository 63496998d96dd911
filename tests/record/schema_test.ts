import { equal, match, ok, throws } from "node:assert/strict";
import { joinedSchema } from "../../build/schema.ts";
import { plugins } from "../../protocols/registry.ts";
import { keysInOrder, recordViolations } from "../support/schema.ts";

const http = {
  time: "2026-11-21T12:00:00.000000001Z",
  protocol: "http",
  latency_ns: 1200,
  pid: 12,
  comm: "nginx",
  fd: 5,
  role: "server",
  local: "127.0.0.1:80",
  remote: "[::1]:4711",
  conn: 1,
  request: { method: "GET", path: "/", version: "1.1", headers: { host: "a", via: ["b", "c"] } },
  response: { status: 200, reason: "OK", headers: {}, body: "hello", body_bytes: 5 },
  request_bytes: 40,
  response_bytes: 90,
};
const dns = {
  time: "2026-11-21T12:00:00.000000001Z",
  protocol: "dns",
  request: { id: 7, opcode: "QUERY", questions: [{ name: "a.example", type: "A" }] },
  response: null,
  incomplete: ["no_response"],
};
const redis = {
  time: "2026-11-21T12:00:00.000000001Z",
  protocol: "redis",
  latency_ns: 5,
  local: "unix:@name",
  remote: "unix:",
  request: { command: "GET", args: ["k"] },
  response: { type: "nil" },
};

const cases: { name: string; record: unknown; wrong: RegExp | null }[] = [
  { name: "an HTTP exchange", record: http, wrong: null },
  { name: "an unanswered DNS query", record: dns, wrong: null },
  { name: "a Redis nil over a unix socket", record: redis, wrong: null },
  { name: "a protocol of later", record: { ...http, protocol: "of_later" }, wrong: null },
  {
    name: "an unknown connection of which one direction moved nothing",
    record: { ...dns, protocol: "unknown", request: { bytes: 3 }, incomplete: undefined },
    wrong: null,
  },
  { name: "an unknown column", record: { ...http, extra: 1 }, wrong: /additional properties/ },
  {
    name: "time in milliseconds",
    record: { ...http, time: "2026-11-21T12:00:00.000Z" },
    wrong: /time/,
  },
  { name: "pid 0", record: { ...http, pid: 0 }, wrong: /pid/ },
  { name: "role of both", record: { ...http, role: "both" }, wrong: /role/ },
  { name: "an address without port", record: { ...http, local: "127.0.0.1" }, wrong: /local/ },
  {
    name: "no reason for no response",
    record: { ...dns, incomplete: undefined },
    wrong: /incomplete/,
  },
  { name: "an empty reason list", record: { ...http, incomplete: [] }, wrong: /incomplete/ },
  { name: "a reason of no list", record: { ...http, incomplete: ["lazy"] }, wrong: /incomplete/ },
  { name: "neither half", record: { ...dns, request: null }, wrong: /anyOf|request/ },
  {
    name: "HTTP without status",
    record: { ...http, response: { headers: {} } },
    wrong: /response/,
  },
  {
    name: "latency without a response",
    record: { ...dns, latency_ns: 4 },
    wrong: /NOT/i,
  },
];

for (const { name, record, wrong } of cases) {
  Deno.test(`record.schema.json ${wrong === null ? "accepts" : "refuses"} ${name}`, () => {
    const violations = recordViolations(JSON.parse(JSON.stringify(record)));
    if (wrong === null) equal(violations, null);
    else match(violations ?? "accepted", wrong);
  });
}

Deno.test("keysInOrder() tells a record whose columns were swapped", () => {
  ok(keysInOrder(http));
  ok(!keysInOrder({ protocol: "http", time: http.time, request: null, response: null }));
});

Deno.test("joinedSchema() has a rule for every name under which the registry gives records", () => {
  const known = new Set(plugins.flatMap(({ names }) => names));
  const rules = JSON.stringify(joinedSchema()["allOf"]);
  for (const name of [...known, "unknown"]) ok(rules.includes(`{"const":"${name}"}`), name);
});

Deno.test("joinedSchema() refuses a protocol without a part of its own", () => {
  const root = `${Deno.makeTempDirSync()}/`;
  Deno.mkdirSync(`${root}protocols/tea_time`, { recursive: true });
  throws(() => joinedSchema(root), /protocols\/tea_time\/schema\.json is missing/);
  Deno.writeTextFileSync(`${root}protocols/tea_time/schema.json`, "{}");
  throws(() => joinedSchema(root), /has no "records" or no "\$defs"/);
  Deno.removeSync(root, { recursive: true });
});
