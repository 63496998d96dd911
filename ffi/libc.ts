/**
 * The few calls of libc that Deno does not offer. In: numbers and buffers. Out: numbers, mapped
 * memory as ArrayBuffers, BpfError with the errno. It opens nothing when imported.
 */
import type { SystemFiles } from "../lib/system_files.ts";
import { BpfError } from "./bpf_error.ts";
import { FILE_SYMBOLS, LibcFiles, type OpenFile } from "./libc_files.ts";

/** What tells why a call failed. */
export const ERRNO_SYMBOL = { __errno_location: { parameters: [], result: "pointer" } } as const;

const SYMBOLS = {
  ...ERRNO_SYMBOL,
  ...FILE_SYMBOLS,
  memfd_create: { parameters: ["buffer", "u32"], result: "i32" },
  pipe2: { parameters: ["buffer", "i32"], result: "i32" },
  dup: { parameters: ["i32"], result: "i32" },
  write: { parameters: ["i32", "buffer", "usize"], result: "isize" },
  openat: { parameters: ["i32", "buffer", "i32"], result: "i32" },
  mmap: { parameters: ["pointer", "usize", "i32", "i32", "i32", "i64"], result: "pointer" },
  munmap: { parameters: ["pointer", "usize"], result: "i32" },
  clock_gettime: { parameters: ["i32", "buffer"], result: "i32" },
  getrusage: { parameters: ["i32", "buffer"], result: "i32" },
  poll: { parameters: ["pointer", "u64", "i32"], result: "i32" },
  sched_yield: { parameters: [], result: "i32" },
  syscall: { parameters: ["i64", "usize", "usize", "usize", "usize", "usize"], result: "i64" },
  vsnprintf: { parameters: ["buffer", "usize", "pointer", "pointer"], result: "i32" },
} as const;

const MFD_CLOEXEC = 1;
/** From Linux 6.3 on, where it may be needed: vm.memfd_noexec. */
const MFD_EXEC = 16;
const EINVAL = 22;
export const O_CLOEXEC = 0o2000000;
const PROT_READ = 1;
const PROT_WRITE = 2;
const MAP_SHARED = 1;
const MAP_FAILED = 0xffffffffffffffffn;
const CLOCK_REALTIME = 0;
const CLOCK_MONOTONIC = 1;
const FSOPEN_CLOEXEC = 1;
const FSCONFIG_CMD_CREATE = 6;
/** The same numbers on every architecture that came after the numbering was unified (5.2). */
const SYS = { fsopen: 430, fsconfig: 431, fsmount: 432 } as const;
const SYS_PERF_EVENT_OPEN = { x86_64: 298, aarch64: 241 } as const;
/** struct perf_event_attr, its first version: type, size, config. */
const PERF_ATTR_SIZE = 64;
const PERF_TYPE_TRACEPOINT = 2;
const PERF_FLAG_FD_CLOEXEC = 8;
const EVERY_PROCESS = 0xffffffffffffffffn;

/**
 * Reads errno of this thread's last call that failed; to be asked at once. Where it lies is found once:
 * later the runtime may refuse to follow a pointer.
 */
export function errnoReader(calls: { __errno_location(): Deno.PointerValue }): () => number {
  const at = calls.__errno_location();
  if (at === null) return () => 0;
  const errno = new Int32Array(Deno.UnsafePointerView.getArrayBuffer(at, 4));
  return () => errno[0] ?? 0;
}

/** Nul-terminated UTF-8, as C wants it. */
export function cString(text: string): Uint8Array<ArrayBuffer> {
  return new TextEncoder().encode(`${text}\0`);
}

/** Memory of ours or the kernel's, shared; not to be touched after dispose. */
export interface Mapping extends Disposable {
  readonly buffer: ArrayBuffer;
}

/** A file descriptor that closes itself. */
export interface Descriptor extends Disposable {
  readonly fd: number;
}

/** libc, opened; everything else of ffi/ borrows it. */
export class Libc implements Disposable {
  readonly #library = Deno.dlopen("libc.so.6", SYMBOLS);
  readonly #calls = this.#library.symbols;
  /** errno of the last call that failed; to be read at once. */
  readonly errno = errnoReader(this.#calls);
  /** Files of /proc and /sys, also when the runtime opens none any more. */
  readonly files: SystemFiles & { openFile(path: string): OpenFile | null } = new LibcFiles(
    this.#calls,
  );
  readonly #timespec = new Uint32Array(4);
  readonly #timespecBytes = new Uint8Array(this.#timespec.buffer);

  /** A file in memory that holds `bytes`; its path is /proc/self/fd/FD. */
  memoryFile(name: string, bytes: Uint8Array<ArrayBuffer>): Descriptor {
    return this.#memoryFile(name, bytes, MFD_CLOEXEC);
  }

  /** A file in memory that programs started before it is closed inherit. */
  inheritedFile(name: string, bytes: Uint8Array<ArrayBuffer>): Descriptor {
    return this.#memoryFile(name, bytes, 0);
  }

  /** A file in memory that can be run as a program. */
  programFile(name: string, bytes: Uint8Array<ArrayBuffer>): Descriptor {
    try {
      return this.#memoryFile(name, bytes, MFD_CLOEXEC | MFD_EXEC);
    } catch (error) {
      if (!(error instanceof BpfError) || error.errno !== EINVAL) throw error;
      return this.#memoryFile(name, bytes, MFD_CLOEXEC);
    }
  }

  /** A pipe; programs started before it is closed inherit the reading end, not the other. */
  pipe(): { readonly inheritedEnd: Descriptor; readonly ownEnd: Descriptor } {
    const what = "Cannot create a pipe";
    const ends = new Int32Array(2);
    const status = this.#calls.pipe2(new Uint8Array(ends.buffer), O_CLOEXEC);
    const [readFd = -1, writeFd = -1] = ends;
    using readEnd = this.#descriptor(status < 0 ? -1 : readFd, what);
    const ownEnd = this.#descriptor(writeFd, what);
    try {
      return { inheritedEnd: this.#descriptor(this.#calls.dup(readEnd.fd), what), ownEnd };
    } catch (error) {
      ownEnd[Symbol.dispose]();
      throw error;
    }
  }

  /** Writes one byte; false when nobody reads any more. */
  writeByte(fd: number): boolean {
    return this.#calls.write(fd, new Uint8Array(1), 1n) === 1n;
  }

  /** Opens an existing file or folder for reading. */
  open(path: string): Descriptor {
    return this.#descriptor(this.#calls.open(cString(path), O_CLOEXEC), `Cannot open ${path}`);
  }

  /** The root of a file system type that needs no device, mounted nowhere (fsopen(2), from 5.2). */
  openDetached(type: string): Descriptor {
    const what = `Cannot mount ${type}`;
    const name = cString(type);
    using context = this.#descriptor(
      this.systemCall(SYS.fsopen, addressOf(name), BigInt(FSOPEN_CLOEXEC)),
      what,
    );
    const created = this.systemCall(SYS.fsconfig, BigInt(context.fd), BigInt(FSCONFIG_CMD_CREATE));
    if (created < 0) throw new BpfError(what, this.errno());
    using mount = this.#descriptor(
      this.systemCall(SYS.fsmount, BigInt(context.fd), BigInt(FSOPEN_CLOEXEC)),
      what,
    );
    // fsmount() returns an O_PATH descriptor; BPF needs an open folder.
    return this.#descriptor(this.#calls.openat(mount.fd, cString("."), O_CLOEXEC), what);
  }

  /** A perf event of a classic tracepoint (its id in tracefs) on one CPU, to attach a program to. */
  openTracepoint(id: number, cpu: number): Descriptor {
    const attributes = new Uint32Array(PERF_ATTR_SIZE / 4);
    attributes.set([PERF_TYPE_TRACEPOINT, PERF_ATTR_SIZE, id]);
    const fd = this.systemCall(
      SYS_PERF_EVENT_OPEN[Deno.build.arch],
      addressOf(new Uint8Array(attributes.buffer)),
      EVERY_PROCESS,
      BigInt(cpu),
      EVERY_PROCESS, // no group
      BigInt(PERF_FLAG_FD_CLOEXEC),
    );
    return this.#descriptor(fd, `Cannot open tracepoint ${id}`);
  }

  /** Maps the first `bytes` of what `fd` stands for. */
  map(fd: number, bytes: number, writable: boolean): Mapping {
    const protection = writable ? PROT_READ | PROT_WRITE : PROT_READ;
    const at = this.#calls.mmap(null, BigInt(bytes), protection, MAP_SHARED, fd, 0n);
    if (at === null || Deno.UnsafePointer.value(at) === MAP_FAILED) {
      throw new BpfError(`Cannot map ${bytes} bytes`, this.errno());
    }
    return {
      buffer: Deno.UnsafePointerView.getArrayBuffer(at, bytes),
      [Symbol.dispose]: () => {
        this.#calls.munmap(at, BigInt(bytes));
      },
    };
  }

  /** CLOCK_MONOTONIC minus `fromSeconds` whole seconds, in nanoseconds: exact for 104 days. */
  monotonicSince(fromSeconds: number): number {
    return this.#nanosSince(CLOCK_MONOTONIC, fromSeconds);
  }

  /** CLOCK_REALTIME minus `fromSeconds` whole seconds, in nanoseconds. */
  realtimeSince(fromSeconds: number): number {
    return this.#nanosSince(CLOCK_REALTIME, fromSeconds);
  }

  /** Lets others that want this CPU go first. */
  yield(): void {
    this.#calls.sched_yield();
  }

  /** Blocks this thread for `ms` milliseconds, or until a signal interrupts it. */
  sleep(ms: number): void {
    this.#calls.poll(null, 0n, ms);
  }

  /** CPU seconds that this process has used, user and system. */
  cpuSeconds(): number {
    const usage = new BigInt64Array(18);
    this.#calls.getrusage(0, new Uint8Array(usage.buffer));
    const [user = 0n, userMicros = 0n, system = 0n, systemMicros = 0n] = usage;
    return Number(user + system) + Number(userMicros + systemMicros) / 1e6;
  }

  /** A system call by its number; -1 when it fails. */
  systemCall(number: number, a: bigint, b: bigint, c = 0n, d = 0n, e = 0n): number {
    return Number(this.#calls.syscall(BigInt(number), a, b, c, d, e));
  }

  /** Formats as printf does; `args` is a va_list, which every 64-bit ABI of Linux passes by address. */
  format(format: Deno.PointerValue, args: Deno.PointerValue): string {
    const out = new Uint8Array(4096);
    const n = this.#calls.vsnprintf(out, BigInt(out.length), format, args);
    return new TextDecoder().decode(out.subarray(0, Math.max(0, Math.min(n, out.length - 1))));
  }

  [Symbol.dispose](): void {
    this.#library.close();
  }

  #memoryFile(name: string, bytes: Uint8Array<ArrayBuffer>, flags: number): Descriptor {
    const file = this.#descriptor(
      this.#calls.memfd_create(cString(name), flags),
      "Cannot create a file in memory",
    );
    for (let done = 0; done < bytes.length;) {
      const rest = bytes.subarray(done);
      const n = Number(this.#calls.write(file.fd, rest, BigInt(rest.length)));
      if (n <= 0) {
        const errno = this.errno();
        file[Symbol.dispose]();
        throw new BpfError(`Cannot write ${bytes.length} bytes to memory`, errno);
      }
      done += n;
    }
    return file;
  }

  #nanosSince(clock: number, fromSeconds: number): number {
    this.#calls.clock_gettime(clock, this.#timespecBytes);
    const [low = 0, high = 0, nanos = 0] = this.#timespec;
    return (high * 4294967296 + low - fromSeconds) * 1e9 + nanos;
  }

  #descriptor(fd: number, action: string): Descriptor {
    if (fd < 0) throw new BpfError(action, this.errno());
    return { fd, [Symbol.dispose]: () => void this.#calls.close(fd) };
  }
}

/** Where a buffer of ours lies; it must outlive the call that gets the address. */
export function addressOf(bytes: Uint8Array<ArrayBuffer>): bigint {
  return Deno.UnsafePointer.value(Deno.UnsafePointer.of(bytes));
}
