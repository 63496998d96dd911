/**
 * Version strings among a file's constants. In: an ELF file and what a version looks like. Out: the
 * first match. The search is bounded.
 */
import { latin1 } from "../wire/text.ts";
import type { Elf } from "./elf.ts";
import { TextSearch } from "./search.ts";

const PIECE_BYTES = 1024 * 1024;
const MAX_VERSION_BYTES = 64;
const MAX_SEARCHED_BYTES = 32 * 1024 * 1024;

/** What matches `pattern` where one of `starts`, of 7 characters at least, begins. */
export function versionIn(elf: Elf, starts: readonly string[], pattern: RegExp): string | null {
  const section = elf.section(".rodata");
  if (section === undefined) return null;
  const search = new TextSearch(starts);
  const end = section.offset + Math.min(section.size, MAX_SEARCHED_BYTES);
  let version: string | null = null;
  for (let at = section.offset; at < end && version === null; at += PIECE_BYTES) {
    // What begins in one piece and ends in the next is found in the first.
    const bytes = elf.read(at, Math.min(PIECE_BYTES + MAX_VERSION_BYTES, end - at));
    search.each(bytes, (_, place) => {
      const text = latin1(bytes, place, Math.min(bytes.length, place + MAX_VERSION_BYTES));
      version = pattern.exec(text)?.[0] ?? null;
      return version === null;
    });
  }
  return version;
}
