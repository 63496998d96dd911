/**
 * Finds the first record. In: bytes from where one should start. Out: that the rest of the connection
 * is TLS, how many bytes are needed, or why no record starts here. It reads only headers.
 */
import type { ParseResult } from "../protocol.ts";
import { HEADER_BYTES, headerAt } from "./probe.ts";

export function parseFrame(bytes: Uint8Array): ParseResult<never> {
  const header = headerAt(bytes, 0);
  if (header === "no") return { kind: "invalid", reason: "bad_record_header" };
  if (header === "unsure") return { kind: "need_more", minBytes: HEADER_BYTES };
  return { kind: "switch", length: HEADER_BYTES, to: null, opaque: "tls" };
}

/** Where a record starts, or may start once more bytes are there. */
export function findBoundary(bytes: Uint8Array, from: number): number {
  let at = from;
  while (at < bytes.length && headerAt(bytes, at) === "no") at++;
  return at;
}
