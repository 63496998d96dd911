/**
 * The Go version that built a file, as `go version FILE` tells it. In: an ELF file. Out: "go1.22.3", or
 * null where it is no Go program's. (runtime/debug, debug/buildinfo.)
 */
import { latin1 } from "../wire/text.ts";
import { type Elf, u64 } from "./elf.ts";

const HEADER_BYTES = 32;
const MAX_VERSION_BYTES = 255;
/** Flags: the strings follow; else there are addresses of addresses and lengths. */
const INLINE = 2;
const VERSION = /^go\d+\.\d+[\w.-]*/;

export function goVersion(elf: Elf): string | null {
  const section = elf.section(".go.buildinfo");
  if (section === undefined) return null;
  const head = elf.read(
    section.offset,
    Math.min(section.size, HEADER_BYTES + 1 + MAX_VERSION_BYTES),
  );
  if (latin1(head, 0, Math.min(14, head.length)) !== "\xff Go buildinf:") return null;
  if (((head[15] ?? 0) & INLINE) !== 0) {
    // A length of one byte: versions are short.
    const length = head[HEADER_BYTES] ?? 0;
    const from = HEADER_BYTES + 1;
    return versionOf(head.subarray(from, from + Math.min(length, 127)));
  }
  const string = elf.at(u64(head, 16), 16);
  return versionOf(elf.at(u64(string, 0), Math.min(u64(string, 8), MAX_VERSION_BYTES)));
}

function versionOf(bytes: Uint8Array): string | null {
  return VERSION.exec(latin1(bytes, 0, bytes.length))?.[0] ?? null;
}
