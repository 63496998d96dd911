import assert from "node:assert/strict";
import { Cut } from "../../lib/capture/abi.ts";
import { BufferPool } from "../../lib/stream/buffer_pool.ts";
import { ByteStream } from "../../lib/stream/byte_stream.ts";
import { FrameDriver } from "../../lib/stream/frame_driver.ts";
import { Pairing } from "../../lib/stitch/pairing.ts";
import { GAP_LOST } from "../../lib/stream/gap.ts";
import {
  type Exchange,
  type ParseContext,
  type ParseResult,
  type Protocol,
  type Side,
  type Timed,
} from "../../protocols/protocol.ts";
import { bytesOf } from "../support/events.ts";

const OWNER = { pid: 9, fd: 3, comm: "a" };
type Parse = (bytes: Uint8Array, context: ParseContext<null>) => ParseResult<string>;

/** A driver over a protocol whose parseFrame() is given; "." is where frames may start. */
function setUp(
  parse: Parse,
  abandoned: string | null = null,
  maxFrameBytes = 1 << 20,
  findBoundary: Protocol<string, null, Exchange, null>["findBoundary"] = findDot,
  side: Side = "request",
) {
  const protocol: Protocol<string, null, Exchange, null> = {
    name: "test",
    ports: [],
    transports: ["stream"],
    probe: () => "yes",
    createTrace: () => null,
    createState: () => null,
    parseFrame: parse,
    findBoundary,
    abandon: () => abandoned === null ? null : { frame: abandoned },
    stitch: () => [],
    outline: () => ({ operation: "", target: "", outcome: "ok", attributes: {} }),
    summarize: () => ({ request: "", response: "" }),
  };
  const pool = new BufferPool(), stream = new ByteStream(pool);
  const queue: Timed<string>[] = [];
  const seen = {
    invalid: [] as string[],
    resynced: 0,
    abandoned: [] as string[],
    frames: 0,
    gaps: [] as string[],
    passes: [] as (number | null)[],
  };
  const report = {
    frame: () => seen.frames++,
    invalid: (_side: string, reason: string) => seen.invalid.push(reason),
    resync: (_side: string, bytes: number) => seen.resynced += bytes,
    abandoned: (_side: string, reason: string) => seen.abandoned.push(reason),
    gap: (_side: string, bytes: number, reason: string) => seen.gaps.push(`${bytes} ${reason}`),
    pass: (_side: string, until: number | null) => seen.passes.push(until),
  };
  const pairing = new Pairing();
  const driver = new FrameDriver({
    protocol,
    side,
    transport: "stream",
    state: null,
    pairing,
    stream,
    queue,
    report,
    maxFrameBytes,
    pool,
  });
  const put = (text: string, timeNs = 0): void => {
    stream.append(bytesOf(text), 0, text.length, timeNs, OWNER);
    driver.run();
  };
  const gap = (length: number, reason: number): void => {
    stream.appendGap(length, reason, 0, OWNER);
    driver.run();
  };
  return { driver, stream, queue, seen, pairing, put, gap };
}

function findDot(bytes: Uint8Array, from: number): number {
  const at = bytes.indexOf(0x2e, from);
  return at < 0 ? bytes.length : at;
}

/** Frames ".xyz;" of any length. */
const parseDots: Parse = (bytes, { ended }) => {
  if (bytes.length === 0) return { kind: "need_more", minBytes: 1 };
  if (bytes[0] !== 0x2e) return { kind: "invalid", reason: "no_dot" };
  const end = bytes.indexOf(0x3b);
  if (end < 0 && !ended) return { kind: "need_more", minBytes: bytes.length + 1 };
  if (end < 0) return { kind: "need_more", minBytes: Infinity };
  return { kind: "frame", frame: String.fromCharCode(...bytes.subarray(0, end)), length: end + 1 };
};

Deno.test("FrameDriver takes every frame and gives each its span", () => {
  const { put, queue } = setUp(parseDots);
  put(".a", 10);
  put("b;.c", 20);
  put(";", 30);
  assert.deepEqual(
    queue.map(({ frame, startNs, endNs, bytes, pid }) => ({ frame, startNs, endNs, bytes, pid })),
    [
      { frame: ".ab", startNs: 10, endNs: 20, bytes: 4, pid: 9 },
      { frame: ".c", startNs: 20, endNs: 30, bytes: 3, pid: 9 },
    ],
  );
});

Deno.test("FrameDriver counts what is invalid and goes on at the next boundary", () => {
  const { put, queue, seen } = setUp(parseDots);
  put("garbage.a;");
  assert.deepEqual(queue.map(({ frame, loss }) => [frame, loss !== null]), [[".a", true]]);
  assert.deepEqual([seen.invalid, seen.resynced], [["no_dot"], 7]);
});

Deno.test("FrameDriver abandons at a gap and resyncs behind it", () => {
  const { put, gap, queue, seen } = setUp(parseDots, "half");
  put(".a;.bc");
  gap(5, GAP_LOST);
  put("rest;.d;");
  assert.deepEqual(
    queue.map(({ frame, incomplete, loss }) => [frame, incomplete.join(), loss !== null]),
    [[".a", "", false], ["half", "lost_events", false], [".d", "", true]],
  );
  assert.deepEqual(seen.abandoned, ["lost_events"]);
});

Deno.test("FrameDriver looks again while few bytes of a start that it found are there", () => {
  // A dot alone may be a start, one before an "a" is one.
  const find = (bytes: Uint8Array, from: number): number => {
    let at = findDot(bytes, from);
    while (at + 1 < bytes.length && bytes[at + 1] !== 0x61) at = findDot(bytes, at + 1);
    return at;
  };
  for (const pieces of [["x.b.a;"], [..."x.b.a;"]]) {
    const { put, queue, seen } = setUp(parseDots, null, 1 << 20, find);
    for (const piece of pieces) put(piece);
    assert.deepEqual(queue.map(({ frame, bytes }) => [frame, bytes]), [[".a", 3]]);
    assert.deepEqual([seen.invalid, seen.resynced], [["no_dot"], 3]);
  }
});

Deno.test("FrameDriver tells which starts it searched for, and of which side", () => {
  for (const side of ["request", "response"] as const) {
    const found: string[] = [];
    const { put, gap, pairing } = setUp(
      (bytes, context) => {
        const { length } = bytes;
        if (length > 0) found.push(`${context.isFound} ${length}`);
        const second = bytes[1] === 0x62 && context.isFound; // ".b" is skipped to its end
        return second ? { kind: "skip", length: 2 } : parseDots(bytes, context);
      },
      null,
      undefined,
      findDot,
      side,
    );
    put(".a;.a;");
    assert.deepEqual([found.splice(0), pairing.mayBeInside], [["false 6", "false 3"], false], side);
    gap(1, GAP_LOST);
    put("x.c;.a;");
    assert.deepEqual(found.splice(0), ["true 6", "false 3"], side);
    assert.equal(pairing.mayBeInside, side === "response");
    gap(1, GAP_LOST);
    put(".b.c;.a;");
    assert.deepEqual(found.splice(0), ["true 8", "false 6", "false 3"], side);
    pairing.aligned();
    assert.deepEqual([pairing.isAligned, pairing.mayBeInside], [true, false], side);
  }
});

Deno.test("FrameDriver tells what was dropped before, and forgets it at a gap", () => {
  const told: string[] = [];
  const { put, gap } = setUp(parseDots, null, 1 << 20, (bytes, from, { before = [] }) => {
    told.push(`${String.fromCharCode(...before)}|${String.fromCharCode(...bytes)}`);
    return findDot(bytes, from);
  });
  for (const piece of ["x", "y", "zw"]) put(piece);
  gap(5, GAP_LOST);
  put("v");
  assert.deepEqual(told, ["|x", "x|y", "xy|zw", "|v"]);
});

const KIB = 1024;
const GIB = 1024 ** 3;
const skips: { bytes: number; passes: (number | null)[] }[] = [
  { bytes: 256 * KIB - 1, passes: [] },
  { bytes: 256 * KIB + 1, passes: [256 * KIB + 1, null] },
  { bytes: 2 * GIB, passes: [GIB + 1, 1.5 * GIB + 2, 2 * GIB, null] },
  { bytes: 1.5 * GIB + 100 * KIB, passes: [GIB + 1, 1.5 * GIB + 2, null] },
];
for (const { bytes, passes } of skips) {
  Deno.test(`FrameDriver tells once how far it skips: ${bytes} bytes`, () => {
    const { put, gap, seen } = setUp((shown) =>
      shown[0] === 0x2e ? { kind: "skip", length: bytes } : { kind: "need_more", minBytes: 2 }
    );
    put(".");
    put("x");
    for (let left = bytes - 2; left > 0; left -= GIB / 2) gap(Math.min(left, GIB / 2), Cut.PASSED);
    assert.deepEqual(seen.gaps, []);
    put("y");
    assert.deepEqual(seen.passes, passes);
  });
}

Deno.test("FrameDriver marks a frame whose skipped bytes have a gap", () => {
  let skipped = false;
  const { put, gap, queue, seen } = setUp((bytes) => {
    if (skipped) {
      skipped = false;
      return { kind: "frame", frame: "body", length: 0 };
    }
    if (bytes.length === 0) return { kind: "need_more", minBytes: 1 };
    skipped = true;
    return { kind: "skip", length: 100 };
  });
  put("x".repeat(40), 1);
  gap(30, 1);
  assert.equal(queue.length, 0);
  put("x".repeat(30), 7);
  assert.deepEqual(seen.gaps, ["30 snaplen"]);
  assert.deepEqual(
    queue.map(({ frame, bytes, incomplete, startNs, endNs }) => [
      frame,
      bytes,
      incomplete.join(),
      startNs,
      endNs,
    ]),
    [["body", 100, "truncated", 1, 7]],
  );
});

Deno.test("FrameDriver.end() settles a frame whose skipped bytes never came", () => {
  const { driver, put, queue } = setUp(() => ({ kind: "skip", length: 100 }), "half");
  put("x".repeat(40));
  driver.end("closed");
  driver.run();
  assert.deepEqual(queue.map(({ frame, incomplete }) => [frame, incomplete]), [
    ["half", ["closed"]],
  ]);
});

Deno.test("FrameDriver abandons a frame beyond its bound as truncated", () => {
  const { put, queue, stream, seen } = setUp(parseDots, "half", 1000);
  put("." + "x".repeat(2000));
  assert.deepEqual(queue.map(({ incomplete }) => incomplete), [["truncated"]]);
  assert.equal(stream.heldBytes, 0);
  put("rest.a;");
  assert.equal(queue[1]?.frame, ".a");
  assert.equal(seen.resynced, 4);
});

const stubborn: { name: string; result: ParseResult<string> }[] = [
  { name: "a frame of no length", result: { kind: "frame", frame: "", length: 0 } },
  { name: "a frame longer than what is there", result: { kind: "frame", frame: "", length: 99 } },
  { name: "a frame of negative length", result: { kind: "frame", frame: "", length: -1 } },
  { name: "a frame of half a byte", result: { kind: "frame", frame: "", length: 0.5 } },
  { name: "a frame of NaN bytes", result: { kind: "frame", frame: "", length: NaN } },
  { name: "a skip of nothing", result: { kind: "skip", length: 0 } },
  { name: "a skip backwards", result: { kind: "skip", length: -5 } },
  { name: "a skip of NaN bytes", result: { kind: "skip", length: NaN } },
];
for (const { name, result } of stubborn) {
  Deno.test(`FrameDriver takes ${name} for invalid and moves on`, () => {
    const { put, queue, stream, seen } = setUp(() => result);
    put("..........");
    assert.equal(queue.length, 0);
    assert.equal(stream.shownBytes, 0);
    assert.equal(seen.invalid.length, 10);
    assert.equal(seen.invalid[0], "no_progress");
  });
}

Deno.test("FrameDriver waits when need_more asks for less than is there", () => {
  let calls = 0;
  const { put } = setUp(() => {
    calls++;
    return { kind: "need_more", minBytes: 0 };
  });
  put("..");
  assert.equal(calls, 1);
  put(".");
  assert.equal(calls, 2);
});

Deno.test("FrameDriver does not ask again before the bytes asked for are there", () => {
  let calls = 0;
  const { put } = setUp((bytes) => {
    calls++;
    return bytes.length < 100
      ? { kind: "need_more", minBytes: 100 }
      : { kind: "frame", frame: "x", length: 100 };
  });
  for (let i = 0; i < 100; i++) put("x");
  assert.equal(calls, 2);
});

Deno.test("FrameDriver stops at a switch and leaves the rest", () => {
  const { driver, put, stream } = setUp(() => ({ kind: "switch", length: 3, to: "other" }));
  put("abcdef");
  assert.equal(driver.next?.to, "other");
  assert.equal(stream.shownBytes, 3);
});

Deno.test("FrameDriver returns where positions no longer move", () => {
  const { stream, put, gap, seen } = setUp(parseDots);
  put(".a;xx");
  gap(2 ** 56, GAP_LOST);
  put(".b;");
  put("xx.c;");
  assert.equal(stream.shownBytes, 0);
  assert.equal(seen.frames, 1);
});

Deno.test("FrameDriver gives up what was looked at in vain, however it is cut", () => {
  const size = 1 << 20;
  let visited = 0;
  // A head is refused once 100,000 bytes of it are there, and every byte may begin one.
  const parse: Parse = (bytes) => {
    visited += bytes.length;
    return bytes.length < 100_000
      ? { kind: "need_more", minBytes: bytes.length + 1 }
      : { kind: "invalid", reason: "head_too_large" };
  };
  const consumed: number[] = [];
  for (const piece of [size, 300_000, 65536]) {
    visited = 0;
    const { stream, put } = setUp(parse);
    for (let at = 0; at < size; at += piece) put(".".repeat(Math.min(piece, size - at)));
    consumed.push(stream.position);
    assert.ok(visited < 12 * size, `${visited} bytes visited in pieces of ${piece}`);
  }
  assert.ok((consumed[0] ?? 0) > size / 2);
  assert.deepEqual(new Set(consumed).size, 1, `${consumed}`);
});
