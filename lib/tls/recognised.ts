/**
 * TLS code that cannot be probed, by what it says of itself.
 *
 * In: an ELF file in which nothing was found to probe. Out: the names of the families whose symbols or
 * messages it holds, and why they are not read. The search is bounded.
 */
import type { Elf } from "./elf.ts";
import { TextSearch } from "./search.ts";
import type { Unreadable } from "./sites.ts";
import type { Symbols } from "./symbols.ts";

/** The symbols that tell a library which is not among those that are read. */
const OTHERS: Readonly<Record<string, Unreadable>> = {
  mbedtls_ssl_read: { family: "mbedtls", why: "this library is not read" },
  wolfSSL_read: { family: "wolfssl", why: "this library is not read" },
  s2n_recv: { family: "s2n", why: "this library is not read" },
  JNI_CreateJavaVM: { family: "jsse", why: "Java's code is made while it runs" },
};

export const OTHER_NAMES: readonly string[] = Object.keys(OTHERS);

const STRIPPED = "it has no symbols, by which its functions are found";
/** Names of source files and messages that are in every build of a library, and nowhere else. */
const TEXTS: Readonly<Record<string, Unreadable>> = {
  // OpenSSL's file is called .c.
  "ssl/ssl_lib.cc": { family: "boringssl", why: STRIPPED },
  "ssl/ssl_lib.c\0": { family: "openssl", why: STRIPPED },
  // Of 3.0 and newer, also where it was built without names of files.
  "ssl_read_internal\0": { family: "openssl", why: STRIPPED },
  "/rustls-0.": { family: "rustls", why: STRIPPED },
  "received corrupt message of type": { family: "rustls", why: STRIPPED },
};
const PIECE_BYTES = 1024 * 1024;
const OVERLAP_BYTES = 64;
const MAX_SEARCHED_BYTES = 64 * 1024 * 1024;

/** Of libraries that are told by a symbol. */
export function otherLibraries({ functions }: Symbols): Unreadable[] {
  return functions.flatMap(({ name }) =>
    Object.hasOwn(OTHERS, name) ? [OTHERS[name]].filter((other) => other !== undefined) : []
  );
}

/** Of libraries without symbols, told by their messages. */
export function strippedLibraries(elf: Elf): Unreadable[] {
  const search = new TextSearch(Object.keys(TEXTS));
  const found = new Map<string, Unreadable>();
  const constants = elf.sections.filter(({ name }) =>
    name === ".rodata" || name === ".data.rel.ro"
  );
  for (const { offset, size } of constants) {
    const end = offset + Math.min(size, MAX_SEARCHED_BYTES);
    for (let at = offset; at < end; at += PIECE_BYTES) {
      search.each(elf.read(at, Math.min(PIECE_BYTES + OVERLAP_BYTES, end - at)), (text) => {
        const one = TEXTS[text];
        if (one !== undefined) found.set(one.family, one);
        return true;
      });
    }
  }
  return [...found.values()];
}
