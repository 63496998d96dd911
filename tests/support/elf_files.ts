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

/** The file offset of each function with a symbol, by its name without the version. */
export async function symbolOffsets(path: string): Promise<Map<string, number>> {
  const { stdout: headers } = await run("readelf", ["-lW", path]);
  const segments = [...headers.matchAll(/^ +LOAD +0x(\w+) 0x(\w+) 0x\w+ 0x(\w+)/gm)]
    .map((match) => match.slice(1).map((digits) => parseInt(digits, 16)));
  const { stdout: symbols } = await run("readelf", ["-Ws", path]);
  const offsets = new Map<string, number>();
  for (const [, digits = "", name = ""] of symbols.matchAll(SYMBOL)) {
    const address = parseInt(digits, 16);
    for (const [offset = 0, start = 0, size = 0] of segments) {
      if (address >= start && address < start + size) offsets.set(name, address - start + offset);
    }
  }
  return offsets;
}

const SYMBOL = /^ *\d+: (\w+) +\w+ FUNC +\w+ +\w+ +\d+ ([\w$.]+)/gm;
