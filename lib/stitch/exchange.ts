/**
 * What stands between parser and record: messages with when they moved, and what became of them.
 *
 * In: nothing, these are types. The frame driver makes Timed frames of a parser's frames, stitchers
 * make exchanges of those, lib/record makes records of exchanges.
 */
import type { Container, IncompleteReason, Message } from "../record/record.ts";

/** Requests go from the client to the server, responses back. */
export type Side = "request" | "response";

/** Who of the two ends. */
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
  /** The operation that moved this one's beginning also moved the end of one before it. */
  readonly behindRest: boolean;
  /** Nothing tells that the other direction lost nothing by the same cause. */
  readonly mayBeBoth: boolean;
  /** No part of a message was seen: whole ones are missing, one at least. */
  readonly isWhole: boolean;
  /** Nothing before it was seen: the stream was joined here. */
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
  /** Which of the streams that share the connection it belongs to; 0 where there is one only. */
  stream: number;
  /** As in Frame; undefined where that is not known. */
  readonly unfoldedBytes: number | undefined;
  /** Bytes of memory reckoned for it; 0: not yet. */
  heldBytes: number;
  /** A request that was handed over as "no_response", and waits for a late answer. */
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
  /** The stream within the connection that it passed on. */
  stream?: { id: number };
  /** Who asked, where it was the server: time and latency count from `response` to `request`. */
  initiator?: Role;
}
