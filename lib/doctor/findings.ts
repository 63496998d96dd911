/** What the doctor says of a trace: its stages, and one verdict. Types only. */

/** One stage: "process" (or "file"), "events", "delivered", "tracked", "parsed" or "stitched". */
export interface Stage {
  readonly name: string;
  readonly ok: boolean;
  readonly lines: readonly string[];
}

export type VerdictCode =
  | "records_flow"
  | "lost"
  | "filtered"
  | "tls"
  | "protocol_error"
  | "unanswered"
  | "mid_stream"
  | "unfinished"
  | "unknown_protocol"
  | "unix_only"
  | "compat_abi"
  | "unseen"
  | "not_sockets"
  | "untraced_sockets"
  | "not_read"
  | "idle";

export interface Verdict {
  readonly code: VerdictCode;
  /** The cause, in a sentence or two. */
  readonly text: string;
  /** What the operator can do next. */
  readonly next: string;
}
