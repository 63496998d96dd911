/**
 * OpenSSL, LibreSSL and BoringSSL by their symbols.
 *
 * In: the functions of a file. Out: which of them to probe so that no byte is seen twice: those that
 * read or write, unless they call another of these to do it. Where SSL_read and SSL_read_ex do nothing
 * but call one function without a symbol, that one: its first instruction costs a probe least.
 */
import { type Call, callsOf, Register, slotOfStub } from "./code.ts";
import type { Elf } from "./elf.ts";
import type { CallShape, Site, TlsCode } from "./sites.ts";
import { type FunctionSymbol, linkedNames, type Symbols } from "./symbols.ts";
import { versionIn } from "./version.ts";

export const OPENSSL_SYMBOLS: readonly string[] = ["SSL_", "ssl_"];

type Role = "read" | "write" | "peek";

interface Known {
  readonly role: Role;
  readonly shape: CallShape;
}

const KNOWN: Readonly<Record<string, Known>> = {
  SSL_read: { role: "read", shape: "ssl" },
  SSL_read_ex: { role: "read", shape: "ssl_ex" },
  SSL_read_early_data: { role: "read", shape: "early" },
  SSL_peek: { role: "peek", shape: "ssl" },
  SSL_peek_ex: { role: "peek", shape: "ssl_ex" },
  SSL_write: { role: "write", shape: "ssl" },
  SSL_write_ex: { role: "write", shape: "ssl_ex" },
  SSL_write_ex2: { role: "write", shape: "ssl_ex2" },
  SSL_write_early_data: { role: "write", shape: "ssl_ex" },
  ssl_read_internal: { role: "read", shape: "ssl_ex" },
  ssl_peek_internal: { role: "peek", shape: "ssl_ex" },
  ssl_write_internal: { role: "write", shape: "ssl_ex" },
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
const BORING = new Set(["SSL_CTX_set_grease_enabled", "SSL_get_early_data_reason"]);
/** Of these libraries' OpenSSL interface the bytes are seen below. */
const BELOW = ["gnutls_record_send", "gnutls_record_recv"];

interface Candidate extends Known {
  readonly symbol: FunctionSymbol;
  readonly how: "symbol" | "inner";
  readonly calls: readonly Call[];
}

export function openssl(elf: Elf, { functions, imports }: Symbols): TlsCode | null {
  const named = candidatesOf(elf, functions);
  if (named.length === 0 || BELOW.some((name) => imports.has(name))) return null;
  const all = [...named, ...innerOf(elf, named)];
  const sites = all.filter(isNotHandedOn(elf, all)).flatMap(
    ({ role, shape, symbol, how }): Site[] => {
      const entry = elf.codeOffset(symbol.address);
      if (entry === null) return [];
      const isPeek = role === "peek";
      const site = { shape, entry, exits: null, name: symbol.name, how };
      return [isPeek ? { role: "read", isPeek, ...site } : { role, ...site }];
    },
  );
  if (sites.length === 0) return null;
  if (functions.some(({ name }) => BORING.has(name))) return { family: "boringssl", sites };
  const version = versionIn(elf, OPENSSL_VERSION);
  return version === null ? { family: "openssl", sites } : { family: "openssl", version, sites };
}

const OPENSSL_VERSION = /\b(?:OpenSSL|LibreSSL) \d+\.\d+\.\d+[a-z]?\b/;

function candidatesOf(elf: Elf, functions: readonly FunctionSymbol[]): Candidate[] {
  const byAddress = new Map<number, Candidate>();
  // From 3.3 on ssl_write_internal has flags, as SSL_write_ex2 has, which is as old.
  const hasFlags = functions.some(({ name }) => name === "SSL_write_ex2");
  for (const symbol of functions) {
    const known = Object.hasOwn(KNOWN, symbol.name) ? KNOWN[symbol.name] : undefined;
    if (known === undefined || byAddress.has(symbol.address)) continue;
    const isInner = symbol.name.startsWith("ssl_");
    const shape = hasFlags && symbol.name === "ssl_write_internal" ? "ssl_ex2" : known.shape;
    const how = isInner ? "inner" : "symbol";
    byAddress.set(symbol.address, { ...known, shape, symbol, how, calls: callsOf(elf, symbol) });
  }
  return [...byAddress.values()];
}

/** The functions without symbols that all variants of one role call first. */
function innerOf(elf: Elf, named: readonly Candidate[]): Candidate[] {
  const known = new Set(named.map(({ symbol }) => symbol.address));
  const found: Candidate[] = [];
  for (const { plain, whole } of WRAPPERS) {
    const first = named.find(({ symbol }) => symbol.name === plain);
    const others = named.filter(({ symbol }) => whole.includes(symbol.name));
    const call = first?.calls[0];
    if (first === undefined || call === undefined || known.has(call.target)) continue;
    const isShared = others.some(({ calls }) =>
      calls.length <= MAX_WRAPPER_CALLS && calls[0]?.target === call.target && handsOn(calls[0])
    );
    if (!isShared || !handsOn(call) || elf.codeOffset(call.target) === null) continue;
    // Nobody else's: one function that serves reads and writes would be something else.
    known.add(call.target);
    const shape = wrote(call, Register.r8) ? "ssl_ex2" : "ssl_ex";
    if (shape === "ssl_ex" && !wrote(call, Register.rcx)) continue;
    const symbol = { name: plain, address: call.target, size: 0 };
    found.push({ role: first.role, shape, symbol, how: "inner", calls: [] });
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

/**
 * Tells functions that do their work themselves from those that call one of the others for it: those
 * of their own role, and for BoringSSL's peek, which its SSL_read calls, the other way round.
 */
function isNotHandedOn(elf: Elf, all: readonly Candidate[]): (candidate: Candidate) => boolean {
  const names = linkedNames(elf);
  const byAddress = new Map(all.map((candidate) => [candidate.symbol.address, candidate]));
  const byName = new Map(all.map((candidate) => [candidate.symbol.name, candidate]));
  const calleeOf = ({ target, isThroughSlot }: Call): Candidate | undefined => {
    const direct = isThroughSlot ? undefined : byAddress.get(target);
    if (direct !== undefined) return direct;
    const slot = isThroughSlot ? target : slotOfStub(elf, target);
    return slot === null ? undefined : byName.get(names.get(slot) ?? "");
  };
  const peekedByRead = new Set<Candidate>();
  const handedOn = new Set<Candidate>();
  for (const candidate of all) {
    for (const call of candidate.calls) {
      const callee = calleeOf(call);
      if (callee === undefined || callee === candidate) continue;
      if (callee.role === candidate.role) handedOn.add(candidate);
      else if (callee.role === "peek") peekedByRead.add(callee);
    }
  }
  return (candidate) => !handedOn.has(candidate) && !peekedByRead.has(candidate);
}
