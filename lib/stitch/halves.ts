/**
 * Joins two halves to an exchange. In: the frames that belong together, and why one is missing. Out:
 * what a stitcher hands over, with the reasons and withheld names of both. It knows no protocol.
 */
import type { IncompleteReason } from "../record/record.ts";
import type { Exchange, Stitched, Timed } from "./exchange.ts";

const NOTHING: readonly never[] = [];

/** `reason`: that of EmitPair; `exchange` shows both frames. */
export function joinHalves<X extends Exchange>(
  exchange: X,
  request: Timed<unknown> | null,
  response: Timed<unknown> | null,
  reason: IncompleteReason | null,
): Stitched<X> {
  return {
    exchange,
    request,
    response,
    incomplete: mergeReasons(request?.incomplete, response?.incomplete, reason),
    redacted: mergeNames(request?.redacted, response?.redacted),
  };
}

/** Each reason once, in the order of the halves. */
export function mergeReasons(
  first: readonly IncompleteReason[] = NOTHING,
  second: readonly IncompleteReason[] = NOTHING,
  reason: IncompleteReason | null = null,
): readonly IncompleteReason[] {
  if (first.length === 0 && second.length === 0) return reason === null ? NOTHING : [reason];
  const all = new Set([...first, ...second]);
  if (reason !== null) all.add(reason);
  return [...all];
}

function mergeNames(
  first: readonly string[] = NOTHING,
  second: readonly string[] = NOTHING,
): readonly string[] {
  if (second.length === 0) return first;
  return first.length === 0 ? second : [...first, ...second];
}
