/**
 * Real ELF files for tests, and what other tools say of them. In: paths. Out: readers as lib/tls/ takes
 * them; symbols by readelf, code by objdump.
 */
import type { FileReader } from "../../lib/tls/sites.ts";
import { run } from "./process.ts";

export function readerOf(bytes: Uint8Array): FileReader {
  return {
    size: bytes.length,
    read: (offset, length) => bytes.subarray(offset, offset + Math.max(0, length)),
  };
}

export function fileReader(path: string): FileReader {
  return readerOf(Deno.readFileSync(path));
}

/** A function by readelf; its name without the version. */
export interface NamedFunction {
  name: string;
  address: number;
  size: number;
}

const SYMBOL = /^ *\d+: (\w+) +(\w+) FUNC +\w+ +\w+ +\d+ ([^@\n]+)/gm;

export async function functionsOf(path: string): Promise<NamedFunction[]> {
  const { stdout } = await run("readelf", ["-Ws", path]);
  return [...stdout.matchAll(SYMBOL)].map(([, address = "", size = "", name = ""]) => (
    // Sizes of more than five digits are hexadecimal, with a prefix.
    { name: name.trim(), address: parseInt(address, 16), size: Number(size) }
  ));
}

/** The file offset of an address, by the table of segments that readelf prints. */
export async function fileOffsets(path: string): Promise<(address: number) => number> {
  const { stdout } = await run("readelf", ["-lW", path]);
  const segments = [...stdout.matchAll(/^ +LOAD +0x(\w+) 0x(\w+) 0x\w+ 0x(\w+)/gm)]
    .map((match) => match.slice(1).map((digits) => parseInt(digits, 16)));
  return (address) => {
    for (const [offset = 0, start = 0, size = 0] of segments) {
      if (address >= start && address < start + size) return address - start + offset;
    }
    throw new Error(`Cannot find ${address.toString(16)} in ${path}: no segment has it`);
  };
}

/** The file offset of each function, by its name. */
export async function symbolOffsets(path: string): Promise<Map<string, number>> {
  const offsetOf = await fileOffsets(path);
  const functions = (await functionsOf(path)).filter(({ address }) => address > 0);
  return new Map(functions.map(({ name, address }) => [name, offsetOf(address)]));
}
