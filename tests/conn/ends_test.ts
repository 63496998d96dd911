/** How connections end: late readers, reused ids, what never came, and unix sockets. */
import assert from "node:assert/strict";
import {
  CloseTotals,
  Cut,
  Direction,
  EntryKind,
  Family,
  Flag,
  OpenNames,
} from "../../lib/capture/abi.ts";
import type { EntryFields } from "../../lib/capture/event.ts";
import type { TraceRecord } from "../../lib/record/record.ts";
import { Conversation, Trace } from "../support/events.ts";
import { linesNamed } from "../support/lines.ts";

const lines = linesNamed("lines");
const SECOND = 1e9;

function trace(more: Partial<ConstructorParameters<typeof Trace>[0]> = {}): Trace {
  return new Trace({ protocols: [lines], ...more });
}

/** "request/response reasons" of each record. */
function brief(records: readonly TraceRecord[]): string[] {
  const text = (message: object | null): string =>
    message !== null && "text" in message ? String(message.text) : "null";
  return records.map(({ request, response, incomplete }) =>
    `${text(request)}/${text(response)}${incomplete ? ` ${incomplete.join(",")}` : ""}`
  );
}

/** A client that has asked, and whose answer still waits in the socket's queue at ENTRY_CLOSE. */
function unread(answer: number): Conversation {
  return new Conversation({ role: "client" }).open().say("request", "?a\n").miss("response", answer)
    .close();
}

/** The answer, read `afterNs` after ENTRY_CLOSE. */
function readLate(talk: Conversation, text: string, afterNs: number): EntryFields[] {
  const startNs = talk.timeNs + afterNs;
  return new Conversation({ role: "client", startNs }).say("response", text).entries;
}

Deno.test("a closed connection waits for a late reader of what was received", () => {
  const of = trace({ requestTimeoutMs: 100_000 });
  const talk = unread(3);
  of.feedAll(talk.entries).feedAll(readLate(talk, "!b\n", 5 * SECOND));
  assert.deepEqual(brief(of.records), ["a/b"]);
  assert.deepEqual(of.stats.toJSON().gaps, {});
  assert.deepEqual(of.stats.opened, 1);
});

const ends: { name: string; entry?: Partial<EntryFields>; afterNs: number; want: boolean }[] = [
  { name: "not after a second", afterNs: SECOND, want: false },
  { name: "after a minute", afterNs: 61 * SECOND, want: true },
  {
    name: "after the last owner's exit",
    entry: { kind: EntryKind.EXIT },
    afterNs: 2e8,
    want: true,
  },
  {
    name: "after ENTRY_EOF",
    entry: { kind: EntryKind.EOF, direction: Direction.INGRESS, position: 2000 },
    afterNs: 2e8,
    want: true,
  },
];
for (const { name, entry, afterNs, want } of ends) {
  Deno.test(`a closed connection with bytes unread is given up: ${name}`, () => {
    const of = trace({ requestTimeoutMs: 100_000 });
    const talk = unread(3);
    of.feedAll(talk.entries);
    if (entry !== undefined) {
      const flags = Flag.TCP_POSITION;
      of.feed({ kind: EntryKind.EXIT, timeNs: talk.timeNs, conn: 7, pid: 100, flags, ...entry });
    }
    of.feed({ kind: EntryKind.TICK, timeNs: talk.timeNs + afterNs });
    assert.equal(of.stats.closed, want ? 1 : 0);
    assert.deepEqual(brief(of.records), want ? ["a/null closed"] : []);
    assert.deepEqual(of.stats.toJSON().gaps, want ? { unseen: { count: 1, bytes: 3 } } : {});
  });
}

const readers: { name: string; unread: number; late: string; want: object }[] = [
  { name: "nobody reads them", unread: 3, late: "", want: {} },
  { name: "one reads some of them late", unread: 3, late: "!b", want: {} },
  {
    name: "others were read unseen",
    unread: 2,
    late: "",
    want: { unseen: { count: 1, bytes: 1 } },
  },
];
for (const { name, unread: bytes, late, want } of readers) {
  Deno.test(`bytes that ENTRY_CLOSE says are unread are no gap: ${name}`, () => {
    const of = trace({ requestTimeoutMs: 100_000 });
    const talk = unread(3);
    const entries = talk.entries.map((entry) =>
      entry.kind === EntryKind.CLOSE ? { ...entry, total: bytes } : entry
    );
    of.feedAll(entries).feedAll(readLate(talk, late, SECOND));
    of.feed({ kind: EntryKind.TICK, timeNs: talk.timeNs + 62 * SECOND });
    assert.equal(of.stats.closed, 1);
    assert.deepEqual(brief(of.records), ["a/null closed"]);
    assert.deepEqual(of.stats.toJSON().gaps, want);
  });
}

Deno.test("bytes sent that do not come are waited for 100 ms only", () => {
  const of = trace();
  const talk = new Conversation().open().say("request", "?a\n").miss("response", 5).close();
  of.feedAll(talk.tick(2e8).entries);
  assert.equal(of.stats.closed, 1);
  // Without an ENTRY_EOF a FIN may be one of them.
  assert.deepEqual(of.stats.toJSON().gaps, { unseen: { count: 1, bytes: 6 } });
});

Deno.test("the position of our own ENTRY_EOF tells the trailing gap without the FIN", () => {
  const talk = new Conversation().say("request", "?a\n").say("response", "#9\n12").miss(
    "response",
    7,
  ).eof("response").close();
  const of = trace();
  of.feedAll(talk.tick(2e8).entries);
  assert.deepEqual(of.stats.toJSON().gaps, { unseen: { count: 1, bytes: 7 } });
  assert.equal(of.records[0]?.incomplete?.includes("gap"), true);
});

Deno.test("a FIN of our own is no gap, and the connection ends at once", () => {
  const of = trace();
  of.feedAll(
    new Conversation().open().say("request", "?a\n").say("response", "!b\n").close().entries,
  );
  of.finish();
  assert.deepEqual(brief(of.records), ["a/b"]);
  assert.deepEqual(of.stats.toJSON().gaps, {});
});

Deno.test("a connection of which only the totals tell has a record, and a gap of its size", () => {
  const talk = new Conversation().open().miss("request", 3000).close().tick(2e8);
  const of = trace({ showUnknown: true });
  of.feedAll(talk.entries);
  assert.deepEqual(of.stats.toJSON().gaps, { unseen: { count: 1, bytes: 3000 } });
  const { protocol, role, pid, comm, request_bytes } = of.records[0] ?? {};
  assert.deepEqual([protocol, role, pid, comm, request_bytes], [
    "unknown",
    "server",
    100,
    "server",
    3000,
  ]);
  assert.equal(of.pipeline.heldBytes, 0);
});

Deno.test("a message whose end never came says so, by the reason", () => {
  const cases = [
    { name: "unseen", lost: 0, want: "gap" },
    { name: "lost_events", lost: 3, want: "lost_events" },
  ];
  for (const { name, lost, want } of cases) {
    const talk = new Conversation({ role: "client" }).say("request", "?1\n")
      .say("response", "#20\n0123");
    if (lost > 0) talk.lost(lost);
    talk.miss("response", 16).close().exit().tick(2e8);
    const of = trace();
    of.feedAll(talk.entries);
    assert.deepEqual(of.stats.toJSON().gaps, { [name]: { count: 1, bytes: 16 } });
    assert.deepEqual(of.records[0]?.incomplete, [want]);
  }
});

Deno.test("late entries of a closed and forgotten id open no connection, ENTRY_OPEN does", () => {
  const of = trace();
  const talk = new Conversation().say("request", "?a\n").say("response", "!b\n").close().tick(2e8);
  of.feedAll(talk.entries);
  assert.equal(of.stats.closed, 1);
  of.feedAll(new Conversation({ startNs: talk.timeNs }).say("request", "?late\n").entries);
  assert.equal(of.stats.opened, 1);
  const next = new Conversation({ startNs: talk.timeNs + 1e6, egressStart: 9, ingressStart: 77 });
  of.feedAll(next.open().say("request", "?c\n").say("response", "!d\n").close().entries);
  assert.equal(of.stats.opened, 2);
  assert.deepEqual(brief(of.records), ["a/b", "c/d"]);
});

Deno.test("a socket that connects anew under its id ends the connection before", () => {
  const of = trace();
  const talk = unread(3);
  const next = new Conversation({ role: "client", startNs: talk.timeNs, egressStart: 5 });
  next.open().say("request", "?c\n").say("response", "!d\n").close();
  of.feedAll(talk.entries).feedAll(next.entries);
  assert.deepEqual(brief(of.records), ["a/null closed", "c/d"]);
  assert.equal(of.stats.opened, 2);
});

Deno.test("what the kernel withholds for want of a protocol is counted as filtered alone", () => {
  const talk = new Conversation({ role: "client" }).open().say("request", "junk\n")
    .sayCut("request", "more", 2000, Cut.FILTERED)
    // Mere counts may wait for the close.
    .miss("request", 5000).sayCut("request", "", 300, Cut.FILTERED).miss("request", 70)
    .close().tick(2e8);
  const of = trace({ showUnknown: true });
  of.feedAll(talk.entries);
  assert.equal(of.stats.closed, 1);
  assert.deepEqual(Object.keys(of.stats.toJSON().gaps), ["filtered"]);
  assert.equal(of.records[0]?.request_bytes, 5 + 2000 + 5000 + 300 + 70);
});

/** As the kernel tells of a unix stream: positions from 0, nothing known of its past. */
function unixTalk(): Conversation {
  const options = { tcp: false, fresh: false, egressStart: 0, ingressStart: 0 };
  return new Conversation(options).open();
}

function runUnix(talk: Conversation, more: Parameters<typeof trace>[0] = {}): TraceRecord[] {
  for (const entry of talk.entries) entry.family = Family.UNIX;
  const of = trace(more);
  of.feedAll(talk.entries);
  return of.finish();
}

Deno.test("a unix connection is not called mid_stream for being one", () => {
  const pair = unixTalk().say("request", "?a\n").say("response", "!b\n");
  assert.deepEqual(brief(runUnix(pair)), ["a/b"]);
  const unknown = unixTalk().say("request", "hello").say("response", "there");
  assert.deepEqual(runUnix(unknown, { showUnknown: true })[0]?.incomplete, ["trace_end"]);
});

Deno.test("a unix connection that begins with a response is mid_stream there", () => {
  const talk = unixTalk().say("response", "!early\n").say("request", "?a\n")
    .say("response", "!b\n");
  assert.deepEqual(brief(runUnix(talk)), ["null/early mid_stream", "a/b"]);
});

Deno.test("an ENTRY_CLOSE of any totals is survived", () => {
  const values = [0n, 1n, 2n ** 31n, 2n ** 32n - 1n, 2n ** 53n, 2n ** 64n - 1n];
  for (const tcp of [true, false]) {
    for (const value of values) {
      const talk = new Conversation({ tcp }).open().say("request", "?a\n").close();
      const close = talk.entries.at(-1)?.payload;
      const open = talk.entries[0]?.payload;
      if (close === undefined || open === undefined) throw new Error("Cannot find the entries");
      const view = new DataView(close.buffer);
      view.setBigUint64(CloseTotals.ingress_position, value, true);
      view.setBigUint64(CloseTotals.egress_position, value, true);
      view.setBigUint64(CloseTotals.egress_bytes, value, true);
      new DataView(open.buffer).setBigUint64(OpenNames.egress_position, value, true);
      const of = trace({ showUnknown: true });
      of.feedAll(talk.tick(70e9).entries);
      of.finish();
      assert.equal(of.pipeline.heldBytes, 0);
      assert.equal(of.records.length, 1);
    }
  }
});
