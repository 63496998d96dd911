import assert from "node:assert/strict";
import { WallClock } from "../lib/clock.ts";

Deno.test("WallClock.format() gives RFC 3339 with nanoseconds, carrying into seconds", () => {
  const clock = new WallClock({ wallSeconds: 1_800_000_000, wallNanos: 999_999_999 });
  const cases: [number, string][] = [
    [0, "2027-01-15T08:00:00.999999999Z"],
    [1, "2027-01-15T08:00:01.000000000Z"],
    [61e9, "2027-01-15T08:01:01.999999999Z"],
    [-999_999_999, "2027-01-15T08:00:00.000000000Z"],
    [-1e9, "2027-01-15T07:59:59.999999999Z"],
    [8_640_000_000_000_123, "2027-04-25T08:00:01.000000122Z"],
  ];
  for (const [ns, want] of cases) assert.equal(clock.format(ns), want);
});

Deno.test("WallClock.format() survives times that are no time", () => {
  const clock = new WallClock({ wallSeconds: 1e15, wallNanos: 0 });
  assert.match(clock.format(0), /Z$/);
});

Deno.test("WallClock.format() keeps to the nanosecond, also back and forth within a millisecond", () => {
  const clock = new WallClock({ wallSeconds: 1_800_000_000, wallNanos: 0 });
  const cases: [number, string][] = [
    [1_234_567, "2027-01-15T08:00:00.001234567Z"],
    [1_999_999, "2027-01-15T08:00:00.001999999Z"],
    [1_000_000, "2027-01-15T08:00:00.001000000Z"],
    [999_999, "2027-01-15T08:00:00.000999999Z"],
    [2_000_000, "2027-01-15T08:00:00.002000000Z"],
    [999_999_999, "2027-01-15T08:00:00.999999999Z"],
    [1_001_234_567, "2027-01-15T08:00:01.001234567Z"],
  ];
  for (const [ns, want] of cases) assert.equal(clock.format(ns), want);
});

Deno.test("WallClock.step() holds from its time on: what began before keeps the clock of then", () => {
  const clock = new WallClock({ wallSeconds: 1_800_000_000, wallNanos: 0 });
  assert.equal(clock.format(5e9), "2027-01-15T08:00:05.000000000Z");
  clock.step(6e9, { wallSeconds: 1_800_003_600, wallNanos: 500 });
  clock.step(8e9, { wallSeconds: 1_799_999_990, wallNanos: 0 });
  const cases: [number, string][] = [
    [5e9, "2027-01-15T08:00:05.000000000Z"],
    [5_999_999_999, "2027-01-15T08:00:05.999999999Z"],
    [6e9, "2027-01-15T09:00:06.000000500Z"],
    [8e9 - 1, "2027-01-15T09:00:08.000000499Z"],
    [8e9, "2027-01-15T07:59:58.000000000Z"],
    [6e9, "2027-01-15T09:00:06.000000500Z"],
    [9e9, "2027-01-15T07:59:59.000000000Z"],
  ];
  for (const [ns, want] of cases) assert.equal(clock.format(ns), want);
});

Deno.test("WallClock.step() keeps a bounded number of them", () => {
  const clock = new WallClock({ wallSeconds: 0, wallNanos: 0 });
  for (let i = 1; i <= 10_000; i++) clock.step(i * 1e9, { wallSeconds: i, wallNanos: 0 });
  assert.equal(clock.format(10_000e9), "1970-01-01T05:33:20.000000000Z");
  assert.equal(clock.format(9_990e9), "1970-01-01T05:33:00.000000000Z");
  assert.equal(clock.format(0), "1970-01-01T02:46:24.000000000Z", "the oldest that is known");
});
