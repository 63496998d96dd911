/**
 * ELF files made of parts, for tests: sections, symbols, relocations, and Go's tables.
 *
 * In: what a file is to hold. Out: its bytes; every address is the offset in the file. Nothing is checked,
 * so that files may lie.
 */
import { concat } from "./events.ts";

export interface ImageSection {
  name: string;
  /** 1 contents, 2 symbols, 3 names, 4 relocations, 7 notes, 11 dynamic symbols. */
  type: number;
  bytes: Uint8Array;
  /** Index of another section; the first has 1. */
  link?: number;
  /** In place of the true ones. */
  size?: number;
  offset?: number;
}

export interface ImageSymbol {
  name: string;
  /** Offset in the code; missing: another file's. */
  at?: number;
  size?: number;
}

/** Where the first section, which is the code, begins. */
export const CODE_AT = 0x100;
const HEADER_BYTES = 64;
const SEGMENT_BYTES = 56;
const SECTION_BYTES = 64;
const TEXT = new TextEncoder();

export function elfImage(sections: readonly ImageSection[]): Uint8Array {
  const named: ImageSection[] = [
    ...sections,
    { name: ".shstrtab", type: 3, bytes: new Uint8Array(0) },
  ];
  const names = joinNames(named.map(({ name }) => name));
  named[named.length - 1] = { name: ".shstrtab", type: 3, bytes: names.bytes };
  const offsets: number[] = [];
  let end = CODE_AT;
  for (const { bytes } of named) {
    offsets.push(end);
    end = Math.ceil((end + bytes.length) / 16) * 16;
  }
  const out = new Uint8Array(end + SECTION_BYTES * (named.length + 1));
  const view = new DataView(out.buffer);
  out.set([0x7f, 0x45, 0x4c, 0x46, 2, 1, 1]);
  view.setUint16(18, 62, true);
  put64(view, 32, HEADER_BYTES);
  put64(view, 40, end);
  for (const [i, value] of [HEADER_BYTES, SEGMENT_BYTES, 1, SECTION_BYTES].entries()) {
    view.setUint16(52 + 2 * i, value, true);
  }
  view.setUint16(60, named.length + 1, true);
  view.setUint16(62, named.length, true);
  // One segment: all of it, to be read and executed.
  view.setUint32(HEADER_BYTES, 1, true);
  view.setUint32(HEADER_BYTES + 4, 5, true);
  put64(view, HEADER_BYTES + 32, out.length);
  put64(view, HEADER_BYTES + 40, out.length);
  for (const [i, section] of named.entries()) {
    const offset = offsets[i] ?? 0;
    const at = end + SECTION_BYTES * (i + 1);
    out.set(section.bytes, offset);
    view.setUint32(at, names.offsets[i] ?? 0, true);
    view.setUint32(at + 4, section.type, true);
    put64(view, at + 16, offset);
    put64(view, at + 24, section.offset ?? offset);
    put64(view, at + 32, section.size ?? section.bytes.length);
    view.setUint32(at + 40, section.link ?? 0, true);
  }
  return out;
}

export function codeSection(bytes: Uint8Array): ImageSection {
  return { name: ".text", type: 1, bytes };
}

/** A table of functions, and its names; `index` is what the table itself will have. */
export function symbolSections(symbols: readonly ImageSymbol[], index: number): ImageSection[] {
  const names = joinNames(symbols.map(({ name }) => name));
  const table = new Uint8Array(24 * (symbols.length + 1));
  const view = new DataView(table.buffer);
  for (const [i, { at, size }] of symbols.entries()) {
    const entry = 24 * (i + 1);
    view.setUint32(entry, names.offsets[i] ?? 0, true);
    view.setUint8(entry + 4, 0x12);
    view.setUint16(entry + 6, at === undefined ? 0 : 1, true);
    put64(view, entry + 8, at === undefined ? 0 : CODE_AT + at);
    put64(view, entry + 16, size ?? 16);
  }
  return [
    { name: ".dynsym", type: 11, bytes: table, link: index + 1 },
    { name: ".dynstr", type: 3, bytes: names.bytes },
  ];
}

export interface GoTable {
  magic: number;
  /** Their entries are offsets from the start of the text. */
  functions: readonly { name: string; entry: number }[];
  /** Where the last one ends. */
  end: number;
  textStart: number;
}

/** The section .gopclntab (see lib/tls/pclntab.ts), of 4-byte entries; of 8-byte ones before Go 1.18. */
export function goTable({ magic, functions, end, textStart }: GoTable): ImageSection {
  const isOld = magic === 0xfffffffa;
  const word = isOld ? 8 : 4;
  const names = joinNames(functions.map(({ name }) => name));
  const pairs = functions.length * 2 * word + word;
  const table = new Uint8Array(pairs + functions.length * 16);
  const view = new DataView(table.buffer);
  const put = (at: number, value: number): void => {
    if (isOld) put64(view, at, value);
    else view.setUint32(at, value, true);
  };
  for (const [i, { entry }] of functions.entries()) {
    const from = isOld ? textStart + entry : entry;
    const restAt = pairs + i * 16;
    put(2 * word * i, from);
    put(2 * word * i + word, restAt);
    put(restAt, from);
    view.setUint32(restAt + word, names.offsets[i] ?? 0, true);
  }
  put(2 * word * functions.length, isOld ? textStart + end : end);
  const headBytes = isOld ? 64 : 72;
  const head = new Uint8Array(headBytes + 8);
  const headView = new DataView(head.buffer);
  headView.setUint32(0, magic, true);
  head.set([0, 0, 1, 8], 4);
  const namesAt = head.length;
  const unitsAt = namesAt + names.bytes.length;
  const numbers = [functions.length, 0, ...isOld ? [] : [textStart], namesAt, unitsAt, unitsAt];
  for (const [i, value] of [...numbers, unitsAt, unitsAt].entries()) {
    put64(headView, 8 + 8 * i, value);
  }
  return { name: ".gopclntab", type: 1, bytes: concat([head, names.bytes, table]) };
}

/** The section .go.buildinfo, as of Go 1.18. */
export function goBuildInfo(version: string): ImageSection {
  const bytes = new Uint8Array(64);
  bytes.set(TEXT.encode("\0 Go buildinf:"));
  bytes[0] = 0xff;
  bytes.set([8, 2], 14);
  bytes[32] = version.length;
  bytes.set(TEXT.encode(version), 33);
  return { name: ".go.buildinfo", type: 1, bytes };
}

/** Names that end with zeros, behind an empty one. */
function joinNames(names: readonly string[]): { bytes: Uint8Array; offsets: number[] } {
  const offsets: number[] = [];
  let length = 1;
  for (const name of names) {
    offsets.push(length);
    length += TEXT.encode(name).length + 1;
  }
  return { bytes: TEXT.encode(["", ...names, ""].join("\0")), offsets };
}

function put64(view: DataView, at: number, value: number): void {
  view.setUint32(at, value >>> 0, true);
  view.setUint32(at + 4, Math.floor(value / 2 ** 32), true);
}
