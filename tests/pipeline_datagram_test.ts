/** Conversations on datagram sockets, the whole way. */
import assert from "node:assert/strict";
import { Conversation } from "./support/events.ts";
import { brief, run, trace } from "./support/lines_trace.ts";

Deno.test("each remote end of a datagram socket is a conversation of its own", () => {
  const of = trace();
  const options = { transport: "datagram", hint: false } as const;
  const one = new Conversation({ ...options, remotePort: 1111 });
  const two = new Conversation({ ...options, remotePort: 2222 });
  one.say("request", "?1\n");
  two.say("request", "?2\n").say("response", "!two\n");
  one.say("response", "!one\n");
  const [ask, answer] = one.entries;
  if (ask === undefined || answer === undefined) throw new Error("Cannot find the entries");
  of.feedAll([ask, ...two.entries, answer]);
  of.finish();
  assert.deepEqual(of.records.map(({ remote, role }) => [remote, role]), [
    ["10.0.0.9:2222", "server"],
    ["10.0.0.9:1111", "server"],
  ]);
});

Deno.test("a datagram to nobody known goes to the latest remote end", () => {
  const talk = new Conversation({ transport: "datagram", role: "client", hint: false });
  talk.say("request", "?1\n").say("response", "!one\n", { remotePort: 0 });
  assert.deepEqual(brief(run(talk)), ["lines client 1/one"]);
});

Deno.test("what is left of a datagram behind its frame is counted, and no frame", () => {
  const talk = new Conversation({ transport: "datagram" }).say("request", "?1\n?2\n");
  const of = run(talk);
  assert.deepEqual(brief(of), ["lines server 1/null trace_end"]);
  assert.deepEqual(of.stats.toJSON().invalid, { lines: { trailing_bytes: 1 } });
});

Deno.test("remote ends of a datagram socket are bounded", () => {
  const of = trace();
  for (let port = 1; port < 20_000; port++) {
    const talk = new Conversation({ transport: "datagram", remotePort: port, startNs: port * 1e4 });
    of.feedAll(talk.say("request", "?1\n").entries);
  }
  assert.ok(of.pipeline.heldBytes < 20 << 20, String(of.pipeline.heldBytes));
  of.finish();
  assert.equal(of.records.length, 19_999);
});
