/**
 * The HTTP/1.0 and 1.1 parser (RFC 9112).
 *
 * In: one side's bytes, from the first that belongs to no frame yet. Out: one frame a message, interim
 * responses merged into the final one. It waits for whole heads, not for bodies: it keeps the part of a
 * body that is shown and skips the rest. It never throws and never loops over messages.
 */
import { weigh } from "../../lib/wire/weight.ts";
import {
  ANY,
  type Frame,
  type ParseContext,
  type ParseResult,
  type Remains,
  type Wait,
} from "../protocol.ts";
import { Body, showWhole } from "./body.ts";
import { type Progress, readChunked, Step } from "./chunked.ts";
import { startMessage, toFrame, upgradedTo } from "./frame.ts";
import { hasUsualTarget, type Head } from "./head.ts";
import { readHead } from "./read_head.ts";
import {
  findHeadEnd,
  LF,
  MAX_EMPTY,
  requestLineShape,
  skipEmptyLines,
  statusLineShape,
} from "./shape.ts";
import {
  awaitsTunnel,
  disturb,
  type HttpState,
  Phase,
  pushMethod,
  type Reader,
  standsAlone,
  takeMethod,
} from "./state.ts";
import type { HttpFrame } from "./types.ts";

/** Largest head. Servers stop at 8 to 64 KiB. */
const MAX_HEAD = 256 * 1024;
/** Interim responses that are listed. */
const MAX_INTERIM = 16;
/** An unfinished first line of so many bytes is judged before its end is there. */
const EARLY_BYTES = 512;
/** Length of "HTTP/1.", by which peek() knows a response. */
const PEEK_BYTES = 7;

const WAIT: Wait = { kind: "wait" };

type Result = ParseResult<HttpFrame>;
type Context = ParseContext<HttpState>;

export function parseFrame(bytes: Uint8Array, context: Context): Result {
  const { state, side } = context;
  const reader = state[side];
  if (reader.head !== null) return parseBody(bytes, 0, reader, reader.head, context);
  if (side === "request" && awaitsTunnel(state)) return WAIT;
  if (context.isFound || !standsAlone(state, side)) return parseHead(bytes, reader, context);
  const known = recall(bytes, reader, context);
  if (known !== null) return known;
  const result = parseHead(bytes, reader, context);
  const isWhole = result.kind === "frame" && result.next === undefined && !context.ended;
  if (isWhole) state.repeated.note(bytes, result);
  return result;
}

/** The frame of an equal message that came before (repeated.ts). */
function recall(bytes: Uint8Array, reader: Reader, { state, side }: Context): Result | null {
  if (reader.last?.isAt(bytes) !== true) {
    const found = state.repeated.find(bytes, side);
    if (found === null) return null;
    reader.last = found;
  }
  const { result, method } = reader.last;
  reader.scanned = 0;
  if (side === "request") pushMethod(state, method);
  else takeMethod(state);
  return result;
}

/** As Protocol.abandon. */
export function abandon(context: Context): Remains<HttpFrame> | null {
  const { state, side } = context;
  const reader = state[side];
  const { head, body } = reader;
  let remains: Remains<HttpFrame> | null = null;
  if (head !== null) {
    const message = startMessage(head);
    const shown = body === null ? 0 : body.show(message, head, state.options);
    // The announced body did not come to its end, even if all that is shown of it came.
    if (reader.phase !== Phase.UNTIL_CLOSE) message.body_truncated = true;
    const frame = toFrame(head, message, reader, reader.doneBytes, shown, false);
    remains = { frame, redacted: head.redacted };
  }
  if (context.ended) reader.reset();
  else disturb(state, side, context.gapBytes > 0);
  return remains;
}

function needMore(bytes: Uint8Array): Result {
  return { kind: "need_more", minBytes: bytes.length + 1 };
}

/** Takes `length` bytes of a message that goes on. */
function goOn(bytes: Uint8Array, reader: Reader, length: number): Result {
  return length > 0 ? skip(reader, length) : needMore(bytes);
}

function skip(reader: Reader, length: number): Result {
  reader.doneBytes += length;
  reader.scanned = reader.phase === Phase.TRAILERS ? reader.scanned : 0;
  return { kind: "skip", length };
}

function invalid(reader: Reader, reason: string): Result {
  reader.scanned = 0;
  return { kind: "invalid", reason };
}

function parseHead(bytes: Uint8Array, reader: Reader, context: Context): Result {
  const start = skipEmptyLines(bytes, 0);
  if (start > MAX_EMPTY) return invalid(reader, "empty_lines");
  if (start === bytes.length) return needMore(bytes);
  const from = Math.max(start, Math.min(reader.scanned, bytes.length));
  const end = findHeadEnd(bytes, start, from);
  if (end < 0 || end - start > MAX_HEAD) return partialHead(bytes, start, end, reader, context);
  const { side, state } = context;
  const head = readHead(bytes, start, end, side, state.options.showSecrets, reader.memo);
  if (head === null) return invalid(reader, side === "request" ? "request_line" : "status_line");
  return begin(bytes, end, reader, head, context);
}

/** Goes on behind a head, which ends at `end`. */
function begin(
  bytes: Uint8Array,
  end: number,
  reader: Reader,
  head: Head,
  context: Context,
): Result {
  const { side } = context;
  reader.scanned = 0;
  if (context.isFound && side === "request" && !hasUsualTarget(head)) {
    return invalid(reader, "request_line");
  }
  return side === "request"
    ? beginRequest(bytes, end, reader, head, context)
    : beginResponse(bytes, end, reader, head, context);
}

/** The result where no head ends in the bytes: more are needed, or it is none. */
function partialHead(
  bytes: Uint8Array,
  start: number,
  end: number,
  reader: Reader,
  context: Context,
): Result {
  const { side } = context;
  const shape = side === "request"
    ? requestLineShape(bytes, start, Math.min(bytes.length, start + EARLY_BYTES))
    : statusLineShape(bytes, start);
  if (shape === "no") return invalid(reader, side === "request" ? "request_line" : "status_line");
  if (end >= 0 || bytes.length - start > MAX_HEAD) {
    // Not while resyncing: there every line may look like the start of a head, and only one is kept.
    if (!context.isFound) keepCut(bytes, start, reader, context);
    return invalid(reader, "head_too_large");
  }
  reader.scanned = Math.max(start, bytes.length - 3);
  return needMore(bytes);
}

/** Keeps the first lines of a head that is too large: abandon() hands them over. */
function keepCut(bytes: Uint8Array, start: number, reader: Reader, context: Context): void {
  const { side, state } = context;
  const end = bytes.lastIndexOf(LF, start + MAX_HEAD) + 1;
  if (end <= start) return;
  const head = readHead(bytes, start, end, side, state.options.showSecrets, reader.memo);
  if (head === null) return;
  if (side === "request") pushMethod(state, head.method);
  else takeMethod(state);
  reader.head = head;
  // Whether there is a body, and how long it is, is not known.
  reader.phase = Phase.UNTIL_CLOSE;
}

function beginRequest(
  bytes: Uint8Array,
  end: number,
  reader: Reader,
  head: Head,
  context: Context,
): Result {
  pushMethod(context.state, head.method);
  let phase: Phase = Phase.LENGTH;
  if (head.isChunked) phase = Phase.CHUNK_SIZE;
  // Transfer-Encoding without chunked: nothing tells where the request ends, so a server must close.
  else if (head.hasTransferEncoding) phase = Phase.UNTIL_CLOSE;
  else reader.remaining = Math.max(0, head.contentLength);
  return beginBody(bytes, end, reader, head, phase, context);
}

function beginResponse(
  bytes: Uint8Array,
  end: number,
  reader: Reader,
  head: Head,
  context: Context,
): Result {
  const { status } = head;
  if (status < 200 && status !== 101) {
    reader.interim ??= [];
    if (reader.interim.length < MAX_INTERIM) reader.interim.push(status);
    return skip(reader, end);
  }
  const { state } = context;
  const answersTunnel = awaitsTunnel(state);
  const method = takeMethod(state);
  reader.answersTunnel = answersTunnel;
  // A client that expects "100 Continue" sends no body after a final response (RFC 9110, 10.1.1).
  if (state.methods.length === 0) state.request.isRefused = state.request.awaitsLeave;
  const isTunnel = status === 101 || (method === "CONNECT" && status < 300);
  if (isTunnel || method === "HEAD" || status === 204 || status === 304) {
    if ((status === 204 || isTunnel) && (head.contentLength > 0 || head.hasTransferEncoding)) {
      head.note("framing_without_body");
    }
    return finish(bytes, end, end, reader, head, context, isTunnel);
  }
  let phase: Phase = Phase.UNTIL_CLOSE;
  if (head.isChunked) phase = Phase.CHUNK_SIZE;
  else if (!head.hasTransferEncoding && head.contentLength >= 0) {
    phase = Phase.LENGTH;
    reader.remaining = head.contentLength;
  }
  const mayBeHead = (method === null || state.uncertain) &&
    (phase !== Phase.LENGTH || reader.remaining > 0);
  if (!mayBeHead) return beginBody(bytes, end, reader, head, phase, context);
  reader.next = phase;
  return beginBody(bytes, end, reader, head, Phase.PEEK, context);
}

/** Begins the body behind a head; if the body is not all here, the head's bytes are skipped at once. */
function beginBody(
  bytes: Uint8Array,
  end: number,
  reader: Reader,
  head: Head,
  phase: Phase,
  context: Context,
): Result {
  if (phase === Phase.LENGTH && bytes.length - end >= reader.remaining) {
    return finish(bytes, end, end + reader.remaining, reader, head, context, false);
  }
  reader.head = head;
  reader.body = new Body(head, context.state.options);
  reader.phase = phase;
  return parseBody(bytes, end, reader, head, context);
}

/** Goes on with the body; bytes before `at` are the head. */
function parseBody(
  bytes: Uint8Array,
  at: number,
  reader: Reader,
  head: Head,
  context: Context,
): Result {
  const body = reader.body;
  if (body === null) return invalid(reader, "no_body");
  if (reader.isRefused) {
    const shape = requestLineShape(bytes, at, Math.min(bytes.length, at + EARLY_BYTES));
    if (shape === "yes") return finish(bytes, at, at, reader, head, context, false);
    if (shape === "unsure" && bytes.length - at < EARLY_BYTES) return goOn(bytes, reader, at);
    reader.isRefused = false;
  }
  switch (reader.phase) {
    case Phase.PEEK:
      return peek(bytes, at, reader, head, context);
    case Phase.LENGTH:
      return parseLength(bytes, at, reader, head, body, context);
    case Phase.UNTIL_CLOSE:
      return parseUntilClose(bytes, at, reader, head, body, context);
    default:
      return parseChunks(bytes, at, reader, head, body, context);
  }
}

/**
 * The response's request was not seen and may have been HEAD: it was if the next response starts here.
 */
function peek(
  bytes: Uint8Array,
  at: number,
  reader: Reader,
  head: Head,
  context: Context,
): Result {
  const there = bytes.length - at;
  const shape = there > 0 ? statusLineShape(bytes.subarray(0, at + PEEK_BYTES), at) : "unsure";
  if (shape !== "no" && there >= PEEK_BYTES) {
    return finish(bytes, at, at, reader, head, context, false);
  }
  if (shape === "unsure" && context.gapBytes === 0) {
    if (!context.ended) return goOn(bytes, reader, at);
    // Nothing more comes: without a byte of its body this is taken for the response to HEAD.
    if (there === 0) return finish(bytes, at, at, reader, head, context, false);
  }
  reader.phase = reader.next;
  return parseBody(bytes, at, reader, head, context);
}

function parseLength(
  bytes: Uint8Array,
  at: number,
  reader: Reader,
  head: Head,
  body: Body,
  context: Context,
): Result {
  const there = Math.min(reader.remaining, bytes.length - at);
  body.add(bytes, at, at + there);
  reader.remaining -= there;
  if (reader.remaining === 0) {
    return finish(bytes, at, at + there, reader, head, context, false);
  }
  if (context.gapBytes > 0 || (!body.wantsMore && !reader.awaitsLeave)) {
    const rest = reader.remaining;
    body.pass(rest);
    reader.remaining = 0;
    return skip(reader, at + there + rest);
  }
  return goOn(bytes, reader, at + there);
}

function parseUntilClose(
  bytes: Uint8Array,
  at: number,
  reader: Reader,
  head: Head,
  body: Body,
  context: Context,
): Result {
  body.add(bytes, at, bytes.length);
  const { gapBytes } = context;
  if (gapBytes > 0) {
    body.pass(gapBytes);
    return skip(reader, bytes.length + gapBytes);
  }
  if (context.ended) return finish(bytes, at, bytes.length, reader, head, context, false);
  return goOn(bytes, reader, bytes.length);
}

function parseChunks(
  bytes: Uint8Array,
  at: number,
  reader: Reader,
  head: Head,
  body: Body,
  context: Context,
): Result {
  const progress: Progress = { at, reason: "" };
  const { gapBytes, state } = context;
  const { showSecrets } = state.options;
  switch (readChunked(bytes, at, gapBytes, reader, head, body, showSecrets, progress)) {
    case Step.DONE:
      return finish(bytes, at, progress.at, reader, head, context, false);
    case Step.INVALID:
      // Bytes before the bad ones belong to the message, in whatever chunks they came.
      return progress.at > 0 ? skip(reader, progress.at) : invalid(reader, progress.reason);
    default:
      return goOn(bytes, reader, progress.at);
  }
}

/** Makes the frame of a message that ends at `end`; its body, if no Body has it, is [bodyStart, end). */
function finish(
  bytes: Uint8Array,
  bodyStart: number,
  end: number,
  reader: Reader,
  head: Head,
  context: Context,
  isTunnel: boolean,
): Result {
  const { options } = context.state;
  const message = startMessage(head);
  let shown = 0;
  if (reader.body !== null) shown = reader.body.show(message, head, options);
  else if (end > bodyStart) shown = showWhole(message, head, options, bytes, bodyStart, end);
  const frame = toFrame(head, message, reader, reader.doneBytes + end, shown, true);
  reader.reset();
  const { redacted } = head;
  const unfoldedBytes = shown < 0 ? weigh(message.body ?? message.body_base64) : 0;
  const result: Frame<HttpFrame> = { kind: "frame", frame, length: end, redacted, unfoldedBytes };
  if (isTunnel) result.next = { to: head.status === 101 ? upgradedTo(head) : ANY };
  return result;
}
