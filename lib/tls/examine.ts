/**
 * Which TLS code a file holds, and where to probe it.
 *
 * In: an executable or a library. Out: the functions to probe, and by name what is there but cannot be
 * probed. A file that is damaged, or no ELF file of this machine, holds nothing; nothing throws.
 */
import { Elf } from "./elf.ts";
import { gnutls, GNUTLS_NSPR_SYMBOLS, nspr } from "./gnutls_nspr.ts";
import { go } from "./go.ts";
import { openssl, OPENSSL_SYMBOLS } from "./openssl.ts";
import { OTHER_SYMBOLS, otherLibraries, strippedLibraries } from "./recognised.ts";
import type { Examined, FileReader, TlsCode, Unreadable } from "./sites.ts";
import { findSymbols } from "./symbols.ts";

const SYMBOLS = [...OPENSSL_SYMBOLS, ...GNUTLS_NSPR_SYMBOLS, ...OTHER_SYMBOLS];

export function examineFile(file: FileReader): Examined {
  const elf = Elf.open(file);
  if (elf === null) return { codes: [], unreadable: [] };
  const symbols = findSymbols(elf, SYMBOLS);
  const inGo = go(elf);
  const codes = [openssl(elf, symbols), gnutls(elf, symbols), nspr(elf, symbols), ...inGo.codes]
    .filter((code): code is TlsCode => code !== null);
  const unreadable: Unreadable[] = [...inGo.unreadable, ...otherLibraries(symbols)];
  if (codes.length + unreadable.length === 0) unreadable.push(...strippedLibraries(elf));
  if (elf.isCut) unreadable.push({ family: "unknown", why: "its tables are too large" });
  const buildId = elf.buildId();
  return buildId === undefined ? { codes, unreadable } : { codes, unreadable, buildId };
}
