/**
 * IPv4 (RFC 791) and IPv6 (RFC 8200) headers, and fragments put together again.
 *
 * In: bytes that start with an IP header. Out: addresses, the protocol, and where its bytes are.
 * Checksums are not verified: in a capture on the sender the device fills them in later (offloading).
 */
import { Family } from "../abi.ts";
import { uint16, uint32 } from "./cursor.ts";

export const IpProtocol = { TCP: 6, UDP: 17 } as const;

/** Extension headers of the form next header, length in 8 bytes: hop-by-hop, routing, destination … */
const IPV6_OPTIONS: readonly number[] = [0, 43, 60, 135, 139, 140];
const IPV6_FRAGMENT = 44;
/** RFC 4302: what follows is in clear text. It stands before it like an IPv6 extension, in IPv4 too. */
const AUTHENTICATION = 51;
const MAX_EXTENSIONS = 8;
const MAX_DATAGRAMS = 256;
const MAX_DATAGRAM_BYTES = 65535;
const MAX_PIECES = 128;
/** RFC 8200 section 4.5: a datagram that is not whole after 60 s is given up. */
const FRAGMENT_NS = 60e9;

/** One IP datagram; reused. */
export class IpDatagram {
  family = 0;
  protocol = 0;
  bytes: Uint8Array = new Uint8Array(0);
  /** Addresses are 4 or 16 bytes at these offsets of `bytes`. */
  sourceAt = 0;
  destinationAt = 0;
  /** Payload captured: payload[payloadStart, payloadEnd). */
  payload: Uint8Array = new Uint8Array(0);
  payloadStart = 0;
  payloadEnd = 0;
  /** Payload bytes there were on the wire. */
  wireBytes = 0;
  /** For fragments: where the payload belongs, and whether more follow. */
  fragmentOffset = 0;
  moreFragments = false;
  identification = 0;
  /** Cursor.scope at its header. */
  scope = "";

  get isFragment(): boolean {
    return this.moreFragments || this.fragmentOffset > 0;
  }

  /** Reads the header at `at`; `wireEnd`: where the packet ended on the wire. False without a header. */
  read(bytes: Uint8Array, at: number, end: number, wireEnd: number): boolean {
    this.bytes = bytes;
    this.payload = bytes;
    const version = (bytes[at] as number) >>> 4;
    if (version !== 4 && version !== 6) return false;
    const whole = version === 4
      ? this.#readIpv4(bytes, at, end, wireEnd)
      : this.#readIpv6(bytes, at, end, wireEnd);
    if (!whole) return false;
    this.payloadEnd = Math.min(end, this.payloadStart + this.wireBytes);
    const isPlain = this.protocol === IpProtocol.TCP || this.protocol === IpProtocol.UDP;
    return isPlain || this.isFragment || this.passHeaders();
  }

  /**
   * Moves the payload behind the extension headers; of a fragment, only behind its fragment header.
   * False when the headers are bad.
   */
  passHeaders(): boolean {
    const { payload } = this;
    for (let i = 0; i < MAX_EXTENSIONS; i++) {
      const { protocol, payloadStart: at } = this;
      const isIpv6 = this.family === Family.INET6;
      const isFragment = isIpv6 && protocol === IPV6_FRAGMENT;
      const isOptions = isIpv6 && IPV6_OPTIONS.includes(protocol);
      if (!isFragment && !isOptions && protocol !== AUTHENTICATION) return true;
      if (at + 8 > this.payloadEnd) return false;
      const units = payload[at + 1] as number;
      const size = isFragment ? 8 : isOptions ? (units + 1) * 8 : (units + 2) * 4;
      if (at + size > this.payloadEnd) return false;
      this.protocol = payload[at] as number;
      this.payloadStart += size;
      this.wireBytes -= size;
      if (!isFragment) continue;
      const fragment = uint16(payload, at + 2);
      this.fragmentOffset = fragment & 0xfff8;
      this.moreFragments = (fragment & 1) !== 0;
      this.identification = uint32(payload, at + 4);
      // A fragment's payload may begin anywhere in the datagram: it is put together first.
      if (this.isFragment) return true;
    }
    return false;
  }

  #readIpv4(bytes: Uint8Array, at: number, end: number, wireEnd: number): boolean {
    if (end - at < 20) return false;
    const headBytes = ((bytes[at] as number) & 15) * 4;
    // 0: the device segments it later (offloading); then the packet's end is the datagram's.
    const totalBytes = uint16(bytes, at + 2) || wireEnd - at;
    if (headBytes < 20 || headBytes > end - at || totalBytes < headBytes) return false;
    const fragment = uint16(bytes, at + 6);
    this.family = Family.INET;
    this.identification = uint16(bytes, at + 4);
    this.moreFragments = (fragment & 0x2000) !== 0;
    this.fragmentOffset = (fragment & 0x1fff) * 8;
    this.protocol = bytes[at + 9] as number;
    this.sourceAt = at + 12;
    this.destinationAt = at + 16;
    this.payloadStart = at + headBytes;
    this.wireBytes = totalBytes - headBytes;
    return true;
  }

  #readIpv6(bytes: Uint8Array, at: number, end: number, wireEnd: number): boolean {
    if (end - at < 40) return false;
    const payloadBytes = uint16(bytes, at + 4) || wireEnd - at - 40;
    this.family = Family.INET6;
    this.sourceAt = at + 8;
    this.destinationAt = at + 24;
    this.moreFragments = false;
    this.fragmentOffset = 0;
    this.protocol = bytes[at + 6] as number;
    this.payloadStart = at + 40;
    this.wireBytes = payloadBytes;
    return payloadBytes >= 0;
  }
}

interface Pieces {
  sinceNs: number;
  /** The parts that came: disjoint, in order of arrival. */
  ranges: { from: number; to: number }[];
  bytes: Uint8Array;
  /** Length of the whole; -1 until the last fragment came. */
  length: number;
}

/** Datagrams of which some fragments came. Bounded in number, size and time; the oldest go first. */
export class FragmentTable {
  readonly #datagrams = new Map<string, Pieces>();
  /** Datagrams given up: fragments missing, overlapping or cut. */
  lost = 0;

  /** True when `datagram` is whole: no fragment, or the last missing one, and then it has all bytes. */
  complete(datagram: IpDatagram, nowNs: number): boolean {
    if (!datagram.isFragment) return true;
    const key = keyOf(datagram);
    let pieces = this.#datagrams.get(key);
    if (pieces !== undefined && nowNs - pieces.sinceNs > FRAGMENT_NS) {
      this.#giveUp(key);
      pieces = undefined;
    }
    if (pieces === undefined) {
      this.#makeRoom();
      pieces = { sinceNs: nowNs, ranges: [], bytes: new Uint8Array(4096), length: -1 };
      this.#datagrams.set(key, pieces);
    }
    const added = addPiece(pieces, datagram);
    if (added === "bad") this.#giveUp(key);
    if (added !== "whole") return false;
    this.#datagrams.delete(key);
    datagram.moreFragments = false;
    datagram.fragmentOffset = 0;
    datagram.payload = pieces.bytes;
    datagram.payloadStart = 0;
    datagram.payloadEnd = datagram.wireBytes = pieces.length;
    return true;
  }

  /** No more fragments will come: datagrams that are not whole are lost. */
  finish(): void {
    this.lost += this.#datagrams.size;
    this.#datagrams.clear();
  }

  #makeRoom(): void {
    if (this.#datagrams.size < MAX_DATAGRAMS) return;
    for (const oldest of this.#datagrams.keys()) return this.#giveUp(oldest);
  }

  #giveUp(key: string): void {
    this.lost++;
    this.#datagrams.delete(key);
  }
}

// The protocol is not part of the key: of IPv6 fragments only the first has the one of the payload.
function keyOf(datagram: IpDatagram): string {
  const size = datagram.family === Family.INET ? 4 : 16;
  let key = `${datagram.scope}${datagram.identification}`;
  for (let i = 0; i < size; i++) {
    key += `,${datagram.bytes[datagram.sourceAt + i]},${
      datagram.bytes[datagram.destinationAt + i]
    }`;
  }
  return key;
}

// Overlapping fragments are an attack or damage (RFC 5722): the whole datagram is given up.
function addPiece(pieces: Pieces, datagram: IpDatagram): "added" | "whole" | "bad" {
  const from = datagram.fragmentOffset;
  const to = from + datagram.wireBytes;
  const captured = datagram.payloadEnd - datagram.payloadStart;
  if (to > MAX_DATAGRAM_BYTES || captured < datagram.wireBytes) return "bad";
  if (pieces.ranges.length >= MAX_PIECES || to === from) return "bad";
  for (const range of pieces.ranges) {
    if (range.from === from && range.to === to) return "added"; // the same fragment again
    if (from < range.to && range.from < to) return "bad";
  }
  if (!datagram.moreFragments) pieces.length = to;
  if (pieces.bytes.length < to) {
    const grown = new Uint8Array(Math.max(to, pieces.bytes.length * 2));
    grown.set(pieces.bytes);
    pieces.bytes = grown;
  }
  const { payload, payloadStart, payloadEnd } = datagram;
  pieces.bytes.set(payload.subarray(payloadStart, payloadEnd), from);
  pieces.ranges.push({ from, to });
  let have = 0;
  for (const range of pieces.ranges) have += range.to - range.from;
  return have === pieces.length ? "whole" : "added";
}
