/** What a trace holds is bounded, the whole way. */
import assert from "node:assert/strict";
import { Conversation } from "./support/events.ts";
import { brief, trace } from "./support/lines_trace.ts";

Deno.test("--memory-limit ends the connections idle for longest, and counts them", () => {
  const of = trace({ memoryLimitBytes: 512 << 10 });
  for (let conn = 1; conn <= 200; conn++) {
    const talk = new Conversation({ conn, startNs: conn * 1e5 });
    of.feedAll(talk.say("request", "?" + "x".repeat(3000)).entries);
    assert.ok(of.pipeline.heldBytes <= 512 << 10);
  }
  assert.ok(of.stats.evicted > 100);
  const last = new Conversation({ conn: 200, startNs: 3e7, ingressStart: 5001 });
  of.feedAll(last.say("request", "\n").say("response", "!b\n").entries);
  assert.equal(of.records.length, 1);
});

Deno.test("what is unanswered when its connection is given up was not closed", () => {
  const of = trace({ memoryLimitBytes: 512 << 10 });
  for (let conn = 1; conn <= 300; conn++) {
    of.feedAll(new Conversation({ conn, startNs: conn * 1e5 }).say("request", "?a\n").entries);
  }
  assert.ok(of.stats.evicted > 100);
  assert.equal(of.records.length, of.stats.evicted);
  assert.deepEqual([...new Set(brief(of))], ["lines server a/null trace_end"]);
  const peers = trace({ memoryLimitBytes: 256 << 20 });
  for (let remotePort = 1; remotePort <= 4097; remotePort++) {
    const options = { transport: "datagram", role: "client", hint: false, remotePort } as const;
    peers.feedAll(new Conversation(options).say("request", "?a\n").entries);
  }
  assert.deepEqual(brief(peers), ["lines client a/null trace_end"]);
});

Deno.test("ten thousand idle connections hold little", () => {
  const of = trace();
  for (let conn = 1; conn <= 10_000; conn++) {
    const talk = new Conversation({ conn, startNs: conn * 1000 });
    of.feedAll(talk.say("request", "?a\n").say("response", "!b\n").entries);
  }
  assert.equal(of.records.length, 10_000);
  assert.ok(of.pipeline.heldBytes <= 10_000 * 2048);
});

Deno.test("unanswered requests are bounded", () => {
  const talk = new Conversation();
  for (let i = 0; i < 60; i++) talk.say("request", "?a\n".repeat(1000));
  const of = trace();
  of.feedAll(talk.entries);
  assert.ok(of.records.length >= 20_000);
  of.finish();
  assert.equal(of.records.length, 60_000);
});
