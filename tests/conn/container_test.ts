/** The column `container`: whose records have it, from when on, and until when. */
import assert from "node:assert/strict";
import { EntryKind } from "../../lib/capture/abi.ts";
import type { EntryFields } from "../../lib/capture/event.ts";
import { containerEntry } from "../../lib/capture/user_entries.ts";
import { Conversation, type ConversationOptions, Trace } from "../support/events.ts";
import { linesNamed } from "../support/lines.ts";

const lines = linesNamed("lines");
const POD = { id: "a".repeat(64), pod_uid: "8c1bd2a4-5c0e-4d6f-9a1e-0b2c3d4e5f60" };
const OTHER = { id: "b".repeat(64) };

/** One exchange of a process. */
function exchange(options: ConversationOptions): EntryFields[] {
  return new Conversation(options).say("request", "?a\n").say("response", "!b\n").entries;
}

/** "a" or "b", the first letter of the id; "-" without a container. */
function ids(of: Trace): string {
  return of.records.map(({ container }) => container?.id[0] ?? "-").join("");
}

Deno.test("Pipeline puts the container of the process into its records, and into no other's", () => {
  const of = new Trace({ protocols: [lines] });
  of.feed(containerEntry(100, POD));
  of.feedAll(exchange({ pid: 100 })).feedAll(exchange({ pid: 101, conn: 8 })).finish();
  assert.deepEqual(of.records.map(({ container }) => container), [POD, undefined]);
  assert.match(
    of.json()[0] ?? "",
    /"conn":7,"container":\{"id":"a{64}","pod_uid":"8c1b[^}]*\},"req/,
  );
  assert.equal(of.stats.toJSON().events.container, 1);
});

Deno.test("Pipeline keeps the container of a message whose process ended before the answer", () => {
  const of = new Trace({ protocols: [lines] });
  const [first, second] = exchange({ pid: 100, stepNs: 1000 });
  of.feed(containerEntry(100, POD));
  of.feed(first ?? { kind: 0 });
  of.feed({ kind: EntryKind.EXIT, pid: 100, timeNs: 1_001_500 });
  // Another process reads the answer, on the socket that it shares.
  of.feed({ ...second ?? { kind: 0 }, pid: 102 });
  of.finish();
  assert.equal(ids(of), "a");
});

Deno.test("Pipeline tells the next process of a pid from the one that ended", () => {
  const of = new Trace({ protocols: [lines] });
  of.feed(containerEntry(100, POD));
  of.feedAll(exchange({ pid: 100 }));
  of.feed({ kind: EntryKind.EXIT, pid: 100, timeNs: 1_500_000 });
  of.feedAll(exchange({ pid: 100, conn: 8, startNs: 2_000_000 })).finish();
  assert.equal(ids(of), "a-");
});

Deno.test("Pipeline follows a process that moves to another container, on open connections too", () => {
  const of = new Trace({ protocols: [lines] });
  const talk = new Conversation({ pid: 100 });
  const say = (): void => {
    of.feedAll(talk.say("request", "?a\n").say("response", "!b\n").entries.splice(0));
  };
  say();
  for (const container of [POD, OTHER, null]) {
    of.feed(containerEntry(100, container));
    say();
  }
  of.finish();
  assert.equal(ids(of), "-ab-");
});

Deno.test("the record of an unknown connection has its container, also where only totals tell", () => {
  const of = new Trace({ protocols: [lines], showUnknown: true });
  of.feed(containerEntry(100, OTHER));
  of.feedAll(new Conversation({ conn: 8 }).say("request", "\x01").close().entries);
  of.feedAll(new Conversation({ conn: 9 }).open().miss("request", 9).close().entries);
  of.feed({ kind: EntryKind.EXIT, pid: 100, timeNs: 9_000_000 });
  of.finish();
  assert.deepEqual(of.records.map(({ conn }) => conn), [8, 9]);
  assert.equal(ids(of), "bb");
});

Deno.test("Pipeline keeps a bounded number of containers, whatever a recording claims", () => {
  const of = new Trace({ protocols: [lines] });
  for (let pid = 1; pid <= 66_000; pid++) of.feed(containerEntry(pid, OTHER));
  of.feedAll(exchange({ pid: 65_536 })).feedAll(exchange({ pid: 65_999, conn: 8 })).finish();
  assert.equal(ids(of), "b-");
});
