/**
 * Names of X.509 as text (RFC 4514): the last part first, "CN=example.test,O=Example\, Inc.". In: a
 * Name in DER. Out: text. A value that is no text is shown as its bytes: "#" and hexadecimal digits.
 */
import { latin1, utf8 } from "../../lib/wire/text.ts";
import { type DerReader, Tag } from "./der.ts";

/** More parts are not shown. */
const MAX_PARTS = 64;

/** Short names as OpenSSL has them. */
const TYPES = new Map<string, string>([
  ["0.9.2342.19200300.100.1.1", "UID"],
  ["0.9.2342.19200300.100.1.25", "DC"],
  ["1.2.840.113549.1.9.1", "emailAddress"],
  ["1.2.840.113549.1.9.2", "unstructuredName"],
  ["1.3.6.1.4.1.311.60.2.1.1", "jurisdictionL"],
  ["1.3.6.1.4.1.311.60.2.1.2", "jurisdictionST"],
  ["1.3.6.1.4.1.311.60.2.1.3", "jurisdictionC"],
  ["2.5.4.3", "CN"],
  ["2.5.4.4", "SN"],
  ["2.5.4.5", "serialNumber"],
  ["2.5.4.6", "C"],
  ["2.5.4.7", "L"],
  ["2.5.4.8", "ST"],
  ["2.5.4.9", "street"],
  ["2.5.4.10", "O"],
  ["2.5.4.11", "OU"],
  ["2.5.4.12", "title"],
  ["2.5.4.13", "description"],
  ["2.5.4.15", "businessCategory"],
  ["2.5.4.17", "postalCode"],
  ["2.5.4.20", "telephoneNumber"],
  ["2.5.4.41", "name"],
  ["2.5.4.42", "GN"],
  ["2.5.4.43", "initials"],
  ["2.5.4.44", "generationQualifier"],
  ["2.5.4.46", "dnQualifier"],
  ["2.5.4.65", "pseudonym"],
  ["2.5.4.97", "organizationIdentifier"],
]);

/** `name` stands on the Name; null where it is none. */
export function nameText(name: DerReader): string | null {
  const parts: string[] = [];
  const sequence = name.inside();
  while (sequence.next()) {
    if (sequence.tag !== Tag.SET) return null;
    const pairs = readPairs(sequence.inside());
    if (pairs === null) return null;
    if (parts.length < MAX_PARTS) parts.push(pairs);
  }
  return sequence.failed ? null : parts.reverse().join(",");
}

/** The parts of one level, of which there is mostly one. */
function readPairs(set: DerReader): string | null {
  const pairs: string[] = [];
  while (set.next()) {
    const pair = set.inside();
    if (set.tag !== Tag.SEQUENCE || !pair.expect(Tag.OID)) return null;
    const oid = oidText(pair.bytes.subarray(pair.from, pair.to));
    if (!pair.next()) return null;
    const type = TYPES.get(oid);
    const text = type === undefined ? null : valueText(pair);
    if (pairs.length >= MAX_PARTS) continue;
    const shown = text === null ? `#${rawText(pair)}` : escaped(text);
    pairs.push(`${type ?? oid}=${shown}`);
  }
  return set.failed || pairs.length === 0 ? null : pairs.join("+");
}

/** Seven bits a byte, the top bit set on all but a number's last; the first number holds two. */
function oidText(bytes: Uint8Array): string {
  const numbers: number[] = [];
  let value = 0;
  for (const byte of bytes) {
    value = value * 128 + (byte & 127);
    if (byte > 127) continue;
    if (numbers.length === 0) {
      const first = Math.min(2, Math.floor(value / 40));
      numbers.push(first, value - 40 * first);
    } else numbers.push(value);
    value = 0;
  }
  return numbers.join(".");
}

function rawText({ bytes, start, to }: DerReader): string {
  return bytes.subarray(start, to).toHex().toUpperCase();
}

function valueText({ tag, bytes, from, to }: DerReader): string | null {
  switch (tag) {
    case Tag.UTF8_STRING:
      return utf8(bytes, from, to);
    case Tag.PRINTABLE_STRING:
    case Tag.IA5_STRING:
    case Tag.NUMERIC_STRING:
    case Tag.VISIBLE_STRING:
    case Tag.T61_STRING:
      return latin1(bytes, from, to);
    case Tag.BMP_STRING:
      return wideText(bytes, from, to, 2);
    case Tag.UNIVERSAL_STRING:
      return wideText(bytes, from, to, 4);
    default:
      return null;
  }
}

/** Characters of two bytes or four. */
function wideText(bytes: Uint8Array, from: number, to: number, width: number): string | null {
  if ((to - from) % width !== 0) return null;
  let text = "";
  for (let at = from; at < to; at += width) {
    let code = 0;
    for (let i = at; i < at + width; i++) code = code * 256 + (bytes[i] as number);
    if (code > 0x10ffff || (code >= 0xd800 && code < 0xe000)) return null;
    text += String.fromCodePoint(code);
  }
  return text;
}

/** RFC 4514 section 2.4: special characters behind a backslash, control characters as digits. */
function escaped(text: string): string {
  let out = "";
  for (let i = 0; i < text.length; i++) {
    const char = text.charAt(i);
    const code = text.charCodeAt(i);
    const isEnd = i === text.length - 1;
    if (code < 0x20 || code === 0x7f) {
      out += `\\${code.toString(16).toUpperCase().padStart(2, "0")}`;
    } else if (',+"\\<>;'.includes(char) || (i === 0 && char === "#")) out += `\\${char}`;
    else if (char === " " && (i === 0 || isEnd)) out += "\\ ";
    else out += char;
  }
  return out;
}
