/** Socket addresses as text. In: raw network-order bytes. Out: "10.0.0.1:80", "[::1]:80". */

/** Linux's AF_INET; the other family is AF_INET6. */
const AF_INET = 2;

/** "10.0.0.1:80" also for ::ffff:10.0.0.1; `offset` points at 4 (AF_INET) or 16 (AF_INET6) bytes. */
export function formatAddress(
  family: number,
  bytes: Uint8Array,
  offset: number,
  port: number,
): string {
  if (family === AF_INET) return `${formatIpv4(bytes, offset)}:${port}`;
  if (isMapped(bytes, offset)) return `${formatIpv4(bytes, offset + 12)}:${port}`;
  return `[${formatIpv6(bytes, offset)}]:${port}`;
}

/** Four bytes, dotted. */
export function formatIpv4(bytes: Uint8Array, offset: number): string {
  return `${bytes[offset]}.${bytes[offset + 1]}.${bytes[offset + 2]}.${bytes[offset + 3]}`;
}

function isMapped(bytes: Uint8Array, offset: number): boolean {
  for (let i = 0; i < 10; i++) if (bytes[offset + i] !== 0) return false;
  return bytes[offset + 10] === 255 && bytes[offset + 11] === 255;
}

/** Sixteen bytes in the canonical form of RFC 5952: lower case, the longest run of zeros as "::". */
export function formatIpv6(bytes: Uint8Array, offset: number): string {
  const groups: number[] = [];
  for (let i = 0; i < 16; i += 2) {
    groups.push(((bytes[offset + i] as number) << 8) | (bytes[offset + i + 1] as number));
  }
  let best = -1;
  let bestLength = 1;
  for (let i = 0; i < 8; i++) {
    let length = 0;
    while (i + length < 8 && groups[i + length] === 0) length++;
    if (length > bestLength) [best, bestLength] = [i, length];
    if (length > 0) i += length - 1;
  }
  const hex = (part: number[]): string => part.map((group) => group.toString(16)).join(":");
  if (best < 0) return hex(groups);
  return `${hex(groups.slice(0, best))}::${hex(groups.slice(best + bestLength))}`;
}
