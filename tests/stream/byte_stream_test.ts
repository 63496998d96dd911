import assert from "node:assert/strict";
import { BufferPool } from "../../lib/stream/buffer_pool.ts";
import { ByteStream } from "../../lib/stream/byte_stream.ts";
import { GAP_LOST } from "../../lib/stream/gap.ts";
import { bytesOf, seeded } from "../support/events.ts";

const A = { pid: 1, fd: 3, comm: "a" };
const B = { pid: 2, fd: 4, comm: "b" };

function put(stream: ByteStream, text: string, timeNs = 0, owner = A): void {
  const bytes = bytesOf(text);
  stream.append(bytes, 0, bytes.length, timeNs, owner);
}

function shown(stream: ByteStream): string {
  return String.fromCharCode(...stream.view());
}

Deno.test("ByteStream shows bytes up to the first gap, and behind it once it is passed", () => {
  const stream = new ByteStream(new BufferPool());
  put(stream, "abc");
  stream.appendGap(10, 2, 0, A);
  put(stream, "def");
  assert.equal(shown(stream), "abc");
  assert.equal(stream.gapBytes, 10);
  assert.equal(stream.gapReason, 2);
  stream.consume(3);
  assert.equal(shown(stream), "");
  stream.passGap();
  assert.equal(shown(stream), "def");
  assert.equal(stream.position, 13);
  assert.equal(stream.end, 16);
});

Deno.test("ByteStream.passGap() leaves a gap that is not at the front", () => {
  const stream = new ByteStream(new BufferPool());
  put(stream, "abc");
  stream.appendGap(1, 1, 0, A);
  stream.passGap();
  assert.equal(stream.position, 0);
  assert.equal(stream.gapBytes, 1);
});

Deno.test("ByteStream.skip() runs over bytes, gaps and bytes still to come", () => {
  const pool = new BufferPool();
  const stream = new ByteStream(pool);
  put(stream, "abc");
  stream.appendGap(4, 1, 0, A);
  put(stream, "de");
  stream.skip(14);
  assert.equal(stream.skipLeft, 5);
  assert.equal(stream.skippedGaps, 1 << 1);
  stream.appendGap(3, GAP_LOST, 0, A);
  put(stream, "xyz");
  assert.equal(shown(stream), "z");
  assert.equal(stream.position, 14);
  assert.equal(stream.skippedGaps, (1 << 1) | (1 << GAP_LOST));
});

Deno.test("ByteStream.skip() ends within a gap", () => {
  const stream = new ByteStream(new BufferPool());
  stream.appendGap(10, 1, 0, A);
  put(stream, "a");
  stream.skip(4);
  assert.equal(stream.gapBytes, 6);
  stream.passGap();
  assert.equal(shown(stream), "a");
});

Deno.test("ByteStream copies no bytes that were skipped before they came", () => {
  const pool = new BufferPool();
  const stream = new ByteStream(pool);
  stream.skip(1e12);
  stream.append(new Uint8Array(1 << 20), 0, 1 << 20, 5, A);
  assert.equal(pool.lentBytes, 0);
  assert.equal(stream.lastNs, 5);
});

Deno.test("ByteStream tells when and by whom the first and the last byte moved", () => {
  const stream = new ByteStream(new BufferPool());
  put(stream, "abc", 10, A);
  put(stream, "def", 20, B);
  put(stream, "ghi", 30, B);
  assert.equal(stream.frontNs, 10);
  stream.consume(2);
  assert.deepEqual([stream.lastNs, stream.frontNs, stream.frontOwner.comm], [10, 10, "a"]);
  stream.consume(1);
  assert.deepEqual([stream.lastNs, stream.frontNs, stream.frontOwner.comm], [10, 20, "b"]);
  stream.consume(4);
  assert.deepEqual([stream.lastNs, stream.frontNs], [30, 30]);
  stream.consume(2);
  assert.equal(stream.lastNs, 30);
});

Deno.test("ByteStream gives its buffer back when it is empty", () => {
  const pool = new BufferPool();
  const stream = new ByteStream(pool);
  put(stream, "abc");
  assert.ok(pool.lentBytes > 0);
  stream.consume(3);
  assert.equal(pool.lentBytes, 0);
  put(stream, "abc");
  stream.appendGap(5, 1, 0, A);
  stream.clear();
  assert.equal(pool.lentBytes, 0);
  assert.equal(stream.position, stream.end);
});

Deno.test("ByteStream equals a plain array under random use", () => {
  const random = seeded(1);
  for (let round = 0; round < 50; round++) {
    const stream = new ByteStream(new BufferPool());
    let model: number[] = [];
    let next = 0;
    for (let step = 0; step < 200; step++) {
      if (random() < 0.6) {
        const bytes = Uint8Array.from({ length: Math.floor(random() * 3000) }, () => next++ & 255);
        if (bytes.length > 0) stream.append(bytes, 0, bytes.length, step, A);
        model.push(...bytes);
      } else {
        const length = Math.floor(random() * (model.length + 1));
        if (random() < 0.5) stream.consume(length);
        else stream.skip(length);
        model = model.slice(length);
      }
      assert.deepEqual(stream.view(), Uint8Array.from(model));
    }
  }
});

Deno.test("ByteStream.borrow() shows the bytes where they are, keep() copies what is left", () => {
  const pool = new BufferPool();
  const stream = new ByteStream(pool);
  const source = bytesOf("..one two..");
  stream.borrow(source, 2, 7, 5, A);
  assert.equal(shown(stream), "one two");
  assert.equal(pool.lentBytes, 0);
  assert.equal(stream.heldBytes, 0);
  stream.consume(4);
  stream.keep();
  source.fill(0);
  assert.equal(shown(stream), "two");
  assert.ok(stream.heldBytes > 0);
  // What comes behind held bytes is copied at once.
  const more = bytesOf(" three");
  stream.borrow(more, 0, 6, 6, A);
  more.fill(0);
  assert.equal(shown(stream), "two three");
  stream.consume(9);
  assert.equal(pool.lentBytes, 0);
});

Deno.test("ByteStream.append() behind borrowed bytes copies both", () => {
  const stream = new ByteStream(new BufferPool());
  const source = bytesOf("one");
  stream.borrow(source, 0, 3, 5, A);
  stream.append(bytesOf("+two"), 0, 4, 6, A);
  source.fill(0);
  assert.equal(shown(stream), "one+two");
});
