/**
 * Cuts the stream into frames. In: bytes from where a frame should start. Out: a frame, how many
 * bytes are needed, or why none starts here. It never loops over the stream and keeps no bytes.
 *
 *     frame = start text LF      text = any bytes but LF
 */
import { base64, utf8, utf8CutBefore } from "../../lib/wire/text.ts";
import type { ParseContext, ParseResult, Remains } from "../protocol.ts";
import { START_BYTES, STARTS, startsAt } from "./probe.ts";
import type { NewNameState } from "./state.ts";
import type { NewNameFrame, NewNameRequest } from "./types.ts";

const LF = 10;
const ERROR = "!".charCodeAt(0);
/** A line's end is not waited for beyond this. */
const MAX_LINE_BYTES = 64 << 10;

export function parseFrame(
  bytes: Uint8Array,
  context: ParseContext<NewNameState>,
): ParseResult<NewNameFrame> {
  const { side, state: { options, scannedBytes } } = context;
  const start = startsAt(bytes, 0, side);
  if (start === "no") return { kind: "invalid", reason: "bad_start" };
  if (start === "unsure") return { kind: "need_more", minBytes: START_BYTES };
  // No byte is looked at again and again, however the line is chunked.
  const end = bytes.indexOf(LF, scannedBytes[side]);
  scannedBytes[side] = end < 0 ? bytes.length : 0;
  if ((end < 0 ? bytes.length : end) >= MAX_LINE_BYTES) {
    scannedBytes[side] = 0;
    return { kind: "invalid", reason: "line_too_long" };
  }
  if (end < 0) return { kind: "need_more", minBytes: bytes.length + 1 };
  const said = textOf(bytes, START_BYTES, end, options.maxBodyBytes);
  if (side === "request") return frameOf({ request: said, response: null }, end + 1);
  const status = bytes[START_BYTES - 2] === ERROR ? "error" : "ok";
  return frameOf({ request: null, response: { status, ...said } }, end + 1);
}

function frameOf(frame: NewNameFrame, length: number): ParseResult<NewNameFrame> {
  return { kind: "frame", frame, length };
}

/** Where a frame starts, or may start once more bytes are there. */
export function findBoundary(
  bytes: Uint8Array,
  from: number,
  { side }: ParseContext<NewNameState>,
): number {
  const first = STARTS[side][0]?.[0] ?? 0;
  let at = bytes.indexOf(first, from);
  while (at >= 0 && startsAt(bytes, at, side) === "no") at = bytes.indexOf(first, at + 1);
  return at < 0 ? bytes.length : at;
}

/** Half a line is given up. A parser that skips bodies hands over here what it has of the message. */
export function abandon({ side, state }: ParseContext<NewNameState>): Remains<NewNameFrame> | null {
  state.scannedBytes[side] = 0;
  return null;
}

function textOf(bytes: Uint8Array, from: number, to: number, most: number): NewNameRequest {
  const isCut = to - from > most;
  const end = isCut ? utf8CutBefore(bytes, from, from + most) : to;
  const text = utf8(bytes, from, end);
  const said: NewNameRequest = text === null
    ? { text_base64: base64(bytes, from, end), text_bytes: to - from }
    : { text, text_bytes: to - from };
  if (isCut) said.text_truncated = true;
  return said;
}
