/**
 * Unpacks a gzip file (RFC 1952) piece by piece.
 *
 * In: pieces of the file, in a buffer of a fixed size. Out: the unpacked bytes, at most as many as there
 * is room for, so that no file can cost more memory. Several gzip files back to back are one, also with
 * zeros between them. It is synchronous.
 */
import { loadedZlib, Z_BUF_ERROR, ZLIB_FLUSH, ZlibStream } from "../../wire/zlib_stream.ts";

const INPUT_BYTES = 128 * 1024;

/** True when a gzip file starts at `at` (two bytes are there). */
export function isGzip(bytes: Uint8Array, at: number): boolean {
  return bytes[at] === 0x1f && bytes[at + 1] === 0x8b;
}

export class Inflater implements Disposable {
  /** Nothing more will come. */
  ended = false;
  /** Why it ended before the end; null when it did not. */
  failure: string | null = null;
  readonly #stream = new ZlibStream(loadedZlib().createGunzip);
  readonly #input = new Uint8Array(INPUT_BYTES);
  #at = 0;
  #end = 0;
  #isLast = false;

  /** Where the next piece is to be put, at least one byte; then added(). */
  room(): Uint8Array<ArrayBuffer> {
    this.#input.copyWithin(0, this.#at, this.#end);
    this.#end -= this.#at;
    this.#at = 0;
    return this.#input.subarray(this.#end);
  }

  /** So many bytes were put there; null: the file ended. */
  added(count: number | null): void {
    if (count === null) this.#isLast = true;
    else this.#end += count;
  }

  /** Unpacks into `into`; 0 bytes when it needs more of the file, or ended. */
  take(into: Uint8Array): number {
    let count = 0;
    while (count === 0 && !this.ended && into.length > 0) {
      if (this.#at === this.#end && !this.#isLast) return 0;
      count = this.#step(into);
    }
    return count;
  }

  #step(into: Uint8Array): number {
    const input = this.#input.subarray(0, this.#end), stream = this.#stream;
    const flush = ZLIB_FLUSH[this.#isLast ? "whole" : "beginning"];
    const count = stream.step(flush, input, this.#at, into, into.length);
    this.#at = this.#end - stream.leftBytes;
    if (stream.failure !== 0) {
      this.failure = `gzip data is ${stream.failure === Z_BUF_ERROR ? "cut" : "damaged"}`;
      this.ended = true;
    } else if (count < into.length) {
      // A tape or a disk pads a file with zeros.
      while (this.#at < this.#end && input[this.#at] === 0) this.#at++;
      if (this.#at === this.#end) this.ended = this.#isLast;
    }
    return count;
  }

  [Symbol.dispose](): void {
    this.#stream[Symbol.dispose]();
  }
}
