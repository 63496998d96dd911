/**
 * Which of the functions that read and write are probed, so that no byte is seen twice.
 *
 * In: a family's functions by name, and the symbols of a file. Out: sites, of those functions that do
 * not call another of them for their work.
 */
import { type Call, callsOf, slotOfStub } from "./code.ts";
import type { Elf } from "./elf.ts";
import type { CallShape, Family, Site, TlsCode } from "./sites.ts";
import { type FunctionSymbol, linkedNames, type Symbols } from "./symbols.ts";

/** Of a name, libraries that are linked into one file have one function each. */
export const MAX_CANDIDATES = 64;

interface Known {
  readonly role: "read" | "write" | "peek";
  readonly shape: CallShape;
  /** No function of the interface, but the one behind it. */
  readonly isInner?: boolean;
}

export type KnownFunctions = Readonly<Record<string, Known>>;

export interface Candidate extends Known {
  readonly symbol: FunctionSymbol;
  readonly calls: readonly Call[];
}

/** The known functions of a file; of several names for one place the first. */
export function candidatesOf(
  elf: Elf,
  functions: readonly FunctionSymbol[],
  known: KnownFunctions,
): Candidate[] {
  const byAddress = new Map<number, Candidate>();
  for (const symbol of functions) {
    const role = Object.hasOwn(known, symbol.name) ? known[symbol.name] : undefined;
    if (role === undefined || byAddress.has(symbol.address)) continue;
    if (byAddress.size >= MAX_CANDIDATES) break;
    byAddress.set(symbol.address, { ...role, symbol, calls: callsOf(elf, symbol) });
  }
  return [...byAddress.values()];
}

export function sitesOf(elf: Elf, symbols: Symbols, all: readonly Candidate[]): Site[] {
  return all.filter(isNotHandedOn(elf, symbols, all)).flatMap(
    ({ role, shape, symbol, isInner }): Site[] => {
      const entry = elf.codeOffset(symbol.address);
      if (entry === null) return [];
      const how = isInner === true ? "inner" : "symbol";
      const site = { shape, entry, exits: null, name: symbol.name, how } as const;
      return [role === "peek" ? { role: "read", isPeek: true, ...site } : { role, ...site }];
    },
  );
}

export function codeOf(family: Family, version: string | null, sites: readonly Site[]): TlsCode {
  return version === null ? { family, sites } : { family, version, sites };
}

/**
 * Tells functions that do their work themselves from those that call one of the others for it: those
 * of their own role, and for BoringSSL's peek, which its SSL_read calls, the other way round.
 */
function isNotHandedOn(
  elf: Elf,
  symbols: Symbols,
  all: readonly Candidate[],
): (candidate: Candidate) => boolean {
  const names = linkedNames(elf, symbols);
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
