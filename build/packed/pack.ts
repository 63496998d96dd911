/**
 * The packed single file: for machines where `deno compile` finds no denort to build on.
 *
 * In: the official Deno ELF, the entry stub's image (stub.c), the loader, and the assets, one of which
 * is the program itself. Out: one executable: the Deno ELF, one more segment (stub, arguments, loader),
 * the assets, and a trailer that says where they are (lib/assets.ts reads it). Nothing is extracted to
 * disk when it runs. Debuggers see an ordinary program; `strip` would remove what is appended.
 */
import { encodeTrailer } from "../../lib/assets.ts";
import { alignToPage, ElfFile } from "./elf.ts";
import { SIGNALS_VARIABLE } from "../../lib/cli/user_state.ts";
import { DENO_ENVIRONMENT, KEPT_VARIABLES, V8_FLAGS } from "./environment.ts";

/** What makes Deno a quiet run-time of one local file. */
const DENO_ARGUMENTS = [
  "run",
  "--allow-all",
  "--no-prompt",
  "--no-config",
  "--no-lock",
  "--no-remote",
  "--no-npm",
  "--cached-only",
  "--no-code-cache",
  V8_FLAGS,
  "--ext=mjs",
];

const STUB_MAGIC_BYTES = 8;
const STUB_HEADER_BYTES = STUB_MAGIC_BYTES + 11 * 8;

export interface PackInput {
  /** The program's name, as argv[0] would be without one. */
  readonly name: string;
  readonly deno: Uint8Array;
  readonly stub: Uint8Array;
  /** Deno's main module, bundled (loader.ts). */
  readonly loader: Uint8Array;
  readonly assets: ReadonlyMap<string, Uint8Array>;
}

/** The pieces of the executable, to be written one after another. */
export function pack(input: PackInput): Uint8Array[] {
  const elf = new ElfFile(input.deno);
  const address = elf.freeAddress, fileOffset = alignToPage(elf.size);
  const segment = stubSegment(input, elf.entry - address, elf.importSlot("environ") - address);
  elf.addSegment(address, fileOffset, segment.length, address + STUB_HEADER_BYTES);
  const pieces = [input.deno, new Uint8Array(fileOffset - input.deno.length), segment];

  const places: Record<string, [number, number]> = {};
  let end = fileOffset + segment.length;
  for (const [name, bytes] of input.assets) {
    places[name] = [end, bytes.length];
    pieces.push(bytes);
    end += bytes.length;
  }
  pieces.push(encodeTrailer(places));
  return pieces;
}

/** The stub with its header filled in, the strings it passes on, and the loader. */
function stubSegment(input: PackInput, entry: number, environSlot: number): Uint8Array {
  const { stub, loader } = input;
  const environment = Object.entries(DENO_ENVIRONMENT).map(([name, value]) => `${name}=${value}`);
  const kept = KEPT_VARIABLES.map((name) => `${name}=`);
  const pieces = [[input.name, ...DENO_ARGUMENTS], environment, kept, [`${SIGNALS_VARIABLE}=`]]
    .map(strings);
  let end = stub.length;
  const [argumentsAt = 0, environmentAt = 0, keptAt = 0, signalsAt = 0] = pieces.map((piece) =>
    (end += piece.length) - piece.length
  );
  const loaderAt = alignToPage(end);

  const segment = new Uint8Array(loaderAt + loader.length);
  segment.set(stub, 0);
  segment.set(pieces.flatMap((piece) => [...piece]), argumentsAt);
  segment.set(loader, loaderAt);

  const header = new DataView(segment.buffer);
  const fields = [ // struct header in stub.c
    entry,
    environSlot,
    loaderAt,
    loader.length,
    argumentsAt,
    DENO_ARGUMENTS.length,
    environmentAt,
    environment.length,
    keptAt,
    kept.length,
    signalsAt,
  ];
  fields.forEach((value, i) => header.setBigInt64(STUB_MAGIC_BYTES + 8 * i, BigInt(value), true));
  return segment;
}

function strings(list: readonly string[]): Uint8Array {
  return new TextEncoder().encode(list.map((each) => `${each}\0`).join(""));
}
