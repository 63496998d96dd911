/**
 * Link layers of packet captures (tcpdump.org/linktypes.html), Ethernet's and PPP's numbers.
 *
 * In: a cursor at the layer's first byte. Out: the layer that comes next, the cursor at its first
 * byte. It never looks into IP.
 */
import { type Cursor, Layer } from "./cursor.ts";

/** 802.1Q, 802.1ad (QinQ), and the numbers that were used for QinQ before. */
const VLAN_TYPES: readonly number[] = [0x8100, 0x88a8, 0x9100, 0x9200];
/** 802.1ah: a service's id, then a whole Ethernet frame. */
const SERVICE_TAG = 0x88e7;
const LENGTH_OF_LLC = 0x8870;
/** Ethertypes that carry no application's message: */
const NO_MESSAGE_TYPES: readonly number[] = [
  0x0806, // ARP
  0x8035, // RARP; SLARP over Cisco's HDLC
  0x2000, // CDP
  0x8808, // pauses
  0x8809, // LACP and the like
  0x8863, // PPPoE discovery
  0x888e, // 802.1X
  0x88cc, // LLDP
  0x88f7, // PTP
  0x8902, // connectivity faults
  0x9000, // loopback test
];

/** Link types whose header has a fixed size: that size, and the layer behind it. */
const FIXED: ReadonlyMap<number, readonly [number, number]> = new Map([
  [0, [4, Layer.IP]], // NULL and LOOP: a family of 4 bytes, whose numbers differ between systems
  [108, [4, Layer.IP]],
  [12, [0, Layer.IP]], // RAW, under the numbers that systems gave it
  [14, [0, Layer.IP]],
  [101, [0, Layer.IP]],
  [228, [0, Layer.IP]], // IPV4
  [229, [0, Layer.IP]], // IPV6
  [109, [12, Layer.IP]], // ENC: what OpenBSD took out of IPsec
  [51, [0, Layer.PPPOE]], // PPP_ETHER
  [204, [1, Layer.PPP]], // PPP_WITH_DIR
  [100, [0, Layer.LLC]], // ATM_RFC1483
  [10, [13, Layer.LLC]], // FDDI: frame control and two addresses
  [105, [0, Layer.WIFI]], // IEEE802_11
]);

/** The first layer behind the link's own header. */
export function openLink(linkType: number, c: Cursor): number {
  if (linkType === 1) return ethernet(c);
  const fixed = FIXED.get(linkType);
  if (fixed !== undefined) return c.skip(fixed[0], fixed[1]);
  switch (linkType) {
    case 113: // LINUX_SLL: the type is its last field, of 16 bytes
      return c.has(16) ? afterCooked(c, c.uint16(14), 16) : c.short();
    case 276: // LINUX_SLL2: the type is its first field, of 20 bytes
      return c.has(20) ? afterCooked(c, c.uint16(0), 20) : c.short();
    case 9: // PPP, with and without an HDLC header
    case 50:
    case 104: // C_HDLC
      return hdlc(c);
    case 166: // PPP_PPPD: which way it went, in place of the address
      return c.skip(c.byte(1) === 3 ? 2 : 1, Layer.PPP);
    case 119: // 802.11 with one of the headers that tell of the radio
    case 127:
    case 163:
    case 192:
      return radio(linkType, c);
    case 239: // NFLOG
      return nflog(c);
    case 117: // PFLOG: its length, rounded up
      return c.has(4) ? c.skip((c.byte(0) + 3) & ~3, Layer.IP) : c.short();
    case 138: // APPLE_IP_OVER_IEEE1394: two addresses of 8 bytes
      return c.has(18) ? c.skip(18, c.uint16(16)) : c.short();
    case 149: // PKTAP, as macOS writes it, under both its numbers
    case 258:
      return pktap(c);
    default:
      return c.notRead(`link_type_${linkType}`);
  }
}

/** Two addresses, then the type. */
export function ethernet(c: Cursor): number {
  return c.has(14) ? c.skip(14, c.uint16(12)) : c.short();
}

/** The layer that an ethertype names; a number below 1536 is the length of an LLC frame. */
export function afterEthertype(type: number, c: Cursor): number {
  if (VLAN_TYPES.includes(type)) {
    if (!c.has(4)) return c.short();
    const id = c.uint16(0) & 0xfff;
    // Id 0 is a tag with a priority and no VLAN.
    if (id !== 0) c.within("vlan", id);
    return c.skip(4, c.uint16(2));
  }
  if (type === SERVICE_TAG) {
    if (!c.has(4)) return c.short();
    c.within("service", c.uint32(0) & 0xffffff);
    return c.skip(4, Layer.ETHERNET);
  }
  if (type <= 1500 || type === LENGTH_OF_LLC) return Layer.LLC;
  if (NO_MESSAGE_TYPES.includes(type)) return Layer.NO_MESSAGE;
  return c.notRead(`ethertype_${type.toString(16).padStart(4, "0")}`);
}

/** 802.2, with the ethertype that SNAP adds (RFC 1042). */
export function llc(c: Cursor): number {
  if (!c.has(3)) return c.short();
  const sap = c.byte(0);
  if (sap === 0x06) return c.skip(3, Layer.IP);
  if (sap === 0x42 || sap === 0xfe) return Layer.NO_MESSAGE; // spanning tree, OSI's routing
  if (sap !== 0xaa) return c.notRead(`llc_${sap.toString(16).padStart(2, "0")}`);
  if (!c.has(8)) return c.short();
  const organization = c.uint32(2) & 0xffffff;
  if (organization === 0x00000c) return Layer.NO_MESSAGE; // Cisco's discovery
  // Bridged Ethernet, two bytes in between (RFC 2684).
  if (organization === 0x0080c2) return c.skip(10, Layer.ETHERNET);
  return c.skip(8, c.uint16(6));
}

// Linux numbers frames without an ethertype 1 and 4.
function afterCooked(c: Cursor, type: number, headBytes: number): number {
  return c.skip(headBytes, type === 1 || type === 4 ? Layer.LLC : type);
}

/** Cisco's HDLC has an ethertype behind the address, PPP's its own numbers. */
function hdlc(c: Cursor): number {
  if (!c.has(4)) return c.short();
  const isCisco = (c.byte(0) === 0x0f || c.byte(0) === 0x8f) && c.byte(1) === 0;
  return isCisco ? c.skip(4, c.uint16(2)) : Layer.PPP;
}

/** RFC 1661: perhaps HDLC's two bytes, then the protocol's number in two bytes, or compressed in one. */
export function ppp(c: Cursor): number {
  if (c.has(2) && c.uint16(0) === 0xff03) c.skip(2, 0);
  if (!c.has(2)) return c.short();
  const isOneByte = (c.byte(0) & 1) === 1;
  const protocol = isOneByte ? c.byte(0) : c.uint16(0);
  c.skip(isOneByte ? 1 : 2, 0);
  if (protocol === 0x21 || protocol === 0x57) return Layer.IP;
  if (protocol === 0x281 || protocol === 0x283) return Layer.MPLS;
  if (protocol >= 0x8000) return Layer.NO_MESSAGE; // negotiation and the like
  return c.notRead(`ppp_${protocol.toString(16).padStart(4, "0")}`);
}

/** RFC 2516. */
export function pppoe(c: Cursor): number {
  if (!c.has(6)) return c.short();
  c.within("session", c.uint16(2));
  return c.skip(6, Layer.PPP);
}

/** Headers before an 802.11 frame: their length is fixed, or in them, little or big endian. */
function radio(linkType: number, c: Cursor): number {
  if (!c.has(8)) return c.short();
  const { bytes, at } = c;
  const little = (offset: number): number =>
    (bytes[at + offset] as number) | ((bytes[at + offset + 1] as number) << 8);
  if (linkType === 163) return c.skip(c.uint32(4), Layer.WIFI);
  if (linkType === 127 || linkType === 192) {
    const isOther = linkType === 192 && c.byte(4) !== 105;
    return isOther ? c.notRead("link_type_192") : c.skip(little(2), Layer.WIFI);
  }
  const isAvs = (c.uint32(0) & 0xfffff000) >>> 0 === 0x80211000;
  return c.skip(isAvs ? c.uint32(4) : 144, Layer.WIFI);
}

/** Fields of length, type and value, little endian; the payload is one of them. */
function nflog(c: Cursor): number {
  const PAYLOAD = 9;
  c.skip(4, 0);
  while (c.has(4)) {
    const size = c.byte(0) | (c.byte(1) << 8);
    const type = c.byte(2) | (c.byte(3) << 8);
    if (size < 4) break;
    if (type === PAYLOAD) return c.skip(4, Layer.IP);
    c.skip((size + 3) & ~3, 0);
  }
  return c.short();
}

function pktap(c: Cursor): number {
  if (!c.has(12)) return c.short();
  const little = (offset: number): number =>
    (c.byte(offset) | (c.byte(offset + 1) << 8) | (c.byte(offset + 2) << 16)) >>> 0;
  const inner = little(8);
  const size = little(0);
  if (size < 12 || inner === 149 || inner === 258) return c.notRead("link_type_258");
  c.skip(size, 0);
  return openLink(inner, c);
}
