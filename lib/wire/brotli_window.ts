/**
 * The window of brotli content (RFC 7932 section 9.1), made smaller.
 *
 * In: brotli, and how many decoded bytes are wanted. Out: content that begins with the same ones. A
 * decoder gives nothing out before its window is full, or the content ends: 14 bytes with a window of
 * 4 MiB cost as much as all of it. A window only says how far back bytes may be repeated, so that up
 * to its size (but for 16 bytes) a smaller one gives the same. It never decodes.
 *
 * Only windows of 2^18 to 2^24 are changed: their code is four bits, nnn1 for 2^(17 + nnn). Another
 * length would move all bits behind it, and some parts begin at whole bytes.
 */
const MIN_WINDOW = 18;
/** Of a window so many bytes are out of reach. */
const OUT_OF_REACH = 16;

/** The exponent of the window, where it may be changed; else 0. */
export function brotliWindow(first: number): number {
  return (first & 1) === 1 && (first & 15) !== 1 ? 17 + ((first >> 1) & 7) : 0;
}

/** The same content with the smallest window that `wantedBytes` fit into. */
export function shrinkBrotliWindow(bytes: Uint8Array, wantedBytes: number): Uint8Array {
  const first = bytes[0] ?? 0;
  let window = MIN_WINDOW;
  while (2 ** window - OUT_OF_REACH < wantedBytes) window++;
  if (window >= brotliWindow(first)) return bytes;
  const shrunk = new Uint8Array(bytes);
  shrunk[0] = (first & 0xf0) | ((window - 17) << 1) | 1;
  return shrunk;
}
