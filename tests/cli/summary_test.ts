import { equal, match } from "node:assert/strict";
import { formatSummary } from "../../lib/cli/summary.ts";
import { Stats } from "../../lib/stats.ts";
import { EntryKind } from "../../lib/capture/abi.ts";

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
  stats.droppedRecords = 5;
  const [records, , loss = ""] = formatSummary({
    records: new Map(),
    stats: { ...stats.toJSON(), gaps: { snaplen: { count: 1, bytes: 2048 } } },
    losses: [
      { buffer: "data_events", cpu: 0, events: 3 },
      { buffer: "data_events", cpu: 1, events: 4 },
    ],
    kernelCounters: { state_full: 1 },
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
      "5 records dropped",
      "1 connection beyond the kernel's table",
    ]
  ) match(loss, new RegExp(part));
});
