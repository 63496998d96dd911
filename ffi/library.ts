/**
 * Which libbpf is used. In: what --libbpf said, and the bundled library's bytes. Out: where to load
 * it from. It opens nothing itself.
 */

/** A library by path or soname, or as bytes to be loaded from memory. */
export type LibrarySource =
  | { readonly path: string }
  | { readonly bytes: Uint8Array<ArrayBuffer> };

const SYSTEM = "libbpf.so.1";

/** `choice` is --libbpf: absent for the bundled library, "system", or a path. */
export function chooseLibbpf(
  choice: string | undefined,
  bundled: () => Uint8Array<ArrayBuffer>,
): LibrarySource {
  if (choice === "system") return { path: SYSTEM };
  if (choice !== undefined) return { path: choice };
  return { bytes: bundled() };
}

/** The library's name in messages. */
export function describeLibrary(source: LibrarySource): string {
  return "path" in source ? source.path : "bundled libbpf";
}
