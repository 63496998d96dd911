/**
 * Is this TLS? In: the first bytes of a direction. Out: yes for a hello of that side and for a whole
 * record; likely for the header of another record, which may be the first bytes that are seen of an
 * older connection. The rule in bpf/infer/tls.bpf.h takes whatever this does not refuse.
 *
 *     record = type version(2) length(2) fragment            RFC 8446 section 5.1
 *     hello  = a fragment: kind length(3) version(2) …       RFC 8446 sections 4, 4.1.2 and 4.1.3
 *     sslv2  = 0x80 length 1 version(2) sizes(2 2 2) …  RFC 5246 appendix E.2: a client's hello
 */
import type { Probe, Side } from "../protocol.ts";

/** Content types of records. */
export const Type = { CHANGE_CIPHER_SPEC: 20, ALERT: 21, HANDSHAKE: 22, APPLICATION: 23 } as const;

export const HEADER_BYTES = 5;
/** Bytes of the length in front of a hello in the form of SSL 2.0, and of all in front of its lists. */
export const SSLV2_HEADER_BYTES = 2;
/** The first byte of such a hello of less than 256 bytes: others have not been seen. */
export const SSLV2_START = 0x80;
export const SSLV2_HEAD_BYTES = 11;
/** Longest record, a protected one of TLS 1.2 (RFC 5246 section 6.2.3); those of 1.3 are shorter. */
const MAX_LENGTH = (1 << 14) + 2048;
/** Handshake types. */
const HELLO_SIDES: ReadonlyMap<number | undefined, Side> = new Map([[1, "request"], [
  2,
  "response",
]]);
/** Bytes of a hello that are looked at: kind, length and version. */
const HELLO_BYTES = 6;

export function probe(head: Uint8Array, side: Side): Probe {
  if (side === "request" && head[0] === SSLV2_START) {
    const length = sslv2At(head);
    return typeof length === "string" ? length : "yes";
  }
  const header = headerAt(head, 0);
  if (header !== "yes") return header;
  const length = lengthAt(head, 0);
  const sender = helloSender(head, length);
  if (sender !== null) return sender === side ? "yes" : "no";
  return head.length >= HEADER_BYTES + length ? "yes" : "likely";
}

/** Does a record start there? "unsure" when the bytes end within its header. */
export function headerAt(bytes: Uint8Array, at: number): "yes" | "no" | "unsure" {
  const left = bytes.length - at;
  const type = bytes[at] as number;
  if (left > 0 && (type < Type.CHANGE_CIPHER_SPEC || type > Type.APPLICATION)) return "no";
  if (left > 1 && bytes[at + 1] !== 3) return "no";
  if (left > 2 && (bytes[at + 2] as number) > 4) return "no";
  if (left > 3 && (bytes[at + 3] as number) << 8 > MAX_LENGTH) return "no";
  if (left < HEADER_BYTES) return "unsure";
  const length = lengthAt(bytes, at);
  return length > 0 && length <= MAX_LENGTH ? "yes" : "no";
}

/** Bytes of the record behind its header, which starts there. */
export function lengthAt(bytes: Uint8Array, at: number): number {
  return ((bytes[at + 3] as number) << 8) | (bytes[at + 4] as number);
}

/** The side that says this hello; null when the first record, of `length` bytes, is no hello. */
function helloSender(head: Uint8Array, length: number): Side | null {
  if (head[0] !== Type.HANDSHAKE || length < HELLO_BYTES) return null;
  const [kind, longest, , , major, minor = 255] = head.subarray(HEADER_BYTES);
  if (longest !== 0 || major !== 3 || minor > 4) return null;
  return HELLO_SIDES.get(kind) ?? null;
}

/**
 * Bytes of the client's hello in the form of SSL 2.0 that these bytes begin; it must offer a version
 * from 3.0 on, and its sizes must add up.
 */
export function sslv2At(bytes: Uint8Array): number | "no" | "unsure" {
  const [first = SSLV2_START, rest = 0, kind = 1, major = 3, minor = 0] = bytes;
  if (first !== SSLV2_START || kind !== 1 || major !== 3 || minor > 4) return "no";
  if (bytes.length < SSLV2_HEAD_BYTES) return "unsure";
  const size = (at: number): number => ((bytes[at] as number) << 8) | (bytes[at + 1] as number);
  const [suites, session, challenge] = [size(5), size(7), size(9)];
  const length = SSLV2_HEADER_BYTES + rest;
  const isHello = suites > 0 && suites % 3 === 0 && (session === 0 || session === 16) &&
    challenge >= 16 && challenge <= 32;
  return isHello && length === SSLV2_HEAD_BYTES + suites + session + challenge ? length : "no";
}
