/**
 * The files that travel inside the executable: the BPF object, the self-contained libbpf, the gate
 * before COMMAND, a library of one function (ffi/every_thread.c), and in the packed one the program's
 * own text.
 *
 * In: an asset's name. Out: its bytes, from wherever this program runs: the packed executable (its
 * own tail), the executable of `deno compile` (its virtual file system), or the repository (dist/).
 * It never writes, and nothing is extracted.
 *
 * Tail of the packed executable, read backwards: 8 bytes "SOCKEYE\n"; uint32 LE length of the index;
 * the index, JSON `{"NAME": [OFFSET, LENGTH], …}` with offsets from the start of the file.
 */

export type AssetName = "sockeye.bpf.o" | "libbpf.so" | "gate" | "threads.so";

const MAGIC = "SOCKEYE\n";
const TAIL_BYTES = 4 + MAGIC.length;
const MAX_INDEX_BYTES = 65536;
/** The running program, even when its file has been replaced or deleted. */
const SELF = "/proc/self/exe";

/** The bytes of one asset; throws when this build of the program lacks it. */
export function readAsset(name: AssetName): Uint8Array<ArrayBuffer> {
  try {
    if (Deno.build.standalone) return Deno.readFileSync(`${import.meta.dirname}/${name}`);
    if (import.meta.url.startsWith("file:///proc/")) return readPacked(SELF, name);
    return Deno.readFileSync(new URL(`../dist/${name}`, import.meta.url));
  } catch (cause) {
    throw new Error(`Cannot read asset ${name}: this build is incomplete, run ./build.sh`, {
      cause,
    });
  }
}

/** The end of a packed executable, behind its assets; `places`: [offset, length] of each. */
export function encodeTrailer(places: Readonly<Record<string, [number, number]>>): Uint8Array {
  const index = new TextEncoder().encode(JSON.stringify(places));
  const trailer = new Uint8Array(index.length + TAIL_BYTES);
  trailer.set(index, 0);
  new DataView(trailer.buffer).setUint32(index.length, index.length, true);
  trailer.set(new TextEncoder().encode(MAGIC), index.length + 4);
  return trailer;
}

/** Bytes of one asset of a packed executable, one of which is the program. */
export function readPacked(executable: string, name: string): Uint8Array<ArrayBuffer> {
  using file = Deno.openSync(executable);
  const size = file.statSync().size;
  const tail = readAt(file, size - TAIL_BYTES, TAIL_BYTES);
  if (new TextDecoder().decode(tail.subarray(4)) !== MAGIC) throw new Error("no trailer");
  const indexBytes = new DataView(tail.buffer).getUint32(0, true);
  if (indexBytes > MAX_INDEX_BYTES) throw new Error("bad trailer");
  const index = readAt(file, size - TAIL_BYTES - indexBytes, indexBytes);
  const places: Record<string, [number, number]> = JSON.parse(new TextDecoder().decode(index));
  const place = places[name];
  if (!place) throw new Error("not in the index");
  return readAt(file, place[0], place[1]);
}

function readAt(file: Deno.FsFile, offset: number, length: number): Uint8Array<ArrayBuffer> {
  const bytes = new Uint8Array(length);
  file.seekSync(offset, Deno.SeekMode.Start);
  for (let done = 0; done < length;) {
    const n = file.readSync(bytes.subarray(done));
    if (n === null) throw new Error("the file is too short");
    done += n;
  }
  return bytes;
}
