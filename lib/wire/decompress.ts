/**
 * Compressed bytes, by the name of their format.
 *
 * In: compressed bytes, all of them or their beginning. Out: the first decoded bytes, at most as many as
 * asked for, and how many there are in all if that is cheap to know. Never throws on traffic. It decodes
 * only so many bytes for each coded one, since a few coded bytes may stand for gigabytes.
 */
import { decodeBrotli } from "./brotli/decode.ts";
import { readDictionary } from "./brotli/dictionary.ts";
import {
  loadedZlib,
  type Open,
  Z_BUF_ERROR,
  ZLIB_FLUSH,
  ZlibStream,
  ZSTD_FLUSH,
} from "./zlib_stream.ts";

/** RFC 1952, 1950, 1951, 7932 and 8878. */
export type Compression = "gzip" | "zlib" | "deflate_raw" | "br" | "zstd";

let words: Uint8Array | undefined;
function dictionary(): Uint8Array {
  return words ??= readDictionary(loadedZlib().brotliDecompressSync);
}

/** Bytes decoded for each coded one, unless more are to be shown: usual text has 3 to 20. */
const MAX_RATIO = 32;
/** Bytes that are decoded at least, of however short content, and at most. */
const MIN_WORK = 16 * 1024;
const MAX_WORK = 8 * 1024 * 1024;
/** Bytes decoded in one call. */
const PIECE = 64 * 1024;

export interface Decoded {
  /** The first decoded bytes. */
  bytes: Uint8Array;
  /** How many bytes were decoded. */
  decodedBytes: number;
  /**
   * The content has no more bytes than these. Wrongly true of zstd that was given as whole and is cut:
   * its decoder does not tell.
   */
  complete: boolean;
}

/** Why nothing was decoded. */
export type DecodeFailure = "unknown_coding" | "corrupt" | "too_short";

/** How many bytes to decode at most of `codedBytes`, when `maxBytes` are to be shown. */
export function workFor(codedBytes: number, maxBytes: number): number {
  const work = Math.min(MAX_WORK, Math.max(MIN_WORK, MAX_RATIO * codedBytes));
  // One more tells whether those are all.
  return Math.max(work, maxBytes + 1);
}

/**
 * Decodes at most `work` bytes (see workFor), of which the first `maxBytes` are given. `whole`:
 * `bytes` is the whole content, not its beginning.
 */
export function decompress(
  compression: Compression,
  bytes: Uint8Array,
  whole: boolean,
  maxBytes: number,
  work: number = workFor(bytes.length, maxBytes),
): Decoded | DecodeFailure {
  if (bytes.length === 0) return whole ? "corrupt" : "too_short";
  const z = loadedZlib();
  switch (compression) {
    case "gzip":
      return inflate(z.createGunzip, bytes, whole, maxBytes, work);
    case "zlib":
      return inflate(z.createInflate, bytes, whole, maxBytes, work);
    case "deflate_raw":
      return inflate(z.createInflateRaw, bytes, whole, maxBytes, work);
    case "br":
      return unfoldBrotli(bytes, whole, maxBytes, work);
    case "zstd":
      return unpackZstd(z.createZstdDecompress, bytes, whole, maxBytes, work);
  }
}

/** gzip, zlib and deflate: zlib's handle tells what is wrong. */
function inflate(
  open: Open,
  bytes: Uint8Array,
  whole: boolean,
  maxBytes: number,
  work: number,
): Decoded | DecodeFailure {
  const ran = run(open, ZLIB_FLUSH[whole ? "whole" : "beginning"], bytes, maxBytes, work);
  const { failure, isAtEnd, decodedBytes } = ran;
  if (failure !== 0 && failure !== Z_BUF_ERROR) return "corrupt";
  const complete = whole && isAtEnd && failure === 0;
  if (decodedBytes === 0 && !complete) return whole ? "corrupt" : "too_short";
  return { bytes: ran.bytes, decodedBytes, complete };
}

function unfoldBrotli(
  content: Uint8Array,
  whole: boolean,
  maxBytes: number,
  work: number,
): Decoded | DecodeFailure {
  const { bytes, end, leftBytes } = decodeBrotli(content, dictionary, work);
  const complete = whole && end === "whole" && leftBytes === 0;
  if (end === "corrupt" || (end === "cut" && bytes.length === 0 && whole)) return "corrupt";
  if (bytes.length === 0 && !complete) return end === "whole" ? "corrupt" : "too_short";
  // Bytes that were decoded only to be counted are not kept.
  const kept = bytes.length > maxBytes ? bytes.slice(0, maxBytes) : bytes;
  return { bytes: kept, decodedBytes: bytes.length, complete };
}

/** zstd: its handle gives what it has of a cut input, and stops at invalid bytes without telling why. */
function unpackZstd(
  open: Open,
  bytes: Uint8Array,
  whole: boolean,
  maxBytes: number,
  work: number,
): Decoded | DecodeFailure {
  const ran = run(open, ZSTD_FLUSH[whole ? "whole" : "beginning"], bytes, maxBytes, work);
  const { failure, isAtEnd, decodedBytes, leftBytes } = ran;
  if (failure !== 0) return "corrupt";
  const isRead = isAtEnd && leftBytes === 0;
  if (decodedBytes === 0) {
    if (whole && isRead && isEmptyContent(bytes)) return { ...ran, complete: true };
    return whole || leftBytes > 0 ? "corrupt" : "too_short";
  }
  return { bytes: ran.bytes, decodedBytes, complete: whole && isRead };
}

interface Ran {
  bytes: Uint8Array;
  decodedBytes: number;
  /** The decoder had nothing more to give. */
  isAtEnd: boolean;
  leftBytes: number;
  /** zlib's error number, or 1 without one; 0: no failure. */
  failure: number;
}

/** Decodes `work` bytes at most, of which the first `maxBytes` are kept. */
function run(
  open: Open,
  flush: number,
  input: Uint8Array,
  maxBytes: number,
  work: number,
): Ran {
  using stream = new ZlibStream(open);
  const pieces: Uint8Array[] = [];
  let [decodedBytes, isAtEnd] = [0, false];
  let unseen = new Uint8Array(0);
  stream.leftBytes = input.length;
  while (!isAtEnd && stream.failure === 0 && decodedBytes < work) {
    const isKept = decodedBytes < maxBytes;
    const room = Math.min(PIECE, (isKept ? maxBytes : work) - decodedBytes);
    if (!isKept && unseen.length < room) unseen = new Uint8Array(room);
    const piece = isKept ? new Uint8Array(room) : unseen;
    const count = stream.step(flush, input, input.length - stream.leftBytes, piece, room);
    decodedBytes += count;
    isAtEnd = count < room;
    if (isKept) pieces.push(isAtEnd ? piece.subarray(0, count) : piece);
  }
  const { failure, leftBytes } = stream;
  return { bytes: joined(pieces), decodedBytes, isAtEnd, leftBytes, failure };
}

function joined(pieces: readonly Uint8Array[]): Uint8Array {
  const [first = new Uint8Array(0)] = pieces;
  if (pieces.length <= 1) return first;
  const all = new Uint8Array(pieces.reduce((sum, { length }) => sum + length, 0));
  let at = 0;
  for (const piece of pieces) {
    all.set(piece, at);
    at += piece.length;
  }
  return all;
}

/** The coded form of nothing is short: 8 to 20 bytes, by coding. */
function isEmptyContent(bytes: Uint8Array): boolean {
  return bytes.length <= 20;
}
