/**
 * Does this look like DNS? Judged by the header and the first entry behind it.
 *
 * In: the first bytes of a direction. Out: yes, likely, no or unsure; with more bytes a yes never
 * becomes a no, and a no stays. It decodes nothing and allocates nothing. bpf/infer/dns.bpf.h has the
 * same rules for the kernel.
 */
import type { Probe, Side } from "../protocol.ts";
import { Opcode, Type } from "./codes.ts";
import { skipName } from "./name.ts";

/** Z in the header's flags: it must be zero, and is not always (RFC 1035 section 4.1.1). */
export const Z_BIT = 0x40;

export const HEADER_BYTES = 12;
/** A message is at most 65535 bytes, a record at least 11. */
const MAX_RECORDS = 5957;
const MAX_QUESTIONS = 255;
const NO_LIMIT = 65535;

/**
 * A probe is not told the transport, so both forms count: a bare message (UDP), and one behind its
 * two bytes of length (TCP, RFC 1035 section 4.2.2).
 */
export function probe(head: Uint8Array, side: Side): Probe {
  const bare = messageShape(head, 0, head.length, NO_LIMIT, side);
  if (bare === "yes") return bare;
  const stream = streamShape(head, 0, side);
  return stream === "no" ? bare : stream;
}

/** Does a length stand at `at`, and behind it a message that fits into it? */
export function streamShape(bytes: Uint8Array, at: number, side: Side): Probe {
  if (bytes.length - at < 2) return "unsure";
  const size = ((bytes[at] as number) << 8) | (bytes[at + 1] as number);
  if (size < HEADER_BYTES) return "no";
  return messageShape(bytes, at + 2, bytes.length, size, side);
}

/** Does a message of at most `size` bytes stand at `at`, as far as the bytes up to `end` show? */
export function messageShape(
  bytes: Uint8Array,
  at: number,
  end: number,
  size: number,
  side: Side,
): Probe {
  if (end - at < 4) return "unsure";
  const high = bytes[at + 2] as number;
  const isResponse = high > 127;
  if (isResponse !== (side === "response")) return "no";
  const opcode = (high >> 3) & 15;
  if (opcode === 3 || opcode > Opcode.DSO) return "no";
  const low = bytes[at + 3] as number;
  if (!isResponse && (low & 15) !== 0) return "no"; // a query has no rcode
  if (end - at < 6) return "unsure";
  const questions = u16(bytes, at + 4);
  if (questions > MAX_QUESTIONS) return "no";
  if (end - at < HEADER_BYTES) return "unsure";
  const records = u16(bytes, at + 6) + u16(bytes, at + 8) + u16(bytes, at + 10);
  if (records > MAX_RECORDS) return "no";
  if (questions * 5 + records * 11 > size - HEADER_BYTES) return "no";
  const yes = (low & Z_BIT) === 0 ? "yes" : "likely";
  if (questions + records === 0) return isResponse || opcode === Opcode.DSO ? yes : "no";
  const limit = Math.min(NO_LIMIT, at + size);
  const entry = entryShape(bytes, at + HEADER_BYTES, end, limit, questions > 0);
  return entry === "yes" ? yes : entry;
}

/** Do a name, a type and a class that exists stand there (RFC 1035 sections 4.1.2 and 4.1.3)? */
function entryShape(
  bytes: Uint8Array,
  at: number,
  end: number,
  limit: number,
  isQuestion: boolean,
): Probe {
  const type = skipName(bytes, at, Math.min(end, limit));
  if (type < 0 || type + 4 > limit) return "no";
  if (type + 4 > end) return "unsure";
  const kind = u16(bytes, type);
  if (kind === 0) return "no";
  if (!isQuestion && kind === Type.OPT) return bytes[at] === 0 ? "yes" : "no";
  const value = u16(bytes, type + 2) & 0x7fff; // the top bit is mDNS's own (RFC 6762 section 5.4)
  return (value >= 1 && value <= 4) || value === 254 || value === 255 ? "yes" : "no";
}

function u16(bytes: Uint8Array, at: number): number {
  return ((bytes[at] as number) << 8) | (bytes[at + 1] as number);
}
