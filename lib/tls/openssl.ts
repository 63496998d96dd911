/**
 * OpenSSL, LibreSSL and BoringSSL, by their symbols or by what stripped.ts makes of them.
 *
 * In: the functions of a file. Out: which of them to probe. Where SSL_read and SSL_read_ex do nothing
 * but call one function without a symbol, that one: its first instruction costs a probe least.
 */
import {
  type Candidate,
  candidatesOf,
  codeOf,
  type KnownFunctions,
  sitesOf,
} from "./candidates.ts";
import { type Call, Register } from "./code.ts";
import type { Elf } from "./elf.ts";
import type { Site, TlsCode } from "./sites.ts";
import { boringsslFunctions, opensslFunctions } from "./stripped.ts";
import type { Symbols } from "./symbols.ts";
import { versionIn } from "./version.ts";

const KNOWN: KnownFunctions = {
  SSL_read: { role: "read", shape: "ssl" },
  SSL_read_ex: { role: "read", shape: "ssl_ex" },
  SSL_read_early_data: { role: "read", shape: "early" },
  SSL_peek: { role: "peek", shape: "ssl" },
  SSL_peek_ex: { role: "peek", shape: "ssl_ex" },
  SSL_write: { role: "write", shape: "ssl" },
  SSL_write_ex: { role: "write", shape: "ssl_ex" },
  SSL_write_ex2: { role: "write", shape: "ssl_ex2" },
  SSL_write_early_data: { role: "write", shape: "ssl_ex" },
  ssl_read_internal: { role: "read", shape: "ssl_ex", isInner: true },
  ssl_peek_internal: { role: "peek", shape: "ssl_ex", isInner: true },
  ssl_write_internal: { role: "write", shape: "ssl_ex", isInner: true },
};

/** Each function with those that do nothing but hand on all their arguments to the same inner one. */
const WRAPPERS: readonly { plain: string; whole: readonly string[] }[] = [
  { plain: "SSL_read", whole: ["SSL_read_ex"] },
  { plain: "SSL_peek", whole: ["SSL_peek_ex"] },
  { plain: "SSL_write", whole: ["SSL_write_ex2", "SSL_write_ex"] },
];
/** The inner function, and where the stack is guarded everywhere, what reports its damage. */
const MAX_WRAPPER_CALLS = 2;

/** Functions that BoringSSL has and OpenSSL has not. */
const BORING: readonly string[] = ["SSL_CTX_set_grease_enabled", "SSL_get_early_data_reason"];
/** Of these libraries' OpenSSL interface the bytes are seen below. */
const BELOW = ["gnutls_record_send", "gnutls_record_recv"];

export const OPENSSL_NAMES: readonly string[] = [...Object.keys(KNOWN), ...BORING];

export function openssl(elf: Elf, symbols: Symbols): TlsCode | null {
  const { functions, imports } = symbols;
  const known = candidatesOf(elf, functions, KNOWN);
  // SSL_write_ex2 is as old as its flags.
  const named = functions.some(({ name }) => name === "SSL_write_ex2") ? withFlags(known) : known;
  if (named.length === 0 || BELOW.some((name) => imports.has(name))) return null;
  const sites = sitesOf(elf, symbols, [...named, ...innerOf(elf, named)]);
  if (sites.length === 0) return null;
  if (functions.some(({ name }) => BORING.includes(name))) return codeOf("boringssl", null, sites);
  const version = versionIn(elf, ["OpenSSL ", "LibreSSL "], OPENSSL_VERSION);
  return codeOf("openssl", version, sites);
}

const OPENSSL_VERSION = /^\w+ \d+\.\d+\.\d+[a-z]?\b/;

/** As openssl(), of a file without symbols; null where not both a read and a write are found. */
export function strippedOpenssl(
  elf: Elf,
  symbols: Symbols,
  family: "openssl" | "boringssl",
): TlsCode | null {
  const isBoring = family === "boringssl";
  const version = isBoring ? null : versionIn(elf, ["OpenSSL "], OPENSSL_VERSION);
  if (!isBoring && version === null) return null;
  const functions = isBoring ? boringsslFunctions(elf) : opensslFunctions(elf);
  const candidates = candidatesOf(elf, functions, KNOWN);
  const sites = sitesOf(
    elf,
    symbols,
    version !== null && hasFlags(version) ? withFlags(candidates) : candidates,
  )
    .map((site): Site => ({ ...site, how: "pattern" }));
  const isWhole = ["read", "write"].every((role) => sites.some((site) => site.role === role));
  if (!isWhole) return null;
  return codeOf(family, version, sites);
}

/** Is it 3.3 or newer? */
function hasFlags(version: string): boolean {
  const [major = 0, minor = 0] = (/\d+\.\d+/.exec(version)?.[0] ?? "").split(".").map(Number);
  return major > 3 || (major === 3 && minor >= 3);
}

/** From 3.3 on ssl_write_internal has flags. */
function withFlags(candidates: Candidate[]): Candidate[] {
  return candidates.map((each) =>
    each.symbol.name === "ssl_write_internal" ? { ...each, shape: "ssl_ex2" } : each
  );
}

/** The functions without symbols to which all variants of one role hand on their arguments. */
function innerOf(elf: Elf, named: readonly Candidate[]): Candidate[] {
  const known = new Set(named.map(({ symbol }) => symbol.address));
  const found: Candidate[] = [];
  for (const { plain, whole } of WRAPPERS) {
    const outer = named.find(({ symbol }) => symbol.name === plain);
    const wrapped = new Set(
      named.filter(({ symbol, calls }) =>
        whole.includes(symbol.name) && calls.length <= MAX_WRAPPER_CALLS
      ).flatMap(({ calls }) => calls.slice(0, 1)).filter(handsOn).map(({ target }) => target),
    );
    const call = outer?.calls.find((each) => wrapped.has(each.target) && handsOn(each));
    if (outer === undefined || call === undefined || known.has(call.target)) continue;
    if (elf.codeOffset(call.target) === null) continue;
    const shape = wrote(call, Register.r8) ? "ssl_ex2" : "ssl_ex";
    if (shape === "ssl_ex" && !wrote(call, Register.rcx)) continue;
    // Nobody else's: one function that serves reads and writes would be something else.
    known.add(call.target);
    const symbol = { name: plain, address: call.target, size: 0 };
    found.push({ role: outer.role, shape, symbol, isInner: true, calls: [] });
  }
  return found;
}

/** The first two arguments are the caller's own. */
function handsOn(call: Call): boolean {
  return !call.isThroughSlot && !wrote(call, Register.rdi) && !wrote(call, Register.rsi);
}

function wrote({ written }: Call, register: number): boolean {
  return (written & (1 << register)) !== 0;
}
