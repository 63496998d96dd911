/**
 * Cuts a direction of a Redis connection into frames.
 *
 * In: bytes and the side's reader. Out: one command or one top-level reply a call, or what is
 * missing. Commands are arrays of bulk strings, or inline lines. Never loops over the stream, never
 * keeps the bytes.
 */
import type { Frame, Invalid, ParseContext, ParseResult, Remains } from "../protocol.ts";
import { utf8 } from "../../lib/wire/text.ts";
import { isDigit, isLetter } from "./ascii.ts";
import { answerKind, isSubscription } from "./commands.ts";
import { parseInline } from "./inline.ts";
import { Step } from "./cursor.ts";
import { asksForSecrets, isNotable, mayTellSecrets, withholdAll, withholdArgs } from "./secrets.ts";
import { isReply, type ValueReader } from "./reader.ts";
import type { RedisState } from "./state.ts";
import { Kind, type RedisFrame, type RedisReply, type RedisRequest, type Value } from "./types.ts";
import { Resp, scalar, smallInteger } from "./values.ts";

const CR = 13;
const LF = 10;
/** readWhole() leaves commands of more arguments to the ValueReader. */
const FAST_ARGS = 64;

type Context = ParseContext<RedisState>;

export function parseFrame(bytes: Uint8Array, context: Context): ParseResult<RedisFrame> {
  if (bytes.length === 0 && !context.state[context.side].reader.active) {
    return { kind: "need_more", minBytes: 1 };
  }
  return context.side === "request" ? parseRequest(bytes, context) : parseResponse(bytes, context);
}

/** See Protocol.abandon: hands over the half-read frame of a side. */
export function abandon(context: Context): Remains<RedisFrame> | null {
  const side = context.state[context.side];
  const reader = side.reader;
  if (!reader.active) return null;
  const value = reader.abandon();
  reader.expectRdb = false;
  if (context.side === "request") {
    if (reader.items.length === 0) return null;
    const request = toRequest(reader.items, reader.count);
    const redacted = withhold(request, context.state);
    return { frame: commandFrame(request, context.state), redacted };
  }
  return isReply(value) ? { frame: replyFrame(value, context) } : null;
}

/** The parse result of a reader that has no whole frame. */
function unfinished(step: Step, reader: ValueReader): ParseResult<RedisFrame> {
  const taken = reader.at.pos + reader.at.leap;
  if (taken > 0) return { kind: "skip", length: taken };
  if (step === Step.More) return { kind: "need_more", minBytes: reader.at.need };
  return { kind: "invalid", reason: reader.at.reason };
}

function parseRequest(bytes: Uint8Array, context: Context): ParseResult<RedisFrame> {
  const { state } = context;
  const reader = state.request.reader;
  if (!reader.active) {
    if (bytes[0] !== Resp.Array) return parseLine(bytes, context);
    const quick = readWhole(bytes, state);
    if (quick !== null) return quick;
  }
  const step = reader.read(bytes, context.gapBytes);
  if (step !== Step.Done) return unfinished(step, reader);
  if (!Array.isArray(reader.value) || reader.items.length === 0) {
    return frame(nothing(), reader.at.pos);
  }
  return framed(toRequest(reader.items, reader.count), reader.at.pos, state);
}

function parseLine(bytes: Uint8Array, context: Context): ParseResult<RedisFrame> {
  const { state } = context;
  const side = state.request;
  const line = parseInline(bytes, state.options.maxBodyBytes, side.scanned);
  side.scanned = line.kind === "need_more" ? bytes.length : 0;
  if (line.kind !== "line") return line;
  if (line.args.length === 0) return frame(nothing(), emptyLinesEnd(bytes, line.length));
  return framed(toRequest(line.args, line.args.length), line.length, state);
}

/** Offset behind the empty lines at `from`: all of them make one frame, which costs less than many. */
function emptyLinesEnd(bytes: Uint8Array, from: number): number {
  let at = from;
  while (true) {
    if (bytes[at] === LF) at++;
    else if (bytes[at] === CR && bytes[at + 1] === LF) at += 2;
    else return at;
  }
}

function framed(request: RedisRequest, length: number, state: RedisState): Frame<RedisFrame> {
  const redacted = withhold(request, state);
  const result = frame(commandFrame(request, state), length);
  if (redacted !== undefined) result.redacted = redacted;
  if (request.args_truncated) result.incomplete = "truncated";
  return result;
}

/** Reads a command whose bytes are all there and all shown, faster than the ValueReader can. */
function readWhole(bytes: Uint8Array, state: RedisState): Frame<RedisFrame> | null {
  let pos = lineEnd(bytes, 1);
  if (pos < 0) return null;
  const count = smallInteger(bytes, 1, pos);
  if (!(count > 0 && count <= FAST_ARGS)) return null;
  pos += 2;
  let command = "";
  const args: Value[] = [];
  let room = state.options.maxBodyBytes;
  for (let i = 0; i < count; i++) {
    if (bytes[pos] !== Resp.Bulk) return null;
    const end = lineEnd(bytes, pos + 1);
    if (end < 0) return null;
    const length = smallInteger(bytes, pos + 1, end);
    const start = end + 2;
    pos = start + length;
    room -= length;
    if (!(length >= 0 && room >= 0 && pos + 2 <= bytes.length)) return null;
    if (bytes[pos] !== CR || bytes[pos + 1] !== LF) return null;
    const text = utf8(bytes, start, pos);
    if (text === null) return null;
    if (i === 0) command = upper(text);
    else args.push(text);
    pos += 2;
  }
  return framed({ command, args }, pos, state);
}

/** Offset of the CR of a short line; -1 when CR and LF are not both there. */
function lineEnd(bytes: Uint8Array, from: number): number {
  const last = Math.min(bytes.length - 1, from + 16);
  for (let i = from; i < last; i++) {
    if (bytes[i] === CR) return bytes[i + 1] === LF ? i : -1;
  }
  return -1;
}

/** The request of a command of `count` parts, of which `items` were kept. */
function toRequest(items: Value[], count: number): RedisRequest {
  const first = items[0];
  const args = items.slice(1);
  const request: RedisRequest = { command: commandName(first), args };
  if (args.length < count - 1) {
    request.args_count = count - 1;
    request.args_truncated = true;
  }
  if (isReply(first) && "value_truncated" in first) request.command_truncated = true;
  return request;
}

/** The command in upper case; as it came when it is cut or not ASCII, as no command's name is. */
function commandName(value: Value | undefined): string {
  if (typeof value === "string") return upper(value);
  if (!isReply(value) || !("value" in value || "value_base64" in value)) return "";
  if ("value_base64" in value) return value.value_base64 ?? "";
  return typeof value.value === "string" ? upper(value.value) : "";
}

function upper(text: string): string {
  return text.toUpperCase();
}

/** Replaces secret arguments by null; the names of those, if any. */
function withhold(request: RedisRequest, state: RedisState): string[] | undefined {
  if (state.options.showSecrets || !isNotable(request)) return undefined;
  const positions = request.command_truncated ? withholdAll(request) : withholdArgs(request);
  if (positions.length === 0) return undefined;
  return positions.map((position) => `request.args[${position}]`);
}

function commandFrame(request: RedisRequest, state: RedisState): RedisFrame {
  const { inMulti } = state;
  const kind = answerKind(request, state);
  state.isServerKnown = true;
  if (!isNotable(request)) return { kind, request, reply: null };
  const isUnknownQueue = request.command === "EXEC" && !inMulti;
  if (!state.mayTell && (isUnknownQueue || mayTellSecrets(request))) state.mayTell = true;
  if (request.command === "EXEC" && state.queueAsks) {
    state.queueAsks = false;
    return { kind, request, reply: null, queueAsks: true };
  }
  if (request.command === "MULTI") state.queueAsks = false;
  else if (asksForSecrets(request)) state.queueAsks = true;
  return { kind, request, reply: null };
}

function parseResponse(bytes: Uint8Array, context: Context): ParseResult<RedisFrame> {
  const side = context.state.response;
  const reader = side.reader;
  if (!reader.active) {
    const quick = readScalar(bytes, context.state);
    if (quick !== null) return quick;
    // A primary sends its replica empty lines while it prepares the database file.
    if (bytes[0] === LF) return frame(nothing(), emptyLinesEnd(bytes, 1));
    if (bytes[0] === CR) return bytes.length < 2 ? needTwo() : emptyLine(bytes);
  }
  const step = reader.read(bytes, context.gapBytes);
  if (step !== Step.Done) return unfinished(step, reader);
  const value = reader.value;
  if (!isReply(value)) return { kind: "invalid", reason: "bad_type" };
  return frame(replyFrame(value, context), reader.at.pos);
}

function needTwo(): ParseResult<RedisFrame> {
  return { kind: "need_more", minBytes: 2 };
}

function emptyLine(bytes: Uint8Array): Frame<RedisFrame> | Invalid {
  if (bytes[1] === LF) return frame(nothing(), emptyLinesEnd(bytes, 2));
  return { kind: "invalid", reason: "bad_type" };
}

/** Reads +OK and :1, faster than the ValueReader can. */
function readScalar(bytes: Uint8Array, state: RedisState): Frame<RedisFrame> | null {
  const type = bytes[0];
  if (type === Resp.Integer) {
    const end = lineEnd(bytes, 1);
    const value = end < 0 ? NaN : smallInteger(bytes, 1, end);
    if (value !== value) return null;
    state.isServerKnown = true;
    return frame(plainReply(scalar("integer", value)), end + 2);
  }
  if (type === Resp.Simple && bytes.length >= 5 && bytes[1] === 0x4f && bytes[2] === 0x4b) {
    if (bytes[3] !== CR || bytes[4] !== LF || state.options.maxBodyBytes < 2) return null;
    state.isServerKnown = true;
    return frame(plainReply({ type: "simple_string", value: "OK" }), 5);
  }
  return null;
}

function plainReply(reply: RedisReply): RedisFrame {
  return { kind: Kind.Reply, request: null, reply };
}

function replyFrame(reply: RedisReply, { state }: Context): RedisFrame {
  const kind = replyKind(reply);
  const side = state.response;
  if (kind !== Kind.Reply || !mayBeCommand(reply)) state.isServerKnown = true;
  if (kind === Kind.Reply && reply.type === "simple_string") {
    side.reader.expectRdb = isFullResync(reply.value ?? "");
  }
  return { kind, request: null, reply };
}

/** Bulk strings and arrays: if client and server were confused, these may be a command. */
function mayBeCommand({ type }: RedisReply): boolean {
  return type === "bulk_string" || type === "array";
}

function replyKind(reply: RedisReply): Kind {
  switch (reply.type) {
    case "array":
      return listKind(reply.value ?? [], Kind.Reply, Kind.Published);
    case "push":
      return listKind(reply.value ?? [], Kind.Push, Kind.Push);
    case "simple_string":
      return isMonitorLine(reply.value ?? "") ? Kind.MonitorLine : Kind.Reply;
    case "rdb":
      return Kind.Rdb;
    default:
      return Kind.Reply;
  }
}

function listKind(items: Value[], other: Kind, published: Kind): Kind {
  const verb = items[0];
  if (typeof verb !== "string" || items.length < 3 || items.length > 4) return other;
  if (verb === "message" || verb === "smessage") return items.length === 3 ? published : other;
  if (verb === "pmessage") return items.length === 4 ? published : other;
  const counted = items.length === 3 && typeof items[2] === "number";
  return counted && isSubscription(verb.toUpperCase()) ? Kind.Confirmation : other;
}

/** Is it a line of MONITOR: "1339518083.107412 [0 127.0.0.1:60866] …"? */
function isMonitorLine(text: string): boolean {
  const dot = text.indexOf(".");
  const bracket = text.indexOf(" [");
  if (dot < 9 || dot > 12 || bracket !== dot + 7) return false;
  for (let i = 0; i < bracket; i++) {
    const code = text.charCodeAt(i);
    if (i !== dot && (code < 0x30 || code > 0x39)) return false;
  }
  return true;
}

/** Is it the reply to PSYNC, "FULLRESYNC <40 hex digits> <offset>"? */
function isFullResync(text: string): boolean {
  if (text.length < 53 || !text.startsWith("FULLRESYNC ") || text.charAt(51) !== " ") return false;
  for (let i = 52; i < text.length; i++) {
    const code = text.charCodeAt(i);
    if (code < 0x30 || code > 0x39) return false;
  }
  return true;
}

function nothing(): RedisFrame {
  return { kind: Kind.Nothing, request: null, reply: null };
}

function frame(value: RedisFrame, length: number): Frame<RedisFrame> {
  return { kind: "frame", frame: value, length };
}

/** Where a command or reply may start: behind a line end, with a first line of the right shape. */
export function findBoundary(bytes: Uint8Array, from: number, context: Context): number {
  const { state } = context;
  const side = state[context.side];
  side.reader.reset();
  side.reader.expectRdb = false;
  side.scanned = 0;
  if (context.side === "request" && state.inMulti) state.mayTell = state.queueAsks = true;
  const { before } = context;
  const isStart = from > 1
    ? bytes[from - 1] === LF && bytes[from - 2] === CR
    : endsLine([...before, ...bytes.subarray(0, from)]);
  if (isStart && isCandidate(bytes, from, context.side)) return from;
  for (let at = bytes.indexOf(LF, from); at >= 0; at = bytes.indexOf(LF, at + 1)) {
    const isEnd = at > 0 ? bytes[at - 1] === CR : endsLine([...before, LF]);
    if (!isEnd) continue;
    if (at + 1 < bytes.length && isCandidate(bytes, at + 1, context.side)) return at + 1;
  }
  return bytes.length;
}

/** Do these bytes end a line, as far as they are known? */
function endsLine(last: readonly number[]): boolean {
  const [lf = LF, cr = CR] = [last.at(-1), last.at(-2)];
  return lf === LF && cr === CR;
}

/** Do the bytes at `at`, as far as they are there, begin like a frame of that side? */
function isCandidate(bytes: Uint8Array, at: number, side: "request" | "response"): boolean {
  const type = bytes[at];
  if (type === undefined) return false;
  if (side === "request") {
    if (type !== Resp.Array) return false;
    const end = digitsEnd(bytes, at + 1);
    if (end < 0 || bytes[at + 1] === 0x30 || bytes[at + 1] === 0x2d) return false;
    return end + 2 >= bytes.length || bytes[end + 2] === Resp.Bulk;
  }
  if (type === Resp.Integer) return digitsEnd(bytes, at + 1) >= 0;
  if (type === Resp.Simple || type === Resp.Error) {
    return at + 1 >= bytes.length || isLetter(bytes[at + 1]);
  }
  if (type === Resp.Bulk || type === Resp.Array || type === Resp.Map || type === Resp.Push) {
    return digitsEnd(bytes, at + 1) >= 0;
  }
  return type === Resp.Nil && (at + 1 >= bytes.length || bytes[at + 1] === CR);
}

/** Offset of the CR behind a number, or of the end of what is there; -1 when it is no number line. */
function digitsEnd(bytes: Uint8Array, from: number): number {
  let i = from;
  if (bytes[i] === 0x2d) i++;
  const first = i;
  while (i < bytes.length && i - first < 20 && isDigit(bytes[i])) i++;
  if (i >= bytes.length) return i;
  if (i === first || bytes[i] !== CR) return -1;
  return i + 1 >= bytes.length || bytes[i + 1] === LF ? i : -1;
}
