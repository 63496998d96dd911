/**
 * Content codings (RFC 9110 section 8.4.1): gzip, deflate, br, zstd.
 *
 * In: coded bytes, all of them or their beginning. Out: decoded bytes, at most as many as asked for.
 * Never throws on traffic; a small input that would unfold to more than the bound costs no more
 * memory than the bound.
 */

interface Options {
  maxOutputLength: number;
  finishFlush?: number;
}
type Decoder = (bytes: Uint8Array, options: Options) => Uint8Array;

interface Zlib {
  gunzipSync: Decoder;
  inflateSync: Decoder;
  inflateRawSync: Decoder;
  brotliDecompressSync: Decoder;
  zstdDecompressSync: Decoder;
}

// A built-in module costs milliseconds to load: only traffic that needs it does.
let zlib: Zlib | undefined;
function loaded(): Zlib {
  return zlib ??= process.getBuiltinModule("node:zlib") as Zlib;
}

/** Values of flush options, as zlib.h, brotli/encode.h and zstd.h number them. */
const Z_SYNC_FLUSH = 2;
const BROTLI_OPERATION_FLUSH = 1;
const ZSTD_E_FLUSH = 1;

/** Codings that may be stacked on one body. */
const MAX_CODINGS = 4;
/** How often a beginning is tried again with a sixteenth of the input. */
const MAX_RETRIES = 4;

export interface Decoded {
  bytes: Uint8Array;
  /**
   * False when `bytes` are only the beginning. Of br and zstd that were given as whole content, and
   * are cut nevertheless, the decoder does not tell.
   */
  complete: boolean;
}

/** Why nothing was decoded. */
export type DecodeFailure = "unknown_coding" | "corrupt" | "too_large" | "too_short";

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
  let decoded: Decoded = { bytes, complete: whole };
  for (let i = codings.length - 1; i >= 0; i--) {
    const next = removeCoding(codings[i] as string, decoded, maxBytes);
    if (typeof next === "string") return next;
    decoded = next;
  }
  return decoded;
}

function removeCoding(
  coding: string,
  { bytes, complete }: Decoded,
  maxBytes: number,
): Decoded | DecodeFailure {
  const z = loaded();
  switch (coding) {
    case "gzip":
    case "x-gzip":
      return run(z.gunzipSync, Z_SYNC_FLUSH, bytes, complete, maxBytes);
    case "deflate":
      // Some servers leave out the zlib header that the name asks for.
      return hasZlibHeader(bytes)
        ? run(z.inflateSync, Z_SYNC_FLUSH, bytes, complete, maxBytes)
        : run(z.inflateRawSync, Z_SYNC_FLUSH, bytes, complete, maxBytes);
    case "br":
      return run(z.brotliDecompressSync, BROTLI_OPERATION_FLUSH, bytes, complete, maxBytes);
    case "zstd":
      return run(z.zstdDecompressSync, ZSTD_E_FLUSH, bytes, complete, maxBytes);
    default:
      return "unknown_coding";
  }
}

/** RFC 1950 section 2.2: method 8, and a check on both bytes. */
function hasZlibHeader(bytes: Uint8Array): boolean {
  if (bytes.length < 2) return true;
  const first = bytes[0] as number;
  return (first & 15) === 8 && ((first << 8) | (bytes[1] as number)) % 31 === 0;
}

function run(
  decode: Decoder,
  flush: number,
  bytes: Uint8Array,
  whole: boolean,
  maxOutputLength: number,
): Decoded | DecodeFailure {
  if (bytes.length === 0) return { bytes, complete: whole };
  let input = bytes;
  let failure: DecodeFailure = whole ? "corrupt" : "too_short";
  if (whole) {
    try {
      const out = decode(bytes, { maxOutputLength });
      // Brotli and zstd say nothing of an input that was cut: they give what they have.
      if (out.length > 0) return { bytes: out, complete: true };
      if (isEmptyContent(bytes)) return { bytes: out, complete: true };
    } catch (error) {
      if (isTooLarge(error)) {
        failure = "too_large";
        input = sixteenth(input);
      }
    }
  }
  for (let retry = 0; retry < MAX_RETRIES; retry++) {
    try {
      const out = decode(input, { maxOutputLength, finishFlush: flush });
      return out.length > 0 ? { bytes: out, complete: false } : failure;
    } catch (error) {
      if (!isTooLarge(error)) return failure === "too_large" ? failure : "corrupt";
      failure = "too_large";
      input = sixteenth(input);
    }
  }
  return "too_large";
}

/** The coded form of nothing is short: 8 to 20 bytes, by coding. */
function isEmptyContent(bytes: Uint8Array): boolean {
  return bytes.length <= 20;
}

function sixteenth(bytes: Uint8Array): Uint8Array {
  return bytes.subarray(0, Math.ceil(bytes.length / 16));
}

function isTooLarge(error: unknown): boolean {
  return error instanceof Error && "code" in error && error.code === "ERR_BUFFER_TOO_LARGE";
}
