/**
 * Go's crypto/tls, also in executables without symbols.
 *
 * In: an ELF file. Out: the entries and returns of (*Conn).Read and (*Conn).Write, by the table of
 * functions that every Go program keeps for its stack traces. It gives up, and says why, on code whose
 * instructions or register use it does not know.
 */
import { returnsOf } from "./code.ts";
import { type Elf, u64 } from "./elf.ts";
import { goVersion } from "./go_version.ts";
import { type GoFunction, openPclntab, type Pclntab } from "./pclntab.ts";
import type { Site, TlsCode, Unreadable } from "./sites.ts";
import { relocated } from "./symbols.ts";

const PREFIX = "crypto/tls.(*Conn).";
const ROLES = [{ role: "read", method: "Read" }, { role: "write", method: "Write" }] as const;
const MAX_FUNCTION_BYTES = 65_536;

export interface GoFound {
  readonly codes: readonly TlsCode[];
  readonly unreadable: readonly Unreadable[];
}

const NOTHING: GoFound = { codes: [], unreadable: [] };

export function go(elf: Elf): GoFound {
  const version = goVersion(elf);
  if (version === null) return NOTHING;
  const table = openPclntab(elf);
  if (table === null) return unreadable(version, "its table of functions is not known");
  const found = table.find(ROLES.map(({ method }) => PREFIX + method));
  if (found.length === 0) return NOTHING;
  const sites = textStarts(elf, table).map((start) => sitesAt(elf, found, start))
    .find((some) => some !== null);
  if (sites === undefined) {
    return unreadable(version, "its functions are not as those of Go 1.17 to 1.26");
  }
  return { codes: [{ family: "go", version, sites }], unreadable: [] };
}

function unreadable(version: string, why: string): GoFound {
  return { codes: [], unreadable: [{ family: version, why }] };
}

/**
 * The places from which the table may count: as the table says, until Go 1.25; as the data of the module
 * say, in a section of its own since 1.26; the beginning of the code, where no C code is linked before it.
 */
function textStarts(elf: Elf, table: Pclntab): number[] {
  if (table.textStartAt === null) return [0];
  const places = [table.textStartAt];
  const module = elf.section(".go.module");
  if (module !== undefined) places.push(module.address + MODULE_TEXT);
  const text = elf.section(".text");
  return [
    ...places.flatMap((address) => [u64(elf.at(address, 8), 0), relocated(elf, address)]),
    text?.address ?? 0,
  ].filter((start) => start > 0);
}

/** Of runtime.moduledata: a pointer, six slices, a pointer and two addresses before it. */
const MODULE_TEXT = 8 + 6 * 24 + 8 + 2 * 8;

/** Null when the code at one of the entries is none that a Go function begins with. */
function sitesAt(elf: Elf, found: readonly GoFunction[], textStart: number): Site[] | null {
  const sites: Site[] = [];
  for (const { name, entry: from, size } of found) {
    const address = textStart + from;
    const role = ROLES.find(({ method }) => name === PREFIX + method)?.role;
    const entry = elf.codeOffset(address);
    const code = elf.at(address, Math.min(size, MAX_FUNCTION_BYTES));
    if (role === undefined || entry === null || !checksStack(code)) return null;
    const exits = returnsOf(code, entry);
    if (exits === null || exits.length === 0 || code.length < size) return null;
    sites.push({ role, shape: "go", entry, exits, name, how: "pclntab" });
  }
  return sites;
}

/**
 * Does a function begin by comparing the stack with its limit at 16(r14)? Then the goroutine is in r14
 * and arguments are in registers: Go 1.17 and newer.
 */
function checksStack(code: Uint8Array): boolean {
  const begins = (at: number, bytes: readonly number[]): boolean =>
    bytes.every((byte, i) => code[at + i] === byte);
  // cmp 16(r14),rsp; or lea -N(rsp),r12 (N of one byte or four); cmp 16(r14),r12; so with r13.
  if (begins(0, [0x49, 0x3b, 0x66, 0x10])) return true;
  return [[0x64, 0x66, 5], [0xa4, 0x66, 8], [0x6c, 0x6e, 5], [0xac, 0x6e, 8]].some(
    ([lea = 0, compare = 0, length = 0]) =>
      begins(0, [0x4c, 0x8d, lea, 0x24]) && begins(length, [0x4d, 0x3b, compare, 0x10]),
  );
}
