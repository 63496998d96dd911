/**
 * IPv4 (RFC 791) and IPv6 (RFC 8200) headers.
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
