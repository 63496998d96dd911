/**
 * How fast events are read: the merge alone over rings in memory, and with the kernel as producer
 * (root, clang-19). Goal: 2 M events/s of 64 bytes and 1 GB/s of 512 bytes on one core.
 */
import { PerfRing } from "../../ffi/perf_ring.ts";
import { EntryKind } from "../../lib/capture/abi.ts";
import { encodeEntry } from "../../lib/capture/event.ts";
import { Merger } from "../../lib/capture/live/merge.ts";
import { openProducer } from "../ffi/producer.ts";
import { figure } from "./support/report.ts";

const BASE = { low: 0, high: 0 };
const PAGE = 4096;
const SAMPLE_BYTES = 16000;
/** By payload size. */
const GOALS: Readonly<Record<number, string>> = { 64: "≥ 2 M events/s", 512: "≥ 1 GB/s" };

/** A ring full of samples, to be read again and again; times interleave with those of the others. */
function syntheticRing(cpu: number, cpus: number, payload: number, sizeBytes: number) {
  const memory = new ArrayBuffer(PAGE + sizeBytes);
  const admin = new Uint32Array(memory, 0, PAGE / 4);
  const bytes = new Uint8Array(memory, PAGE);
  const view = new DataView(memory, PAGE);
  const perSample = Math.floor(SAMPLE_BYTES / (120 + payload));
  let at = 0;
  let sequence = 0;
  for (;;) {
    const start = at;
    let end = at + 12;
    if (end + perSample * (120 + payload + 8) + 8 > sizeBytes) break;
    for (let i = 0; i < perSample; i++) {
      // Runs of 8 entries of one CPU, as request and response come.
      const timeNs = (Math.floor(sequence / 8) * cpus + cpu) * 8 + sequence % 8;
      const entry = encodeEntry({
        kind: EntryKind.DATA,
        sequence: sequence++,
        conn: 1,
        timeNs,
        payload: new Uint8Array(payload),
      });
      bytes.set(entry, end);
      end += entry.length;
    }
    at = (end + 7) & ~7;
    view.setUint32(start, 9, true);
    view.setUint16(start + 6, at - start, true);
    view.setUint32(start + 8, end - start - 12, true);
  }
  admin[1024 / 4] = at;
  return { memory, entries: sequence, rewind: () => void (admin[1032 / 4] = 0) };
}

function benchSynthetic(cpus: number, payload: number): void {
  const sources = Array.from(
    { length: cpus },
    (_, cpu) => syntheticRing(cpu, cpus, payload, Math.max(1 << 17, (1 << 22) / cpus)),
  );
  let events = 0;
  let sum = 0;
  let elapsed = 0;
  for (let round = 0; elapsed < 600; round++) {
    for (const source of sources) source.rewind();
    const rings = sources.map((source, cpu) => new PerfRing(source.memory, cpu));
    const merger = new Merger(rings, [], BASE);
    const began = performance.now();
    merger.begin(Infinity);
    while (!merger.idle) {
      events += merger.drain((event) => void (sum += event.payloadLength));
    }
    if (round > 2) elapsed += performance.now() - began;
    else events = sum = 0;
  }
  report(`${cpus} rings in memory`, payload, events, sum, elapsed);
}

function benchKernel(payload: number): void {
  const shape = { payload, entries: Math.floor(SAMPLE_BYTES / (120 + payload)), samples: 64 };
  using producer = openProducer(shape, 1 << 23);
  const merger = new Merger(producer.rings.rings, [], BASE);
  let events = 0;
  let sum = 0;
  let elapsed = 0;
  for (let round = 0; elapsed < 600; round++) {
    for (const cpu of producer.cpus) for (let i = 0; i < 4; i++) producer.produce(cpu);
    const began = performance.now();
    merger.begin(Infinity);
    while (!merger.idle) {
      events += merger.drain((event) => void (sum += event.payloadLength));
    }
    if (round > 2) elapsed += performance.now() - began;
    else events = sum = 0;
  }
  const lost = merger.losses().reduce((total, loss) => total + loss.events, 0);
  report(
    `${producer.cpus.length} rings of the kernel`,
    payload,
    events,
    sum,
    elapsed,
    `, ${lost} lost`,
  );
}

function report(
  where: string,
  payload: number,
  events: number,
  bytes: number,
  elapsedMs: number,
  more = "",
): void {
  const rate = events / elapsedMs / 1000;
  const volume = bytes / elapsedMs / 1e6;
  const cost = elapsedMs * 1e6 / events;
  figure(
    `reader, ${payload} B events, ${where}`,
    `${rate.toFixed(2)} M events/s, ${volume.toFixed(2)} GB/s, ${cost.toFixed(0)} ns/event${more}`,
    GOALS[payload] ?? "",
  );
}

if (import.meta.main) {
  for (const cpus of [2, 128]) {
    for (const payload of [64, 512]) benchSynthetic(cpus, payload);
  }
  for (const payload of [64, 512, 4096]) benchKernel(payload);
}
