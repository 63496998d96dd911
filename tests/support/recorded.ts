/** Recordings made for a test: entries of all kinds, written and read back. */
import assert from "node:assert/strict";
import { EntryKind } from "../../lib/capture/abi.ts";
import { encodeEntry, SocketEvent } from "../../lib/capture/event.ts";
import { Recorder } from "../../lib/capture/recording/recorder.ts";
import {
  BLOCK_HEAD_BYTES,
  type Compression,
  RecordingError,
} from "../../lib/capture/recording/format.ts";
import { openReplay } from "../../lib/capture/replay.ts";
import type { TraceStart } from "../../lib/capture/source.ts";
import { drainAll } from "./pcap.ts";

export const start: TraceStart = {
  base: { low: 4_000_000_000, high: 7 },
  wallSeconds: 1_700_000_000,
  wallNanos: 5,
  way: "socket",
  hostname: "node-1",
  kernel: "6.1.0",
};
export const facts = { version: "0.1.0", filters: { pid: [12] }, children: { "12": [13, 14] } };

/** Entries of all kinds and awkward sizes, `count` of them. */
export function entries(count: number, stepNs = 1000): Uint8Array[] {
  return Array.from({ length: count }, (_, i) => {
    const timeNs = i * stepNs;
    if (i % 50 === 49) return encodeEntry({ kind: EntryKind.TICK, timeNs }, start.base);
    if (i % 70 === 69) return encodeEntry({ kind: EntryKind.LOST, timeNs, total: 3 }, start.base);
    // Of a socket found gone, without totals.
    if (i % 90 === 89) return encodeEntry({ kind: EntryKind.CLOSE, timeNs, conn: i }, start.base);
    const payload = new Uint8Array(1 + (i * 37) % 3000).fill(i);
    return encodeEntry({ kind: EntryKind.DATA, timeNs, conn: i, pid: 9, payload }, start.base);
  });
}

export function record(recorder: Recorder, all: readonly Uint8Array[]): void {
  const event = new SocketEvent();
  for (const bytes of all) {
    // Never at the buffer's start: the recorder must copy the entry, not the buffer.
    const shifted = new Uint8Array(bytes.length + 16);
    shifted.set(bytes, 8);
    const words = new Uint32Array(shifted.buffer);
    assert.ok(event.read(words, shifted, 8, shifted.length - 8, start.base));
    recorder.onEvent(event);
  }
}

export function withFile(work: (path: string) => void): void {
  const folder = Deno.makeTempDirSync();
  try {
    work(`${folder}/trace.rec`);
  } finally {
    Deno.removeSync(folder, { recursive: true });
  }
}

/** Offsets at which the blocks of a recording start, its end included. */
export function blockOffsets(file: Uint8Array): number[] {
  const view = new DataView(file.buffer);
  const offsets: number[] = [];
  let at = 24 + view.getUint32(12, true);
  while (at < file.length) {
    offsets.push(at);
    at += BLOCK_HEAD_BYTES + view.getUint32(at + 12, true);
  }
  return [...offsets, at];
}

export function recorded(compression: Compression, all = entries(900, 2e6)): Uint8Array {
  let file = new Uint8Array(0);
  withFile((path) => {
    const recorder = new Recorder(path, start, facts, compression);
    record(recorder, all);
    recorder.close();
    file = Deno.readFileSync(path);
  });
  return file;
}

export function replayed(file: Uint8Array): { events: number; failure: RecordingError | null } {
  let result: { events: number; failure: RecordingError | null } = { events: 0, failure: null };
  withFile((path) => {
    Deno.writeFileSync(path, file);
    try {
      using source = openReplay(path);
      const events = drainAll(source).length;
      result = { events, failure: source.failure };
    } catch (error) {
      if (!(error instanceof RecordingError)) throw error;
      result = { events: 0, failure: error };
    }
  });
  return result;
}
