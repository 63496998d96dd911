/**
 * Go's table of functions (pclntab), of Go 1.16 to 1.26.
 *
 * In: an ELF file. Out: entries and sizes of functions by name. Layouts: cmd/link/internal/ld/pcln.go and
 * debug/gosym of these versions; there the header is
 *
 *     magic u32 · 0 0 · quantum u8 · pointer size u8 · functions u64 · files u64 · [text start u64, from
 *     1.18 on] · offsets u64 of names, units, files, values, functions
 *
 * and the functions are pairs of entry and offset of the rest, 8 bytes each in 1.16, 4 bytes from 1.18 on.
 * The rest begins with the entry again and the offset of the name.
 */
import { type Elf, type Section, u32, u64 } from "./elf.ts";
import { indexOfText, TextSearch } from "./search.ts";

export interface GoFunction {
  readonly name: string;
  /** From where the text starts. */
  readonly entry: number;
  readonly size: number;
}

interface Layout {
  /** Bytes of an entry. */
  readonly word: 4 | 8;
  readonly hasTextStart: boolean;
}

const LAYOUTS = new Map<number, Layout>([
  [0xfffffffa, { word: 8, hasTextStart: false }],
  [0xfffffff0, { word: 4, hasTextStart: true }],
  [0xfffffff1, { word: 4, hasTextStart: true }],
]);
const OWN_SECTIONS = [".gopclntab", ".data.rel.ro.gopclntab"];
const MAX_SEARCHED_BYTES = 64 * 1024 * 1024;
const MAX_PLACES = 16;
const HEADER_BYTES = 72;
const QUANTUM_X86 = 1;
const MAX_FUNCTIONS = 4_000_000;
const MAX_NAMES_BYTES = 64 * 1024 * 1024;
const WINDOW_BYTES = 1024 * 1024;

export function openPclntab(elf: Elf): Pclntab | null {
  for (const range of placesIn(elf)) {
    const head = elf.read(range.offset, Math.min(range.size, HEADER_BYTES));
    const layout = LAYOUTS.get(u32(head, 0));
    const isKnown = head.length === HEADER_BYTES && head[6] === QUANTUM_X86 && head[7] === 8;
    if (layout !== undefined && isKnown) return new Pclntab(elf, range, layout, head);
  }
  return null;
}

/** A part of the file, and its address. */
type Range = Pick<Section, "offset" | "size" | "address">;

/** Where the table may begin: a section of its own, or where gcc has put it, among other constants. */
function placesIn(elf: Elf): Range[] {
  const own = elf.sections.filter(({ name }) => OWN_SECTIONS.includes(name));
  if (own.length > 0) return own;
  const beginnings = new TextSearch([...LAYOUTS.keys()].map(beginning));
  return elf.sections.filter(({ name }) => name === ".data.rel.ro").flatMap((section) => {
    const found: Range[] = [];
    beginnings.each(
      elf.read(section.offset, Math.min(section.size, MAX_SEARCHED_BYTES)),
      (_, at) => {
        const { offset, size, address } = section;
        found.push({ offset: offset + at, size: size - at, address: address + at });
        return found.length < MAX_PLACES;
      },
    );
    return found;
  });
}

function beginning(magic: number): string {
  return `${String.fromCharCode(magic & 0xff)}\xff\xff\xff\0\0\x01\x08`;
}

export class Pclntab {
  /** Address of the text's start; null when entries are addresses. */
  readonly textStartAt: number | null;
  readonly #elf: Elf;
  readonly #range: Range;
  readonly #word: 4 | 8;
  readonly #count: number;
  readonly #namesAt: number;
  readonly #unitsAt: number;
  readonly #functionsAt: number;

  constructor(elf: Elf, range: Range, { word, hasTextStart }: Layout, head: Uint8Array) {
    const offsets = hasTextStart ? 32 : 24;
    this.textStartAt = hasTextStart ? range.address + 24 : null;
    this.#elf = elf;
    this.#range = range;
    this.#word = word;
    this.#count = u64(head, 8);
    this.#namesAt = u64(head, offsets);
    this.#unitsAt = u64(head, offsets + 8);
    this.#functionsAt = u64(head, offsets + 32);
  }

  /** These functions, where the table has them; it is read once, whatever is looked for. */
  find(names: readonly string[]): GoFunction[] {
    const wanted = this.#nameOffsets(names);
    if (wanted.size === 0 || this.#count > MAX_FUNCTIONS) return [];
    const pairBytes = 2 * this.#word;
    // One more entry is the end of the last.
    const table = this.#read(this.#functionsAt, this.#count * pairBytes + this.#word);
    const rest = new Window((at, length) => this.#read(this.#functionsAt + at, length));
    const found: GoFunction[] = [];
    for (let at = 0; at + pairBytes + this.#word <= table.length; at += pairBytes) {
      const restAt = this.#value(table, at + this.#word);
      const name = wanted.get(rest.u32(restAt + this.#word));
      if (name === undefined || found.length > names.length) continue;
      const entry = this.#value(table, at);
      const size = this.#value(table, at + pairBytes) - entry;
      if (size > 0) found.push({ name, entry, size });
    }
    return found;
  }

  /** Names by their offset. */
  #nameOffsets(names: readonly string[]): Map<number, string> {
    const length = Math.min(MAX_NAMES_BYTES, this.#unitsAt - this.#namesAt);
    const bytes = this.#read(this.#namesAt, length);
    const offsets = new Map<number, string>();
    for (const name of names) {
      const at = indexOfText(bytes, `\0${name}\0`);
      if (at >= 0) offsets.set(at + 1, name);
    }
    return offsets;
  }

  #value(bytes: Uint8Array, at: number): number {
    return this.#word === 8 ? u64(bytes, at) : u32(bytes, at);
  }

  /** Within the range. */
  #read(offset: number, length: number): Uint8Array {
    const { offset: from, size } = this.#range;
    if (!(offset >= 0 && offset < size)) return new Uint8Array(0);
    return this.#elf.read(from + offset, Math.min(length, size - offset));
  }
}

/** Numbers at places that mostly go up, of a range too large to be read at once. */
class Window {
  #start = 0;
  #bytes: Uint8Array = new Uint8Array(0);

  constructor(private readonly read: (at: number, length: number) => Uint8Array) {}

  u32(at: number): number {
    if (at < this.#start || at + 4 > this.#start + this.#bytes.length) {
      this.#start = at;
      this.#bytes = this.read(at, WINDOW_BYTES);
    }
    return u32(this.#bytes, at - this.#start);
  }
}
