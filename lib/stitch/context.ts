/** The context of a stitcher, and its output. Types only. */
import type { IncompleteReason } from "../record/record.ts";
import type { Timed } from "./exchange.ts";
import type { Pairing } from "./pairing.ts";

/** What a stitcher is told besides the two queues. */
export interface StitchContext<S> {
  readonly state: S;
  /** Event time: the clock of timeouts. */
  readonly nowNs: number;
  /** A request older than this, unanswered, is shown with "no_response", and kept for its answer. */
  readonly requestTimeoutNs: number;
  /** What is known of which response answers which request. */
  readonly pairing: Pairing;
  /** A response has begun and is not whole yet: requests do not time out meanwhile. */
  readonly answering: boolean;
  /** Set when nothing more will come: every queue must be emptied. */
  ended: "closed" | "trace_end" | null;
  /** Set when more is queued than memory allows: every queue must be emptied, for that reason. */
  overflow: IncompleteReason | null;
  /** No event of the trace was lost since the protocol began, as far as that is known. */
  readonly nothingLost: boolean;
  /** Both sides have ended, and nothing is missing behind the last message of either. */
  allSeen: boolean;
  /** The request side has ended, and no request is missing behind the last one. */
  readonly allRequests: boolean;
}

/** `reason` says why one half is missing, or is late; null for a full pair in time. */
export type EmitPair<F> = (
  request: Timed<F> | null,
  response: Timed<F> | null,
  reason: IncompleteReason | null,
) => void;
