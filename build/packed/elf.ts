/**
 * As much of ELF64 (System V ABI, little endian) as packing needs.
 *
 * In: the bytes of an executable. Out: where its segments and imports lie; one more segment added.
 * It never relocates, removes or moves anything.
 */

const PT_LOAD = 1;
const PT_INTERP = 3;
const R_X86_64_GLOB_DAT = 6;
const PAGE = 4096;
const PROGRAM_HEADER_BYTES = 56;
const SECTION_HEADER_BYTES = 64;
const RELA_BYTES = 24;
const SYMBOL_BYTES = 24;

interface Section {
  readonly offset: number;
  readonly size: number;
}

export function alignToPage(n: number): number {
  return Math.ceil(n / PAGE) * PAGE;
}

/** An ELF64 executable in memory. */
export class ElfFile {
  readonly #bytes: Uint8Array;
  readonly #view: DataView;

  constructor(bytes: Uint8Array) {
    this.#bytes = bytes;
    this.#view = new DataView(bytes.buffer, bytes.byteOffset, bytes.byteLength);
    const magic = this.#view.getUint32(0, false), wordSize = bytes[4], byteOrder = bytes[5];
    if (magic !== 0x7f454c46 || wordSize !== 2 || byteOrder !== 1) {
      throw new Error("Cannot pack: the Deno binary is not a little-endian ELF64 file");
    }
  }

  get size(): number {
    return this.#bytes.length;
  }

  get entry(): number {
    return this.#word(24);
  }

  /** First page above everything the file maps. */
  get freeAddress(): number {
    let top = 0;
    for (const at of this.#programHeaders()) {
      if (this.#view.getUint32(at, true) !== PT_LOAD) continue;
      top = Math.max(top, this.#word(at + 16) + this.#word(at + 40));
    }
    return alignToPage(top);
  }

  /** Address of the slot that the dynamic loader fills with the address of an imported function. */
  importSlot(name: string): number {
    const sections = this.#sections();
    const relocations = sections.get(".rela.dyn"), symbols = sections.get(".dynsym");
    const strings = sections.get(".dynstr");
    if (!relocations || !symbols || !strings) {
      throw new Error("Cannot pack: the Deno binary has no dynamic symbols");
    }
    const end = relocations.offset + relocations.size;
    for (let at = relocations.offset; at < end; at += RELA_BYTES) {
      const type = this.#view.getUint32(at + 8, true), index = this.#view.getUint32(at + 12, true);
      if (type !== R_X86_64_GLOB_DAT) continue;
      const symbol = symbols.offset + index * SYMBOL_BYTES;
      const symbolName = strings.offset + this.#view.getUint32(symbol, true);
      if (this.#string(symbolName) === name) return this.#word(at);
    }
    throw new Error(`Cannot pack: the Deno binary does not import "${name}"`);
  }

  /** Adds a read-and-execute segment of `size` bytes and starts the program at `entry`. */
  addSegment(address: number, fileOffset: number, size: number, entry: number): void {
    const view = this.#view;
    const table = this.#word(32), headers = view.getUint16(56, true);
    const at = table + headers * PROGRAM_HEADER_BYTES;
    for (const header of this.#programHeaders()) {
      if (view.getUint32(header, true) !== PT_INTERP) continue;
      if (at + PROGRAM_HEADER_BYTES > this.#word(header + 8)) {
        throw new Error("Cannot pack: no room for one more program header in the Deno binary");
      }
    }
    if (this.#bytes.subarray(at, at + PROGRAM_HEADER_BYTES).some((byte) => byte !== 0)) {
      throw new Error("Cannot pack: the place of one more program header is taken");
    }
    view.setUint32(at, PT_LOAD, true);
    view.setUint32(at + 4, 5, true); // read + execute
    const fields = [fileOffset, address, address, size, size, PAGE];
    fields.forEach((value, i) => this.#setWord(at + 8 + 8 * i, value));
    view.setUint16(56, headers + 1, true);
    this.#setWord(24, entry);
    // The table's own entry (PT_PHDR) comes first; its sizes grow with it.
    this.#setWord(table + 32, (headers + 1) * PROGRAM_HEADER_BYTES);
    this.#setWord(table + 40, (headers + 1) * PROGRAM_HEADER_BYTES);
  }

  *#programHeaders(): Generator<number> {
    const table = this.#word(32), headers = this.#view.getUint16(56, true);
    for (let i = 0; i < headers; i++) yield table + i * PROGRAM_HEADER_BYTES;
  }

  #sections(): Map<string, Section> {
    const table = this.#word(40), headers = this.#view.getUint16(60, true);
    const names = table + this.#view.getUint16(62, true) * SECTION_HEADER_BYTES;
    const sections = new Map<string, Section>();
    for (let i = 0; i < headers; i++) {
      const at = table + i * SECTION_HEADER_BYTES;
      const name = this.#string(this.#word(names + 24) + this.#view.getUint32(at, true));
      sections.set(name, { offset: this.#word(at + 24), size: this.#word(at + 32) });
    }
    return sections;
  }

  #string(at: number): string {
    const end = this.#bytes.indexOf(0, at);
    return new TextDecoder().decode(this.#bytes.subarray(at, end));
  }

  #word(at: number): number {
    return Number(this.#view.getBigUint64(at, true));
  }

  #setWord(at: number, value: number): void {
    this.#view.setBigUint64(at, BigInt(value), true);
  }
}
