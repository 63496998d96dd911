/**
 * The runtime's decoders, step by step and synchronously: each step gives as much as there is room for.
 *
 * In: compressed bytes, in pieces. Out: the decoded bytes, and how many of the input are left. It uses
 * the handles inside node:zlib's streams: these streams are asynchronous, and zlib's functions fail when
 * their output is full.
 */

/** The handle inside a stream of node:zlib. */
interface Handle {
  writeSync(
    flush: number,
    input: Uint8Array,
    inputAt: number,
    inputLength: number,
    output: Uint8Array,
    outputAt: number,
    outputLength: number,
  ): void;
  close(): void;
  onerror: (message: string, errno: number) => void;
}
interface Stream {
  _handle: Handle;
  /** Room left in the output, bytes left of the input. */
  _writeState: Uint32Array;
}
/** One of node:zlib's, by the name of its format. */
export type Open = (options: { chunkSize: number }) => object;

interface Zlib {
  createGunzip: Open;
  createInflate: Open;
  createInflateRaw: Open;
  createZstdDecompress: Open;
  brotliDecompressSync: (content: Uint8Array) => Uint8Array;
}

// The built-in module takes milliseconds to load: not before something needs it.
let zlib: Zlib | undefined;

/** node:zlib, as far as it is used here. */
export function loadedZlib(): Zlib {
  return zlib ??= process.getBuiltinModule("node:zlib") as Zlib;
}

/** Flush values of zlib.h and zstd.h for the beginning of content and for whole content. */
export const ZLIB_FLUSH = { beginning: 2, whole: 4 } as const;
export const ZSTD_FLUSH = { beginning: 1, whole: 2 } as const;
/** zlib.h: the input ended before the content did. */
export const Z_BUF_ERROR = -5;

/** Size of the stream's own buffer, which is not used: the smallest that there is. */
const CHUNK_SIZE = 64;

export class ZlibStream implements Disposable {
  /** zlib's number of what is wrong, or 1; 0: nothing. */
  failure = 0;
  /** Of the input of the last step. */
  leftBytes = 0;
  readonly #stream: Stream | null;

  constructor(open: Open) {
    const stream = open({ chunkSize: CHUNK_SIZE });
    this.#stream = isStream(stream) ? stream : null;
    if (this.#stream === null) this.failure = 1; // a runtime whose streams have no such handle
    else this.#stream._handle.onerror = (_, errno) => this.failure = errno === 0 ? 1 : errno;
  }

  /**
   * Decodes the input from `at` on into the first `room` bytes of `output`; how many these are. Fewer
   * than `room`: it has nothing more to give of this input.
   */
  step(flush: number, input: Uint8Array, at: number, output: Uint8Array, room: number): number {
    if (this.#stream === null) return 0;
    const { _handle: handle, _writeState: state } = this.#stream;
    try {
      handle.writeSync(flush, input, at, input.length - at, output, 0, room);
    } catch {
      this.failure = 1;
      return 0;
    }
    this.leftBytes = state[1] ?? 0;
    return room - (state[0] ?? 0);
  }

  [Symbol.dispose](): void {
    this.#stream?._handle.close();
  }
}

function isStream(value: object): value is Stream {
  return "_handle" in value && "_writeState" in value;
}
