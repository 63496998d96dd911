/**
 * Does this look like new_name? In: the first bytes of a direction. Out: yes, likely, unsure or no;
 * with more bytes a yes never becomes a no, and a no stays. It decodes nothing. The rule in
 * bpf/infer/new_name.bpf.h takes whatever this does not refuse.
 */
import type { Probe, Side } from "../protocol.ts";

const encoder = new TextEncoder();
/** What a frame of each side may start with; all of one side are equally long. */
export const STARTS: Readonly<Record<Side, readonly Uint8Array[]>> = {
  request: [encoder.encode("new_name> ")],
  response: [encoder.encode("new_name< "), encoder.encode("new_name! ")],
};
export const START_BYTES = "new_name> ".length;

/** TODO: where a few bytes fit by chance, the answer is "likely", never "yes". */
export function probe(head: Uint8Array, side: Side): Probe {
  return startsAt(head, 0, side);
}

/** "unsure" when the bytes end within a start. */
export function startsAt(bytes: Uint8Array, at: number, side: Side): "yes" | "unsure" | "no" {
  let answer: "unsure" | "no" = "no";
  for (const start of STARTS[side]) {
    const same = sameBytes(bytes, at, start);
    if (same === start.length) return "yes";
    if (at + same >= bytes.length) answer = "unsure";
  }
  return answer;
}

/** How many bytes from `at` on are those of `start`. */
function sameBytes(bytes: Uint8Array, at: number, start: Uint8Array): number {
  let same = 0;
  while (same < start.length && bytes[at + same] === start[same]) same++;
  return same;
}
