/**
 * Writes lines out of this process. In: whole lines, as text or as bytes in the batch that is being
 * filled. Out: bytes on a file, pipe or terminal, in order. It never blocks on a slow reader: a
 * regular file is written at once; a pipe or terminal by one asynchronous write at a time from a
 * bounded queue, and lines that do not fit into the queue are dropped and counted.
 */
import { JsonBuffer } from "../wire/json.ts";
import { isRegularFile, type OutputFile } from "../output_file.ts";

/** Larger batches would fill a pipe (64 KiB), and its reader and we would wait for each other. */
const BATCH_BYTES = 16 * 1024;
/** A batch is sent once it is larger than BATCH_BYTES: room for the line that made it larger. */
const BATCH_ROOM = 2 * BATCH_BYTES;
/** At most this much is joined for one asynchronous write: it costs some 60 µs whatever its size. */
const JOIN_BYTES = 4 * 1024 * 1024;
export const QUEUE_LIMIT_BYTES = 64 * 1024 * 1024;
/** With more than this queued, a source that can wait (a recording) waits. */
const QUEUE_CALM_BYTES = 8 * 1024 * 1024;

export interface Output {
  /** The batch that is being filled; whoever writes whole lines into it then calls written(). */
  readonly batch: JsonBuffer;
  /** The lines just added to the batch show `records` records. */
  written(records: number): void;
  /** Appends whole lines that show `records` records. */
  write(text: string, records: number): void;
  /** Sends the batch; returns at once. */
  flush(): void;
  /** Resolves when the queue is short. */
  calm(): Promise<void>;
  /** Resolves when everything has been written, or cannot be any more. */
  finish(): Promise<void>;
  /** Nobody reads any more (EPIPE). */
  readonly readerGone: boolean;
  /** Why writing failed, other than by a reader that went away. */
  readonly failure: unknown;
  /** Records dropped because the reader was too slow. */
  readonly droppedRecords: number;
}

interface AsyncWriter {
  write(bytes: Uint8Array): Promise<number>;
}
interface SyncWriter {
  writeSync(bytes: Uint8Array): number;
}

/** A regular file: written in batches, at once. */
export class FileOutput implements Output {
  readonly droppedRecords = 0;
  readerGone = false;
  failure: unknown = null;
  readonly batch = new JsonBuffer(BATCH_ROOM);
  readonly #writer: SyncWriter;

  constructor(writer: SyncWriter) {
    this.#writer = writer;
  }

  write(text: string, records: number): void {
    this.batch.text(text);
    this.written(records);
  }

  written(_records: number): void {
    if (this.batch.length >= BATCH_BYTES) this.flush();
  }

  flush(): void {
    const { bytes, length } = this.batch;
    if (length === 0) return;
    if (!this.readerGone && this.failure === null) this.#writeAll(bytes.subarray(0, length));
    this.batch.clear();
  }

  calm(): Promise<void> {
    return Promise.resolve();
  }

  finish(): Promise<void> {
    this.flush();
    return Promise.resolve();
  }

  #writeAll(bytes: Uint8Array): void {
    try {
      for (let at = 0; at < bytes.length;) at += this.#writer.writeSync(bytes.subarray(at));
    } catch (error) {
      if (error instanceof Deno.errors.BrokenPipe) this.readerGone = true;
      else this.failure = error;
    }
  }
}

/** A pipe or terminal: asynchronous, with a bounded queue. */
export class StreamOutput implements Output {
  droppedRecords = 0;
  readerGone = false;
  failure: unknown = null;
  readonly batch = new JsonBuffer(BATCH_ROOM);
  #records = 0;
  #queue: Uint8Array[] = [];
  /** Bytes in the queue and in the current write. */
  #queuedBytes = 0;
  #pump: Promise<void> | null = null;
  #onProgress: (() => void)[] = [];
  readonly #writer: AsyncWriter;
  readonly #limitBytes: number;

  constructor(writer: AsyncWriter, limitBytes: number = QUEUE_LIMIT_BYTES) {
    this.#writer = writer;
    this.#limitBytes = limitBytes;
  }

  write(text: string, records: number): void {
    this.batch.text(text);
    this.written(records);
  }

  written(records: number): void {
    this.#records += records;
    if (this.batch.length >= BATCH_BYTES) this.flush();
  }

  flush(): void {
    const { bytes, length } = this.batch;
    if (length === 0) return;
    if (!this.readerGone && this.failure === null) {
      if (this.#queuedBytes + length > this.#limitBytes) this.droppedRecords += this.#records;
      else {
        this.#queue.push(bytes.slice(0, length));
        this.#queuedBytes += length;
        this.#pump ??= this.#writeQueue();
      }
    }
    this.#records = 0;
    this.batch.clear();
  }

  async calm(): Promise<void> {
    while (this.#queuedBytes > QUEUE_CALM_BYTES && this.#pump !== null) {
      await new Promise<void>((resolve) => this.#onProgress.push(resolve));
    }
  }

  async finish(): Promise<void> {
    this.flush();
    while (this.#pump !== null) await this.#pump;
  }

  async #writeQueue(): Promise<void> {
    try {
      while (this.#queue.length > 0) {
        const bytes = this.#takeJoined();
        for (let at = 0; at < bytes.length;) at += await this.#writer.write(bytes.subarray(at));
        this.#queuedBytes -= bytes.length;
        free(bytes);
        this.#wake();
      }
    } catch (error) {
      if (error instanceof Deno.errors.BrokenPipe) this.readerGone = true;
      else this.failure = error;
      this.#queue = [];
      this.#queuedBytes = 0;
    }
    this.#pump = null;
    this.#wake();
  }

  #takeJoined(): Uint8Array {
    let count = 0;
    let size = 0;
    while (count < this.#queue.length && (count === 0 || size < JOIN_BYTES)) {
      size += this.#queue[count++]?.length ?? 0;
    }
    const parts = this.#queue.splice(0, count);
    const only = parts[0];
    if (parts.length === 1 && only !== undefined) return only;
    const joined = new Uint8Array(size);
    let at = 0;
    for (const part of parts) {
      joined.set(part, at);
      at += part.length;
      free(part);
    }
    return joined;
  }

  #wake(): void {
    const waiting = this.#onProgress;
    this.#onProgress = [];
    for (const resolve of waiting) resolve();
  }
}

/** Gives memory back at once: the collector would let tens of MiB of written bytes stand. */
function free({ buffer }: Uint8Array): void {
  if (buffer instanceof ArrayBuffer) buffer.transfer(0);
}

/** Standard output; if that is a regular file ("> out.ndjson"), it is written at once. */
export function openStdout(): Output {
  return isRegularFile("/proc/self/fd/1")
    ? new FileOutput(Deno.stdout)
    : new StreamOutput(Deno.stdout);
}

/** An Output that writes to the file of --output-file. */
export function openOutput(file: OutputFile): Output {
  return file.isRegular ? new FileOutput(file) : new StreamOutput(file);
}
