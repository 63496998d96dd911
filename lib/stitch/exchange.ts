/**
 * The types between parser and record. The frame driver makes Timed frames of a parser's frames,
 * stitchers make exchanges of these, lib/record makes records of exchanges.
 */
import type { Container, IncompleteReason, Message } from "../record/record.ts";

/** Requests go from the client to the server, responses back. */
export type Side = "request" | "response";

/** Which of the two ends. */
export type Role = "client" | "server";

/** When, where and by whom a run of bytes moved. */
export interface Span {
  /** Nanoseconds since the trace began: end of the operation that moved the first byte. */
  startNs: number;
  /** The same for the last byte. */
  endNs: number;
  /** Bytes on the wire, gaps and skipped bytes included. */
  bytes: number;
  /** The process that moved the first byte. */
  pid: number;
  fd: number;
  comm: string;
  container?: Container;
}

/** Whole messages may be missing just before this one. */
export interface Loss {
  /** Why: "gap", "lost_events", "mid_stream" … */
  readonly reason: IncompleteReason;
  /** The operation that moved this message's beginning also moved the end of one before it. */
  readonly behindRest: boolean;
  /** The other direction may have lost messages by the same cause. */
  readonly mayBeBoth: boolean;
  /** No part of a message was seen in between: at least one whole message is missing. */
  readonly isWhole: boolean;
  /** Nothing before this message was seen: the stream was joined here. */
  readonly isJoin: boolean;
}

/** A frame with its span and what is missing from it. */
export interface Timed<F> extends Span {
  frame: F;
  /** What is missing from the frame itself. */
  incomplete: readonly IncompleteReason[];
  /** Names of its fields whose value was withheld. */
  redacted: readonly string[];
  /** What may be missing before it; pairing sets it to null once that makes no difference. */
  loss: Loss | null;
  /** Number of its stream, where several share the connection; else 0. */
  stream: number;
  /** As in Frame; undefined where that is not known. */
  readonly unfoldedBytes: number | undefined;
  /** Estimated bytes of memory (lib/conn/holdings.ts); 0: not estimated yet. */
  heldBytes: number;
  /** The request was handed over as "no_response", and waits for a late response. */
  shown: boolean;
}

/** One request with its response; either may be missing. */
export interface Exchange {
  request: Message | null;
  response: Message | null;
}

/** An exchange as the stitcher hands it over. */
export interface Stitched<X extends Exchange> {
  exchange: X;
  request: Span | null;
  response: Span | null;
  incomplete: readonly IncompleteReason[];
  redacted: readonly string[];
  /** The record's protocol, where a plug-in has several names; absent: its own. */
  protocol?: string;
  /** The stream of the connection that it passed on. */
  stream?: { id: number };
  /** The end that asked, if it was the server: then time and latency count from `response` on. */
  initiator?: Role;
}
