/**
 * JA4, the fingerprint of a client by its hello (FoxIO, "JA4: TLS Client Fingerprinting"). In: what the
 * ClientHello lists. Out: the fingerprint. Values of GREASE count for nothing.
 *
 *     t version sni suites extensions alpn _ hash of the suites _ hash of extensions and signatures
 *
 * Suites and extensions are sorted before they are hashed: clients shuffle them.
 */
import { sha256Hex } from "../../lib/wire/sha256.ts";
import { isGrease } from "./names.ts";

export interface Ja4Input {
  /** Highest version offered, as on the wire. */
  version: number;
  hasSni: boolean;
  suites: readonly number[];
  extensions: readonly number[];
  /** The first name of ALPN; empty without one. */
  alpn: Uint8Array;
  signatures: readonly number[];
}

const VERSIONS = new Map<number, string>([
  [0x0300, "s3"],
  [0x0301, "10"],
  [0x0302, "11"],
  [0x0303, "12"],
  [0x0304, "13"],
]);
const SERVER_NAME = 0;
const ALPN = 16;
const MOST = 99;
const HASH_DIGITS = 12;
const OF_NONE = "0".repeat(HASH_DIGITS);

export function ja4Of(hello: Ja4Input): string {
  const suites = hello.suites.filter(isMeant);
  const extensions = hello.extensions.filter(isMeant);
  const hashed = extensions.filter((type) => type !== SERVER_NAME && type !== ALPN);
  const signatures = hello.signatures.filter(isMeant);
  const behind = signatures.length === 0 ? "" : `_${hexList(signatures)}`;
  const version = VERSIONS.get(hello.version) ?? "00";
  const first = `t${version}${hello.hasSni ? "d" : "i"}${count(suites)}${count(extensions)}`;
  return `${first}${alpnEnds(hello.alpn)}_${hashOf(sorted(suites), "")}_${
    hashOf(sorted(hashed), behind)
  }`;
}

function isMeant(value: number): boolean {
  return !isGrease(value);
}

function count(list: readonly number[]): string {
  return String(Math.min(list.length, MOST)).padStart(2, "0");
}

function sorted(list: readonly number[]): number[] {
  return list.toSorted((a, b) => a - b);
}

function hexList(list: readonly number[]): string {
  return list.map((value) => value.toString(16).padStart(4, "0")).join(",");
}

function hashOf(list: readonly number[], behind: string): string {
  if (list.length === 0 && behind === "") return OF_NONE;
  return sha256Hex(new TextEncoder().encode(hexList(list) + behind)).slice(0, HASH_DIGITS);
}

/** First and last character of the name; if either is no letter or digit, of its hexadecimal digits. */
function alpnEnds(name: Uint8Array): string {
  const [first, last] = [name[0], name.at(-1)];
  if (first === undefined || last === undefined) return "00";
  if (isAlphanumeric(first) && isAlphanumeric(last)) return String.fromCharCode(first, last);
  return (first >> 4).toString(16) + (last & 15).toString(16);
}

function isAlphanumeric(byte: number): boolean {
  return (byte >= 0x30 && byte <= 0x39) || (byte >= 0x41 && byte <= 0x5a) ||
    (byte >= 0x61 && byte <= 0x7a);
}
