/** What a plug-in's result must be to be believed, and what the driver makes of one that is not. */
import type { Invalid } from "../../protocols/protocol.ts";

export const NO_PROGRESS: Invalid = { kind: "invalid", reason: "no_progress" };
export const TOO_MANY: Invalid = { kind: "invalid", reason: "too_many_nested_streams" };

/** What a side may say while it waits for the other; it is all taken at once then. */
export const MAX_AWAITING_BYTES = 128 << 10;

/** Of so many bytes that are shown. */
export function isLength(length: number, shown: number): boolean {
  return Number.isInteger(length) && length >= 0 && length <= shown;
}

/** Of a unit: it moves on, unless some of it was done with before. */
export function isUnit(
  { length }: { readonly length: number },
  shown: number,
  { hasBegun }: { readonly hasBegun: boolean },
): boolean {
  return isLength(length, shown) && (length > 0 || hasBegun);
}
