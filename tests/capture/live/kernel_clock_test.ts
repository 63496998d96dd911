/** The kernel's clocks against each other, with clocks that the test moves; and a step as an event. */
import assert from "node:assert/strict";
import { encodeEntry, SocketEvent } from "../../../lib/capture/event.ts";
import { behind, type Clocks, KernelClock } from "../../../lib/capture/live/kernel_clock.ts";
import { Recorder } from "../../../lib/capture/recording/recorder.ts";
import { UserKind, wallClockEntry, wallStartIn } from "../../../lib/capture/user_entries.ts";
import { Conversation, eventOf, START, Trace } from "../../support/events.ts";
import { linesNamed } from "../../support/lines.ts";
import { replayRecords, toNdjson } from "../../support/replay_records.ts";

const SECOND = 1_000_000_000n;

/** A machine whose clocks stand still unless told; each reading takes `readingNs`. */
class FakeClocks implements Clocks {
  monotonicNs = 5_000_000_000_000_123n;
  realtimeNs = 1_800_000_000_123_456_789n;
  readingNs = 40n;
  /** Once, before the next reading: the process has to wait. */
  preemptNs = 0n;

  monotonicSince(fromSeconds: number): number {
    return Number(this.#read().monotonic - BigInt(fromSeconds) * SECOND);
  }

  realtimeSince(fromSeconds: number): number {
    return Number(this.#read().realtime - BigInt(fromSeconds) * SECOND);
  }

  pass(ns: bigint): void {
    this.monotonicNs += ns;
    this.realtimeNs += ns;
  }

  #read(): { monotonic: bigint; realtime: bigint } {
    this.pass(this.readingNs + this.preemptNs);
    this.preemptNs = 0n;
    return { monotonic: this.monotonicNs, realtime: this.realtimeNs };
  }
}

/** Unix time of the trace's beginning by that, in nanoseconds. */
function unixNs({ wallSeconds, wallNanos }: { wallSeconds: number; wallNanos: number }): bigint {
  return BigInt(wallSeconds) * SECOND + BigInt(wallNanos);
}

function trueStartNs(clocks: FakeClocks, clock: KernelClock): bigint {
  const { low, high } = clock.start.base;
  return clocks.realtimeNs - clocks.monotonicNs + (BigInt(high) << 32n) + BigInt(low);
}

function near(got: bigint, want: bigint): void {
  const apart = Number(got - want);
  assert.ok(Math.abs(apart) < 100, `${apart} ns apart`);
}

Deno.test("KernelClock tells when the trace began, and how long ago", () => {
  const clocks = new FakeClocks();
  const clock = new KernelClock(clocks);
  near(unixNs(clock.start), trueStartNs(clocks, clock));
  const before = clock.now();
  clocks.pass(7n * SECOND);
  assert.equal(clock.now() - before, 7e9 + 40);
});

const steps: { name: string; ns: bigint; want: boolean }[] = [
  { name: "an hour ahead", ns: 3600n * SECOND, want: true },
  { name: "a second back", ns: -SECOND, want: true },
  { name: "2 ms ahead", ns: 2_000_000n, want: true },
  { name: "half a millisecond back", ns: -500_000n, want: false },
  { name: "twenty years back", ns: -630_000_000n * SECOND, want: true },
  { name: "to 2106", ns: 2_500_000_000n * SECOND, want: true },
];
for (const { name, ns, want } of steps) {
  Deno.test(`KernelClock.stepped() after a step: ${name}`, () => {
    const clocks = new FakeClocks();
    const clock = new KernelClock(clocks);
    clocks.pass(90n * SECOND);
    assert.equal(clock.stepped(), null);
    clocks.realtimeNs += ns;
    const told = clock.stepped();
    assert.equal(told !== null, want);
    if (told !== null) near(unixNs(told), trueStartNs(clocks, clock));
    clocks.pass(90n * SECOND);
    assert.equal(clock.stepped(), null, "told once");
  });
}

Deno.test("KernelClock.stepped() sees a sleep: the monotonic clock did not run", () => {
  const clocks = new FakeClocks();
  const clock = new KernelClock(clocks);
  clocks.realtimeNs += 3600n * SECOND;
  const told = clock.stepped();
  assert.notEqual(told, null);
  near(unixNs(told ?? clock.start), trueStartNs(clocks, clock));
});

Deno.test("KernelClock.stepped() takes no preemption for a step, and no slewing", () => {
  const clocks = new FakeClocks();
  const clock = new KernelClock(clocks);
  for (let i = 0; i < 1000; i++) {
    // Slewed clocks run at another rate, both of them.
    clocks.pass(50_025_000n);
    clocks.preemptNs = BigInt(i % 7) * 1_000_000n;
    clocks.readingNs = BigInt(20 + i % 50);
    assert.equal(clock.stepped(), null);
  }
});

Deno.test("KernelClock.stepped() adds up small steps, so that they are not lost for good", () => {
  const clocks = new FakeClocks();
  const clock = new KernelClock(clocks);
  const told: number[] = [];
  for (let i = 1; i <= 10; i++) {
    clocks.realtimeNs += 300_000n;
    const start = clock.stepped();
    if (start === null) continue;
    told.push(i);
    near(unixNs(start), trueStartNs(clocks, clock));
  }
  assert.deepEqual(told, [4, 8]);
});

Deno.test("a step of the wall clock shows in the records from then on, in a replay as well", async () => {
  const lines = linesNamed("lines");
  const of = new Trace({ protocols: [lines] });
  const talk = new Conversation({ startNs: 0, stepNs: 1e9 });
  talk.say("request", "?a\n").say("response", "!b\n").say("request", "?c\n");
  talk.entries.push(wallClockEntry({ wallSeconds: START.wallSeconds - 60, wallNanos: 7 }, 3.5e9));
  talk.say("response", "!d\n").say("request", "?e\n").say("response", "!f\n");
  const folder = await Deno.makeTempDir();
  try {
    const path = `${folder}/trace.rec`;
    const recorder = new Recorder(path, START, { version: "0", filters: {} });
    for (const entry of talk.entries) {
      recorder.onEvent(eventOf(entry));
      of.feed(entry);
    }
    recorder.close();
    of.finish();
    assert.deepEqual(of.records.map(({ time, latency_ns }) => [time.toString(), latency_ns]), [
      ["2026-11-21T12:00:01.000000000Z", 1e9],
      ["2026-11-21T12:00:03.000000000Z", 1e9],
      ["2026-11-21T11:59:05.000000007Z", 1e9],
    ]);
    assert.equal(toNdjson(replayRecords(path, { protocols: [lines] })), toNdjson(of.records));
  } finally {
    await Deno.remove(folder, { recursive: true });
  }
});

Deno.test("wallStartIn() refuses what is no time", () => {
  const good = wallClockEntry({ wallSeconds: -5, wallNanos: 999_999_999 }, 1);
  const event = new SocketEvent();
  const read = (payload: Uint8Array): ReturnType<typeof wallStartIn> => {
    const bytes = encodeEntry({ kind: UserKind.WALL_CLOCK, payload });
    const base = { low: 0, high: 0 };
    assert.ok(event.read(new Uint32Array(bytes.buffer), bytes, 0, bytes.length, base));
    return wallStartIn(event);
  };
  const payload = good.payload ?? new Uint8Array(0);
  assert.deepEqual(read(payload), { wallSeconds: -5, wallNanos: 999_999_999 });
  assert.equal(read(payload.subarray(0, 11)), null);
  assert.equal(read(new Uint8Array(12).fill(255)), null);
  assert.equal(read(payload.map((byte, i) => i < 8 ? byte : 255)), null);
});

Deno.test("behind() takes off what a time namespace adds to the monotonic clock", () => {
  for (const aheadNs of [1_000_000_000_007, -1_500_000_000, 0]) {
    const clocks = new FakeClocks();
    clocks.readingNs = 0n;
    const shifted = new FakeClocks();
    shifted.readingNs = 0n;
    shifted.monotonicNs += BigInt(aheadNs);
    const own = behind(shifted, aheadNs);
    assert.equal(own.monotonicSince(4999), clocks.monotonicSince(4999));
    assert.equal(own.realtimeSince(0), clocks.realtimeSince(0));
  }
});
