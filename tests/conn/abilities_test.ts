/** What the common parts make of the abilities of the contract, on a protocol that uses every one. */
import assert from "node:assert/strict";
import { PLAINTEXT_IDS } from "../../lib/capture/abi.ts";
import { tls } from "../../protocols/tls/mod.ts";
import { every, everyNext, line, nested, unit } from "../support/every.ts";
import { Conversation, Trace } from "../support/events.ts";
import { linesNamed } from "../support/lines.ts";

const protocols = [every, everyNext];

function run(talk: Conversation, options: Partial<ConstructorParameters<typeof Trace>[0]> = {}) {
  const trace = new Trace({ protocols, ...options });
  trace.feedAll(talk.entries);
  trace.finish();
  return trace;
}

function halves(trace: Trace): unknown[] {
  return trace.records.map(({ request, response }) => [request, response]);
}

Deno.test("initiator: where the server asks, time and latency count from its half", () => {
  const talk = new Conversation({ stepNs: 1000 })
    .say("request", unit("-", 1, "hello"))
    .say("response", unit("?", 2, "who"))
    .say("request", unit("!", 2, "me"))
    .close();
  const { records } = run(talk);
  const [, asked] = records;
  assert.deepEqual([asked?.request, asked?.response], [{ text: "me" }, { text: "who" }]);
  assert.equal(asked?.latency_ns, 1000);
  assert.equal(JSON.stringify(asked?.time), '"2026-11-21T12:00:00.001002000Z"');
});

Deno.test("a second name: records and counts go by it", () => {
  const talk = new Conversation()
    .say("request", unit("-", 1, "note")).say("response", unit("-", 1, "seen")).close();
  const { records, stats } = run(talk);
  assert.deepEqual(records.map(({ protocol }) => protocol), ["every_note", "every_note"]);
  assert.deepEqual(records.map(({ incomplete }) => incomplete), [["one_way"], ["one_way"]]);
  assert.deepEqual(stats.toJSON().records, { every_note: 2 });
});

Deno.test("inner: frames of nested streams have the times of their units, and share their bytes", () => {
  const asks = nested(1, [unit("?", 1, "first"), unit("?", 2, "second")], 4);
  const answers = nested(1, [unit("!", 1), unit("!", 2)], 4);
  const talk = new Conversation({ stepNs: 1000 })
    .say("request", asks.subarray(0, 9)).say("request", asks.subarray(9))
    .say("response", answers).close();
  const { records } = run(talk);
  const texts = records.map(({ request }) => request);
  assert.deepEqual(texts, [{ text: "first", nested: true }, { text: "second", nested: true }]);
  const sum = (of: "request_bytes" | "response_bytes"): number =>
    records.reduce((total, record) => total + (record[of] ?? 0), 0);
  assert.deepEqual([sum("request_bytes"), sum("response_bytes")], [asks.length, answers.length]);
  // The first began with the first operation; the second with the second.
  assert.deepEqual(records.map(({ latency_ns }) => latency_ns), [2000, 1000]);
});

Deno.test("inner: what is lost of the wire is missing from the nested streams", () => {
  const piece = (text: string): Uint8Array => nested(1, [unit("?", 1, text)], 100);
  const talk = new Conversation()
    .say("request", unit("?", 9)).say("response", unit("!", 9))
    .say("request", piece("a").subarray(0, 6)).miss("request", 3).tick(2e8)
    .say("request", piece("b")).close();
  const trace = run(talk);
  const last = trace.records.at(-1);
  assert.deepEqual(last?.request, { text: "b", nested: true });
  assert.equal(trace.stats.toJSON().abandoned["gap"], 1);
});

Deno.test("handover: the next protocol is told, and gets the request that was carried over", () => {
  const told = new Conversation()
    .say("request", unit("?", 1, "a"))
    .say("response", unit("!", 1, "A")).say("response", unit(">", 0, "told"))
    .say("request", line("one")).say("response", line("eins")).close();
  assert.deepEqual(halves(run(told)), [
    [{ text: "a" }, { text: "A" }],
    [{ text: "told one" }, { text: "eins" }],
  ]);
  const carried = new Conversation()
    .say("request", unit("?", 1, "up"))
    .say("response", unit("}", 1, "told")).say("response", line("upped")).close();
  const [record, ...more] = run(carried).records;
  assert.equal(more.length, 0);
  assert.deepEqual([record?.protocol, record?.request], ["every_next", { text: "told" }]);
  assert.equal(record?.request_bytes, 6);
  assert.equal(record?.latency_ns, 2000);
});

Deno.test("opaque: what was told goes to the connection's plain text, and the socket's bytes are TLS", () => {
  const talk = new Conversation()
    .say("request", unit("?", 1, "a")).say("response", unit("!", 1, "A"))
    .say("response", unit("~", 0, "told"))
    .say("request", Uint8Array.from([22, 3, 1, 0, 5, 1, 0, 0, 1, 0]))
    .say("request", line("one"), { plaintext: 77, position: 0, source: 1 })
    .say("response", line("eins"), { plaintext: 77, position: 0, source: 1 })
    .close();
  const trace = run(talk, { protocols: [...protocols, tls], showUnknown: true });
  assert.deepEqual(halves(trace), [
    [{ text: "a" }, { text: "A" }],
    [{ text: "told one" }, { text: "eins" }],
  ]);
  assert.notEqual(trace.records[1]?.tls, undefined);
  assert.deepEqual(trace.verdicts, [
    [7, "keep"],
    [7, "keep"],
    [7, "stop"],
    [PLAINTEXT_IDS + 77, "keep"],
  ]);
});

Deno.test("opaque: without plain text, what follows is reported as TLS, behind the clear text's records", () => {
  const talk = new Conversation()
    .say("request", unit("?", 1, "a")).say("response", unit("!", 1, "A"))
    .say("response", unit("~", 0, "told"))
    .say("request", Uint8Array.from([22, 3, 1, 0, 5, 1, 0, 0, 1, 0])).close();
  const { records } = run(talk, { protocols: [...protocols, tls], showUnknown: true });
  assert.deepEqual(records.map(({ protocol }) => protocol), ["every", "unknown"]);
  assert.match(JSON.stringify(records[1]?.request), /"tls":"encrypted/);
});

Deno.test("opaque: with nothing to go on with, the socket's bytes are only counted", () => {
  const talk = new Conversation()
    .say("request", unit("?", 1, "a")).say("response", unit("!", 1, "A"))
    .say("response", unit("~", 0)).say("request", unit("?", 2, "b")).close();
  const trace = run(talk, { showUnknown: true });
  assert.deepEqual(halves(trace), [[{ text: "a" }, { text: "A" }]]);
  assert.deepEqual(trace.verdicts, [[7, "keep"], [7, "stop"]]);
});

Deno.test("opaque: plain text of which nothing was told is looked at like any other", () => {
  const inside = { plaintext: 77, position: 0, source: 1 };
  const talk = new Conversation()
    .say("request", unit("?", 1, "a")).say("response", unit("!", 1, "A"))
    .say("response", unit("~", 0, "*"))
    .say("request", unit("?", 2, "b"), inside).say("response", unit("!", 2, "B"), inside).close();
  assert.deepEqual(halves(run(talk)), [
    [{ text: "a" }, { text: "A" }],
    [{ text: "b" }, { text: "B" }],
  ]);
});

Deno.test("a tunnel is looked at like a connection of its own", () => {
  const lines = linesNamed("lines");
  const talk = new Conversation()
    .say("request", "?up\n").say("response", ">*\n")
    .say("request", unit("?", 1, "a")).say("response", unit("!", 1, "A")).close();
  const { records } = run(talk, { protocols: [lines, every] });
  assert.deepEqual(records.map(({ protocol }) => protocol), ["lines", "every"]);
  assert.equal(records[0]?.conn, records[1]?.conn);
});

Deno.test("createTrace: what connections share is shared, by one trace only", () => {
  const talk = new Conversation({ conn: 1 })
    .say("request", unit("=", 3, "three")).say("response", unit("-", 0)).close();
  const other = new Conversation({ conn: 2 })
    .say("request", unit("?", 3, "x")).say("response", unit("!", 3, "X")).close();
  const trace = new Trace({ protocols });
  trace.feedAll(talk.entries).feedAll(other.entries).finish();
  assert.deepEqual(trace.records.at(-1)?.response, { text: "X", word: "three" });
  assert.deepEqual(halves(run(other)), [[{ text: "x" }, { text: "X" }]]);
});

Deno.test("heldBytes: what a state keeps counts as memory", () => {
  const held = (type: string): number => {
    const talk = new Conversation().say("request", unit(type, 1)).say("response", unit("-", 1));
    return new Trace({ protocols }).feedAll(talk.entries).pipeline.heldBytes;
  };
  assert.equal(held("=") - held("-"), 64);
});
