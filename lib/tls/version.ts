/**
 * Version strings among a file's constants. In: an ELF file and what a version looks like. Out: the
 * first match. The search is bounded.
 */
import { latin1 } from "../wire/text.ts";
import type { Elf } from "./elf.ts";

const PIECE_BYTES = 1024 * 1024;
/** A string that begins in one piece and ends in the next is found in the first. */
const OVERLAP_BYTES = 128;
const MAX_SEARCHED_BYTES = 32 * 1024 * 1024;

/** `pattern` matches at most OVERLAP_BYTES characters, and does not backtrack. */
export function versionIn(elf: Elf, pattern: RegExp): string | null {
  const section = elf.section(".rodata");
  if (section === undefined) return null;
  const end = section.offset + Math.min(section.size, MAX_SEARCHED_BYTES);
  for (let at = section.offset; at < end; at += PIECE_BYTES) {
    const bytes = elf.read(at, Math.min(PIECE_BYTES + OVERLAP_BYTES, end - at));
    const match = pattern.exec(latin1(bytes, 0, bytes.length));
    if (match !== null) return match[0];
  }
  return null;
}
