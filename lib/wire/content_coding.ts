/**
 * Content codings (RFC 9110 section 8.4.1): gzip, deflate, br, zstd.
 *
 * In: coded bytes, all of them or their beginning, and the names of their codings. Out: what
 * decompress() returns. Never throws on traffic.
 */
import {
  type Compression,
  type Decoded,
  type DecodeFailure,
  decompress,
  workFor,
} from "./decompress.ts";

/** Most codings that are removed from one body. */
const MAX_CODINGS = 4;
/**
 * The codings of Content-Encoding or Transfer-Encoding values in the order they were applied, lower
 * case, without "identity" and "chunked".
 */
export function codingsOf(value: string | string[] | undefined): string[] {
  if (value === undefined) return [];
  const text = typeof value === "string" ? value : value.join(",");
  const codings: string[] = [];
  for (const part of text.toLowerCase().split(",", 64)) {
    const coding = part.trim();
    if (coding !== "" && coding !== "identity" && coding !== "chunked") codings.push(coding);
  }
  return codings;
}

/**
 * Removes `codings`, the last one first. `whole`: `bytes` is the whole content, not its beginning.
 * The result has at most `maxBytes` bytes.
 */
export function decodeContent(
  codings: readonly string[],
  bytes: Uint8Array,
  whole: boolean,
  maxBytes: number,
): Decoded | DecodeFailure {
  if (codings.length > MAX_CODINGS) return "unknown_coding";
  const work = workFor(bytes.length, maxBytes);
  let decoded: Decoded = { bytes, decodedBytes: bytes.length, complete: whole };
  for (let i = codings.length - 1; i >= 0; i--) {
    const next = removeCoding(codings[i] as string, decoded, i === 0 ? maxBytes : work, work);
    if (typeof next === "string") return next;
    decoded = next;
  }
  return decoded;
}

function removeCoding(
  coding: string,
  content: Decoded,
  maxBytes: number,
  work: number,
): Decoded | DecodeFailure {
  const { bytes, complete } = content;
  if (bytes.length === 0) return { bytes, decodedBytes: 0, complete };
  const compression = compressionOf(coding, bytes);
  if (compression === null) return "unknown_coding";
  return decompress(compression, bytes, complete, maxBytes, work);
}

function compressionOf(coding: string, bytes: Uint8Array): Compression | null {
  switch (coding) {
    case "gzip":
    case "x-gzip":
      return "gzip";
    case "deflate":
      // Some servers leave out the zlib header that the name asks for.
      return hasZlibHeader(bytes) ? "zlib" : "deflate_raw";
    case "br":
    case "zstd":
      return coding;
    default:
      return null;
  }
}

/** RFC 1950 section 2.2: method 8, and a check on both bytes. */
function hasZlibHeader(bytes: Uint8Array): boolean {
  if (bytes.length < 2) return true;
  const first = bytes[0] as number;
  return (first & 15) === 8 && ((first << 8) | (bytes[1] as number)) % 31 === 0;
}
