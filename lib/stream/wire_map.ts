/**
 * Where the bytes of a nested stream were on the wire. In: pieces, as they came. Out: how many bytes on
 * the wire carried a part of the stream. It keeps positions, and no bytes.
 */

/** Maps a nested stream's bytes to those on the wire: piece by piece, evenly within each. */
export class WireMap {
  /** Ends of the pieces, in the nested stream and on the wire; the first entry is the beginning. */
  #pieces: { end: number; wireEnd: number }[] = [{ end: 0, wireEnd: 0 }];

  /** Adds a piece of `bytes` that came in a unit of `wireBytes`. */
  add(bytes: number, wireBytes: number): void {
    const last = this.#pieces[this.#pieces.length - 1] as { end: number; wireEnd: number };
    this.#pieces.push({ end: last.end + bytes, wireEnd: last.wireEnd + wireBytes });
  }

  /** Bytes on the wire of [from, to); later calls ask only for bytes from `from` on. */
  bytesBetween(from: number, to: number): number {
    const bytes = this.#wireAt(to) - this.#wireAt(from);
    const done = this.#pieces.findIndex(({ end }) => end >= to);
    if (done > 1) this.#pieces = this.#pieces.slice(done - 1);
    return bytes;
  }

  #wireAt(position: number): number {
    const pieces = this.#pieces;
    let at = pieces.findIndex(({ end }) => end >= position);
    if (at < 0) at = pieces.length - 1;
    const piece = pieces[at] as { end: number; wireEnd: number };
    const before = pieces[at - 1];
    if (before === undefined || piece.end <= position) return piece.wireEnd;
    const share = (position - before.end) / (piece.end - before.end);
    return before.wireEnd + Math.floor(share * (piece.wireEnd - before.wireEnd));
  }
}
