/**
 * Tunnels, which carry packets inside packets: GRE, MPLS, VXLAN, Geneve and the like.
 *
 * In: a cursor at the tunnel's header. Out: the layer inside; the tunnel's id becomes part of the
 * scope. MPLS labels do not, since each direction has its own.
 */
import { ethernet } from "./link.ts";
import { type Cursor, Layer, NotReadReason } from "./cursor.ts";

const Gre = { CHECKSUM: 0x8000, ROUTING: 0x4000, KEY: 0x2000, SEQUENCE: 0x1000, ACK: 0x80 };
const ETHERNET_IN_GRE = 0x6558;
const ERSPAN = 0x88be;
const ERSPAN_3 = 0x22eb;
const MAX_LABELS = 16;
/** Ethertypes by which an Ethernet frame is recognised: IP, ARP, VLAN tags. */
const FRAMED_TYPES: readonly number[] = [0x0800, 0x86dd, 0x0806, 0x8100, 0x88a8];

/**
 * UDP ports of tunnels. A program may use one of them for its own protocol, so every fixed bit of the
 * tunnel's header is checked.
 */
const Port = { VXLAN: 4789, VXLAN_LINUX: 8472, VXLAN_GPE: 4790, GENEVE: 6081, GTP: 2152 } as const;

/** RFC 2784 and 2890; version 1 (RFC 2637) carries PPP. */
export function gre(c: Cursor): number {
  if (!c.has(4)) return c.short();
  const flags = c.uint16(0);
  const protocol = c.uint16(2);
  const version = flags & 7;
  if (version > 1 || (flags & Gre.ROUTING) !== 0) return c.notRead(`gre_version_${version}`);
  let size = 4;
  if ((flags & Gre.CHECKSUM) !== 0) size += 4;
  const keyAt = size;
  const hasKey = (flags & Gre.KEY) !== 0;
  const hasSequence = (flags & Gre.SEQUENCE) !== 0;
  if (hasKey) size += 4;
  if (hasSequence) size += 4;
  if (version === 1 && (flags & Gre.ACK) !== 0) size += 4;
  if (!c.has(size)) return c.short();
  // Version 1 has a length and the receiver's call id in place of the key.
  if (hasKey && version === 0) c.within("gre", c.uint32(keyAt));
  c.skip(size, 0);
  if (protocol === ERSPAN) return c.skip(hasSequence ? 8 : 0, Layer.ETHERNET);
  if (protocol === ERSPAN_3) return erspan3(c);
  if (protocol === ETHERNET_IN_GRE) return Layer.ETHERNET;
  return protocol === 0 ? Layer.NO_MESSAGE : protocol;
}

/** ERSPAN type III: 12 bytes, or 20 with a sub-header, before the mirrored Ethernet frame. */
function erspan3(c: Cursor): number {
  return c.has(12) ? c.skip((c.byte(11) & 1) !== 0 ? 20 : 12, Layer.ETHERNET) : c.short();
}

/** RFC 3032: labels up to the bottom of the stack. The first four bits below tell what is inside. */
export function mpls(c: Cursor): number {
  for (let i = 0; i < MAX_LABELS; i++) {
    if (!c.has(5)) return c.short();
    const isBottom = (c.byte(2) & 1) !== 0;
    c.skip(4, 0);
    if (!isBottom) continue;
    const first = c.byte(0) >>> 4;
    if (first === 4 || first === 6) return Layer.IP;
    if (first === 1) return Layer.NO_MESSAGE; // control channel of a pseudowire (RFC 4385)
    // Ethernet, with or without a control word in front.
    return c.has(14) && FRAMED_TYPES.includes(c.uint16(12))
      ? ethernet(c)
      : c.skip(4, Layer.ETHERNET);
  }
  return c.notRead(NotReadReason.TOO_DEEP);
}

/** The layer inside a tunnel over UDP; null when it is no tunnel. */
export function udpTunnel(c: Cursor, port: number): number | null {
  switch (port) {
    case Port.VXLAN:
    case Port.VXLAN_LINUX:
    case Port.VXLAN_GPE:
      return vxlan(c, port === Port.VXLAN_GPE);
    case Port.GENEVE:
      return geneve(c);
    case Port.GTP:
      return gtp(c);
    default:
      return null;
  }
}

/** RFC 7348, with the bits that group policies and VXLAN-GPE add to the first byte. */
function vxlan(c: Cursor, isGeneric: boolean): number | null {
  if (!c.has(8) || (c.byte(0) & 0x7b) !== 8 || c.byte(7) !== 0) return null;
  const isGrouped = (c.byte(0) & 0x80) !== 0;
  if (!isGrouped && !isGeneric && (c.uint32(0) & 0xffffff) !== 0) return null;
  const next = isGeneric && (c.byte(0) & 4) !== 0 ? c.byte(3) : 3;
  c.within("vxlan", c.uint32(4) >>> 8);
  c.skip(8, 0);
  if (next === 1 || next === 2) return Layer.IP;
  if (next === 5) return Layer.MPLS;
  return next === 3 ? Layer.ETHERNET : c.notRead(`vxlan_${next}`);
}

/** RFC 8926. */
function geneve(c: Cursor): number | null {
  if (!c.has(8) || c.byte(0) >>> 6 !== 0 || (c.byte(1) & 0x3f) !== 0 || c.byte(7) !== 0) {
    return null;
  }
  const type = c.uint16(2);
  if (type !== ETHERNET_IN_GRE && !FRAMED_TYPES.includes(type)) return null;
  const isControl = (c.byte(1) & 0x80) !== 0;
  c.within("geneve", c.uint32(4) >>> 8);
  c.skip(8 + (c.byte(0) & 0x3f) * 4, 0);
  if (isControl) return Layer.NO_MESSAGE;
  return type === ETHERNET_IN_GRE ? Layer.ETHERNET : type;
}

/** 3GPP TS 29.281: a user's packet. The tunnel's id, the receiver's, differs between the directions. */
function gtp(c: Cursor): number | null {
  const USER_PACKET = 255;
  if (!c.has(8) || c.byte(0) >>> 4 !== 3) return null;
  if (c.uint16(2) !== c.wireEnd - c.at - 8) return null;
  if (c.byte(1) !== USER_PACKET) return Layer.NO_MESSAGE;
  const hasMore = (c.byte(0) & 7) !== 0;
  if (!hasMore) return c.skip(8, Layer.IP);
  if (!c.has(12)) return c.short();
  let next = c.byte(11);
  c.skip(12, 0);
  for (let i = 0; next !== 0; i++) {
    if (i >= MAX_LABELS) return c.notRead(NotReadReason.TOO_DEEP);
    if (!c.has(4)) return c.short();
    const size = c.byte(0) * 4;
    if (size === 0) return c.notRead(NotReadReason.BAD);
    next = c.has(size) ? c.byte(size - 1) : 0;
    c.skip(size, 0);
  }
  return Layer.IP;
}
