/**
 * The plug-in contract: what a protocol must say so that the common parts can find, cut, pair and
 * print its messages. A plug-in imports this file, lib/wire/, lib/stitch/ and lib/secrets/, and
 * nothing else.
 *
 * It never loops over a stream, never throws on traffic, never keeps a view of bytes that outlives
 * the call, bounds every queue and depth, and gives the same result however the bytes are chunked. It
 * looks at no byte again and again: where it asks for a byte more each time, its state says how far
 * it has looked.
 */
import type { IncompleteReason, Message, Summary } from "../lib/record/record.ts";
import type { StitchContext } from "../lib/stitch/context.ts";
import type { Exchange, Loss, Role, Side, Span, Stitched, Timed } from "../lib/stitch/exchange.ts";
import type { Pairing } from "../lib/stitch/pairing.ts";

export type { Exchange, Loss, Role, Side, Span, StitchContext, Stitched, Timed };
export type { IncompleteReason, Message, Summary };

/** What a protocol makes of the bytes in front of it. */
export type ParseResult<F> =
  | Frame<F>
  | Inner
  | Skip
  | NeedMore
  | Wait
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
  /** Bytes of memory for what was decoded from less: all else is reckoned from `length`. */
  unfoldedBytes?: number;
  /** Which of several streams within the connection it belongs to; 0 when absent. */
  stream?: number;
  /** From here on, both directions speak another protocol. */
  next?: Handover;
}
/** What there is of a frame that broke off; `redacted` as Frame has it. */
export interface Remains<F> {
  frame: F;
  redacted?: readonly string[];
}
/**
 * A whole unit of `length` bytes holds a piece of a nested stream: `bytes` of it, decompressed or
 * unwrapped. The driver asks parseFrame() for the frames of that stream, with `context.inner` set;
 * they go into the same queue, with the times of the units that carried them, and of the units'
 * bytes those that carried them (a frame that ends in a unit takes its share of it).
 */
export interface Inner {
  kind: "inner";
  length: number;
  bytes: Uint8Array;
  /** Which of several nested streams of this side; 0 when absent. */
  stream?: number;
  /** Nothing more will come on this nested stream. */
  isLast?: boolean;
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
/**
 * What is in front is for the other side to decide: asked again when that one has moved on (a nested
 * stream: when more of its own has come).
 */
export interface Wait {
  kind: "wait";
}
/** No frame starts here. The driver counts the reason (stable snake_case) and looks for the next boundary. */
export interface Invalid {
  kind: "invalid";
  reason: string;
}
/** `length` bytes are done with, and both directions now speak another protocol (STARTTLS). */
export interface Switch extends Handover {
  kind: "switch";
  length: number;
}

/** Both directions go on with another protocol, from the bytes behind this frame on. */
export interface Handover {
  /** Its name; ANY: what its own first bytes tell; null: none that is known. */
  to: string | null;
  /** What it must know; its createState() gets it, and does not trust its shape. */
  handover?: unknown;
  /**
   * What follows on the socket is TLS: the bytes of `to` are its plain text, where that is traced,
   * and the handover goes to the connection's first plain-text stream. With `to: null` there is
   * nothing else to be read: the socket's bytes are only counted from then on.
   */
  opaque?: "tls";
  /**
   * With a frame: it and the request that it answers are no exchange of this protocol. The request
   * goes to the next one, as `Inherited.request`.
   */
  isCarrying?: boolean;
}

/** A tunnel: what passes inside is looked at like a connection of its own. */
export const ANY = "*";

/** What a protocol gets of the one before it on the same connection. */
export interface Inherited {
  /** As Handover.handover. */
  readonly value: unknown;
  /** The request that it is to answer (Handover.isCarrying), with when it was asked. */
  readonly request: Timed<unknown> | null;
}

/** What a connection's parser is told on every call. */
export interface ParseContext<S> {
  side: Side;
  /** On a datagram socket each call shows exactly one whole datagram, with `ended` set. Set by the driver. */
  transport: "stream" | "datagram";
  state: S;
  /** Null: the connection's own bytes; else those of that nested stream (Inner.stream). */
  inner: number | null;
  /** No more bytes will come on this side (closed, or the trace ended): what is shown is the rest. */
  ended: boolean;
  /** Bytes that are missing directly behind those shown; 0 when they simply have not come yet. */
  gapBytes: number;
  /** findBoundary(): the bytes, two at most, that were dropped directly before; none where unknown. */
  before: readonly number[];
  /** What is known of which response answers which request. */
  pairing: Pairing;
}

/** Options that reach every protocol: one object for all connections of a trace. */
export interface ProtocolOptions {
  /** Bytes of a body or value that are shown (--max-body). */
  maxBodyBytes: number;
  /** Print secrets instead of withholding them (--show-secrets). */
  showSecrets: boolean;
}

/**
 * Do first bytes belong to a protocol? "yes" beyond reasonable doubt; "likely": all that is there
 * fits, but little is; "unsure" asks for more bytes; "no" is final.
 */
export type Probe = "yes" | "likely" | "unsure" | "no";

/** What statistics, spans and metrics say of an exchange, in every protocol's case. */
export interface Outline {
  /** Low cardinality: "GET", "SELECT", "Produce". */
  operation: string;
  /** What it is done to: a path without its query, a key, a topic, a name; empty when there is none. */
  target: string;
  /** "error" where the answer says so; no answer is no error of the protocol's. */
  outcome: "ok" | "error";
  /** As the protocol has it: 404, "WRONGTYPE", "NXDOMAIN". */
  status?: string | number;
  /** More, in the words of OpenTelemetry's semantic conventions. */
  attributes: Readonly<Record<string, string | number | boolean>>;
}

/** One protocol. `F` frame, `S` state of a connection, `X` exchange, `T` what connections share. */
export interface Protocol<F, S, X extends Exchange, T> {
  readonly name: string;
  /** Further names under which it gives records (Stitched.protocol). */
  readonly otherNames?: readonly string[];
  /**
   * False: it recognises what nobody can read (Handover.opaque), whatever records are asked for, and
   * gives none itself.
   */
  readonly givesRecords?: false;
  /** Usual ports of the server: a hint, never proof. */
  readonly ports: readonly number[];
  /** Which sockets carry it. */
  readonly transports: readonly ("stream" | "datagram")[];
  /** Overrides the default --request-timeout, milliseconds. */
  readonly requestTimeoutMs?: number;
  /**
   * Do these first bytes of one direction belong to this protocol on that side? The answer for
   * growing heads never changes from "yes" to "no", nor back from "no".
   */
  probe(head: Uint8Array, side: Side): Probe;
  /** Once a trace: what its connections share (caches, prepared statements by server). Bounded. */
  createTrace(options: ProtocolOptions): T;
  /** A connection's; `inherited` where another protocol handed over to this one. */
  createState(trace: T, inherited: Inherited | null): S;
  /**
   * Bytes of memory that the state keeps now, asked for very often; they count against
   * --memory-limit. Without it, what was skipped of the frame in progress counts, up to
   * `maxBodyBytes`: a state that keeps more must say so.
   */
  heldBytes?(state: S): number;
  parseFrame(bytes: Uint8Array, context: ParseContext<S>): ParseResult<F>;
  /**
   * The first offset >= `from` where a frame starts, or may start once more bytes are there;
   * `bytes.length` when there is none. Called after a gap, after garbage and mid-stream; the
   * parser's half-read frame of that side is forgotten by then (see abandon). Where a frame must stand
   * behind a line end, `context.before` tells it for offset 0. Asked again, from 0, while few bytes of
   * the start that it found are there: parseFrame() skips nothing of a frame before all bytes are
   * there by which this tells one.
   */
  findBoundary(bytes: Uint8Array, from: number, context: ParseContext<S>): number;
  /**
   * The bytes of the frame in progress end here, by a gap that cannot be skipped, or by the end of
   * the stream. Hands over what there is of it, or null, and forgets it.
   */
  abandon(context: ParseContext<S>): Remains<F> | null;
  /**
   * Takes from the fronts of the two queues every exchange that is complete, or that never will be.
   * `requests` are the client's frames, `responses` the server's. Use what fits of lib/stitch:
   * in_order.ts, by_id.ts, either_way.ts.
   */
  stitch(requests: Timed<F>[], responses: Timed<F>[], context: StitchContext<S>): Stitched<X>[];
  outline(exchange: X): Outline;
  /** The table's cells. Never longer than about 200 characters; escaping is done by the sink. */
  summarize(exchange: X): Summary;
}

/** Calls with the typed protocol and what its connections of this trace share. */
export type Visit<R> = <F, S, X extends Exchange, T>(
  protocol: Protocol<F, S, X, T>,
  trace: T,
) => R;

/** A protocol with its type parameters closed over, so that a list of them needs no `any`. */
export interface Plugin {
  readonly name: string;
  /** All names under which it gives records; empty where it gives none. */
  readonly names: readonly string[];
  readonly ports: readonly number[];
  readonly transports: readonly ("stream" | "datagram")[];
  probe(head: Uint8Array, side: Side): Probe;
  /** For one trace: how the common parts get at it. */
  start(options: ProtocolOptions): Started;
}

/** A plug-in at work in one trace. */
export interface Started extends Plugin {
  open<R>(visit: Visit<R>): R;
}

/** The registration value of one protocol (registry.ts). */
export function definePlugin<F, S, X extends Exchange, T>(
  protocol: Protocol<F, S, X, T>,
): Plugin {
  const plugin: Plugin = {
    name: protocol.name,
    names: protocol.givesRecords === false ? [] : [protocol.name, ...protocol.otherNames ?? []],
    ports: protocol.ports,
    transports: protocol.transports,
    probe: (head, side) => protocol.probe(head, side),
    start(options) {
      const trace = protocol.createTrace(options);
      return { ...plugin, open: (visit) => visit(protocol, trace) };
    },
  };
  return plugin;
}
