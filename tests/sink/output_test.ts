import { equal, ok } from "node:assert/strict";
import { FileOutput, StreamOutput } from "../../lib/sink/output.ts";

/** A writer that takes `take` bytes a call, once opened. */
class Reader {
  text = "";
  calls = 0;
  #open: Promise<void>;
  #release: () => void = () => {};

  constructor(readonly take: number, stalled = false) {
    this.#open = stalled ? new Promise((resolve) => this.#release = resolve) : Promise.resolve();
  }

  release(): void {
    this.#release();
  }

  async write(bytes: Uint8Array): Promise<number> {
    await this.#open;
    return this.writeSync(bytes);
  }

  writeSync(bytes: Uint8Array): number {
    this.calls++;
    const part = bytes.subarray(0, this.take);
    this.text += new TextDecoder().decode(part);
    return part.length;
  }
}

const lines = (count: number): string[] =>
  Array.from({ length: count }, (_, i) => `{"n":${i},"pad":"${"x".repeat(40)}"}\n`);

Deno.test("StreamOutput keeps order and bytes when the pipe takes a little at a time", async () => {
  const reader = new Reader(1000);
  const output = new StreamOutput(reader);
  for (const line of lines(5000)) output.write(line, 1);
  await output.finish();
  equal(reader.text, lines(5000).join(""));
  equal(output.droppedRecords, 0);
});

Deno.test("FileOutput keeps order and bytes over short writes, in batches", async () => {
  const reader = new Reader(7000);
  const output = new FileOutput(reader);
  for (const line of lines(5000)) output.write(line, 1);
  await output.finish();
  equal(reader.text, lines(5000).join(""));
  ok(reader.calls < 100, `${reader.calls} writes`);
});

Deno.test("StreamOutput never waits for a stalled reader, drops beyond its bound and counts", async () => {
  const reader = new Reader(Infinity, true);
  const limit = 64 * 1024;
  const output = new StreamOutput(reader, limit);
  const all = lines(5000);
  for (const line of all) output.write(line, 1);
  output.flush();
  ok(output.droppedRecords > 0);
  reader.release();
  await output.finish();
  ok(reader.text.length <= limit);
  const written = reader.text.split("\n").length - 1;
  equal(written + output.droppedRecords, all.length);
  const numbers = reader.text.trimEnd().split("\n").map((line): number => JSON.parse(line).n);
  ok(numbers.every((n, i) => i === 0 || n > (numbers[i - 1] ?? n)), "whole lines, in order");
});

Deno.test("StreamOutput.calm() resolves once a slow reader has caught up", async () => {
  const reader = new Reader(Infinity, true);
  const output = new StreamOutput(reader);
  for (let i = 0; i < 9 * 1024; i++) output.write(`${"y".repeat(1023)}\n`, 1);
  output.flush();
  let calm = false;
  const waiting = output.calm().then(() => calm = true);
  await Promise.resolve();
  equal(calm, false);
  reader.release();
  await waiting;
  await output.finish();
  equal(reader.text.length, 9 * 1024 * 1024);
});

Deno.test("StreamOutput says that the reader is gone on EPIPE, and takes no more", async () => {
  const output = new StreamOutput({
    write: () => Promise.reject(new Deno.errors.BrokenPipe("Broken pipe (os error 32)")),
  });
  output.write("a\n", 1);
  await output.finish();
  equal(output.readerGone, true);
  equal(output.failure, null);
  output.write("b\n", 1);
  await output.finish();
  equal(output.droppedRecords, 0);
});

Deno.test("FileOutput keeps the error of a full disk", async () => {
  const full = new Error("No space left on device (os error 28)");
  const output = new FileOutput({
    writeSync: () => {
      throw full;
    },
  });
  output.write("a\n", 1);
  await output.finish();
  equal(output.failure, full);
  equal(output.readerGone, false);
});
