/** The whole way, with a protocol small enough to see through (support/lines.ts). */
import assert from "node:assert/strict";
import { Cut, Direction, EntryKind, Family, Flag, OpenNames } from "../lib/capture/abi.ts";
import { definePlugin } from "../protocols/protocol.ts";
import { tls } from "../protocols/tls/mod.ts";
import { bytesOf, Conversation, type ConversationOptions } from "./support/events.ts";
import { linesNamed } from "./support/lines.ts";
import { brief, lines, run, trace } from "./support/lines_trace.ts";

Deno.test("Pipeline prints a record's keys in the public order", () => {
  const talk = new Conversation().say("request", "?a\n").say("response", "!b\n").close();
  assert.deepEqual(run(talk).json(), [
    '{"time":"2026-11-21T12:00:00.001001000Z","protocol":"lines","latency_ns":1000,"pid":100,' +
    '"comm":"server","fd":5,"role":"server","local":"127.0.0.1:8080","remote":"10.0.0.9:40000",' +
    '"conn":7,"request":{"text":"a"},"response":{"text":"b"},' +
    '"request_bytes":3,"response_bytes":3}',
  ]);
});

const roles: { name: string; options: ConversationOptions; first?: "response"; want: string }[] = [
  { name: "accept() seen", options: { role: "server" }, want: "server" },
  { name: "connect() seen", options: { role: "client" }, want: "client" },
  { name: "no hint, server", options: { role: "server", hint: false }, want: "server" },
  { name: "no hint, client", options: { role: "client", hint: false }, want: "client" },
  {
    name: "mid-stream, the response first",
    options: { role: "client", hint: false, fresh: false },
    first: "response",
    want: "client",
  },
];
for (const { name, options, first, want } of roles) {
  Deno.test(`ConnTracker decides the role: ${name}`, () => {
    const talk = new Conversation(options);
    if (first !== undefined) talk.say(first, "!early\n");
    talk.say("request", "?a\n").say("response", "!b\n");
    const of = run(talk);
    assert.equal(brief(of).at(-1), `lines ${want} a/b`);
    if (first !== undefined) assert.equal(brief(of)[0], `lines ${want} null/early mid_stream`);
  });
}

Deno.test("ConnTracker lets the probes overrule a wrong hint", () => {
  const talk = new Conversation({ role: "server" }).say("request", "?a\n").say("response", "!b\n");
  for (const entry of talk.entries) entry.flags = ((entry.flags ?? 0) & ~Flag.SERVER) | Flag.CLIENT;
  assert.deepEqual(brief(run(talk)), ["lines server a/b"]);
});

Deno.test("detect() lets the port choose between protocols that both match", () => {
  const protocols = [linesNamed("one", [1111]), linesNamed("two", [2222])];
  for (const [localPort, want] of [[1111, "one"], [2222, "two"], [3333, "one"]] as const) {
    const talk = new Conversation({ localPort }).say("request", "?a\n").say("response", "!b\n");
    assert.deepEqual(brief(run(talk, { protocols })), [`${want} server a/b`]);
  }
});

Deno.test("ConnTracker finds a protocol that starts in the middle of a connection", () => {
  const talk = new Conversation({ fresh: false, hint: false })
    .say("response", "the rest of something\n")
    .say("request", "more of it")
    .say("request", "?a\n")
    .say("response", "!b\n");
  const of = run(talk);
  assert.deepEqual(brief(of), ["lines server a/b"]);
  assert.deepEqual(of.verdicts, [[7, "keep"]]);
});

Deno.test("ConnTracker refuses a protocol of which no frame comes, and finds the next", () => {
  const liar = definePlugin({
    name: "liar",
    ports: [],
    transports: ["stream"],
    probe: (head) => head[0] === 0x78 ? "yes" : "no",
    createTrace: () => null,
    createState: () => null,
    outline: () => ({ operation: "", target: "", outcome: "ok", attributes: {} }),
    parseFrame: () => ({ kind: "invalid", reason: "lie" }),
    findBoundary: (_bytes, from) => from,
    abandon: () => null,
    stitch: () => [],
    summarize: () => ({ request: "", response: "" }),
  });
  const talk = new Conversation().say("request", "xxxxxxxxxxxx").say("response", "xx");
  const unknown = run(talk, { protocols: [liar, lines], showUnknown: true });
  assert.match(JSON.stringify(unknown.records[0]), /"liar","why":"no_valid_frame"/);
  assert.equal(unknown.stats.refused.get("liar"), 2); // each direction once
  talk.say("request", "?a\n").say("response", "!b\n");
  assert.deepEqual(brief(run(talk, { protocols: [liar, lines] })), ["lines server a/b"]);
});

Deno.test("a response whose frames were lost does not shift all later pairs", () => {
  const talk = new Conversation()
    .say("request", "?1\n").say("response", "!one\n")
    .say("request", "?2\n").miss("response", 5).tick(2e8)
    .say("request", "?3\n").say("response", "!three\n")
    .tick(2e8)
    .say("request", "?4\n").say("response", "!four\n").close();
  assert.deepEqual(brief(run(talk)), [
    "lines server 1/one",
    "lines server 2/null gap",
    "lines server 3/three",
    "lines server 4/four",
  ]);
});

Deno.test("a gap with a loss reported is lost_events in the record", () => {
  const talk = new Conversation().say("request", "?1\n").say("response", "#20\n0123")
    .lost(3).miss("response", 10).say("response", "456789").tick(2e8);
  assert.deepEqual(brief(run(talk)), ["lines server 1/body of 20 lost_events"]);
});

Deno.test("a cut operation inside a body is truncated, with its true size", () => {
  const talk = new Conversation().say("request", "?1\n")
    .sayCut("response", "#1000\n0123", 1006, Cut.SNAPLEN)
    .say("request", "?2\n").say("response", "!two\n");
  const of = run(talk);
  assert.deepEqual(brief(of), ["lines server 1/body of 1000 truncated", "lines server 2/two"]);
  // "#1000\n" is six bytes, then a thousand.
  assert.equal(of.records[0]?.response_bytes, 1006);
});

for (const role of ["client", "server"] as const) {
  Deno.test(`a ${role}'s body that is long enough is passed by, and nothing is missing from it`, () => {
    const talk = new Conversation({ role, egressStart: 2 ** 32 - 10, ingressStart: 2 ** 32 - 10 })
      .say("request", "?1\n").say("response", "#1000000\n0123")
      .sayCut("response", "", 500_000, Cut.PASSED).sayCut("response", "", 499_000, Cut.PASSED)
      .say("response", "x".repeat(996))
      .say("request", "?2\n").say("response", "!two\n");
    const of = run(talk);
    assert.deepEqual(brief(of), [`lines ${role} 1/body of 1000000`, `lines ${role} 2/two`]);
    assert.equal(of.records[0]?.response_bytes, 1_000_009);
    const [egress, ingress] = role === "server"
      ? [2 ** 32 - 1 + 1e6, null]
      : [null, 2 ** 32 - 1 + 1e6];
    const none = { egress: null, ingress: null };
    assert.deepEqual(of.passings, [{ egress, ingress }, none]);
    assert.deepEqual([of.stats.passedBytes, of.stats.gaps.size], [999_000, 0]);
  });
}

Deno.test("bytes passed by that somebody looks at are missing, and marked", () => {
  const talk = new Conversation().say("request", "?1\n").say("response", "#10\n0123456789")
    .sayCut("response", "", 5, Cut.PASSED).say("request", "?2\n").say("response", "!two\n");
  const of = run(talk);
  assert.deepEqual(brief(of)[0], "lines server 1/body of 10");
  assert.equal(of.stats.passedBytes, 5);
});

Deno.test("ENTRY_CLOSE hands over at once when every byte came, else after its time", () => {
  const done = trace();
  const early = new Conversation().say("request", "?a\n").close();
  done.feedAll(early.entries);
  assert.deepEqual(brief(done), ["lines server a/null closed"]);

  const late = trace();
  const talk = new Conversation().say("request", "?a\n").miss("response", 3).close();
  // The response is still under way on another CPU.
  const answer = new Conversation({ startNs: talk.timeNs + 1000 }).say("response", "!b\n");
  late.feedAll(talk.entries);
  assert.deepEqual(brief(late), []);
  late.feedAll(answer.entries);
  assert.deepEqual(brief(late), ["lines server a/b"]);
});

Deno.test("ENTRY_EXIT ends what nobody else owns", () => {
  for (const shared of [false, true]) {
    const of = trace();
    const talk = new Conversation({ pid: 1 }).say("request", "?a\n");
    if (shared) talk.say("request", "?b\n", { pid: 2 });
    of.feedAll(talk.exit(1).tick(2e8).entries);
    const want = shared ? [] : ["lines server a/null closed"];
    assert.deepEqual(brief(of), want);
  }
});

Deno.test("a time limit is of event time and counts as no_response", () => {
  const of = trace({ requestTimeoutMs: 1000 });
  const talk = new Conversation().say("request", "?a\n").tick(9e8);
  of.feedAll(talk.entries);
  assert.deepEqual(brief(of), []);
  of.feedAll(new Conversation({ startNs: talk.timeNs }).tick(2e8).entries);
  assert.deepEqual(brief(of), ["lines server a/null no_response"]);
  const late = new Conversation({ startNs: 3e9, egressStart: 1000, ingressStart: 2003 });
  of.feedAll(
    late.say("response", "!late\n").say("request", "?b\n").say("response", "!B\n").entries,
  );
  assert.deepEqual(brief(of).slice(1), ["lines server a/late late", "lines server b/B"]);
});

Deno.test("finish() says trace_end", () => {
  const talk = new Conversation().say("request", "?a\n").say("request", "?b");
  assert.deepEqual(brief(run(talk)), ["lines server a/null trace_end"]);
});

Deno.test("a switch hands both directions to the protocol that was named", () => {
  const protocols = [lines, linesNamed("next")];
  const talk = new Conversation()
    .say("request", "?up\n").say("response", ">next\n")
    .say("request", "?a\n").say("response", "!b\n");
  assert.deepEqual(brief(run(talk, { protocols })), ["lines server up/next", "next server a/b"]);
});

Deno.test("a switch to a protocol that is not known stops the connection, and what follows is reported", () => {
  const talk = new Conversation()
    .say("request", "?up\n").say("response", ">\n").say("request", "?a\n").say("response", "!b\n");
  const of = run(talk, { showUnknown: true });
  assert.deepEqual(brief(of), ["lines server up/", "unknown server trace_end"]);
  assert.deepEqual(of.verdicts, [[7, "keep"], [7, "stop"]]);
});

Deno.test("switches from traffic do not nest without end", () => {
  const talk = new Conversation();
  talk.say("response", ">lines\n".repeat(100_000));
  assert.ok(run(talk).records.length <= 10);
});

Deno.test("an unknown connection gives one record at its end, with what was tried", () => {
  const talk = new Conversation({ role: "client" })
    .say("request", "hello there").say("response", Uint8Array.of(0xff, 0xfe)).close();
  const of = run(talk, { showUnknown: true });
  assert.equal(of.records.length, 1);
  const { role, latency_ns, request, response, incomplete } = of.records[0] ?? {};
  assert.deepEqual([role, latency_ns, incomplete], ["client", undefined, undefined]);
  assert.deepEqual(JSON.parse(JSON.stringify({ request, response })), {
    request: {
      bytes: 11,
      first_bytes: "hello there",
      tried: [{ protocol: "lines", why: "no_match" }],
    },
    response: { bytes: 2, first_bytes_base64: "//4=" },
  });
});

Deno.test("TLS records are named in the unknown record, and their payload stopped", () => {
  const hello = Uint8Array.of(22, 3, 1, 0, 50, ...new Uint8Array(50));
  const talk = new Conversation().say("request", hello).close();
  const of = run(talk, { protocols: [lines, tls], showUnknown: true });
  assert.match(JSON.stringify(of.records[0]?.request), /"tls":"encrypted/);
  assert.deepEqual(of.verdicts, [[7, "keep"], [7, "stop"]]);
  // What it was found to be is not among the protocols that it might have been.
  const { tried } = JSON.parse(JSON.stringify(of.records[0]?.request));
  assert.deepEqual(tried, [{ protocol: "lines", why: "no_match" }]);
  assert.deepEqual(of.records[0]?.role, "server");
  const { frames, records, gaps } = of.stats.toJSON();
  assert.deepEqual([frames, records, gaps], [{}, { unknown: 1 }, {}]);
});

Deno.test("an unmatched connection is given up after many operations", () => {
  const talk = new Conversation();
  for (let i = 0; i < 100; i++) talk.say(i % 2 ? "request" : "response", "junk");
  const of = run(talk, { showUnknown: true });
  assert.deepEqual(of.verdicts, [[7, "stop"]]);
  assert.equal(of.records[0]?.request_bytes, 200);
});

Deno.test("plain text of a TLS library is a stream of its own, and the socket's bytes no unknown", () => {
  const talk = new Conversation();
  talk.say("request", Uint8Array.of(22, 3, 1, 0, 50));
  const plain = { plaintext: 1, source: 1, operation: 18, flags: Flag.FRESH | Flag.LAST_CHUNK };
  const inside = new Conversation({ egressStart: 0, ingressStart: 0, startNs: talk.timeNs });
  inside.say("request", "?a\n", plain).say("response", "!b\n", plain);
  const protocols = [lines, tls];
  const of = run(talk, { protocols, showUnknown: true });
  const both = trace({ protocols, showUnknown: true });
  both.feedAll([...talk.entries, ...inside.entries]);
  both.finish();
  assert.deepEqual(brief(both), ["lines server a/b"]);
  assert.deepEqual(both.records[0]?.tls, { library: "openssl" });
  assert.deepEqual(brief(of), ["unknown server trace_end"]);
});

Deno.test("names of unix sockets come from ENTRY_OPEN", () => {
  const names: [string, string][] = [
    ["/run/x.sock\0", "unix:/run/x.sock"],
    ["\0abs", "unix:@abs"],
    [
      "",
      "unix:",
    ],
  ];
  for (const [name, want] of names) {
    const talk = new Conversation({ tcp: false, egressStart: 0, ingressStart: 0 }).open();
    talk.say("request", "?a\n").say("response", "!b\n");
    const open = talk.entries[0];
    if (open?.payload === undefined) throw new Error("Cannot find the open entry");
    open.payload.set(bytesOf(name), OpenNames.local);
    open.payload[OpenNames.local_length] = name.length;
    for (const entry of talk.entries) entry.family = Family.UNIX;
    const [record] = run(talk).records;
    assert.deepEqual([record?.local, record?.remote], [want, "unix:"]);
  }
});

Deno.test("a filter takes out events of other processes, names and ports", () => {
  const filters = [
    { filter: { pids: [1] }, want: 1 },
    { filter: { pids: [2] }, want: 0 },
    { filter: { comm: ["other", "server"] }, want: 1 },
    { filter: { comm: ["serve"] }, want: 0 },
    { filter: { ports: [40000] }, want: 1 },
    { filter: { ports: [80] }, want: 0 },
    { filter: { pids: [1], ports: [80] }, want: 0 },
  ];
  for (const { filter, want } of filters) {
    const talk = new Conversation({ pid: 1 }).say("request", "?a\n").say("response", "!b\n");
    const of = run(talk, { filter });
    assert.equal(of.records.length, want, JSON.stringify(filter));
    assert.equal(of.stats.filteredEvents, want === 1 ? 0 : 2);
  }
});

Deno.test("--role shows only records of that role", () => {
  for (const role of ["client", "server"] as const) {
    const talk = new Conversation({ role }).say("request", "?a\n").say("response", "!b\n");
    assert.equal(run(talk, { role: "client" }).records.length, role === "client" ? 1 : 0);
  }
});

Deno.test("entries without a connection, of no known kind or of no sense are survived", () => {
  const of = trace();
  for (let kind = 0; kind < 256; kind++) {
    of.feed({ kind, timeNs: kind, conn: kind % 3, total: 2 ** 32 - 1, offset: 2 ** 31 });
    of.feed({ kind, timeNs: -kind, conn: 2 ** 53, position: 2 ** 60, direction: 200, family: 99 });
  }
  const payload = new Uint8Array(100).fill(255);
  of.feed({ kind: EntryKind.OPEN, conn: 5, payload, family: Family.UNIX });
  of.feed({ kind: EntryKind.CLOSE, conn: 5, payload });
  of.feed({ kind: EntryKind.DATA, conn: 5, payload, direction: Direction.INGRESS, source: 200 });
  of.finish();
  assert.equal(of.pipeline.heldBytes, 0);
});
