/**
 * Bytes as records show them: text where they are UTF-8, else base64; a cut falls between characters.
 *
 * In: the bytes of a value that are there, [start, end), and whether more of them are missing. Out:
 * fields or a value. Never keeps the bytes.
 */
import { base64, utf8, utf8CutBefore } from "./text.ts";

/** A field of its own: NAME or NAME_base64, NAME_truncated where it is cut, NAME_bytes. */
export type ShownField<N extends string> =
  & { [K in N | `${N}_base64`]?: string }
  & { [K in `${N}_truncated`]?: true }
  & { [K in `${N}_bytes`]?: number };

/** Under which names a field is shown. */
export interface ShownNames<N extends string> {
  text: N;
  base64: `${N}_base64`;
  truncated: `${N}_truncated`;
  sizeBytes: `${N}_bytes`;
}

/** The bytes as text, without a character cut at the end; null when they are no UTF-8. */
export function shownText(
  bytes: Uint8Array,
  start: number,
  end: number,
  isCut: boolean,
): string | null {
  return utf8(bytes, start, isCut ? utf8CutBefore(bytes, start, end) : end);
}

/** The names under which `name` is shown; made once, at import. */
export function shownNames<N extends string>(name: N): ShownNames<N> {
  return {
    text: name,
    base64: `${name}_base64`,
    truncated: `${name}_truncated`,
    sizeBytes: `${name}_bytes`,
  };
}

/** Writes a field of its own; its size on the wire only where `sizeBytes` is given. */
export function showField<N extends string>(
  into: ShownField<N>,
  names: ShownNames<N>,
  bytes: Uint8Array,
  start: number,
  end: number,
  isCut: boolean,
  sizeBytes?: number,
): void;
export function showField(
  into: Record<string, string | number | true | undefined>,
  names: ShownNames<string>,
  bytes: Uint8Array,
  start: number,
  end: number,
  isCut: boolean,
  sizeBytes?: number,
): void {
  const text = shownText(bytes, start, end, isCut);
  if (text !== null) into[names.text] = text;
  else into[names.base64] = base64(bytes, start, end);
  if (sizeBytes !== undefined) into[names.sizeBytes] = sizeBytes;
  if (isCut) into[names.truncated] = true;
}
