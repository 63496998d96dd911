/**
 * The function by which OpenSSL and its like hand cipher text on. In: the file that has the library, or
 * its other half (libcrypto). Out: where to probe it.
 */
import { Elf } from "./elf.ts";
import type { FileReader } from "./sites.ts";
import { findSymbols } from "./symbols.ts";

const NAME = "BIO_write";

/** File offset of `int BIO_write(BIO *, const void *, int)`; null where there is none. */
export function bioWriteOf(file: FileReader): number | null {
  const elf = Elf.open(file);
  if (elf === null) return null;
  const { functions } = findSymbols(elf, { names: [NAME], parts: [] });
  const found = functions.find(({ name }) => name === NAME);
  return found === undefined ? null : elf.codeOffset(found.address);
}
