/**
 * Cuts datagrams and streams into DNS messages.
 *
 * In: bytes of one side. Out: one frame a message; over a stream each has two bytes of length in
 * front (RFC 1035 section 4.2.2). It never keeps bytes: of a message with a gap it keeps what it
 * decoded before the gap, until the message's last byte has passed.
 */
import { weigh } from "../../lib/wire/weight.ts";
import type {
  ParseContext,
  ParseResult,
  ProtocolOptions,
  Remains,
  Side,
  Timed,
} from "../protocol.ts";
import { Opcode } from "./codes.ts";
import { decodeMessage } from "./message.ts";
import { HEADER_BYTES, messageShape, streamShape } from "./probe.ts";
import type { Transfer } from "./transfer.ts";
import type { DnsFrame, DnsMessage } from "./types.ts";

const PREFIX_BYTES = 2;
/** Estimated bytes of memory of a record of a zone transfer. */
const RECORD_BYTES = 1024;

export interface DnsState {
  maxDataBytes: number;
  /** What is known of a message whose other bytes are missing, by side. */
  partial: { request: DnsFrame | null; response: DnsFrame | null };
  /** Zone transfers that have not ended, by message id. */
  transfers: Map<number, Transfer>;
  isDatagram: boolean;
  /** Queries that were sent again, and may still get an answer of their own (repeated.ts). */
  repeated: Timed<DnsFrame>[];
}

export function createTrace(options: ProtocolOptions): ProtocolOptions {
  return options;
}

export function createState(options: ProtocolOptions): DnsState {
  return {
    maxDataBytes: options.maxBodyBytes,
    partial: { request: null, response: null },
    transfers: new Map(),
    isDatagram: false,
    repeated: [],
  };
}

/** Bytes of messages that lack bytes, of queries sent again, and of unended zone transfers. */
export function heldBytes({ partial, transfers, repeated }: DnsState): number {
  if (partial.request === null && partial.response === null && transfers.size === 0) {
    return repeated.length === 0 ? 0 : weigh(repeated);
  }
  let bytes = weigh(partial) + weigh(repeated);
  for (const { response } of transfers.values()) {
    bytes += RECORD_BYTES * response.frame.message.answers.length;
  }
  return bytes;
}

export function parseFrame(
  bytes: Uint8Array,
  context: ParseContext<DnsState>,
): ParseResult<DnsFrame> {
  context.state.isDatagram = context.transport === "datagram";
  return context.state.isDatagram ? parseDatagram(bytes, context) : parseStream(bytes, context);
}

/** A datagram is one message, whole or cut by the capture, never several. */
function parseDatagram(
  bytes: Uint8Array,
  context: ParseContext<DnsState>,
): ParseResult<DnsFrame> {
  if (bytes.length < HEADER_BYTES) return { kind: "invalid", reason: "short_message" };
  const message = decodeMessage(bytes, 0, bytes.length, context.state.maxDataBytes);
  if (message === null) return { kind: "invalid", reason: "bad_question" };
  if (context.gapBytes === 0) return frameOf(message, bytes.length);
  message.malformed = null; // cut by the capture, not by the sender
  return { kind: "frame", frame: newFrame(message), length: bytes.length, incomplete: "truncated" };
}

function parseStream(
  bytes: Uint8Array,
  context: ParseContext<DnsState>,
): ParseResult<DnsFrame> {
  const { state, side } = context;
  const partial = state.partial[side];
  if (partial !== null) {
    state.partial[side] = null;
    return { kind: "frame", frame: partial, length: 0 };
  }
  if (bytes.length < PREFIX_BYTES) return { kind: "need_more", minBytes: PREFIX_BYTES };
  const size = ((bytes[0] as number) << 8) | (bytes[1] as number);
  if (size < HEADER_BYTES) return { kind: "invalid", reason: "short_message" };
  if (!isPlausible(bytes, size)) return { kind: "invalid", reason: "not_dns" };
  const length = PREFIX_BYTES + size;
  if (bytes.length < length) return parseCut(bytes, length, context);
  const message = decodeMessage(bytes, PREFIX_BYTES, length, state.maxDataBytes);
  if (message === null) return { kind: "invalid", reason: "bad_question" };
  return frameOf(message, length);
}

/** Has the message the shape that the probe wants, or is it a lone header, too little for the probe? */
function isPlausible(bytes: Uint8Array, size: number): boolean {
  if (bytes.length < PREFIX_BYTES + 4) return true;
  const side = sideOf(bytes, PREFIX_BYTES);
  return size === HEADER_BYTES
    ? ((bytes[PREFIX_BYTES + 2] as number) >> 3 & 15) <= Opcode.DSO
    : messageShape(bytes, PREFIX_BYTES, bytes.length, size, side) !== "no";
}

function sideOf(bytes: Uint8Array, at: number): Side {
  return (bytes[at + 2] as number) > 127 ? "response" : "request";
}

/** A message whose rest is not here: it will come, or is lost in a gap or at the stream's end. */
function parseCut(
  bytes: Uint8Array,
  length: number,
  context: ParseContext<DnsState>,
): ParseResult<DnsFrame> {
  const { state, side } = context;
  const more: ParseResult<DnsFrame> = { kind: "need_more", minBytes: length };
  if (context.gapBytes === 0 && !context.ended) return more;
  const message = decodeMessage(bytes, PREFIX_BYTES, bytes.length, state.maxDataBytes);
  if (message === null) return more;
  message.malformed = null;
  state.partial[side] = newFrame(message);
  return context.gapBytes > 0 ? { kind: "skip", length } : more; // at the end, abandon() hands it over
}

function frameOf(message: DnsMessage, length: number): ParseResult<DnsFrame> {
  const frame = newFrame(message);
  return message.dropped > 0
    ? { kind: "frame", frame, length, incomplete: "truncated" }
    : { kind: "frame", frame, length };
}

function newFrame(message: DnsMessage): DnsFrame {
  return { key: keyOf(message), message, messages: 1, retransmitted: 0 };
}

/** Id and first question, which a response repeats: an id alone has 16 bits and is soon used again. */
function keyOf(message: DnsMessage): string {
  const question = message.questions[0];
  return question === undefined
    ? `${message.id}`
    : `${message.id} ${question.type} ${question.name.toLowerCase()}`;
}

/** Over a stream, a length with a message of that side that fits it; a datagram has no other start. */
export function findBoundary(
  bytes: Uint8Array,
  from: number,
  context: ParseContext<DnsState>,
): number {
  if (context.transport === "datagram") return from === 0 ? 0 : bytes.length;
  for (let at = from; at < bytes.length; at++) {
    if (streamShape(bytes, at, context.side) !== "no") return at;
  }
  return bytes.length;
}

export function abandon(context: ParseContext<DnsState>): Remains<DnsFrame> | null {
  const frame = context.state.partial[context.side];
  context.state.partial[context.side] = null;
  return frame === null ? null : { frame };
}
