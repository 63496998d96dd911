import assert from "node:assert/strict";
import { ENTRY_SIZE, EntryKind, Family, Flag } from "../../lib/capture/abi.ts";
import { encodeEntry, type EntryFields } from "../../lib/capture/event.ts";
import { Recorder } from "../../lib/capture/recording/recorder.ts";
import {
  BLOCK_HEAD_BYTES,
  encodeBlockHead,
  RecordingError,
} from "../../lib/capture/recording/format.ts";
import { openReplay } from "../../lib/capture/replay.ts";
import { drainAll } from "../support/pcap.ts";
import {
  blockOffsets,
  entries,
  facts,
  record,
  recorded,
  replayed,
  start,
  withFile,
} from "../support/recorded.ts";

Deno.test("openReplay() takes the end of a connection without totals, as a sweep tells it", () => {
  withFile((path) => {
    const fields = { conn: 7, family: Family.INET, flags: Flag.DATAGRAM, timeNs: 5 };
    const all = [
      encodeEntry({ ...fields, kind: EntryKind.CLOSE }, start.base),
      encodeEntry({ kind: EntryKind.TICK, timeNs: 6 }, start.base),
    ];
    using recorder = new Recorder(path, start, facts);
    record(recorder, all);
    recorder.close();
    using source = openReplay(path);
    assert.deepEqual(drainAll(source).map((event) => event.entry), all);
    assert.equal(source.failure, null);
  });
});

Deno.test("openReplay() hands out the whole blocks of a cut recording and says where it is cut", () => {
  const file = recorded("zstd");
  const offsets = blockOffsets(file);
  const last = offsets[offsets.length - 2] as number;
  const before = replayed(file.subarray(0, last));
  assert.equal(before.events, 900);
  assert.equal(before.failure?.offset, last);
  assert.match(before.failure?.message ?? "", /breaks off at offset \d+, between two blocks: its/);
  for (const length of [last + 1, last + 31, file.length - 1]) {
    const { events, failure } = replayed(file.subarray(0, length));
    assert.equal(events, 900);
    assert.equal(failure?.offset, last);
    assert.ok(failure?.message.endsWith(`block at offset ${last} is cut`), failure?.message);
  }
  const second = offsets[1] as number;
  const { events, failure } = replayed(file.subarray(0, second + 100));
  assert.ok(events > 0 && events < 900);
  assert.equal(failure?.offset, second);
});

Deno.test("openReplay() gives all blocks before a damaged byte, whichever byte it is", () => {
  const file = recorded("none", entries(1200, 2e6));
  const offsets = blockOffsets(file);
  const second = offsets[1] as number;
  const clean = replayed(file.subarray(0, second)).events;
  assert.ok(clean > 0);
  // Bytes 6 and 7 are reserved, and checked all the same.
  for (const at of [0, 4, 5, 6, 8, 12, 16, 20, 24, 32, 40, 500]) {
    const damaged = file.slice();
    damaged[second + at] = (damaged[second + at] as number) ^ 0x41;
    const { events, failure } = replayed(damaged);
    assert.equal(events, clean, `byte ${at}`);
    assert.ok(failure?.message.includes(`block at offset ${second} is `), failure?.message);
  }
});

Deno.test("openReplay() never throws anything but RecordingError on mutated recordings", () => {
  let seed = 42;
  const random = (below: number): number => {
    seed = (Math.imul(seed, 1103515245) + 12345) >>> 0;
    return Math.floor(seed / 4294967296 * below);
  };
  for (const compression of ["none", "gzip", "zstd"] as const) {
    const file = recorded(compression, entries(120, 2e6));
    for (let i = 0; i < 60; i++) {
      const mutated = file.slice(0, file.length - random(3) * random(200));
      for (let j = 0; j <= random(3); j++) mutated[random(mutated.length)] = random(256);
      assert.ok(replayed(mutated).events <= 120);
    }
  }
});

Deno.test("openReplay() refuses entries that a right checksum makes no better", () => {
  const payload = new Uint8Array(8);
  const file = recorded("none", [encodeEntry({ kind: EntryKind.DATA, payload }, start.base)]);
  const [first = 0, second = 0] = blockOffsets(file);
  const cases = [
    { name: "size beyond the block", at: 0, value: 255 },
    { name: "an OPEN without all its names", at: 56, value: EntryKind.OPEN },
    { name: "a CLOSE without all its totals", at: 56, value: EntryKind.CLOSE },
    { name: "a third direction", at: 57, value: 2 },
    { name: "a time out of all bounds", at: 15, value: 255 },
  ];
  for (const { name, at, value } of cases) {
    const forged = file.slice();
    const stored = forged.subarray(first + BLOCK_HEAD_BYTES, second);
    assert.equal(stored.length % 8, 0);
    stored[at] = value;
    const head = forged.subarray(first, first + BLOCK_HEAD_BYTES);
    const block = { type: 1, compression: 0, events: 1 };
    const lengths = { rawLength: stored.length, storedLength: stored.length };
    encodeBlockHead(head, { ...block, ...lengths }, { low: 0, high: 0 }, stored);
    const { events, failure } = replayed(forged);
    assert.equal(events, 0, name);
    assert.ok(failure?.message.includes("event 1 is none"), name);
  }
  assert.ok(ENTRY_SIZE > 57);
});

const HUGE = 2 ** 53;
const u64s = (...numbers: number[]): Uint8Array => {
  const payload = new Uint8Array(240);
  const view = new DataView(payload.buffer);
  numbers.forEach((number, i) => view.setBigUint64(i * 8, BigInt(number), true));
  return payload;
};
const tcp = Flag.TCP_POSITION;
const eight = new Uint8Array(8);
const impossible: Record<string, EntryFields> = {
  "a position of 2^53": { kind: EntryKind.DATA, position: HUGE, payload: eight },
  "a position of 2^56": { kind: EntryKind.DATA, position: 2 ** 56, payload: eight },
  "a position whose bytes reach 2^53": { kind: EntryKind.DATA, position: HUGE - 8, payload: eight },
  "a sequence number of 2^32": { kind: EntryKind.DATA, flags: tcp, position: 2 ** 32 },
  "more payload than bytes moved": { kind: EntryKind.DATA, payload: eight, total: 7 },
  "payload behind the bytes moved": { kind: EntryKind.DATA, payload: eight, total: 8, offset: 1 },
  "a connection of 2^53": { kind: EntryKind.DATA, conn: HUGE, payload: eight },
  "a pid that no kernel gives": { kind: EntryKind.DATA, pid: 2 ** 31, payload: eight },
  "a thread that no kernel gives": { kind: EntryKind.DATA, pid: 1, tid: 2 ** 23, payload: eight },
  "a descriptor below -1": { kind: EntryKind.DATA, fd: -2, payload: eight },
  "an end of a direction at 2^53": { kind: EntryKind.EOF, position: HUGE },
  "a start at 2^53": { kind: EntryKind.OPEN, payload: u64s(0, HUGE) },
  "a start of TCP at 2^32": { kind: EntryKind.OPEN, flags: tcp, payload: u64s(2 ** 32, 0) },
  "an end at 2^53": { kind: EntryKind.CLOSE, payload: u64s(HUGE, 0, 0, 0) },
  "totals of 2^53": { kind: EntryKind.CLOSE, payload: u64s(0, 0, 0, HUGE) },
  "an end whose totals reach 2^53": { kind: EntryKind.CLOSE, payload: u64s(HUGE - 8, 0, 8, 0) },
};
for (const [name, fields] of Object.entries(impossible)) {
  Deno.test(`openReplay() calls a block damaged that has ${name}`, () => {
    const good = encodeEntry({ kind: EntryKind.DATA, payload: eight }, start.base);
    const file = recorded("none", [good, encodeEntry(fields, start.base)]);
    const [offset = 0] = blockOffsets(file);
    const { events, failure } = replayed(file);
    assert.equal(events, 1);
    assert.equal(failure?.reason, `block at offset ${offset} is damaged: event 2 is none`);
  });
}

Deno.test("openReplay() cuts an entry of many MiB into pieces, as the kernel does", () => {
  const payload = new Uint8Array((5 << 20) + 3).map((_, i) => i);
  const fields = { kind: EntryKind.DATA, flags: Flag.LAST_CHUNK, total: payload.length + 9 };
  const file = recorded("none", [encodeEntry({ ...fields, payload }, start.base)]);
  withFile((path) => {
    Deno.writeFileSync(path, file);
    using source = openReplay(path);
    let next = 0;
    let lasts = 0;
    while (!source.ended) {
      source.drain((event) => {
        assert.equal(event.offset, next);
        assert.equal(event.bytes[event.payloadStart], payload[next]);
        assert.equal(event.totalBytes, payload.length + 9);
        next += event.payloadLength;
        if ((event.flags & Flag.LAST_CHUNK) !== 0) lasts++;
      });
    }
    assert.equal(next, payload.length);
    assert.equal(lasts, 1);
  });
});

Deno.test("RecordingSource.drain() ends its turn in the middle of a block", () => {
  const file = recorded("none", entries(400));
  withFile((path) => {
    Deno.writeFileSync(path, file);
    using source = openReplay(path);
    let events = 0;
    const first = source.drain(() => {
      events++;
      for (const since = performance.now(); performance.now() - since < 1;);
    });
    assert.ok(first > 0 && first < 100, `${first} events in one turn`);
    while (!source.ended) source.drain(() => events++);
    assert.equal(events, 400);
    assert.equal(source.failure, null);
  });
});

Deno.test("openReplay() tells what a file is instead of a recording", () => {
  const file = recorded("none", entries(3, 2e6));
  const newer = file.slice();
  newer[8] = 2;
  const changed = file.slice();
  changed[30] = 0;
  const cases = [
    { bytes: new Uint8Array(0), want: "it is empty" },
    {
      bytes: new TextEncoder().encode("GET / HTTP/1.1\r\n"),
      want: "it is neither a recording nor",
    },
    { bytes: new Uint8Array([0x1f, 0x8b, 8, 0, 0, 0]), want: "its gzip data is cut" },
    { bytes: file.subarray(0, 5), want: "its head is cut" },
    { bytes: file.subarray(0, 40), want: "its head is cut" },
    { bytes: newer, want: "format version 2, this reads version 1: use a newer sockeye" },
    { bytes: changed, want: "its head is damaged" },
  ];
  for (const { bytes, want } of cases) {
    const { failure } = replayed(bytes);
    assert.ok(failure?.message.includes(want), `${want}: ${failure?.message}`);
  }
  assert.throws(() => openReplay("/nowhere/x.rec"), RecordingError);
});

Deno.test("openReplay() reads standard input, however slowly it comes", async () => {
  const file = recorded("none", entries(300, 2e6));
  const script = `
    const { openReplay } = await import(${
    JSON.stringify(new URL("../../lib/capture/replay.ts", import.meta.url).href)
  });
    using source = openReplay("-");
    let events = 0;
    while (!source.ended) { source.drain(() => events++); if (!source.ended) await source.wait(); }
    console.log(events, source.failure?.message ?? "whole");`;
  for (
    const { bytes, want } of [
      { bytes: file, want: "300 whole" },
      {
        bytes: file.subarray(0, file.length - 5),
        want: "300 Cannot read recording from standard input",
      },
    ]
  ) {
    const child = new Deno.Command(Deno.execPath(), {
      args: ["eval", "--no-check", script],
      stdin: "piped",
      stdout: "piped",
    }).spawn();
    const writer = child.stdin.getWriter();
    for (let at = 0; at < bytes.length; at += 50_000) {
      await writer.write(bytes.subarray(at, at + 50_000));
    }
    await writer.close();
    const { stdout } = await child.output();
    assert.ok(new TextDecoder().decode(stdout).startsWith(want));
  }
});
