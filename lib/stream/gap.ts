/** Why bytes of a stream are missing, and what a record says of it. */
import { Cut, CUTS } from "../capture/abi.ts";
import type { IncompleteReason } from "../record/record.ts";

/** Index is enum cut (0 stands for no known reason); then what only user space can tell. */
export const GAP_REASONS: readonly string[] = ["unseen", ...CUTS.slice(1), "lost_events", "unseen"];

export const GAP_UNSEEN: number = Cut.UNSEEN;
export const GAP_LOST: number = CUTS.length;
/** Bytes that no event tells of: why is not known, and perhaps will be told later. */
export const GAP_MISSING: number = CUTS.length + 1;

/** May it be a loss of events, which are lost of both directions? */
export function isUntoldGap(reason: number): boolean {
  return reason === GAP_LOST || reason === GAP_MISSING;
}

/** What a message says that has lost bytes for that reason. */
export function incompleteOfGap(reason: number): IncompleteReason {
  if (reason === Cut.SNAPLEN || reason === Cut.PASSED) return "truncated";
  return reason === GAP_LOST ? "lost_events" : "gap";
}

/** Name for statistics and logs. */
export function gapName(reason: number): string {
  return GAP_REASONS[reason] ?? "unseen";
}
