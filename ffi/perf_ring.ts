/**
 * Perf buffers, read where the kernel writes them. In: a PERF_EVENT_ARRAY map, or any memory laid
 * out like a perf ring. Out: samples one after another, as views of the ring itself. No callback, no
 * wakeup and no copy but of records that cross the ring's end. It never looks into a sample.
 *
 * A ring is one page of administration (struct perf_event_mmap_page), then 2^n pages of records:
 *   u32 type, u16 misc, u16 size, then PERF_RECORD_SAMPLE: u32 raw size, raw bytes
 *                                      PERF_RECORD_LOST:   u64 id, u64 samples lost
 *                                      PERF_RECORD_MMAP2:  where mappings are reported, see Mapped
 */
import { BpfError, Errno } from "./bpf_error.ts";
import type { Libbpf } from "./libbpf.ts";

const PAGE = 4096;
const WORD = 4;
const RECORD_LOST = 2;
const RECORD_SAMPLE = 9;
const RECORD_MMAP2 = 10;
const RECORD_HEADER = 8;
const RAW_HEADER = RECORD_HEADER + WORD;
/** A record's size is a u16. */
const MAX_RECORD = 65536;
/** data_head and data_tail (u64) in words of the administration page; low halves. */
const HEAD = 1024 / WORD;
const TAIL = 1032 / WORD;
/** Room is given back to the kernel in steps of this much: publishing costs a shared cache line. */
const PUBLISH_BYTES = 256 * 1024;

/** A process has mapped a file to run code of it. */
export interface Mapped {
  readonly pid: number;
  /** As in /proc/PID/map_files. */
  readonly range: string;
  /** "device:inode", as in /proc/PID/maps. */
  readonly file: string;
  /** As the process sees it. */
  readonly path: string;
}

/** One CPU's ring: `next()` steps through the samples that were there at the last `refresh()`. */
export class PerfRing {
  readonly cpu: number;
  readonly sizeBytes: number;
  /** The sample's bytes are `bytes[start..end)`, `words` the same memory; until the next call. */
  words: Uint32Array;
  bytes: Uint8Array;
  start = 0;
  end = 0;
  /** Takes what was mapped, where the ring was opened for that. */
  onMapped: ((mapped: Mapped) => void) | null = null;
  /** Samples (and mappings) that the kernel could not write for lack of room. */
  lostSamples = 0;

  readonly #admin: Uint32Array;
  readonly #ringWords: Uint32Array;
  readonly #ringBytes: Uint8Array;
  readonly #mask: number;
  readonly #publishBytes: number;
  #scratchWords: Uint32Array | undefined;
  #scratchBytes: Uint8Array = new Uint8Array(0);
  /** Positions modulo 2^32, as unsigned numbers: rings are far smaller than that. */
  #head: number;
  #tail: number;
  #published: number;

  /** `memory`: the administration page and the ring, whose size is a power of two. */
  constructor(memory: ArrayBuffer, cpu: number) {
    this.cpu = cpu;
    this.sizeBytes = memory.byteLength - PAGE;
    this.#mask = this.sizeBytes - 1;
    this.#admin = new Uint32Array(memory, 0, PAGE / WORD);
    this.#ringWords = new Uint32Array(memory, PAGE, this.sizeBytes / WORD);
    this.#ringBytes = new Uint8Array(memory, PAGE, this.sizeBytes);
    this.#publishBytes = Math.min(PUBLISH_BYTES, this.sizeBytes >>> 3);
    this.words = this.#ringWords;
    this.bytes = this.#ringBytes;
    this.#tail = Atomics.load(this.#admin, TAIL);
    this.#head = this.#tail;
    this.#published = this.#tail;
  }

  /** Bytes that the kernel has written and next() did not show. */
  get waitingBytes(): number {
    return (Atomics.load(this.#admin, HEAD) - this.#tail) >>> 0;
  }

  /** Looks how far the kernel has written by now. */
  refresh(): void {
    this.#head = Atomics.load(this.#admin, HEAD);
  }

  /** Steps to the next sample, which gives up the one before; false when there is none. */
  next(): boolean {
    while (this.#tail !== this.#head) {
      const at = this.#tail & this.#mask;
      const word = at >>> 2;
      const type = this.#ringWords[word] as number;
      const size = (this.#ringWords[word + 1] as number) >>> 16;
      if (size < RECORD_HEADER || size > ((this.#head - this.#tail) >>> 0)) {
        // No kernel writes such a size, and where the next record begins is not known: drop the rest.
        this.#tail = this.#head;
        break;
      }
      if (((this.#tail - this.#published) >>> 0) >= this.#publishBytes) this.#publish();
      this.#tail = (this.#tail + size) >>> 0;
      if (type === RECORD_SAMPLE && size > RAW_HEADER) {
        this.#show(at, size);
        return true;
      }
      if (type === RECORD_LOST) this.#countLost(at);
      else if (type === RECORD_MMAP2) this.onMapped?.(this.#readMapped(at, size));
    }
    if (this.#tail !== this.#published) this.#publish();
    this.start = this.end = 0;
    return false;
  }

  #publish(): void {
    // Every sample before #tail was shown, and given up by the next call of next().
    // data_tail has 64 bits: its high half goes up when the low one passes 2^32.
    const admin = this.#admin;
    if (this.#tail < this.#published) {
      admin[TAIL + 1] = ((admin[TAIL + 1] as number) + 1) >>> 0;
    }
    Atomics.store(admin, TAIL, this.#tail);
    this.#published = this.#tail;
  }

  #show(at: number, size: number): void {
    let from = at;
    if (at + size <= this.sizeBytes) {
      this.words = this.#ringWords;
      this.bytes = this.#ringBytes;
    } else {
      from = 0;
      this.words = this.#copy(at, size);
      this.bytes = this.#scratchBytes;
    }
    const raw = this.words[(from + RECORD_HEADER) >>> 2] as number;
    this.start = from + RAW_HEADER;
    this.end = Math.min(this.start + raw, from + size);
  }

  /** Puts a record that crosses the ring's end into one piece. */
  #copy(at: number, size: number): Uint32Array {
    if (!this.#scratchWords) {
      this.#scratchWords = new Uint32Array(MAX_RECORD / WORD);
      this.#scratchBytes = new Uint8Array(this.#scratchWords.buffer);
    }
    const first = this.sizeBytes - at;
    this.#scratchBytes.set(this.#ringBytes.subarray(at));
    this.#scratchBytes.set(this.#ringBytes.subarray(0, size - first), first);
    return this.#scratchWords;
  }

  #readMapped(at: number, size: number): Mapped {
    const isWhole = at + size <= this.sizeBytes;
    const copied = isWhole ? this.#ringWords : this.#copy(at, size);
    const bytes = isWhole ? this.#ringBytes : this.#scratchBytes;
    return readMapped(copied, bytes, isWhole ? at : 0, size);
  }

  #countLost(at: number): void {
    // 24 bytes; each 8 of them lie together, also at the ring's end.
    this.lostSamples += this.#ringWords[((at + 16) & this.#mask) >>> 2] as number;
  }
}

/** struct of PERF_RECORD_MMAP2: pid, tid, u64 addr, len, pgoff, u32 major, minor, u64 inode, … name. */
const Mmap = { pid: 8, addr: 16, len: 24, major: 40, minor: 44, inode: 48, name: 72 } as const;

function readMapped(words: Uint32Array, bytes: Uint8Array, at: number, size: number): Mapped {
  const u32 = (offset: number): number => words[(at + offset) >>> 2] ?? 0;
  const u64 = (offset: number): number => u32(offset + WORD) * 4294967296 + u32(offset);
  const start = u64(Mmap.addr);
  const from = at + Mmap.name, zero = bytes.indexOf(0, from);
  const device = [u32(Mmap.major), u32(Mmap.minor)]
    .map((number) => number.toString(16).padStart(2, "0")).join(":");
  return {
    pid: u32(Mmap.pid),
    range: `${start.toString(16)}-${(start + u64(Mmap.len)).toString(16)}`,
    file: `${device}:${u64(Mmap.inode)}`,
    path: new TextDecoder().decode(
      bytes.slice(from, Math.min(zero < 0 ? at + size : zero, at + size)),
    ),
  };
}

/** The rings of one PERF_EVENT_ARRAY map, one for each online CPU. */
export interface PerfRings extends Disposable {
  readonly rings: readonly PerfRing[];
  /** Of each ring; smaller than asked for when memory could not be locked. */
  readonly ringBytes: number;
}

/**
 * Sets rings up on every CPU of `cpus` (the online ones, ascending). Where the kernel refuses to
 * lock that much memory the size is halved, down to `leastBytes`. Sizes are powers of two. With
 * `mappings` the rings also get what processes map (Mapped).
 */
export function openPerfRings(
  libbpf: Libbpf,
  mapFd: number,
  cpus: readonly number[],
  ringBytes: number,
  leastBytes: number,
  mappings = false,
): PerfRings {
  const { calls, libc } = libbpf;
  for (let size = ringBytes;; size /= 2) {
    const buffer = calls.perf_buffer__new_raw(
      mapFd,
      BigInt(size / PAGE),
      perfAttributes(size, mappings),
      null,
      null,
      null,
    );
    if (buffer !== null) {
      return {
        rings: mapRings(libbpf, buffer, cpus),
        ringBytes: size,
        [Symbol.dispose]: () => calls.perf_buffer__free(buffer),
      };
    }
    const errno = libc.errno();
    libbpf.takeLog();
    const mayShrink = errno === Errno.EPERM || errno === Errno.ENOMEM;
    if (!mayShrink || size / 2 < leastBytes) {
      throw new BpfError(`Cannot set up perf buffers of ${size} bytes on each CPU`, errno);
    }
  }
}

function mapRings(libbpf: Libbpf, buffer: Deno.PointerValue, cpus: readonly number[]): PerfRing[] {
  const { calls } = libbpf;
  const count = Number(calls.perf_buffer__buffer_cnt(buffer));
  const address = new BigUint64Array(1);
  const size = new BigUint64Array(1);
  const rings: PerfRing[] = [];
  for (let i = 0; i < count; i++) {
    const error = calls.perf_buffer__buffer(
      buffer,
      i,
      new Uint8Array(address.buffer),
      new Uint8Array(size.buffer),
    );
    const at = Deno.UnsafePointer.create(address[0] ?? 0n);
    if (error < 0 || at === null) {
      calls.perf_buffer__free(buffer);
      throw new BpfError(`Cannot map perf buffer ${i}`, -error);
    }
    // libbpf tells the size of the records' part, without the page of administration.
    const memory = Deno.UnsafePointerView.getArrayBuffer(at, PAGE + Number(size[0]));
    rings.push(new PerfRing(memory, cpus[i] ?? i));
  }
  return rings;
}

/**
 * struct perf_event_attr of a BPF output event. The watermark is the ring's own size: nobody waits
 * on the descriptor, and each wakeup would cost the traced process some 10 µs.
 */
function perfAttributes(ringBytes: number, mappings: boolean): Uint8Array<ArrayBuffer> {
  const PERF_TYPE_SOFTWARE = 1;
  const PERF_COUNT_SW_BPF_OUTPUT = 10n;
  const PERF_SAMPLE_RAW = 1n << 10n;
  const FLAG_WATERMARK = 1n << 14n;
  const FLAGS_MMAP2 = (1n << 8n) | (1n << 23n);
  const bytes = new Uint8Array(112);
  const view = new DataView(bytes.buffer);
  view.setUint32(0, PERF_TYPE_SOFTWARE, true);
  view.setUint32(4, bytes.length, true);
  view.setBigUint64(8, PERF_COUNT_SW_BPF_OUTPUT, true);
  view.setBigUint64(16, 1n, true); // sample_period
  view.setBigUint64(24, PERF_SAMPLE_RAW, true);
  view.setBigUint64(40, FLAG_WATERMARK | (mappings ? FLAGS_MMAP2 : 0n), true);
  view.setUint32(48, ringBytes, true); // wakeup_watermark
  return bytes;
}
