/**
 * The OPT pseudo record (RFC 6891). In: its class and ttl, and a reader on its options. Out: DnsEdns.
 * The data of an option that does not have its code's format is shown as base64.
 */
import type { DataReader } from "./reader.ts";
import type { DnsEdns, DnsOption } from "./types.ts";

const MAX_OPTIONS = 64;

/** IANA "DNS EDNS0 Option Codes". */
const CODES = new Map<number, string>([
  [1, "LLQ"],
  [2, "UPDATE-LEASE"],
  [3, "NSID"],
  [5, "DAU"],
  [6, "DHU"],
  [7, "N3U"],
  [8, "CLIENT-SUBNET"],
  [9, "EXPIRE"],
  [10, "COOKIE"],
  [11, "TCP-KEEPALIVE"],
  [12, "PADDING"],
  [13, "CHAIN"],
  [14, "KEY-TAG"],
  [15, "EXTENDED-ERROR"],
  [18, "REPORT-CHANNEL"],
  [19, "ZONEVERSION"],
]);

type Fields = Record<string, string | number | number[]>;

export function decodeEdns(size: number, ttl: number, reader: DataReader): DnsEdns {
  const edns: DnsEdns = { version: (ttl >>> 16) & 255, udp_payload_size: size };
  if (ttl & 0x8000) edns.dnssec_ok = true;
  const options: DnsOption[] = [];
  while (reader.left > 0 && options.length < MAX_OPTIONS) {
    const code = reader.u16();
    const length = reader.u16();
    if (length > reader.left) reader.fail();
    else options.push(decodeOption(code, length, reader));
  }
  if (options.length > 0) edns.options = options;
  return edns;
}

function decodeOption(code: number, length: number, reader: DataReader): DnsOption {
  const name = CODES.get(code) ?? `OPT${code}`;
  const raw = reader.part(length);
  const part = raw.fork();
  const fields = optionFields(code, part);
  if (fields !== null && !part.failed && part.left === 0) return { code: name, ...fields };
  return { code: name, data_base64: raw.base64(length) };
}

function optionFields(code: number, part: DataReader): Fields | null {
  switch (code) {
    case 3: // RFC 5001
      return { nsid: part.hex(part.left) };
    case 5: // RFC 6975
    case 6:
    case 7:
      return { algorithms: list(part, () => part.u8()) };
    case 8:
      return clientSubnet(part);
    case 9: // RFC 7314, seconds; empty in a request
      return part.left === 0 ? {} : { expire: part.u32() };
    case 10: // RFC 7873 section 4
      return part.left === 8
        ? { client: part.hex(8) }
        : { client: part.hex(8), server: part.hex(part.left) };
    case 11: // RFC 7828 section 3.1, in units of 100 ms; empty in a request
      return part.left === 0 ? {} : { timeout: part.u16() };
    case 12: { // RFC 7830
      const bytes = part.left;
      part.part(bytes);
      return { bytes };
    }
    case 13: // RFC 7901
      return { closest_trust_point: part.name() };
    case 14: // RFC 8145
      return { key_tags: list(part, () => part.u16()) };
    case 15: { // RFC 8914 section 2
      const info_code = part.u16();
      return part.left === 0 ? { info_code } : { info_code, extra_text: part.text(part.left) };
    }
    case 18: // RFC 9567
      return { agent_domain: part.name() };
    default:
      return null;
  }
}

/** RFC 7871 section 6: of the address only the bytes of its prefix are sent. */
function clientSubnet(part: DataReader): Fields {
  const family = part.u16();
  const source_prefix = part.u8();
  const scope_prefix = part.u8();
  const address = family === 1
    ? part.ipv4(part.left)
    : family === 2
    ? part.ipv6(part.left)
    : part.fail();
  return { family, source_prefix, scope_prefix, address };
}

function list(part: DataReader, next: () => number): number[] {
  const items: number[] = [];
  while (part.left > 0) items.push(next());
  return items;
}
