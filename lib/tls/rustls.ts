/**
 * rustls, where the executable has its symbols.
 *
 * In: the functions of a file, with the names that Rust's compilers give them (both ways of mangling). Out:
 * the two functions through which all plain text goes, whatever reads and writes it in the end: std's
 * traits, tokio, hyper. Compilers leave them in place, since several others call them.
 */
import { type Candidate, MAX_CANDIDATES, sitesOf } from "./candidates.ts";
import type { Elf } from "./elf.ts";
import type { TlsCode } from "./sites.ts";
import type { FunctionSymbol, Symbols } from "./symbols.ts";
import { versionIn } from "./version.ts";

const TAKE = "11CommonState23take_received_plaintext";
/** Of 0.23. */
const BUFFER = "11CommonState16buffer_plaintext";
/** What calls it for each type of connection, and has it inlined in builds optimized as a whole. */
const CALLS_BUFFER = "14send_plaintext";
/** Until 0.22: `fn(&mut self, &[u8]) -> usize`. */
const SEND = "11CommonState19send_some_plaintext";

/** Its folder in the registry of crates, which messages of panics name. */
const SOURCES = /^\/rustls-\d+\.\d+\.\d+\b/;

export const RUSTLS_PARTS: readonly string[] = [TAKE, BUFFER, CALLS_BUFFER, SEND];

export function rustls(elf: Elf, symbols: Symbols): TlsCode | null {
  const named = (part: string): FunctionSymbol[] =>
    symbols.functions.filter(({ name }) => name.includes(part) && name.includes("6rustls"))
      .slice(0, MAX_CANDIDATES);
  const reads = named(TAKE);
  const [writes = []] = [BUFFER, CALLS_BUFFER, SEND].map(named).filter((some) => some.length > 0);
  if (reads.length === 0 || writes.length === 0) return null;
  const sites = sitesOf(elf, symbols, [
    ...reads.map((symbol): Candidate => ({ role: "read", shape: "rustls", symbol, calls: [] })),
    ...writes.map((symbol): Candidate => {
      const shape = symbol.name.includes(SEND) ? "record" : "rustls";
      return { role: "write", shape, symbol, calls: [] };
    }),
  ]);
  if (sites.length === 0) return null;
  const version = versionIn(elf, ["/rustls-"], SOURCES)?.slice(1).replace("-", " ");
  const code = {
    family: "rustls",
    sites: sites.map((site) => ({ ...site, name: shortName(site.name) })),
  } as const;
  return version === undefined ? code : { ...code, version };
}

/** "take_received_plaintext" of the mangled name. */
function shortName(name: string): string {
  return /\d\d((?:take|buffer|send)_[a-z_]*plaintext)/.exec(name)?.[1] ?? name;
}
