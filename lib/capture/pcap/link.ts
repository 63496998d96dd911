/**
 * Link layers of packet captures (tcpdump.org/linktypes.html): where the IP header starts.
 *
 * In: a captured packet. Out: the offset of its IP header, or why there is none. It follows VLAN
 * tags; it never looks into the IP header but for its version.
 */

/** Offsets are >= 0; the negative values say why a packet is passed over. */
export const LinkResult = { NOT_IP: -1, UNKNOWN_LINK: -2, CUT: -3 } as const;

const ETHERTYPE_IPV4 = 0x0800;
const ETHERTYPE_IPV6 = 0x86dd;
/** 802.1Q, 802.1ad (QinQ), and the number that was used for QinQ before. */
const VLAN_TYPES: readonly number[] = [0x8100, 0x88a8, 0x9100];
const MAX_VLAN_TAGS = 4;

/** Offset of the IP header in bytes[start, end), or a LinkResult. */
export function findIp(
  linkType: number,
  bytes: Uint8Array,
  start: number,
  end: number,
): number {
  switch (linkType) {
    case 1: // ETHERNET: two addresses, then the type
      return afterEthertype(bytes, start + 12, end);
    case 113: // LINUX_SLL: the type is its last field
      return afterEthertype(bytes, start + 14, end);
    case 276: // LINUX_SLL2: the type is its first field, of 20 bytes
      return findInSll2(bytes, start, end);
    case 0: // NULL and LOOP: a family of 4 bytes, whose numbers differ between systems
    case 108:
      return atIp(bytes, start + 4, end);
    case 12: // RAW, under the numbers that systems gave it
    case 14:
    case 101:
    case 228: // IPV4
    case 229: // IPV6
      return atIp(bytes, start, end);
    default:
      return LinkResult.UNKNOWN_LINK;
  }
}

function findInSll2(bytes: Uint8Array, start: number, end: number): number {
  if (start + 20 > end) return LinkResult.CUT;
  const type = uint16(bytes, start);
  if (type === ETHERTYPE_IPV4 || type === ETHERTYPE_IPV6) return atIp(bytes, start + 20, end);
  if (!VLAN_TYPES.includes(type)) return LinkResult.NOT_IP;
  // A tag behind the header: its control information, then the type of what follows.
  return afterEthertype(bytes, start + 22, end);
}

function afterEthertype(bytes: Uint8Array, typeAt: number, end: number): number {
  let at = typeAt;
  for (let tags = 0; tags <= MAX_VLAN_TAGS; tags++) {
    if (at + 2 > end) return LinkResult.CUT;
    const type = uint16(bytes, at);
    if (type === ETHERTYPE_IPV4 || type === ETHERTYPE_IPV6) return atIp(bytes, at + 2, end);
    if (!VLAN_TYPES.includes(type)) return LinkResult.NOT_IP;
    at += 4;
  }
  return LinkResult.NOT_IP;
}

function atIp(bytes: Uint8Array, at: number, end: number): number {
  if (at >= end) return LinkResult.CUT;
  const version = (bytes[at] as number) >>> 4;
  return version === 4 || version === 6 ? at : LinkResult.NOT_IP;
}

/** Big endian. */
export function uint16(bytes: Uint8Array, at: number): number {
  return ((bytes[at] as number) << 8) | (bytes[at + 1] as number);
}

/** Big endian. */
export function uint32(bytes: Uint8Array, at: number): number {
  return (uint16(bytes, at) << 16 | uint16(bytes, at + 2)) >>> 0;
}
