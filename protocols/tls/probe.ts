/**
 * Is this TLS? In: the first bytes of a direction. Out: yes for a hello of that side and for a whole
 * record; likely for the header of another record, which may be the first bytes that are seen of an
 * older connection. The rule in bpf/infer/tls.bpf.h takes whatever this does not refuse.
 *
 *     record = type version(2) length(2) fragment            RFC 8446 section 5.1
 *     hello  = a fragment: kind length(3) version(2) …       RFC 8446 sections 4, 4.1.2 and 4.1.3
 */
import type { Probe, Side } from "../protocol.ts";

export const HEADER_BYTES = 5;
/** Longest record, a protected one of TLS 1.2 (RFC 5246 section 6.2.3); those of 1.3 are shorter. */
const MAX_LENGTH = (1 << 14) + 2048;
const HANDSHAKE = 22;
/** Handshake types. */
const HELLO_SIDES: ReadonlyMap<number | undefined, Side> = new Map([[1, "request"], [
  2,
  "response",
]]);
/** Bytes of a hello that are looked at: kind, length and version. */
const HELLO_BYTES = 6;

export function probe(head: Uint8Array, side: Side): Probe {
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
  // change_cipher_spec to application_data
  if (left > 0 && (type < 20 || type > 23)) return "no";
  if (left > 1 && bytes[at + 1] !== 3) return "no";
  if (left > 2 && (bytes[at + 2] as number) > 4) return "no";
  if (left > 3 && (bytes[at + 3] as number) << 8 > MAX_LENGTH) return "no";
  if (left < HEADER_BYTES) return "unsure";
  const length = lengthAt(bytes, at);
  return length > 0 && length <= MAX_LENGTH ? "yes" : "no";
}

function lengthAt(bytes: Uint8Array, at: number): number {
  return ((bytes[at + 3] as number) << 8) | (bytes[at + 4] as number);
}

/** The side that says this hello; null when the first record, of `length` bytes, is no hello. */
function helloSender(head: Uint8Array, length: number): Side | null {
  if (head[0] !== HANDSHAKE || length < HELLO_BYTES) return null;
  const [kind, longest, , , major, minor = 255] = head.subarray(HEADER_BYTES);
  if (longest !== 0 || major !== 3 || minor > 4) return null;
  return HELLO_SIDES.get(kind) ?? null;
}
