/**
 * The plug-in contract: what a protocol must say so that the common parts can find, cut, pair and
 * print its messages. A plug-in imports this file, lib/wire/ and lib/stitch/, and nothing else.
 *
 * It never loops over a stream, never throws on traffic, never keeps a view of bytes that outlives
 * the call, bounds every queue and depth, and gives the same result however the bytes are chunked.
 */
import type { Container, IncompleteReason, Message, Summary } from "../lib/record/record.ts";

export type { IncompleteReason, Message, Summary };

/** Requests go from the client to the server, responses back. */
export type Side = "request" | "response";

/** What a protocol makes of the bytes in front of it. */
export type ParseResult<F> =
  | Frame<F>
  | Skip
  | NeedMore
  | Invalid
  | Switch;

/** A whole frame of `length` bytes (with the bytes skipped since the last frame they make one unit). */
export interface Frame<F> {
  kind: "frame";
  frame: F;
  length: number;
  /** Names of this frame's fields whose value was withheld, e.g. "request.headers.authorization". */
  redacted?: readonly string[];
  /** What is known to be missing from the frame although its bytes came, e.g. "truncated". */
  incomplete?: IncompleteReason;
  /** From here on, both directions speak another protocol (null: none we know). */
  switchTo?: string | null;
}
/**
 * `length` bytes belong to the frame in progress and are done with. May exceed what is shown: a
 * large body passes unbuffered, gaps inside included (they mark the frame "gap").
 */
export interface Skip {
  kind: "skip";
  length: number;
}
/** Not decidable before `bytes.length >= minBytes` (more than are shown now). */
export interface NeedMore {
  kind: "need_more";
  minBytes: number;
}
/** No frame starts here. The driver counts the reason (stable snake_case) and looks for the next boundary. */
export interface Invalid {
  kind: "invalid";
  reason: string;
}
/** `length` bytes are done with, and both directions now speak another protocol (STARTTLS). */
export interface Switch {
  kind: "switch";
  length: number;
  to: string | null;
}

/** What a connection's parser is told on every call. */
export interface ParseContext<S> {
  side: Side;
  /** On a datagram socket each call shows exactly one whole datagram, with `ended` set. Set by the driver. */
  transport: "stream" | "datagram";
  state: S;
  /** No more bytes will come on this side (closed, or the trace ended): what is shown is the rest. */
  ended: boolean;
  /** Bytes that are missing directly behind those shown; 0 when they simply have not come yet. */
  gapBytes: number;
  /** findBoundary(): the bytes, two at most, that were dropped directly before; none where unknown. */
  before?: readonly number[];
}

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

/** A frame with its span and what is missing from it. */
export interface Timed<F> extends Span {
  frame: F;
  incomplete: readonly IncompleteReason[];
  redacted: readonly string[];
  /** Whole frames may be missing just before this one: what pairs by order must align anew. */
  afterGap?: boolean;
  /** Why, with `afterGap`; "gap" when absent. */
  gapReason?: IncompleteReason;
  /** With `afterGap`: the operation that moved its beginning also moved the end of one before it. */
  behindRest?: boolean;
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
}

/** What a stitcher is told besides the two queues. */
export interface StitchContext<S> {
  state: S;
  /** Event time: the clock of timeouts. */
  nowNs: number;
  /** A request older than this, unanswered, is handed over with "no_response". */
  requestTimeoutNs: number;
  /** The connection was older than the trace: the first responses may lack their request. */
  midStream: boolean;
  /** Set when nothing more will come: every queue must be emptied. */
  ended: "closed" | "trace_end" | null;
  /** The request side has ended, and none is missing behind the last one. */
  allRequests?: boolean;
}

/** Options that reach every protocol: one object for all connections of a trace. */
export interface ProtocolOptions {
  /** Bytes of a body or value that are shown (--max-body). */
  maxBodyBytes: number;
  /** Print secrets instead of withholding them (--show-secrets). */
  showSecrets: boolean;
}

/** One protocol. `F` frame, `S` state of a connection, `X` exchange. */
export interface Protocol<F, S, X extends Exchange> {
  readonly name: string;
  /** Usual ports of the server: a hint, never proof. */
  readonly ports: readonly number[];
  /** Which sockets carry it. */
  readonly transports: readonly ("stream" | "datagram")[];
  /** Overrides the default --request-timeout, milliseconds. */
  readonly requestTimeoutMs?: number;
  /**
   * Do these first bytes of one direction belong to this protocol on that side? "unsure" asks for
   * more bytes; "no" is final. The answer for growing heads must never change from yes to no.
   */
  probe(head: Uint8Array, side: Side): "yes" | "no" | "unsure";
  createState(options: ProtocolOptions): S;
  parseFrame(bytes: Uint8Array, context: ParseContext<S>): ParseResult<F>;
  /**
   * The first offset >= `from` where a frame starts, or may start once more bytes are there;
   * `bytes.length` when there is none. Called after a gap, after garbage and mid-stream; the
   * parser's half-read frame of that side is forgotten by then (see abandon). Where a frame must stand
   * behind a line end, `context.before` tells it for offset 0. Asked again, from 0, while few bytes of
   * the start that it found are there.
   */
  findBoundary(bytes: Uint8Array, from: number, context: ParseContext<S>): number;
  /**
   * The bytes of the frame in progress end here, by a gap that cannot be skipped, or by the end of
   * the stream. Hands over what there is of it, or null, and forgets it.
   */
  abandon(context: ParseContext<S>): F | null;
  /**
   * Takes from the fronts of the two queues every exchange that is complete, or that never will be.
   * Use lib/stitch/in_order.ts or by_id.ts where one fits.
   */
  stitch(requests: Timed<F>[], responses: Timed<F>[], context: StitchContext<S>): Stitched<X>[];
  /** The table's cells. Never longer than about 200 characters; escaping is done by the sink. */
  summarize(exchange: X): Summary;
}

/** A protocol with its type parameters closed over, so that a list of them needs no `any`. */
export interface Plugin {
  readonly name: string;
  readonly ports: readonly number[];
  readonly transports: readonly ("stream" | "datagram")[];
  probe(head: Uint8Array, side: Side): "yes" | "no" | "unsure";
  /** Calls `visit` with the typed protocol: how the common parts get at it. */
  open<R>(visit: <F, S, X extends Exchange>(protocol: Protocol<F, S, X>) => R): R;
}

/** The registration value of one protocol (registry.ts). */
export function definePlugin<F, S, X extends Exchange>(protocol: Protocol<F, S, X>): Plugin {
  return {
    name: protocol.name,
    ports: protocol.ports,
    transports: protocol.transports,
    probe: (head, side) => protocol.probe(head, side),
    open: (visit) => visit(protocol),
  };
}
