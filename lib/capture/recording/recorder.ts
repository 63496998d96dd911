/**
 * Saves the events of a trace (format.ts).
 *
 * In: each event on its way to the pipeline. Out: a file (output_file.ts). An event costs one copy of
 * its entry, and each block of 256 KiB or of one second one write. It never looks into payload and
 * never reorders.
 */
import { Entry } from "../abi.ts";
import type { SocketEvent } from "../event.ts";
import {
  BLOCK_HEAD_BYTES,
  BlockType,
  compress,
  type Compression,
  COMPRESSIONS,
  encodeBlockHead,
  encodeFileHead,
  RecordingError,
  type RecordingFacts,
} from "./format.ts";
import type { BufferLoss, TraceStart } from "../source.ts";
import { OutputFile } from "../../output_file.ts";
import { systemReason } from "../../system_reason.ts";

const BLOCK_BYTES = 256 * 1024;
const BLOCK_NS = 1e9;

/** One recording being written. Its methods throw RecordingError when the file cannot be written. */
export class Recorder implements Disposable {
  #block = new Uint8Array(BLOCK_BYTES);
  #used = 0;
  #blockEvents = 0;
  #blockNs = 0;
  #blockTime = { low: 0, high: 0 };
  #head = new Uint8Array(BLOCK_HEAD_BYTES);
  #file: OutputFile | null;
  /** The file's head; null once it is written. */
  #fileHead: Uint8Array | null;
  #bytes = 0;
  #events = 0;

  constructor(
    readonly path: string,
    start: TraceStart,
    facts: RecordingFacts,
    readonly compression: Compression = "none",
  ) {
    this.#file = openForWriting(path);
    this.#fileHead = encodeFileHead(start, facts);
  }

  /** Empties the file and writes its head; the first event does so otherwise. */
  begin(): void {
    const head = this.#fileHead;
    if (head === null) return;
    this.#fileHead = null;
    this.#write(head);
  }

  /** Bytes written so far, blocks in progress excluded. */
  get bytes(): number {
    return this.#bytes;
  }

  /** Saves the event's entry as it is. */
  onEvent(event: SocketEvent): void {
    const size = event.entrySize;
    if (this.#blockEvents > 0) {
      const full = this.#used + size > this.#block.length;
      if (full || event.timeNs - this.#blockNs >= BLOCK_NS) this.flush();
    }
    if (size > this.#block.length) this.#block = new Uint8Array(size);
    const start = event.entryStart;
    if (this.#blockEvents === 0) this.#begin(event);
    this.#block.set(event.bytes.subarray(start, start + size), this.#used);
    this.#used += size;
    this.#blockEvents++;
  }

  /** Writes the block in progress, so that the events until now survive a crash. */
  flush(): void {
    if (this.#blockEvents === 0) return;
    this.#events += this.#blockEvents;
    this.#writeBlock(BlockType.EVENTS, this.#block.subarray(0, this.#used), this.#blockEvents);
    this.#used = 0;
    this.#blockEvents = 0;
  }

  /** Ends the recording with the losses of the source; a second call has no effect. */
  close(losses: readonly BufferLoss[] = []): { bytes: number; events: number } {
    if (this.#file !== null) {
      try {
        this.begin();
        this.flush();
        const end = JSON.stringify({ events: this.#events, losses });
        this.#writeBlock(BlockType.END, new TextEncoder().encode(end), 0);
      } finally {
        this.#file?.[Symbol.dispose]();
        this.#file = null;
      }
    }
    return { bytes: this.#bytes, events: this.#events };
  }

  /** After an error elsewhere: saves what it can, and throws no second error. */
  [Symbol.dispose](): void {
    try {
      this.flush();
    } catch (error) {
      if (!(error instanceof RecordingError)) throw error;
    } finally {
      this.#file?.[Symbol.dispose]();
      this.#file = null;
    }
  }

  #begin(event: SocketEvent): void {
    const at = event.entryStart + Entry.time_ns;
    const view = new DataView(event.bytes.buffer, event.bytes.byteOffset + at, 8);
    this.#blockTime = { low: view.getUint32(0, true), high: view.getUint32(4, true) };
    this.#blockNs = event.timeNs;
  }

  #writeBlock(type: number, raw: Uint8Array, events: number): void {
    this.begin();
    const stored = compress(raw, this.compression);
    const compression = COMPRESSIONS.indexOf(this.compression);
    const [rawLength, storedLength] = [raw.length, stored.length];
    const head = { type, compression, rawLength, storedLength, events };
    encodeBlockHead(this.#head, head, this.#blockTime, stored);
    this.#write(this.#head);
    this.#write(stored);
  }

  #write(bytes: Uint8Array): void {
    if (this.#file === null) return;
    try {
      let done = 0;
      while (done < bytes.length) done += this.#file.writeSync(bytes.subarray(done));
      this.#bytes += bytes.length;
    } catch (cause) {
      // Half a block may be in the file: no other one may follow it.
      this.#file[Symbol.dispose]();
      this.#file = null;
      throw new RecordingError("write", this.path, systemReason(cause), this.#bytes, { cause });
    }
  }
}

function openForWriting(path: string): OutputFile {
  try {
    return new OutputFile(path);
  } catch (cause) {
    throw new RecordingError("write", path, systemReason(cause), null, { cause });
  }
}
