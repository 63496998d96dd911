/**
 * Which TLS code a file holds, and where to probe it.
 *
 * In: an executable or a library. Out: the functions to probe, and by name what is there but cannot be
 * probed. A file that is damaged, or no ELF file of this machine, holds nothing; nothing throws.
 */
import { Elf } from "./elf.ts";
import { gnutls, GNUTLS_NSPR_NAMES, nspr } from "./gnutls_nspr.ts";
import { go } from "./go.ts";
import { openssl, OPENSSL_NAMES, strippedOpenssl } from "./openssl.ts";
import { OTHER_NAMES, otherLibraries, strippedLibraries } from "./recognised.ts";
import { rustls, RUSTLS_PARTS } from "./rustls.ts";
import type { Examined, FileReader, Unreadable } from "./sites.ts";
import { findSymbols, type Wanted } from "./symbols.ts";

const WANTED: Wanted = {
  names: [...OPENSSL_NAMES, ...GNUTLS_NSPR_NAMES, ...OTHER_NAMES],
  parts: RUSTLS_PARTS,
};

export function examineFile(file: FileReader): Examined {
  const elf = Elf.open(file);
  if (elf === null) return { codes: [], unreadable: [] };
  const symbols = findSymbols(elf, WANTED);
  const inGo = go(elf);
  const named = [openssl, gnutls, nspr, rustls].map((family) => family(elf, symbols));
  const codes = [...named.filter((code) => code !== null), ...inGo.codes];
  const unreadable: Unreadable[] = [...inGo.unreadable, ...otherLibraries(symbols)];
  // rustls comes with programs whose other libraries are in another language.
  if (unreadable.length === 0 && codes.every(({ family }) => family === "rustls")) {
    const isNew = (library: Unreadable): boolean =>
      codes.every(({ family }) => family !== library.family);
    for (const library of strippedLibraries(elf).filter(isNew)) {
      const code = isOpenssl(library) ? strippedOpenssl(elf, symbols, library.family) : null;
      if (code === null) unreadable.push(library);
      else codes.push(code);
    }
  }
  if (elf.isCut) unreadable.push({ family: "unknown", why: "its tables are too large" });
  const buildId = elf.buildId();
  return buildId === undefined ? { codes, unreadable } : { codes, unreadable, buildId };
}

function isOpenssl<T extends Unreadable>(one: T): one is T & { family: "openssl" | "boringssl" } {
  return one.family === "openssl" || one.family === "boringssl";
}
