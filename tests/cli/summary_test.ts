import { deepEqual, equal, match } from "node:assert/strict";
import { formatSummary } from "../../lib/cli/summary.ts";
import { Stats } from "../../lib/stats.ts";
import { Cut, EntryKind } from "../../lib/capture/abi.ts";

Deno.test("formatSummary() names records by protocol and says when nothing was lost", () => {
  const stats = new Stats();
  for (let i = 0; i < 3; i++) stats.event(EntryKind.DATA);
  stats.payloadBytes = 4096;
  stats.opened = 1;
  const lines = formatSummary({
    records: new Map([["redis", 1], ["http", 2]]),
    stats: stats.toJSON(),
    losses: [],
    kernelCounters: {},
    seconds: 2,
    cpuSeconds: 0.05,
  });
  equal(lines[0], "3 records: http 2, redis 1");
  match(lines[1] ?? "", /^3 events of 1 connection, 4 KiB, in 2\.0 s, own CPU 2\.5 %$/);
  equal(lines[2], "nothing lost");
});

Deno.test("formatSummary() names every kind of loss with its reason", () => {
  const stats = new Stats();
  stats.invalidFrame("http", "bad_chunk");
  stats.evicted = 2;
  for (let i = 0; i < 3; i++) stats.abandon("memory_limit");
  stats.droppedRecords = 5;
  const [records, , loss = ""] = formatSummary({
    records: new Map<string, number>(),
    stats: { ...stats.toJSON(), gaps: { snaplen: { count: 1, bytes: 2048 } } },
    losses: [
      { buffer: "data_events", cpu: 0, events: 3 },
      { buffer: "data_events", cpu: 1, events: 4 },
    ],
    kernelCounters: { state_full: 1 },
    replayCounts: { packets: 9, evicted_conversations: 1, early_gaps: 4 },
    seconds: 1,
    cpuSeconds: null,
  });
  equal(records, "0 records");
  for (
    const part of [
      "7 events lost in data_events",
      "1 gap snaplen, 2 KiB",
      "1 invalid in http: bad_chunk",
      "2 connections evicted",
      "3 messages given up unanswered \\(--memory-limit\\)",
      "5 records dropped",
      "1 conversation of the capture evicted \\(--memory-limit\\)",
      "4 gaps not waited for",
      "1 connection beyond the kernel's table",
    ]
  ) match(loss, new RegExp(part));
});

Deno.test("formatSummary() calls no loss what was withheld for want of a protocol", () => {
  const counters: Record<string, number>[] = [{}, { filtered_bytes: 2048 }];
  for (const kernelCounters of counters) {
    const stats = new Stats();
    stats.gap(2048, Cut.FILTERED);
    const facts = {
      records: new Map<string, number>(),
      stats: stats.toJSON(),
      losses: [],
      kernelCounters,
      seconds: 1,
      cpuSeconds: null,
    };
    deepEqual(formatSummary(facts).slice(2), [
      "nothing lost",
      "not kept: 2 KiB of connections of no known protocol (--unfiltered)",
    ]);
    stats.filteredMessage(512);
    const [missing] = formatSummary({ ...facts, stats: stats.toJSON() }).slice(2);
    equal(missing, "missing: 1 gap filtered message, 512 B");
  }
});

Deno.test("formatSummary() tells operations that no program could see from full buffers", () => {
  const lines = formatSummary({
    records: new Map<string, number>(),
    stats: new Stats().toJSON(),
    losses: [{ buffer: "data_events", cpu: 0, events: 2 }],
    kernelCounters: { nested: 2, missed: 1 },
    seconds: 1,
    cpuSeconds: null,
  });
  equal(
    lines[2],
    "missing: 2 operations met while another was at work on the same CPU; " +
      "1 operation missed: a program was still running for another task on that CPU",
  );
});
