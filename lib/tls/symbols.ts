/**
 * Functions by name. In: the symbol tables of an ELF file. Out: those functions whose names are
 * wanted; which function a stub of the linker leads to. One pass over each table, however many names.
 */
import { type Elf, type Section, textAt, u16, u32, u64 } from "./elf.ts";
import { TextSearch } from "./search.ts";

export interface FunctionSymbol {
  readonly name: string;
  readonly address: number;
  /** In bytes; 0 where the symbol does not tell. */
  readonly size: number;
}

export interface Symbols {
  /** In order of address, each name and address once. */
  readonly functions: readonly FunctionSymbol[];
  /** What other files must bring. */
  readonly imports: ReadonlySet<string>;
}

const SECTION_SYMTAB = 2;
const SECTION_RELA = 4;
const SECTION_DYNSYM = 11;
const SYMBOL_BYTES = 24;
const RELOCATION_BYTES = 24;
const TYPE_FUNCTION = 2;
const TYPE_NONE = 0;
/** Of a library with all its symbols; more is a file made to cost. */
const MAX_FOUND = 65_536;
const MAX_NAME_BYTES = 1024;

/** Names that begin with one of `starts`, or hold one of `parts`, of 7 characters at least. */
export interface Wanted {
  readonly starts: readonly string[];
  readonly parts: readonly string[];
}

export function findSymbols(elf: Elf, { starts, parts }: Wanted): Symbols {
  const begins = startsWithAny(starts);
  const search = new TextSearch(parts);
  const found = new Map<string, FunctionSymbol>();
  const imports = new Set<string>();
  for (const section of elf.sections) {
    if (section.type !== SECTION_SYMTAB && section.type !== SECTION_DYNSYM) continue;
    const names = namesOf(elf, section);
    const table = elf.contents(section);
    const holding = holdingAny(names, search);
    for (
      let at = 0;
      at + SYMBOL_BYTES <= table.length && found.size < MAX_FOUND;
      at += SYMBOL_BYTES
    ) {
      const type = (table[at + 4] ?? 0) & 0xf;
      const nameAt = u32(table, at);
      if (type !== TYPE_FUNCTION && type !== TYPE_NONE) continue;
      if (!begins(names, nameAt) && !holding.has(nameAt)) continue;
      const name = textAt(names, nameAt);
      const address = u64(table, at + 8);
      if (u16(table, at + 6) === 0) imports.add(name);
      else if (type === TYPE_FUNCTION) {
        found.set(`${name} ${address}`, { name, address, size: u64(table, at + 16) });
      }
    }
  }
  const functions = [...found.values()].sort((a, b) => a.address - b.address);
  return { functions, imports };
}

/** Does the text at a place of `names` begin with one of these? Looks at one byte of most texts. */
function startsWithAny(starts: readonly string[]): (names: Uint8Array, at: number) => boolean {
  const byFirst: (Uint8Array[] | undefined)[] = [];
  for (const start of starts) {
    const bytes = new TextEncoder().encode(start);
    (byFirst[bytes[0] ?? 0] ??= []).push(bytes);
  }
  return (names, at) => {
    const candidates = byFirst[names[at] ?? 0];
    return candidates !== undefined &&
      candidates.some((start) => start.every((byte, i) => names[at + i] === byte));
  };
}

/** Where the names begin that hold one of these. */
function holdingAny(names: Uint8Array, search: TextSearch): Set<number> {
  const found = new Set<number>();
  search.each(names, (_, at) => {
    // A name that is longer than any is cut by what is read of it.
    const from = Math.max(0, at - MAX_NAME_BYTES);
    found.add(from + names.subarray(from, at).lastIndexOf(0) + 1);
    return found.size < MAX_FOUND;
  });
  return found;
}

function namesOf(elf: Elf, { link }: Section): Uint8Array {
  const section = elf.sections[link];
  return section === undefined ? new Uint8Array(0) : elf.contents(section);
}

/** Names by the address of the slot through which the linker's stubs jump (x86-64 psABI, 5.2). */
export function linkedNames(elf: Elf): Map<number, string> {
  const slots = new Map<number, string>();
  for (const section of elf.sections) {
    const symbols = elf.sections[section.link];
    if (section.type !== SECTION_RELA || symbols?.type !== SECTION_DYNSYM) continue;
    const names = namesOf(elf, symbols);
    const table = elf.contents(symbols);
    const relocations = elf.contents(section);
    for (let at = 0; at + RELOCATION_BYTES <= relocations.length; at += RELOCATION_BYTES) {
      const symbolAt = u32(relocations, at + 12) * SYMBOL_BYTES;
      if (symbolAt === 0 || symbolAt + SYMBOL_BYTES > table.length || slots.size >= MAX_FOUND) {
        continue;
      }
      slots.set(u64(relocations, at), textAt(names, u32(table, symbolAt)));
    }
  }
  return slots;
}
