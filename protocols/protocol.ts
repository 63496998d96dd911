/**
 * The plug-in contract: what a protocol must say so that the common parts can find, cut, pair and
 * print its messages. A plug-in imports this file, lib/wire/, lib/stitch/ and lib/secrets/, and
 * nothing else.
 *
 * It never loops over a stream, never throws on traffic, never keeps a view of bytes that outlives
 * the call, bounds every queue and depth, and gives the same result however the bytes are chunked. It
 * searches no byte again with each call: while it waits for a line's end, say, its state remembers how
 * far it has searched.
 */
import type { IncompleteReason, Message, Summary } from "../lib/record/record.ts";
import type { StitchContext } from "../lib/stitch/context.ts";
import type { Exchange, Loss, Role, Side, Span, Stitched, Timed } from "../lib/stitch/exchange.ts";
import type { Pairing } from "../lib/stitch/pairing.ts";

export type { Exchange, Loss, Role, Side, Span, StitchContext, Stitched, Timed };
export type { IncompleteReason, Message, Summary };

/** What parseFrame() makes of the bytes that it is shown. */
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
  /** Memory of parts that were decoded from fewer bytes, in bytes; the rest is estimated by `length`. */
  unfoldedBytes?: number;
  /** Which of several streams within the connection the frame belongs to; 0 when absent. */
  stream?: number;
  /** From here on, both directions speak another protocol. */
  next?: Handover;
}
/** The parts that came of a frame that broke off; `redacted` as in Frame. */
export interface Remains<F> {
  frame: F;
  redacted?: readonly string[];
}
/**
 * A whole unit of `length` bytes carries a piece of a nested stream: `bytes`, decompressed or
 * unwrapped. The driver asks parseFrame() for the frames of that stream, with `context.inner` set.
 * These go into the same queue, with the times and sizes of the units that carried them (a frame that
 * ends within a unit gets its share of the unit's bytes).
 */
export interface Inner {
  kind: "inner";
  length: number;
  bytes: Uint8Array;
  /** Number of the nested stream, where this side has several; 0 when absent. */
  stream?: number;
  /** The nested stream ends with these bytes. */
  isLast?: boolean;
}
/**
 * `length` bytes belong to the frame in progress and need not be shown again. It may be more than are
 * shown: a large body then passes unbuffered, gaps in it included (they mark the frame "gap").
 */
export interface Skip {
  kind: "skip";
  length: number;
}
/** Undecided: call again when `bytes.length >= minBytes`, which is more than are shown now. */
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
/** `length` bytes are taken, and both directions now speak another protocol (STARTTLS). */
export interface Switch extends Handover {
  kind: "switch";
  length: number;
}

/** Both directions go on with another protocol, from the bytes behind this frame on. */
export interface Handover {
  /** The next protocol's name; ANY: to be found by its first bytes; null: none that is known. */
  to: string | null;
  /** What that protocol must know; its createState() gets it, and checks its shape. */
  handover?: unknown;
  /**
   * The socket's bytes are TLS from here on. `to` is the protocol of the plain text, where that is
   * traced: the handover goes to the connection's first plain-text stream. With `to: null` nothing can
   * be read, and the socket's bytes are only counted.
   */
  opaque?: "tls";
  /**
   * With a frame: this frame and the request that it answers are no exchange of this protocol. The
   * request goes to the next protocol, as `Inherited.request`.
   */
  isCarrying?: boolean;
}

/** As Handover.to, a tunnel: the bytes inside are probed like those of a new connection. */
export const ANY = "*";

/** What a protocol gets from the one before it on the same connection. */
export interface Inherited {
  /** Handover.handover. */
  readonly value: unknown;
  /** The request that this protocol's first response answers (Handover.isCarrying). */
  readonly request: Timed<unknown> | null;
}

/** What a connection's parser is told on every call. */
export interface ParseContext<S> {
  side: Side;
  /** On a datagram socket each call shows exactly one whole datagram, with `ended` set. Set by the driver. */
  transport: "stream" | "datagram";
  state: S;
  /** Whose bytes are shown: null: the connection's own; else the nested stream's (Inner.stream). */
  inner: number | null;
  /** No more bytes will come on this side (it closed, or the trace ended) than are shown. */
  ended: boolean;
  /** Bytes that are missing directly behind those shown; 0 when they simply have not come yet. */
  gapBytes: number;
  /**
   * The front was found by findBoundary(), and nothing of it was taken yet: it may be no start. False:
   * it is behind the last frame.
   */
  isFound: boolean;
  /** For findBoundary(): the last bytes before those shown, two at most; none if they are not known. */
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

/** What statistics, spans and metrics say of an exchange, whatever its protocol. */
export interface Outline {
  /** One of few values: "GET", "SELECT", "Produce". */
  operation: string;
  /** What the operation is about: a path without its query, a key, a topic, a name; may be empty. */
  target: string;
  /** "error" when the response says so; a missing response is "ok" here. */
  outcome: "ok" | "error";
  /** The protocol's own code: 404, "WRONGTYPE", "NXDOMAIN". */
  status?: string | number;
  /** Further facts, named by OpenTelemetry's semantic conventions. */
  attributes: Readonly<Record<string, string | number | boolean>>;
}

/** One protocol. Types: `F` frame, `S` a connection's state, `X` exchange, `T` shared by connections. */
export interface Protocol<F, S, X extends Exchange, T> {
  readonly name: string;
  /** Further names that its records may have (Stitched.protocol). */
  readonly otherNames?: readonly string[];
  /**
   * It recognises bytes that cannot be read (Handover.opaque), so it is tried whatever --protocol says:
   * then their payload need not be sent.
   */
  readonly isAlwaysTried?: true;
  /** Usual ports of the server: a hint, never proof. */
  readonly ports: readonly number[];
  /** Which sockets carry it. */
  readonly transports: readonly ("stream" | "datagram")[];
  /** Overrides the default --request-timeout, milliseconds. */
  readonly requestTimeoutMs?: number;
  /**
   * Do these first bytes of one direction belong to this protocol on that side? With more bytes a "yes"
   * never becomes a "no", and a "no" stays.
   */
  probe(head: Uint8Array, side: Side): Probe;
  /** Called once a run: what connections share (caches, prepared statements by server). Bounded. */
  createTrace(options: ProtocolOptions): T;
  /** Called for each connection; `inherited`: where another protocol handed over to this one. */
  createState(trace: T, inherited: Inherited | null): S;
  /**
   * Bytes of memory that the state keeps now, which count against --memory-limit; called very often.
   * Without this method the skipped bytes of the frame in progress count, up to `maxBodyBytes`: a state
   * that keeps more must have it.
   */
  heldBytes?(state: S): number;
  parseFrame(bytes: Uint8Array, context: ParseContext<S>): ParseResult<F>;
  /**
   * The first offset >= `from` where a frame starts, or may start once more bytes are there;
   * `bytes.length` when there is none. Called after a gap, after garbage and mid-stream, when the
   * half-read frame of that side is forgotten (see abandon). Where a frame must stand behind a line end,
   * `context.before` has the bytes before offset 0. Called again from 0 while only a few bytes of the
   * found start are there; so parseFrame() must skip nothing of a frame before all the bytes are there
   * by which this recognises a start.
   */
  findBoundary(bytes: Uint8Array, from: number, context: ParseContext<S>): number;
  /**
   * The frame in progress ends here, by a gap that cannot be skipped or by the end of the stream.
   * Returns what came of it, or null, and forgets it.
   */
  abandon(context: ParseContext<S>): Remains<F> | null;
  /**
   * Takes from the fronts of the two queues every exchange that is complete or can never be.
   * `requests` are the client's frames, `responses` the server's. lib/stitch has helpers: in_order.ts,
   * by_id.ts, either_way.ts.
   */
  stitch(requests: Timed<F>[], responses: Timed<F>[], context: StitchContext<S>): Stitched<X>[];
  outline(exchange: X): Outline;
  /** The table's cells, of about 200 characters at most; the sink escapes them. */
  summarize(exchange: X): Summary;
}

/** A function that is called with the typed protocol and what its connections share. */
export type Visit<R> = <F, S, X extends Exchange, T>(
  protocol: Protocol<F, S, X, T>,
  trace: T,
) => R;

/** A protocol with its type parameters closed over, so that a list of them needs no `any`. */
export interface Plugin {
  readonly name: string;
  /** All names that its records may have. */
  readonly names: readonly string[];
  /** See Protocol. */
  readonly isAlwaysTried: boolean;
  readonly ports: readonly number[];
  readonly transports: readonly ("stream" | "datagram")[];
  probe(head: Uint8Array, side: Side): Probe;
  /** Starts the plug-in for one run. */
  start(options: ProtocolOptions): Started;
}

/** A plug-in at work in one run: open() calls `visit` with its typed protocol. */
export interface Started extends Plugin {
  open<R>(visit: Visit<R>): R;
}

/** The registration value of one protocol (registry.ts). */
export function definePlugin<F, S, X extends Exchange, T>(
  protocol: Protocol<F, S, X, T>,
): Plugin {
  const plugin: Plugin = {
    name: protocol.name,
    names: [protocol.name, ...protocol.otherNames ?? []],
    isAlwaysTried: protocol.isAlwaysTried ?? false,
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
