/**
 * The chunked transfer coding (RFC 9112 section 7.1).
 *
 * In: bytes behind a head. Out: pieces of the body for Body, trailers for Head, and how far it came.
 * It keeps no bytes of its own and never waits for a whole chunk.
 *
 *     chunked-body = *( chunk-size [ chunk-ext ] CRLF chunk-data CRLF ) 1*"0" [ chunk-ext ] CRLF
 *                    trailer-section CRLF
 */
import { latin1 } from "../../lib/wire/text.ts";
import type { Body } from "./body.ts";
import { readFields } from "./fields.ts";
import type { Head } from "./head.ts";
import { CR, findHeadEnd, HT, LF, SP } from "./shape.ts";
import { Phase, type Reader } from "./state.ts";
import { HeaderFields } from "./types.ts";

/** Longest chunk-size line, extensions included. */
const MAX_LINE = 4096;
/** Longest trailer section. */
const MAX_TRAILERS = 64 * 1024;
/** Chunk sizes stay exact numbers below 16^12. */
const MAX_DIGITS = 12;

/** How a call ended; offsets go into `Progress.at`. */
export const Step = { DONE: 0, MORE: 1, INVALID: 2 } as const;
export type Step = typeof Step[keyof typeof Step];

/** Written by readChunked(). */
export interface Progress {
  /** DONE: where the body ends. MORE: bytes before it are taken; it may lie beyond those shown. */
  at: number;
  /** INVALID: why. */
  reason: string;
}

export function readChunked(
  bytes: Uint8Array,
  start: number,
  gapBytes: number,
  reader: Reader,
  head: Head,
  body: Body,
  showSecrets: boolean,
  progress: Progress,
): Step {
  let at = start;
  while (true) {
    progress.at = at;
    switch (reader.phase) {
      case Phase.CHUNK_SIZE: {
        const step = readSize(bytes, at, reader, head, progress);
        if (step !== Step.DONE) return step;
        break;
      }
      case Phase.CHUNK_DATA: {
        const there = Math.min(reader.remaining, bytes.length - at);
        body.add(bytes, at, at + there);
        reader.remaining -= there;
        progress.at = at + there;
        if (reader.remaining > 0) return passData(gapBytes, reader, body, progress);
        reader.phase = Phase.CHUNK_END;
        break;
      }
      case Phase.CHUNK_END: {
        const step = readEnd(bytes, at, reader, head, progress);
        if (step !== Step.DONE) return step;
        break;
      }
      default:
        return readTrailers(bytes, at, reader, head, showSecrets, progress);
    }
    at = progress.at;
  }
}

/** Takes a chunk that goes on behind what is shown: over a gap, or unseen when enough is kept. */
function passData(gapBytes: number, reader: Reader, body: Body, progress: Progress): Step {
  if (gapBytes === 0 && body.wantsMore) return Step.MORE;
  body.pass(reader.remaining);
  progress.at += reader.remaining;
  reader.remaining = 0;
  reader.phase = Phase.CHUNK_END;
  return Step.MORE;
}

function invalid(progress: Progress, reason: string): Step {
  progress.reason = reason;
  return Step.INVALID;
}

function readSize(
  bytes: Uint8Array,
  start: number,
  reader: Reader,
  head: Head,
  progress: Progress,
): Step {
  const limit = Math.min(bytes.length, start + MAX_LINE);
  let at = start;
  while (at < limit && isBlank(bytes[at] as number)) at++;
  if (at > start && at < limit) head.note("space_in_chunk_size");
  let size = 0;
  const first = at;
  for (; at < limit; at++) {
    const digit = hexDigit(bytes[at] as number);
    if (digit < 0) break;
    size = size * 16 + digit;
    if (size >= 16 ** MAX_DIGITS) return invalid(progress, "chunk_size");
  }
  const last = at;
  while (at < limit && isBlank(bytes[at] as number)) at++;
  if (at < limit) {
    const byte = bytes[at] as number;
    if (last === first || (byte !== 0x3b && byte !== CR && byte !== LF)) {
      return invalid(progress, "chunk_size");
    }
    while (at < limit && bytes[at] !== LF) at++;
  }
  if (at >= limit) {
    return at - start >= MAX_LINE ? invalid(progress, "chunk_line_too_long") : Step.MORE;
  }
  if (bytes[at - 1] !== CR) head.note("bare_lf_in_chunk");
  reader.remaining = size;
  reader.scanned = 0;
  reader.phase = size === 0 ? Phase.TRAILERS : Phase.CHUNK_DATA;
  progress.at = at + 1;
  return Step.DONE;
}

function isBlank(byte: number): boolean {
  return byte === SP || byte === HT;
}

function hexDigit(byte: number): number {
  if (byte >= 0x30 && byte <= 0x39) return byte - 0x30;
  const letter = byte | 32;
  return letter >= 0x61 && letter <= 0x66 ? letter - 0x57 : -1;
}

function readEnd(
  bytes: Uint8Array,
  at: number,
  reader: Reader,
  head: Head,
  progress: Progress,
): Step {
  if (at >= bytes.length) return Step.MORE;
  const lineFeed = bytes[at] === CR ? at + 1 : at;
  if (lineFeed >= bytes.length) return Step.MORE;
  if (bytes[lineFeed] !== LF) return invalid(progress, "chunk_end");
  if (lineFeed === at) head.note("bare_lf_in_chunk");
  reader.phase = Phase.CHUNK_SIZE;
  progress.at = lineFeed + 1;
  return Step.DONE;
}

function readTrailers(
  bytes: Uint8Array,
  at: number,
  reader: Reader,
  head: Head,
  showSecrets: boolean,
  progress: Progress,
): Step {
  const end = trailersEnd(bytes, at, reader);
  if (end < 0) {
    if (bytes.length - at > MAX_TRAILERS) return invalid(progress, "trailers_too_large");
    // Counted from `at`, where the bytes of the next call begin.
    reader.scanned = Math.max(0, bytes.length - at - 3);
    return Step.MORE;
  }
  if (end - at > 2) {
    const trailers = new HeaderFields();
    const text = latin1(bytes, at, end);
    const block = { bytes, start: at, end, text, base: at };
    readFields(block, head, trailers, "trailers", showSecrets);
    head.trailers = trailers;
  }
  progress.at = end;
  return Step.DONE;
}

/** Offset behind the trailers; -1 when that is not there. `reader.scanned` counts from `at`. */
function trailersEnd(bytes: Uint8Array, at: number, reader: Reader): number {
  if (bytes[at] === LF) return at + 1;
  if (bytes[at] === CR && bytes[at + 1] === LF) return at + 2;
  return findHeadEnd(bytes, at, at + reader.scanned);
}
