/**
 * Functions by the texts that they use, in files without symbols.
 *
 * In: an ELF file, and texts. Out: the functions whose code refers to these, from the table by which
 * exceptions find their frames, and whether they are called at all. Bounded; a file without that table has none.
 */
import { type Elf, type Section, u32 } from "./elf.ts";
import { TextSearch } from "./search.ts";

const MAX_CODE_BYTES = 64 * 1024 * 1024;
const MAX_CONSTANT_BYTES = 32 * 1024 * 1024;
const MAX_REFERENCES = 4096;
const MAX_TEXT_BYTES = 256;
const HEAD_BYTES = 12;

/** A function without a name. */
export interface BareFunction {
  readonly address: number;
  /** Up to the next function. */
  readonly size: number;
  readonly texts: ReadonlySet<string>;
  /** What a compiler has set apart of a function, as unlikely, is jumped to, and never called. */
  readonly isCalled: boolean;
}

/** Functions that refer to a text that ends with one of these (7 characters at least), with all of them. */
export function functionsUsing(elf: Elf, endings: readonly string[]): BareFunction[] {
  const text = elf.section(".text");
  const frames = openFrames(elf);
  const addresses = addressesOf(elf, endings);
  if (text === undefined || frames === null || addresses.size === 0) return [];
  const code = elf.read(text.offset, Math.min(text.size, MAX_CODE_BYTES));
  const byStart = new Map<number, { size: number; texts: Set<string> }>();
  for (const { address, target } of references(code, text.address, addresses)) {
    const frame = frames.at(address);
    const said = addresses.get(target);
    if (frame === null || said === undefined) continue;
    const known = byStart.get(frame.address) ?? { size: frame.size, texts: new Set() };
    byStart.set(frame.address, known);
    known.texts.add(said);
  }
  const called = calledOf(code, text.address, byStart);
  return [...byStart].map(([address, { size, texts }]) => (
    { address, size, texts, isCalled: called.has(address) }
  ));
}

/** The ending of a text by the address of the text, and of its ending: linkers share these. */
function addressesOf(elf: Elf, endings: readonly string[]): Map<number, string> {
  const found = new Map<number, string>();
  const constants = elf.section(".rodata");
  if (constants === undefined) return found;
  const { offset, size, address } = constants;
  const bytes = elf.read(offset, Math.min(size, MAX_CONSTANT_BYTES));
  new TextSearch(endings.map((ending) => `${ending}\0`)).each(bytes, (text, at) => {
    const least = Math.max(0, at - MAX_TEXT_BYTES);
    const start = least + bytes.subarray(least, at).lastIndexOf(0) + 1;
    found.set(address + start, text.slice(0, -1));
    found.set(address + at, text.slice(0, -1));
    return found.size < MAX_REFERENCES;
  });
  return found;
}

/** Places in the code that load one of these addresses: `lea N(%rip),R`, or `mov $N,R` of 32 bits. */
function references(
  code: Uint8Array,
  start: number,
  addresses: ReadonlyMap<number, string>,
): { address: number; target: number }[] {
  const found: { address: number; target: number }[] = [];
  const least = Math.min(...addresses.keys());
  const most = Math.max(...addresses.keys());
  for (let at = 0; at + 6 <= code.length && found.length < MAX_REFERENCES; at++) {
    const opcode = code[at] as number;
    const isLea = opcode === 0x8d && ((code[at + 1] as number) & 0xc7) === 5;
    if (!isLea && (opcode & 0xf8) !== 0xb8) continue;
    const operand = at + (isLea ? 2 : 1);
    const number = (code[operand] as number) | ((code[operand + 1] as number) << 8) |
      ((code[operand + 2] as number) << 16) | ((code[operand + 3] as number) << 24);
    const target = isLea ? start + operand + 4 + number : number;
    if (target < least || target > most || !addresses.has(target)) continue;
    found.push({ address: start + at, target });
  }
  return found;
}

/** Which of these addresses are called, or jumped to at the end of another function. */
function calledOf(
  code: Uint8Array,
  start: number,
  addresses: ReadonlyMap<number, unknown>,
): Set<number> {
  const found = new Set<number>();
  if (addresses.size === 0) return found;
  const least = Math.min(...addresses.keys());
  const most = Math.max(...addresses.keys());
  for (let at = 0; at + 5 <= code.length; at++) {
    if (((code[at] as number) & 0xfe) !== 0xe8) continue;
    const number = (code[at + 1] as number) | ((code[at + 2] as number) << 8) |
      ((code[at + 3] as number) << 16) | ((code[at + 4] as number) << 24);
    const target = start + at + 5 + number;
    if (target >= least && target <= most && addresses.has(target)) found.add(target);
  }
  return found;
}

interface Frames {
  /** The function that has an address within. */
  at(address: number): { address: number; size: number } | null;
}

/**
 * The table of .eh_frame_hdr (Linux Standard Base, 10.6.2), as all linkers write it: version 1, then three
 * encodings, of which the second and third are 4 bytes and 4 bytes from the section's start.
 */
function openFrames(elf: Elf): Frames | null {
  const section: Section | undefined = elf.section(".eh_frame_hdr");
  if (section === undefined) return null;
  const table = elf.contents(section);
  if (table[0] !== 1 || table[2] !== 0x03 || table[3] !== 0x3b) return null;
  const count = Math.min(u32(table, 8), Math.floor((table.length - HEAD_BYTES) / 8));
  const startOf = (index: number): number =>
    section.address + (u32(table, HEAD_BYTES + 8 * index) | 0);
  return {
    at(address) {
      let low = 0;
      let high = count;
      while (low < high) {
        const middle = (low + high) >>> 1;
        if (startOf(middle) <= address) low = middle + 1;
        else high = middle;
      }
      if (low === 0) return null;
      const start = startOf(low - 1);
      return { address: start, size: (low < count ? startOf(low) : address + 256) - start };
    },
  };
}
