import { deepEqual, equal, ok } from "node:assert/strict";
import { EntryKind } from "../../lib/capture/abi.ts";
import { encodeEntry, SocketEvent } from "../../lib/capture/event.ts";
import type { BufferLoss, CaptureSource, EventHandler } from "../../lib/capture/source.ts";
import type { TraceRecord } from "../../lib/record/record.ts";
import { type EndReason, Run, type RunOptions } from "../../lib/run.ts";
import { NdjsonSink } from "../../lib/sink/ndjson.ts";
import { StreamOutput } from "../../lib/sink/output.ts";
import type { Sink, SinkState } from "../../lib/sink/sink.ts";
import { timeAt } from "../support/events.ts";

const base = { low: 0, high: 0 };

/** Ticks, one for each time given, a few a drain; live until stopped, and then some. */
class FakeSource implements CaptureSource {
  readonly start = { base, wallSeconds: 0, wallNanos: 0, way: "fake", hostname: "", kernel: "" };
  readonly heldBytes = 0;
  stops = 0;
  waits = 0;
  readonly #times: number[];
  readonly #endless: boolean;

  constructor(times: number[], endless = false) {
    this.#times = [...times];
    this.#endless = endless;
  }
  get ended(): boolean {
    return this.#times.length === 0 && (!this.#endless || this.stops > 0);
  }
  drain(handler: EventHandler): number {
    const batch = this.#times.splice(0, 3);
    const event = new SocketEvent();
    for (const timeNs of batch) {
      const bytes = encodeEntry({ kind: EntryKind.TICK, timeNs });
      event.read(new Uint32Array(bytes.buffer), bytes, 0, bytes.length, base);
      handler(event);
    }
    return batch.length;
  }
  wait(): Promise<void> {
    this.waits++;
    return new Promise((resolve) => setTimeout(resolve, 0));
  }
  stop(): void {
    this.stops++;
  }
  losses(): readonly BufferLoss[] {
    return [];
  }
  [Symbol.dispose](): void {}
}

const record = (conn: number): TraceRecord => ({
  time: timeAt("2026-11-21T12:00:00.000000000Z"),
  protocol: "http",
  conn,
  request: {},
  response: {},
});
const plain: RunOptions = { durationNs: null, maxRecords: null, patient: false };

/** Runs with one record an event, and one more when it is finished. */
async function runWith(
  source: FakeSource,
  options: Partial<RunOptions>,
  write: (bytes: Uint8Array) => Promise<number>,
  during: (run: Run) => void = () => {},
): Promise<{ run: Run; finished: boolean }> {
  const run = new Run(source, [new NdjsonSink(new StreamOutput({ write }), false)], {
    ...plain,
    ...options,
  });
  let finished = false;
  during(run);
  await run.loop({
    isBehind: false,
    catchUp: () => true,
    onEvent: (event) => run.emit(record(event.timeNs), null),
    finish: () => {
      finished = true;
      run.emit(record(9999), null);
      return true;
    },
  });
  return { run, finished };
}

const cases: {
  name: string;
  times: number[];
  endless: boolean;
  options: Partial<RunOptions>;
  signal?: boolean;
  conns: number[];
  reason: EndReason;
}[] = [
  {
    name: "the source's end",
    times: [1, 2, 3, 4, 5],
    endless: false,
    options: {},
    conns: [1, 2, 3, 4, 5, 9999],
    reason: "source_ended",
  },
  {
    name: "--max-records, exactly",
    times: [1, 2, 3, 4, 5, 6, 7],
    endless: true,
    options: { maxRecords: 4 },
    conns: [1, 2, 3, 4],
    reason: "max_records",
  },
  {
    name: "--duration by event time, later events left out",
    times: [1, 2, 10, 11, 12],
    endless: true,
    options: { durationNs: 10 },
    conns: [1, 2, 9999],
    reason: "duration",
  },
  {
    name: "a signal, with what was captured worked off",
    times: [1, 2, 3, 4],
    endless: true,
    options: {},
    signal: true,
    conns: [1, 2, 3, 4, 9999],
    reason: "asked",
  },
];
for (const { name, times, endless, options, signal, conns, reason } of cases) {
  Deno.test(`Run.loop() ends with ${name}`, async () => {
    let text = "";
    const source = new FakeSource(times, endless);
    const { run } = await runWith(
      source,
      options,
      (bytes) => {
        text += new TextDecoder().decode(bytes);
        return Promise.resolve(bytes.length);
      },
      (run) => signal === true && run.stop("asked"),
    );
    const lines = text.trimEnd().split("\n");
    deepEqual(lines.map((line): number => JSON.parse(line).conn), conns);
    equal(run.endReason, reason);
    equal(run.records, conns.length);
    equal(source.stops, reason === "source_ended" ? 0 : 1);
  });
}

Deno.test("Run.loop() stops the source and finishes nothing when the reader went away", async () => {
  const source = new FakeSource(Array.from({ length: 1000 }, (_, i) => i + 1), true);
  const { run, finished } = await runWith(
    source,
    {},
    () => Promise.reject(new Deno.errors.BrokenPipe("Broken pipe")),
  );
  equal(run.endReason, "reader_gone");
  equal(finished, false);
  equal(source.stops, 1);
});

Deno.test("Run.loop() hands records on before it waits for more", async () => {
  let text = "";
  const source = new FakeSource([1, 2], true);
  const written = Promise.withResolvers<void>();
  const ended = runWith(
    source,
    {},
    (bytes) => {
      text += new TextDecoder().decode(bytes);
      written.resolve();
      return Promise.resolve(bytes.length);
    },
    (run) => void written.promise.then(() => run.stop("asked")),
  );
  await written.promise;
  ok(text.split("\n").length >= 3, text);
  await ended;
});

const counts: { name: string; gone: boolean[]; ends: EndReason }[] = [
  {
    name: "every record goes into each of several sinks",
    gone: [false, false],
    ends: "source_ended",
  },
  { name: "one reader that went away is no end", gone: [true, false], ends: "source_ended" },
  { name: "nobody reads any more", gone: [true, true], ends: "reader_gone" },
];
for (const { name, gone, ends } of counts) {
  Deno.test(`Run.loop(): ${name}`, async () => {
    const source = new FakeSource([1, 2, 3], ends === "reader_gone");
    const sinks = gone.map((isGone) => new CountingSink(isGone));
    const run = new Run(source, sinks, plain);
    const onEvent = (): void => run.emit(record(1), null);
    await run.loop({ onEvent, isBehind: false, catchUp: () => true, finish: () => true });
    equal(run.endReason, ends);
    for (const sink of sinks) equal(sink.records, run.records);
    deepEqual(sinks.map(({ isFinished }) => isFinished), [true, true]);
  });
}

class CountingSink implements Sink {
  records = 0;
  isFinished = false;
  readonly state: SinkState;

  constructor(readerGone: boolean) {
    this.state = { readerGone, failure: null, droppedRecords: 0 };
  }
  write(): void {
    this.records++;
  }
  flush(): void {}
  calm(): Promise<void> {
    return Promise.resolve();
  }
  finish(): Promise<void> {
    this.isFinished = true;
    return Promise.resolve();
  }
}
Deno.test("Run.loop() lets signals and output have a turn between the parts of the end", async () => {
  const write = (bytes: Uint8Array): Promise<number> => Promise.resolve(bytes.length);
  const run = new Run(
    new FakeSource([]),
    [new NdjsonSink(new StreamOutput({ write }), false)],
    plain,
  );
  let parts = 0;
  let turns = 0;
  const others = (): void => {
    turns++;
    if (parts < 50) setImmediate(others);
  };
  setImmediate(others);
  await run.loop({
    onEvent: () => {},
    isBehind: false,
    catchUp: () => true,
    finish: () => ++parts === 50,
  });
  equal(parts, 50);
  ok(turns > 40, `${turns} turns of others`);
});
