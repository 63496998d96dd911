/**
 * Segments behind gaps, of all directions of a capture.
 *
 * In: the captured bytes of positions. Out: a number for each segment, by which its direction keeps it in
 * order, and its bytes again. It knows no order, and counts what all of them take.
 */
import { PieceStore } from "./piece_store.ts";
import type { PcapCounts } from "./room.ts";

export class HeldSegments {
  /** Memory that they take. */
  bytes = 0;
  readonly #store: PieceStore;
  #room = new Uint8Array(2048);

  constructor(store: PieceStore, readonly counts: PcapCounts) {
    this.#store = store;
  }

  from(held: number): number {
    return this.#store.from(held);
  }

  to(held: number): number {
    return this.#store.to(held);
  }

  timeNs(held: number): number {
    return this.#store.timeNs(held);
  }

  costOf(held: number): number {
    return PieceStore.costOf(this.#store.length(held));
  }

  /** Holds bytes[start, end), the captured ones of positions [from, to). */
  put(
    from: number,
    to: number,
    timeNs: number,
    bytes: Uint8Array,
    start: number,
    end: number,
  ): number {
    this.bytes += PieceStore.costOf(end - start);
    return this.#store.put(from, to, timeNs, bytes, start, end);
  }

  /** Lets it go; its bytes, valid until the next call. */
  take(held: number): Uint8Array {
    const length = this.#store.length(held);
    if (this.#room.length < length) this.#room = new Uint8Array(2 * length);
    this.#store.read(held, this.#room, 0);
    this.#store.drop(held);
    this.bytes -= PieceStore.costOf(length);
    return this.#room.subarray(0, length);
  }
}
