/**
 * ELF files: 64 bits, little endian, x86-64.
 *
 * In: a file, perhaps damaged or made to mislead. Out: its sections and segments, bytes at addresses,
 * the build id. Whatever does not lie within the file is left out; nothing throws; all that is read of
 * one file together is bounded. It never runs or maps anything.
 */
import { latin1 } from "../wire/text.ts";
import type { FileReader } from "./sites.ts";

const MAX_HEADERS = 4096;
const MAX_SEGMENTS = 64;
/** A program of 250 MB with all its symbols stays below. */
const MAX_READ_BYTES = 192 * 1024 * 1024;
const MAX_BUILD_ID_BYTES = 64;

const HEADER_BYTES = 64;
const SECTION_BYTES = 64;
const SEGMENT_BYTES = 56;
const NOTE_HEADER_BYTES = 12;

const MACHINE_X86_64 = 62;
const SEGMENT_LOAD = 1;
const SECTION_NOTE = 7;
const SECTION_NOBITS = 8;
const NOTE_GNU_BUILD_ID = 3;
const EXECUTABLE = 1;

export interface Section {
  readonly name: string;
  readonly type: number;
  readonly address: number;
  readonly offset: number;
  readonly size: number;
  /** Index of the section that this one refers to: of symbols, their names. */
  readonly link: number;
}

/** A part of the file that is mapped. */
interface Segment {
  readonly isCode: boolean;
  readonly offset: number;
  readonly address: number;
  readonly size: number;
}

const NOTHING = new Uint8Array(0);

export class Elf {
  /** Tables were larger than what is read of a file: something may not have been found. */
  isCut = false;
  #leftBytes = MAX_READ_BYTES;
  readonly #contents = new Map<Section, Uint8Array>();

  private constructor(
    readonly file: FileReader,
    readonly sections: readonly Section[],
    readonly segments: readonly Segment[],
  ) {}

  /** Null for what is no ELF file of this machine. */
  static open(file: FileReader): Elf | null {
    const head = file.read(0, HEADER_BYTES);
    // Magic, 64 bits, little endian.
    const isElf = head.length === HEADER_BYTES && u32(head, 0) === 0x464c457f &&
      head[4] === 2 && head[5] === 1 && u16(head, 18) === MACHINE_X86_64;
    if (!isElf) return null;
    return new Elf(file, readSections(file, head), readSegments(file, head));
  }

  section(name: string): Section | undefined {
    return this.sections.find((section) => section.name === name);
  }

  /** Bytes of the file, fewer at its end, or none when too much was read. */
  read(offset: number, length: number): Uint8Array {
    if (!(offset >= 0 && length > 0)) return NOTHING;
    const wanted = Math.min(length, this.file.size - offset);
    if (wanted <= 0) return NOTHING;
    if (wanted > this.#leftBytes) {
      this.isCut = true;
      return NOTHING;
    }
    this.#leftBytes -= wanted;
    return this.file.read(offset, wanted);
  }

  /** All of a section, which is kept. */
  contents(section: Section): Uint8Array {
    const { type, offset, size } = section;
    if (type === SECTION_NOBITS) return NOTHING;
    const bytes = this.#contents.get(section) ?? this.read(offset, size);
    this.#contents.set(section, bytes);
    return bytes;
  }

  /** All of a section as words of 4 bytes. */
  words(section: Section): Uint32Array {
    const bytes = this.contents(section);
    const count = Math.floor(bytes.length / 4);
    const aligned = bytes.byteOffset % 4 === 0 ? bytes : bytes.slice();
    return new Uint32Array(aligned.buffer, aligned.byteOffset, count);
  }

  /** Bytes as they are mapped at an address, fewer at the end of the segment. */
  at(address: number, length: number): Uint8Array {
    const segment = this.#segmentAt(address);
    if (segment === undefined) return NOTHING;
    const inside = address - segment.address;
    return this.read(segment.offset + inside, Math.min(length, segment.size - inside));
  }

  /** The file offset of code at an address; null where there is none. */
  codeOffset(address: number): number | null {
    const segment = this.#segmentAt(address);
    if (segment === undefined || !segment.isCode) return null;
    return segment.offset + address - segment.address;
  }

  buildId(): string | undefined {
    for (const section of this.sections) {
      if (section.type !== SECTION_NOTE || section.size > 4096) continue;
      const id = buildIdIn(this.contents(section));
      if (id !== undefined) return id;
    }
    return undefined;
  }

  #segmentAt(address: number): Segment | undefined {
    return this.segments.find((segment) =>
      address >= segment.address && address < segment.address + segment.size
    );
  }
}

function readSections(file: FileReader, head: Uint8Array): Section[] {
  const table = readTable(file, u64(head, 40), u16(head, 60), u16(head, 58), SECTION_BYTES);
  const bare = table.map((bytes) => ({
    nameAt: u32(bytes, 0),
    type: u32(bytes, 4),
    address: u64(bytes, 16),
    offset: u64(bytes, 24),
    size: u64(bytes, 32),
    link: u32(bytes, 40),
  }));
  const names = bare[u16(head, 62)];
  const text = names === undefined ? NOTHING : file.read(names.offset, Math.min(names.size, 65536));
  return bare.map(({ nameAt, ...section }) => {
    const isInside = section.type === SECTION_NOBITS ||
      section.offset + section.size <= file.size;
    return { name: textAt(text, nameAt), ...section, size: isInside ? section.size : 0 };
  });
}

function readSegments(file: FileReader, head: Uint8Array): Segment[] {
  return readTable(file, u64(head, 32), u16(head, 56), u16(head, 54), SEGMENT_BYTES)
    .filter((bytes) => u32(bytes, 0) === SEGMENT_LOAD).slice(0, MAX_SEGMENTS)
    .map((bytes) => {
      const offset = u64(bytes, 8);
      const size = Math.max(0, Math.min(u64(bytes, 32), file.size - offset));
      const isCode = (u32(bytes, 4) & EXECUTABLE) !== 0;
      return { isCode, offset, address: u64(bytes, 16), size };
    });
}

/** The entries of a table of headers; none when they have another size than this machine's. */
function readTable(
  file: FileReader,
  offset: number,
  count: number,
  entryBytes: number,
  wantBytes: number,
): Uint8Array[] {
  if (entryBytes !== wantBytes || count > MAX_HEADERS) return [];
  const bytes = file.read(offset, count * entryBytes);
  const whole = Math.floor(bytes.length / entryBytes);
  return Array.from(
    { length: whole },
    (_, i) => bytes.subarray(i * entryBytes, (i + 1) * entryBytes),
  );
}

function buildIdIn(notes: Uint8Array): string | undefined {
  let at = 0;
  while (at + NOTE_HEADER_BYTES <= notes.length) {
    const descriptionAt = at + NOTE_HEADER_BYTES + align4(u32(notes, at));
    const size = u32(notes, at + 4);
    const isId = u32(notes, at + 8) === NOTE_GNU_BUILD_ID &&
      textAt(notes, at + NOTE_HEADER_BYTES) === "GNU";
    if (isId && size > 0 && size <= MAX_BUILD_ID_BYTES && descriptionAt + size <= notes.length) {
      return notes.subarray(descriptionAt, descriptionAt + size).toHex();
    }
    at = descriptionAt + align4(size);
  }
  return undefined;
}

function align4(size: number): number {
  return Math.ceil(size / 4) * 4;
}

export function u16(bytes: Uint8Array, at: number): number {
  return (bytes[at] ?? 0) | ((bytes[at + 1] ?? 0) << 8);
}

export function u32(bytes: Uint8Array, at: number): number {
  return (u16(bytes, at) | (u16(bytes, at + 2) << 16)) >>> 0;
}

/** Exact below 2^53; beyond, no place in any file. */
export function u64(bytes: Uint8Array, at: number): number {
  return u32(bytes, at) + u32(bytes, at + 4) * 2 ** 32;
}

/** The text up to a zero byte, of 1024 bytes at most; "" from beyond the end. */
export function textAt(bytes: Uint8Array, at: number): string {
  if (at >= bytes.length) return "";
  const part = bytes.subarray(at, at + 1024);
  const end = part.indexOf(0);
  return latin1(part, 0, end < 0 ? part.length : end);
}
