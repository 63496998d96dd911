/** Why bytes of a stream are missing, and what a record says of it. */
import { Cut, CUTS } from "../capture/abi.ts";
import type { IncompleteReason } from "../record/record.ts";

/** By enum cut (0: no known reason); then reasons that only user space knows. */
export const GAP_REASONS: readonly string[] = [
  "unseen",
  ...CUTS.slice(1),
  "lost_events",
  "unseen",
  "memory_limit",
];

export const GAP_UNSEEN: number = Cut.UNSEEN;
export const GAP_LOST: number = CUTS.length;
/** No event had the bytes: the reason is not known yet, and a report of lost events may follow. */
export const GAP_MISSING: number = CUTS.length + 1;
/** The bytes waited behind missing ones when their connection was ended for want of memory. */
export const GAP_DROPPED: number = CUTS.length + 2;

/** May the gap be a loss of events? The other direction's events may be lost, too, then. */
export function isUntoldGap(reason: number): boolean {
  return reason === GAP_LOST || reason === GAP_MISSING;
}

/** What a record says (`incomplete`) whose message lacks bytes for that reason. */
export function incompleteOfGap(reason: number): IncompleteReason {
  if (reason === Cut.SNAPLEN || reason === Cut.PASSED) return "truncated";
  return reason === GAP_LOST ? "lost_events" : "gap";
}

/** Name for statistics and logs. */
export function gapName(reason: number): string {
  return GAP_REASONS[reason] ?? "unseen";
}
