/**
 * Counts of packets that could not be read, by kind.
 *
 * In: reasons, stable and snake_case; a number in them says which link type, IP protocol and so on.
 * Out: counts by reason, and words for people. Traffic cannot make the number of kinds grow.
 */
import { NotReadReason } from "./cursor.ts";

const MAX_KINDS = 64;
const OTHER = "other";

/** Names for the numbers in reasons that are likely to be met. */
const NAMES: Readonly<Record<string, string>> = {
  link_type_7: "ARCNET",
  link_type_143: "DOCSIS",
  link_type_187: "Bluetooth",
  link_type_189: "USB",
  link_type_195: "IEEE 802.15.4",
  link_type_201: "Bluetooth",
  link_type_220: "USB",
  link_type_227: "CAN",
  link_type_242: "IP over InfiniBand",
  link_type_247: "InfiniBand",
  link_type_249: "USB",
  link_type_253: "netlink",
  link_type_271: "vsock",
  ip_protocol_33: "DCCP",
  ip_protocol_50: "ESP",
  ip_protocol_108: "IPComp",
  ip_protocol_115: "L2TP",
  ip_protocol_132: "SCTP",
  ip_protocol_136: "UDP-Lite",
  ethertype_88e5: "MACsec",
  ethertype_894f: "NSH",
  ethertype_8137: "IPX",
  ethertype_809b: "AppleTalk",
  ethertype_8906: "FCoE",
  ethertype_8915: "RoCE",
  ethertype_88a2: "ATA over Ethernet",
};

const TEXTS: Readonly<Record<string, string>> = {
  [NotReadReason.CUT]: "with cut headers",
  [NotReadReason.BAD]: "with invalid headers",
  [NotReadReason.FRAGMENTS]: "of which fragments are missing",
  [NotReadReason.EVICTED]: "given up before all fragments came (--memory-limit)",
  [NotReadReason.TOO_DEEP]: "nested too deep",
  wifi_encrypted: "of encrypted 802.11",
  wifi_fragments: "of fragmented 802.11",
  wifi_aggregates: "of aggregated 802.11",
  [OTHER]: "of other kinds",
};

/** Beginnings of reasons with a number, and words for them. */
const PREFIXES: readonly (readonly [string, string])[] = [
  ["link_type_", "link type"],
  ["ip_protocol_", "IP protocol"],
  ["ethertype_", "ethertype 0x"],
  ["llc_", "LLC access point 0x"],
  ["ppp_", "PPP protocol 0x"],
  ["gre_version_", "GRE version"],
  ["vxlan_", "VXLAN protocol"],
];

export class NotRead {
  readonly #counts = new Map<string, number>();

  add(reason: string): void {
    const known = this.#counts.get(reason);
    if (known !== undefined || this.#counts.size < MAX_KINDS) {
      this.#counts.set(reason, (known ?? 0) + 1);
    } else this.#counts.set(OTHER, (this.#counts.get(OTHER) ?? 0) + 1);
  }

  toJSON(): Record<string, number> {
    return Object.fromEntries(this.#counts);
  }
}

/** "12 packets of link type 195 (IEEE 802.15.4)" and so on, the most frequent first. */
export function describeNotRead(counts: Readonly<Record<string, number>>): string[] {
  return Object.entries(counts).filter(([, count]) => count > 0).sort(([, a], [, b]) => b - a)
    .map(([reason, count]) => `${count} packet${count === 1 ? "" : "s"} ${describe(reason)}`);
}

function describe(reason: string): string {
  const text = TEXTS[reason];
  if (text !== undefined) return text;
  const name = NAMES[reason];
  for (const [prefix, words] of PREFIXES) {
    if (!reason.startsWith(prefix)) continue;
    const number = reason.slice(prefix.length);
    const what = words.endsWith("0x") ? `${words}${number}` : `${words} ${number}`;
    return name === undefined ? `of ${what}` : `of ${what} (${name})`;
  }
  return `of kind ${reason}`;
}
