/**
 * The data of resource records, by type.
 *
 * In: a reader on exactly the record's data. Out: a string, a list or fields in the words of the
 * type's RFC; null for a type that is not decoded. `reader.failed` says that the data did not fit.
 */
import { isoTime } from "../../lib/wire/number.ts";
import { typeName } from "./codes.ts";
import type { DataReader } from "./reader.ts";
import { svcb } from "./svcb.ts";
import type { DnsData } from "./types.ts";

type Decode = (reader: DataReader) => DnsData;

const name: Decode = (r) => r.name();
const strings: Decode = (r) => r.strings();

/** RFC 1035 section 3.3.13; times in seconds. */
const soa: Decode = (r) => ({
  mname: r.name(),
  rname: r.name(),
  serial: r.u32(),
  refresh: r.u32(),
  retry: r.u32(),
  expire: r.u32(),
  minimum: r.u32(),
});

/** RFC 1035 section 3.3.9, RFC 2230 section 3.1. */
const exchange: Decode = (r) => ({ preference: r.u16(), exchange: r.name() });

/** RFC 2782. */
const srv: Decode = (r) => ({
  priority: r.u16(),
  weight: r.u16(),
  port: r.u16(),
  target: r.name(),
});

/** RFC 3403 section 4.1. */
const naptr: Decode = (r) => ({
  order: r.u16(),
  preference: r.u16(),
  flags: r.string(),
  services: r.string(),
  regexp: r.string(),
  replacement: r.name(),
});

/** RFC 4034 section 5.1. */
const ds: Decode = (r) => ({
  key_tag: r.u16(),
  algorithm: r.u8(),
  digest_type: r.u8(),
  digest: r.hex(r.left),
});

/** RFC 4034 section 2.1. */
const dnskey: Decode = (r) => ({
  flags: r.u16(),
  protocol: r.u8(),
  algorithm: r.u8(),
  public_key: r.base64(r.left),
});

/** RFC 4034 section 3.1; the time to live in seconds. */
const rrsig: Decode = (r) => ({
  type_covered: typeName(r.u16()),
  algorithm: r.u8(),
  labels: r.u8(),
  original_ttl: r.u32(),
  expiration: date(r, r.u32()),
  inception: date(r, r.u32()),
  key_tag: r.u16(),
  signer: r.name(),
  signature: r.base64(r.left),
});

function date(reader: DataReader, seconds: number): string {
  return isoTime(seconds) ?? reader.fail();
}

/** RFC 4034 section 4.1. */
const nsec: Decode = (r) => ({ next: r.name(), types: typeBitmap(r) });

/** RFC 5155 section 3.2; `next` is base32 with extended hex alphabet, as in owner names. */
const nsec3: Decode = (r) => ({
  hash_algorithm: r.u8(),
  flags: r.u8(),
  iterations: r.u16(),
  salt: r.hex(r.u8()),
  next: base32(r, r.u8()),
  types: typeBitmap(r),
});

const nsec3param: Decode = (r) => ({
  hash_algorithm: r.u8(),
  flags: r.u8(),
  iterations: r.u16(),
  salt: r.hex(r.u8()),
});

/** RFC 6698 section 2.1. */
const tlsa: Decode = (r) => ({
  usage: r.u8(),
  selector: r.u8(),
  matching_type: r.u8(),
  data: r.hex(r.left),
});

/** RFC 4255 section 3.1. */
const sshfp: Decode = (r) => ({
  algorithm: r.u8(),
  fingerprint_type: r.u8(),
  fingerprint: r.hex(r.left),
});

/** RFC 8659 section 4.1. */
const caa: Decode = (r) => ({
  critical: r.u8() > 127,
  tag: r.string(),
  value: r.text(r.left),
});

/** RFC 7553 section 4.5. */
const uri: Decode = (r) => ({ priority: r.u16(), weight: r.u16(), target: r.text(r.left) });

/** RFC 4398 section 2. */
const cert: Decode = (r) => ({
  type: r.u16(),
  key_tag: r.u16(),
  algorithm: r.u8(),
  certificate: r.base64(r.left),
});

/** RFC 7477 section 2.1. */
const csync: Decode = (r) => ({ serial: r.u32(), flags: r.u16(), types: typeBitmap(r) });

/** RFC 8976 section 2.2. */
const zonemd: Decode = (r) => ({
  serial: r.u32(),
  scheme: r.u8(),
  hash_algorithm: r.u8(),
  digest: r.hex(r.left),
});

/** RFC 8945 section 4.2. The MAC itself proves knowledge of a secret and is not shown. */
const tsig: Decode = (r) => {
  const algorithm = r.name();
  const time_signed = date(r, r.u48());
  const fudge = r.u16();
  const mac_bytes = r.u16();
  r.part(mac_bytes);
  const original_id = r.u16();
  const error = r.u16();
  r.part(r.u16());
  return { algorithm, time_signed, fudge, mac_bytes, original_id, error };
};

/** RFC 4034 section 4.1.2: windows of 256 types, a bitmap of at most 32 bytes each. */
function typeBitmap(reader: DataReader): string[] {
  const types: string[] = [];
  while (reader.left > 0) {
    const window = reader.u8() << 8;
    const length = reader.u8();
    if (length > 32) reader.fail();
    for (let i = 0; i < length && !reader.failed; i++) {
      const bits = reader.u8();
      for (let bit = 0; bit < 8; bit++) {
        if (bits & (0x80 >> bit)) types.push(typeName(window + i * 8 + bit));
      }
    }
  }
  return types;
}

function base32(reader: DataReader, length: number): string {
  let text = "";
  let held = 0;
  let bits = 0;
  for (let i = 0; i < length && !reader.failed; i++) {
    held = ((held & 31) << 8) | reader.u8();
    bits += 8;
    for (; bits >= 5; bits -= 5) text += ((held >> (bits - 5)) & 31).toString(32);
  }
  if (bits > 0) text += ((held << (5 - bits)) & 31).toString(32);
  return text;
}

const DECODERS = new Map<number, Decode>([
  [1, (r) => r.ipv4()],
  [2, name],
  [3, name],
  [4, name],
  [5, name],
  [6, soa],
  [7, name],
  [8, name],
  [9, name],
  [12, name],
  [13, (r) => ({ cpu: r.string(), os: r.string() })],
  [14, (r) => ({ rmailbx: r.name(), emailbx: r.name() })],
  [15, exchange],
  [16, strings],
  [17, (r) => ({ mbox: r.name(), txt: r.name() })],
  [18, (r) => ({ subtype: r.u16(), hostname: r.name() })],
  [21, (r) => ({ preference: r.u16(), intermediate: r.name() })],
  [24, rrsig],
  [25, dnskey],
  [28, (r) => r.ipv6()],
  [33, srv],
  [35, naptr],
  [36, exchange],
  [37, cert],
  [39, name],
  [43, ds],
  [44, sshfp],
  [46, rrsig],
  [47, nsec],
  [48, dnskey],
  [50, nsec3],
  [51, nsec3param],
  [52, tlsa],
  [53, tlsa],
  [56, strings],
  [59, ds],
  [60, dnskey],
  [61, (r) => r.base64(r.left)],
  [62, csync],
  [63, zonemd],
  [64, svcb],
  [65, svcb],
  [99, strings],
  [108, (r) => r.hex(6, "-")],
  [109, (r) => r.hex(8, "-")],
  [250, tsig],
  [256, uri],
  [257, caa],
  [258, strings],
  [261, strings],
  [262, strings],
  [32768, ds],
  [32769, ds],
]);

export function decodeData(type: number, reader: DataReader): DnsData | null {
  const decode = DECODERS.get(type);
  return decode === undefined ? null : decode(reader);
}
