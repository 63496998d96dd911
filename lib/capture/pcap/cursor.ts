/**
 * A place in a captured packet, which the function of each layer moves on to the next layer.
 *
 * In: bytes. Out: which layer comes next, and where. Nothing at or behind `end` is ever looked at.
 */

/** The next layer: an ethertype, a number above all ethertypes, or a negative one for an end. */
export const Layer = {
  IPV4: 0x0800,
  IPV6: 0x86dd,
  MPLS: 0x8847,
  PPP: 0x880b,
  ETHERNET: 0x10000,
  LLC: 0x10001,
  /** IP of either version: its first four bits tell. */
  IP: 0x10002,
  WIFI: 0x10003,
  PPPOE: 0x8864,
  /** The end: a TCP segment or a UDP datagram. */
  FOUND: -1,
  /** The end: a protocol without application messages (ARP, ICMP and the like). */
  NO_MESSAGE: -2,
  /** The end: it cannot be read, and `reason` says why. */
  NOT_READ: -3,
  /** The end: a fragment that waits for others. */
  WAITS: -4,
} as const;

export class Cursor {
  bytes: Uint8Array = new Uint8Array(0);
  at = 0;
  /** Behind the last byte that was captured. */
  end = 0;
  /** Behind the last byte that the packet had on the wire. */
  wireEnd = 0;
  /** What tells equal addresses apart: tags and ids of the layers passed, "" for none. */
  scope = "";
  reason = "";

  start(bytes: Uint8Array, length: number, wireBytes: number): void {
    this.bytes = bytes;
    this.at = 0;
    this.end = length;
    this.wireEnd = wireBytes;
    this.scope = "";
  }

  has(count: number): boolean {
    return this.at + count <= this.end;
  }

  byte(offset: number): number {
    return this.bytes[this.at + offset] as number;
  }

  uint16(offset: number): number {
    return uint16(this.bytes, this.at + offset);
  }

  uint32(offset: number): number {
    return uint32(this.bytes, this.at + offset);
  }

  /** Moves on by `count` bytes, which need not be there. */
  skip(count: number, next: number): number {
    this.at += count;
    return next;
  }

  /** Adds to the scope: equal addresses in layers of another `id` are another conversation. */
  within(kind: string, id: number): void {
    this.scope += `${SCOPE_MARK}${kind}${id}`;
  }

  notRead(reason: string): number {
    this.reason = reason;
    return Layer.NOT_READ;
  }

  /** The header here lacks bytes: cut by the capture, or bad. */
  short(): number {
    return this.notRead(this.end < this.wireEnd ? NotReadReason.CUT : NotReadReason.BAD);
  }
}

/** Begins each part of a scope; no character of an address in a key is this one. */
export const SCOPE_MARK = "\u0100";

/** Reasons that have no number in them. */
export const NotReadReason = {
  CUT: "cut_headers",
  BAD: "bad_headers",
  FRAGMENTS: "lost_fragments",
  EVICTED: "evicted_fragments",
  TOO_DEEP: "nested_too_deep",
} as const;

/** Big endian. */
export function uint16(bytes: Uint8Array, at: number): number {
  return ((bytes[at] as number) << 8) | (bytes[at + 1] as number);
}

/** Big endian. */
export function uint32(bytes: Uint8Array, at: number): number {
  return (uint16(bytes, at) << 16 | uint16(bytes, at + 2)) >>> 0;
}
