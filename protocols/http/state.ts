/**
 * What the parser remembers of a connection: of each side the message in progress, and the methods
 * of the requests that wait for their response (RFC 9112 section 6.3: HEAD and CONNECT decide
 * whether a response has a body).
 */
import type { ProtocolOptions, Side } from "../protocol.ts";
import type { Body } from "./body.ts";
import { type Head, HeadMemo } from "./head.ts";
import { type MethodKind, Methods } from "./methods.ts";
import { type Repeated, RepeatedMessages } from "./repeated.ts";

/** Where in its message a reader stands. */
export const Phase = {
  HEAD: 0,
  /** The method is not known: does a body follow, or already the next response? */
  PEEK: 1,
  LENGTH: 2,
  UNTIL_CLOSE: 3,
  CHUNK_SIZE: 4,
  CHUNK_DATA: 5,
  CHUNK_END: 6,
  TRAILERS: 7,
} as const;
export type Phase = typeof Phase[keyof typeof Phase];

/** Memory of an idle connection's state with the parts that drive its parser; and of a queued method. */
const STATE_BYTES = 4608;
const METHOD_BYTES = 8;

/** One side's message in progress. */
export class Reader {
  phase: Phase = Phase.HEAD;
  /** The phase that follows Phase.PEEK. */
  next: Phase = Phase.HEAD;
  head: Head | null = null;
  body: Body | null = null;
  /** Bytes of the body, or of the chunk, still to come. */
  remaining = 0;
  /** Where the search for a head's end goes on: bytes before it were searched. */
  scanned = 0;
  /** Bytes of this message that were skipped. */
  doneBytes = 0;
  /** Status codes of interim responses before the one in progress. */
  interim: number[] | null = null;
  /** A final response came before "100 Continue": perhaps no body of the request follows. */
  isRefused = false;
  /** Of a response in progress: it answers the CONNECT that is waited for. */
  answersTunnel = false;
  readonly memo = new HeadMemo();
  /** The kept message that came last: the next one is compared with it first. */
  last: Repeated | null = null;

  /** The request in progress has asked for "100 Continue", and nothing of its body came yet. */
  get awaitsLeave(): boolean {
    const { head, body } = this;
    return head?.headers["expect"] !== undefined && body?.sizeBytes === 0;
  }

  /** Bytes of memory. */
  get heldBytes(): number {
    const { head, body, memo } = this;
    const inProgress = head === null ? 0 : head.heldBytes + (body?.heldBytes ?? 0);
    return inProgress + memo.heldBytes;
  }

  reset(): void {
    this.phase = Phase.HEAD;
    this.head = null;
    this.body = null;
    this.remaining = 0;
    this.scanned = 0;
    this.doneBytes = 0;
    this.interim = null;
    this.isRefused = false;
    this.answersTunnel = false;
  }
}

/** State of one connection. */
export class HttpState {
  readonly options: ProtocolOptions;
  readonly repeated: RepeatedMessages;
  readonly request = new Reader();
  readonly response = new Reader();
  /** Methods of unanswered requests, oldest first. */
  readonly methods = new Methods();
  /**
   * `methods` may not fit the responses: the connection was joined mid-stream, or bytes were lost.
   * This cannot be read from pairing.ts: whether a response has a body must be known at its head,
   * before it is whole and is paired. Phase.PEEK decides where it is not known.
   */
  uncertain = false;
  /** Bytes of a response were lost since the last request: it may have been the answer to that one. */
  missedAnswer = false;
  /**
   * The client was seen to send a request before the last one was answered. Habit (habit.ts) learns
   * that from pairs: too late for the first of them.
   */
  pipelined = false;

  constructor({ options, repeated }: HttpTrace) {
    this.options = options;
    this.repeated = repeated;
  }
}

/** Bytes of heads and kept bodies in progress, of the last fields, and of methods. */
export function heldBytes({ request, response, methods }: HttpState): number {
  return STATE_BYTES + request.heldBytes + response.heldBytes + METHOD_BYTES * methods.length;
}

/** What the connections of a run share. */
export interface HttpTrace {
  readonly options: ProtocolOptions;
  readonly repeated: RepeatedMessages;
}

export function createTrace(options: ProtocolOptions): HttpTrace {
  return { options, repeated: new RepeatedMessages() };
}

export function createState(trace: HttpTrace): HttpState {
  return new HttpState(trace);
}

/** Does the next frame of `side` depend on the message's own bytes alone? */
export function standsAlone(state: HttpState, side: Side): boolean {
  const { doneBytes, interim } = state[side];
  if (doneBytes > 0 || interim !== null) return false;
  if (side === "request") return true;
  const method = state.methods.oldest;
  return !state.uncertain && method !== null && method !== "HEAD" && method !== "CONNECT";
}

/** The last request was a CONNECT: its whole answer tells whether what is behind it is HTTP at all. */
export function awaitsTunnel({ methods, missedAnswer, response }: HttpState): boolean {
  return (methods.newest === "CONNECT" || response.answersTunnel) && !missedAnswer;
}

/**
 * Bytes of `side` were no message, or (`isGap`) were lost: forgets its half-read message, and no longer
 * trusts `methods`.
 */
export function disturb(state: HttpState, side: Side, isGap = false): void {
  state[side].reset();
  state.uncertain = true;
  if (isGap && side === "response") state.missedAnswer = true;
}

export function pushMethod(state: HttpState, method: string): void {
  const { methods } = state;
  if (methods.length > 0 && !state.uncertain) state.pipelined = true;
  methods.push(method);
  state.missedAnswer = false;
}

/** Takes the method of the request that the next response answers; null when it is not known. */
export function takeMethod(state: HttpState): MethodKind | null {
  const { methods } = state;
  if (methods.length === 0) {
    state.uncertain = true;
    return null;
  }
  if (!state.uncertain) return methods.take();
  if (state.pipelined) {
    // It may be another request's. For HEAD and CONNECT the bytes behind the head decide (PEEK).
    const method = methods.take();
    return method === "HEAD" || method === "CONNECT" ? null : method;
  }
  // The queue does not fit: without pipelining only the newest request can be unanswered.
  state.uncertain = false;
  const { newest } = methods;
  methods.clear();
  return newest;
}
