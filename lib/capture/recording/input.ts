/**
 * The bytes of a file or pipe, shown as one window that grows as they are asked for.
 *
 * In: a path, or "-" for standard input. Out: `bytes` from `start` to `end`. need() reads a regular
 * file; a pipe is only waited for by needNow(), for the first head, and else comes by fill(). Memory
 * grows with bytes that came, never by a length that was read.
 */
import { systemReason } from "../../system_reason.ts";
import { RecordingError } from "./format.ts";
import { Inflater, isGzip } from "./inflate.ts";

const READ_BYTES = 256 * 1024;

/** The window: bytes[start, end) are unread; `offset` is where `start` lies in the file. */
export class RecordingInput implements Disposable {
  bytes = new Uint8Array(READ_BYTES);
  start = 0;
  end = 0;
  offset = 0;
  /** The file or pipe has ended. */
  eof = false;
  readonly #file: Deno.FsFile | typeof Deno.stdin;
  readonly #isFile: boolean;
  /** Bytes that were read before the file was found to be gzip'ed. */
  #packed = new Uint8Array(0);
  #inflater: Inflater | null = null;
  #stopped = false;
  #wake: () => void = () => {};

  constructor(readonly path: string) {
    try {
      this.#file = path === "-" ? Deno.stdin : Deno.openSync(path);
      this.#isFile = path !== "-" && isRegular(path);
    } catch (cause) {
      throw this.error(systemReason(cause), null, cause);
    }
  }

  get available(): number {
    return this.end - this.start;
  }

  /** Called at the start: if it is a gzip file, the window shows its unpacked bytes from now on. */
  unpack(): void {
    if (!this.needNow(2) || !isGzip(this.bytes, this.start)) return;
    const inflater = new Inflater();
    // The first read may have brought more than the inflater takes at once.
    const packed = this.bytes.slice(this.start, this.end);
    this.#packed = packed;
    this.#inflater = inflater;
    this.start = this.end = 0;
  }

  /** True when `count` unread bytes are in the window; reads a regular file for them. */
  need(count: number): boolean {
    while (this.available < count && !this.eof) {
      if (this.#inflate(count)) continue;
      if (!this.#isFile) break;
      this.#read(count);
    }
    return this.available >= count;
  }

  /** As need(), but waits for a pipe, too: only for the head, before anything else runs. */
  needNow(count: number): boolean {
    while (this.available < count && !this.eof) {
      if (!this.#inflate(count)) this.#read(count);
    }
    return this.available >= count;
  }

  /** Moves on by `count` bytes, which are in the window. */
  consume(count: number): void {
    this.start += count;
    this.offset += count;
  }

  /** Resolves when a pipe has brought bytes or stop() was called; for a file, after other work. */
  async fill(): Promise<void> {
    if (this.#isFile || this.eof) return await new Promise((resolve) => setImmediate(resolve));
    this.#makeRoom(this.available + 1);
    const stopped = new Promise<void>((resolve) => this.#wake = resolve);
    if (this.#stopped) return;
    await Promise.race([this.#readPipe(), stopped]);
  }

  /** Ends a fill() that waits for a silent pipe. */
  stop(): void {
    this.#stopped = true;
    this.#wake();
  }

  async #readPipe(): Promise<void> {
    try {
      this.#took(await this.#file.read(this.#target()));
    } catch (cause) {
      throw this.error(systemReason(cause), this.offset, cause);
    }
  }

  error(reason: string, offset: number | null, cause?: unknown): RecordingError {
    const path = this.path === "-" ? "from standard input" : this.path;
    return new RecordingError("read", path, reason, offset, { cause });
  }

  [Symbol.dispose](): void {
    this.#inflater?.[Symbol.dispose]();
    if (this.path !== "-") this.#file.close();
  }

  #read(wanted: number): void {
    this.#makeRoom(wanted);
    try {
      this.#took(this.#file.readSync(this.#target()));
    } catch (cause) {
      throw this.error(systemReason(cause), this.offset, cause);
    }
  }

  #target(): Uint8Array<ArrayBuffer> {
    return this.#inflater?.room() ?? this.bytes.subarray(this.end);
  }

  #took(count: number | null): void {
    if (this.#inflater !== null) this.#inflater.added(count);
    else if (count === null) this.eof = true;
    else this.end += count;
  }

  // Unpacks more into the window; true when that brought bytes or the end. It never waits.
  #inflate(wanted: number): boolean {
    const inflater = this.#inflater;
    if (inflater === null) return false;
    this.#makeRoom(wanted);
    const count = inflater.take(this.bytes.subarray(this.end));
    this.end += count;
    if (count > 0) return true;
    if (inflater.failure !== null) throw this.error(`its ${inflater.failure}`, this.offset);
    if (inflater.ended) {
      this.eof = true;
      return true;
    }
    if (this.#packed.length === 0) return false;
    const room = inflater.room();
    const part = this.#packed.subarray(0, room.length);
    room.set(part);
    inflater.added(part.length);
    this.#packed = this.#packed.subarray(part.length);
    return true;
  }

  // Doubles the window at most: a length that is wrong costs no memory.
  #makeRoom(wanted: number): void {
    if (this.start > 0) {
      this.bytes.copyWithin(0, this.start, this.end);
      this.end -= this.start;
      this.start = 0;
    }
    if (this.end < this.bytes.length || wanted <= this.end) return;
    const grown = new Uint8Array(this.bytes.length * 2);
    grown.set(this.bytes.subarray(0, this.end));
    this.bytes = grown;
  }
}

function isRegular(path: string): boolean {
  return Deno.statSync(path).isFile;
}
