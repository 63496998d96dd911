/**
 * Functions by name. In: the symbol tables of an ELF file. Out: those functions whose names are
 * wanted; which function a stub of the linker leads to. One pass over the names, and over a table whose names are wanted.
 */
import { type Elf, type Section, textAt } from "./elf.ts";
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
  /** The names that are wanted, by tables that the loader uses, and their place there. */
  readonly dynamic: ReadonlyMap<Section, ReadonlyMap<number, string>>;
}

/** Whole names, and parts of names, of 7 characters at least. */
export interface Wanted {
  readonly names: readonly string[];
  readonly parts: readonly string[];
}

const SECTION_SYMTAB = 2;
const SECTION_RELA = 4;
const SECTION_DYNSYM = 11;
/** Of a symbol: name; type, and section in the upper half; address, size of two words each. */
const SYMBOL_WORDS = 6;
const TYPE_FUNCTION = 2;
/** Of a library with all its symbols; more is a file made to cost. */
const MAX_FOUND = 65_536;
const MAX_NAME_BYTES = 1024;

export function findSymbols(elf: Elf, { names, parts }: Wanted): Symbols {
  const search = new TextSearch([...names.map((name) => `${name}\0`), ...parts]);
  const found = new Map<string, FunctionSymbol>();
  const imports = new Set<string>();
  const dynamic = new Map<Section, Map<number, string>>();
  for (const section of elf.sections) {
    if (section.type !== SECTION_SYMTAB && section.type !== SECTION_DYNSYM) continue;
    const wanted = wantedNames(namesOf(elf, section), search);
    if (wanted.size === 0) continue;
    const places = new Map<number, string>();
    if (section.type === SECTION_DYNSYM) dynamic.set(section, places);
    const table = elf.words(section);
    for (let at = 0; at + SYMBOL_WORDS <= table.length; at += SYMBOL_WORDS) {
      const name = wanted.get(table[at] as number);
      if (name === undefined) continue;
      places.set(at / SYMBOL_WORDS, name);
      const kind = table[at + 1] ?? 0;
      if (kind >>> 16 === 0) imports.add(name);
      else if ((kind & 0xf) === TYPE_FUNCTION) {
        const address = wide(table, at + 2);
        found.set(`${name} ${address}`, { name, address, size: wide(table, at + 4) });
      }
      if (places.size + found.size > MAX_FOUND) break;
    }
  }
  const functions = [...found.values()].sort((a, b) => a.address - b.address);
  return { functions, imports, dynamic };
}

/** Wanted names by where they begin. One may be the end of another's text: linkers share these. */
function wantedNames(names: Uint8Array, search: TextSearch): Map<number, string> {
  const found = new Map<number, string>();
  search.each(names, (text, at) => {
    if (text.endsWith("\0")) found.set(at, text.slice(0, -1));
    else {
      // A name that is longer than any is cut by what is read of it.
      const least = Math.max(0, at - MAX_NAME_BYTES);
      const from = least + names.subarray(least, at).lastIndexOf(0) + 1;
      found.set(from, textAt(names, from));
    }
    return found.size < MAX_FOUND;
  });
  return found;
}

function namesOf(elf: Elf, { link }: Section): Uint8Array {
  const section = elf.sections[link];
  return section === undefined ? new Uint8Array(0) : elf.contents(section);
}

/** Wanted names by the address of the slot through which the linker's stubs jump (x86-64 psABI, 5.2). */
export function linkedNames(elf: Elf, { dynamic }: Symbols): Map<number, string> {
  const slots = new Map<number, string>();
  for (const [section, symbols] of dynamic) {
    if (symbols.size === 0) continue;
    const tables = elf.sections.filter(({ type, link }) =>
      type === SECTION_RELA && elf.sections[link] === section
    );
    for (const table of tables) {
      const words = elf.words(table);
      for (let at = 0; at + RELOCATION_WORDS <= words.length; at += RELOCATION_WORDS) {
        const symbol = words[at + 3] as number;
        const name = symbol === 0 ? undefined : symbols.get(symbol);
        if (name !== undefined) slots.set(wide(words, at), name);
        if (slots.size > MAX_FOUND) return slots;
      }
    }
  }
  return slots;
}

/** Of a relocation: place, of two words; type; symbol; what is added, of two words. */
const RELOCATION_WORDS = 6;
const RELATIVE = 8;

/** The address that the loader puts at a place (R_X86_64_RELATIVE); 0 when it puts none. */
export function relocated(elf: Elf, address: number): number {
  for (const section of elf.sections) {
    if (section.type !== SECTION_RELA) continue;
    const words = elf.words(section);
    for (let at = 0; at + RELOCATION_WORDS <= words.length; at += RELOCATION_WORDS) {
      if (words[at + 2] !== RELATIVE || words[at] !== address % 2 ** 32) continue;
      if (wide(words, at) === address) return wide(words, at + 4);
    }
  }
  return 0;
}

function wide(words: Uint32Array, at: number): number {
  return (words[at] ?? 0) + (words[at + 1] ?? 0) * 2 ** 32;
}
