/**
 * Fragments of IP datagrams put together again (RFC 791 section 3.2, RFC 8200 section 4.5).
 *
 * In: IP datagrams that are fragments. Out: the whole, in the same datagram, once all came. Unfinished
 * ones are bounded in number, memory and time; the oldest go first, and are counted.
 */
import { Family } from "../abi.ts";
import type { IpDatagram } from "./ip.ts";
import { PieceStore } from "./piece_store.ts";
import type { PcapCounts } from "./room.ts";
import { latin1 } from "../../wire/text.ts";

const MAX_DATAGRAMS = 256;
const MAX_DATAGRAM_BYTES = 65535;
const MAX_PIECES = 128;
/** RFC 8200 section 4.5: a datagram that is not whole after 60 s is given up. */
const FRAGMENT_NS = 60e9;

interface Unfinished {
  sinceNs: number;
  /** The pieces that came, by their numbers: disjoint, in order of arrival. */
  pieces: number[];
  /** Bytes that they have. */
  have: number;
  /** Length of the whole; -1 until the last fragment came. */
  length: number;
}

/** Datagrams of which some fragments came. */
export class FragmentTable {
  readonly #datagrams = new Map<string, Unfinished>();
  readonly #store: PieceStore;
  readonly #counts: PcapCounts;
  readonly #maxBytes: number;
  #heldBytes = 0;
  /** The last whole datagram. */
  #whole = new Uint8Array(MAX_DATAGRAM_BYTES);
  /** Datagrams of which fragments are missing, overlapping or cut. */
  lost = 0;

  constructor(store: PieceStore, counts: PcapCounts, maxBytes: number) {
    this.#store = store;
    this.#counts = counts;
    this.#maxBytes = maxBytes;
  }

  /**
   * True when `datagram` is whole: no fragment, or the last missing one, and then it has all bytes, which
   * are valid until the next is whole.
   */
  complete(datagram: IpDatagram, nowNs: number): boolean {
    if (!datagram.isFragment) return true;
    const key = keyOf(datagram);
    let of = this.#datagrams.get(key);
    if (of !== undefined && nowNs - of.sinceNs > FRAGMENT_NS) {
      this.#forget(key, of);
      this.lost++;
      of = undefined;
    }
    if (of === undefined) {
      of = { sinceNs: nowNs, pieces: [], have: 0, length: -1 };
      if (this.#datagrams.size >= MAX_DATAGRAMS) this.#evict();
      this.#datagrams.set(key, of);
    }
    if (!this.#add(of, datagram)) {
      this.#forget(key, of);
      this.lost++;
      return false;
    }
    if (of.have === of.length) {
      this.#putTogether(of, datagram);
      this.#forget(key, of);
      return true;
    }
    while (this.#heldBytes > this.#maxBytes) this.#evict();
    return false;
  }

  /** No more fragments will come: datagrams that are not whole are lost. */
  finish(): void {
    for (const [key, of] of this.#datagrams) {
      this.#forget(key, of);
      this.lost++;
    }
  }

  // False for overlapping fragments, which are an attack or damage (RFC 5722), and for bad or cut ones:
  // the whole datagram is given up.
  #add(of: Unfinished, datagram: IpDatagram): boolean {
    const store = this.#store;
    const { payload, payloadStart, payloadEnd, fragmentOffset: from, wireBytes } = datagram;
    const to = from + wireBytes;
    if (to > MAX_DATAGRAM_BYTES || payloadEnd - payloadStart < wireBytes) return false;
    if (of.pieces.length >= MAX_PIECES || to === from) return false;
    for (const piece of of.pieces) {
      const [otherFrom, otherTo] = [store.from(piece), store.to(piece)];
      if (otherFrom === from && otherTo === to) return true; // the same fragment again
      if (from < otherTo && otherFrom < to) return false;
    }
    if (!datagram.moreFragments) of.length = to;
    of.pieces.push(store.put(from, to, 0, payload, payloadStart, payloadEnd));
    of.have += to - from;
    this.#heldBytes += PieceStore.costOf(to - from);
    return true;
  }

  #putTogether({ pieces, length }: Unfinished, datagram: IpDatagram): void {
    // Its header may lie in the last whole one: fragments of a datagram inside it.
    if (datagram.bytes === this.#whole) this.#whole = new Uint8Array(MAX_DATAGRAM_BYTES);
    const whole = this.#whole;
    for (const piece of pieces) this.#store.read(piece, whole, this.#store.from(piece));
    datagram.moreFragments = false;
    datagram.fragmentOffset = 0;
    datagram.payload = whole;
    datagram.payloadStart = 0;
    datagram.payloadEnd = datagram.wireBytes = length;
  }

  // The oldest one.
  #evict(): void {
    for (const [key, of] of this.#datagrams) {
      this.#counts.evictedFragments++;
      return this.#forget(key, of);
    }
  }

  #forget(key: string, { pieces }: Unfinished): void {
    this.#datagrams.delete(key);
    for (const piece of pieces) {
      this.#heldBytes -= PieceStore.costOf(this.#store.length(piece));
      this.#store.drop(piece);
    }
  }
}

// The protocol is not part of the key: of IPv6 fragments only the first has the one of the payload.
function keyOf({ family, scope, identification, bytes, sourceAt }: IpDatagram): string {
  // Source and destination addresses are neighbours in both headers.
  const size = family === Family.INET ? 8 : 32;
  return `${latin1(bytes, sourceAt, sourceAt + size)}${identification}${scope}`;
}
