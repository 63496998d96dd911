/**
 * Where a reader stands in the bytes that it is shown, and why it stopped. In: nothing. Out: offsets
 * and reasons, of which the parse result is made. It never looks beyond one line.
 */

/** Longest line that is waited for as a whole; a longer `+` or `-` line is taken piece by piece. */
export const MAX_LINE = 1024;
const CR = 13;
const LF = 10;

export enum Step {
  /** A value is complete. */
  Done,
  /** See Cursor.need. */
  More,
  /** See Cursor.reason. */
  Bad,
  /** Nothing stops the reader: the next step follows. */
  Next,
}

export class Cursor {
  /** Bytes taken of those shown in this call. */
  pos = 0;
  /** Bytes taken beyond those shown: they pass without being looked at. */
  leap = 0;
  /** Bytes needed from `pos` on before anything can be decided. */
  need = 1;
  reason = "";

  more(need: number): Step {
    this.need = need;
    return Step.More;
  }

  bad(reason: string): Step {
    this.reason = reason;
    return Step.Bad;
  }
}

/** Offset of the CR that ends the line at `pos`; -1: not there yet, -2: too long, -3: malformed. */
export function lineEnd(bytes: Uint8Array, pos: number): number {
  const last = Math.min(bytes.length, pos + MAX_LINE);
  for (let i = pos + 1; i < last; i++) {
    if (bytes[i] !== CR) continue;
    if (i + 1 >= bytes.length) return -1;
    return bytes[i + 1] === LF ? i : -3;
  }
  return bytes.length - pos >= MAX_LINE ? -2 : -1;
}
