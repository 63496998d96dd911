/**
 * What this process takes away from itself. In: masks, a filter, the paths that may still be read.
 * Out: null when a step holds, else why it does not. It gives nothing back, for nothing can; and it
 * opens nothing when imported.
 *
 * Capabilities, no_new_privs and Landlock belong to a thread: every_thread.c reaches all of them.
 */
import { errnoText } from "./bpf_error.ts";
import { addressOf, cString, ERRNO_SYMBOL, errnoReader, O_CLOEXEC } from "./libc.ts";

/** Everything by number: each name more costs a third of a millisecond at start. */
const LIBC_SYMBOLS = {
  ...ERRNO_SYMBOL,
  syscall: { parameters: ["i64", "usize", "usize", "usize", "usize", "usize"], result: "i64" },
} as const;

const THREAD_SYMBOLS = {
  sockeye_on_every_thread: { parameters: ["buffer", "i32", "i32"], result: "i32" },
} as const;

const AT_FDCWD = -100n;
const O_PATH = 0o10000000;
const MFD_CLOEXEC = 1n;
const RLIMIT_CORE = 4;
const PR_SET_DUMPABLE = 4;
const PR_CAPBSET_DROP = 24;
const PR_SET_NO_NEW_PRIVS = 38;
const SECCOMP_SET_MODE_FILTER = 1n;
/** TSYNC: for every thread. SPEC_ALLOW: else kernels before 5.16 slow down all threads, for Spectre. */
const SECCOMP_FLAGS = 1n | 4n;
const LINUX_CAPABILITY_VERSION_3 = 0x20080522;
const LANDLOCK_CREATE_RULESET_VERSION = 1n;
const LANDLOCK_RULE_PATH_BENEATH = 1n;
const ACCESS_FS_READ = (1n << 2n) | (1n << 3n);
/** How many rights of files each version of Landlock (the index) knows: all of them are denied. */
const LANDLOCK_FS_RIGHTS = [0, 13, 14, 15, 15, 16] as const;
const LANDLOCK_NET_FROM = 4;
/** bind and connect of TCP. */
const ACCESS_NET = 3n;
const SYS = {
  x86_64: {
    write: 1,
    close: 3,
    capset: 126,
    prctl: 157,
    openat: 257,
    prlimit64: 302,
    seccomp: 317,
    memfd_create: 319,
  },
  aarch64: {
    write: 64,
    close: 57,
    capset: 91,
    prctl: 167,
    openat: 56,
    prlimit64: 261,
    seccomp: 277,
    memfd_create: 279,
  },
}[Deno.build.arch];
const SYS_LANDLOCK = { create: 444, addRule: 445, restrictSelf: 446 } as const;

/** struct call of every_thread.c, in 64-bit words: number, five arguments, error. */
const CALL_WORDS = 7;
const CALL_ERROR = 6;
/** A thread that has not made the calls by then is taken to block the signal. */
const REACH_MS = 500;

/** Why a step does not hold; null when it does. */
export type Refusal = string | null;

/** What every thread keeps. */
export interface ThreadLimits {
  /** Bits of the capabilities that stay. */
  readonly keep: bigint;
  /** Bits of those that the bounding set has now. */
  readonly bounding: bigint;
  /** Folders below which files may be read, by Landlock; null: no Landlock. */
  readonly readable: readonly string[] | null;
}

/** How each step of limitThreads() went. */
export interface ThreadRefusals {
  readonly noNewPrivileges: Refusal;
  readonly bounding: Refusal;
  readonly capabilities: Refusal;
  readonly landlock: Refusal;
}

export class OwnProcess implements Disposable {
  readonly #libc = Deno.dlopen("libc.so.6", LIBC_SYMBOLS);
  readonly #errno = errnoReader(this.#libc.symbols);
  readonly #threads: Deno.DynamicLibrary<typeof THREAD_SYMBOLS>;
  readonly #libraryFd: number;

  /** `library`: the bytes of threads.so. */
  constructor(library: Uint8Array<ArrayBuffer>) {
    const name = cString("threads.so");
    this.#libraryFd = this.#syscall(SYS.memfd_create, addressOf(name), MFD_CLOEXEC);
    const length = BigInt(library.length);
    this.#syscall(SYS.write, BigInt(this.#libraryFd), addressOf(library), length);
    this.#threads = Deno.dlopen(`/proc/self/fd/${this.#libraryFd}`, THREAD_SYMBOLS);
  }

  /** No memory of ours reaches a core file, or another process that is not root's. */
  hideMemory(): Refusal {
    const none = new Uint8Array(16);
    const limited = this.#syscall(SYS.prlimit64, 0n, BigInt(RLIMIT_CORE), addressOf(none));
    if (limited < 0) return this.#refusal();
    return this.#syscall(SYS.prctl, BigInt(PR_SET_DUMPABLE)) < 0 ? this.#refusal() : null;
  }

  /** Limits every thread there is; threads that start later inherit it. */
  limitThreads(limits: ThreadLimits): ThreadRefusals {
    const calls: bigint[][] = [[BigInt(SYS.prctl), BigInt(PR_SET_NO_NEW_PRIVS), 1n]];
    const ruleset = limits.readable === null ? null : this.#ruleset(limits.readable);
    if (typeof ruleset === "number") {
      calls.push([BigInt(SYS_LANDLOCK.restrictSelf), BigInt(ruleset)]);
    }
    const firstBounding = calls.length;
    for (let bit = 0n; bit < 64n; bit++) {
      const gone = ((limits.bounding & ~limits.keep) >> bit) & 1n;
      if (gone === 1n) calls.push([BigInt(SYS.prctl), BigInt(PR_CAPBSET_DROP), bit]);
    }
    // Last: dropping from the bounding set needs CAP_SETPCAP, which goes here.
    const header = new Uint8Array(new Uint32Array([LINUX_CAPABILITY_VERSION_3, 0]).buffer);
    const sets = new Uint8Array(capabilitySets(limits.keep).buffer);
    calls.push([BigInt(SYS.capset), addressOf(header), addressOf(sets)]);

    const words = new BigInt64Array(calls.length * CALL_WORDS);
    calls.forEach((call, i) => words.set(call, i * CALL_WORDS));
    const failed = this.#threads.symbols.sockeye_on_every_thread(
      new Uint8Array(words.buffer),
      calls.length,
      REACH_MS,
    );
    if (typeof ruleset === "number") this.#close(ruleset);
    const refusal = (index: number): Refusal => {
      const errno = Number(words[index * CALL_WORDS + CALL_ERROR] ?? 0n);
      if (errno !== 0) return errnoText(errno);
      return failed === 0 ? null : `not on every thread: ${errnoText(failed)}`;
    };
    const bounding = calls.length - 1 > firstBounding ? refusal(firstBounding) : null;
    return {
      noNewPrivileges: refusal(0),
      landlock: typeof ruleset === "number" ? refusal(1) : ruleset,
      bounding,
      capabilities: refusal(calls.length - 1),
    };
  }

  /** Only these system calls from now on, on every thread: a program of struct sock_filter. */
  filterCalls(program: Uint8Array<ArrayBuffer>): Refusal {
    // struct sock_fprog: the number of instructions, and where they lie.
    const description = new BigUint64Array([BigInt(program.length / 8), addressOf(program)]);
    const bytes = new Uint8Array(description.buffer);
    const result = this.#syscall(
      SYS.seccomp,
      SECCOMP_SET_MODE_FILTER,
      SECCOMP_FLAGS,
      addressOf(bytes),
    );
    if (result < 0) return this.#refusal();
    return result === 0 ? null : `thread ${result} has a filter of its own`;
  }

  [Symbol.dispose](): void {
    this.#threads.close();
    this.#close(this.#libraryFd);
    this.#libc.close();
  }

  /** A ruleset that allows reading below these folders and no more; or why there is none. */
  #ruleset(readable: readonly string[]): number | string {
    const version = this.#syscall(SYS_LANDLOCK.create, 0n, 0n, LANDLOCK_CREATE_RULESET_VERSION);
    if (version < 1) return "not in this kernel";
    const rights = LANDLOCK_FS_RIGHTS[Math.min(version, LANDLOCK_FS_RIGHTS.length - 1)] ?? 0;
    const fs = (1n << BigInt(rights)) - 1n;
    const net = version >= LANDLOCK_NET_FROM ? ACCESS_NET : 0n;
    const attributes = new Uint8Array(new BigUint64Array([fs, net]).buffer);
    const size = version >= LANDLOCK_NET_FROM ? 16n : 8n;
    const ruleset = this.#syscall(SYS_LANDLOCK.create, addressOf(attributes), size, 0n);
    if (ruleset < 0) return this.#refusal();
    for (const path of readable) this.#allowReading(ruleset, path);
    return ruleset;
  }

  /** Allows reading below `path`; one that does not exist is left out. */
  #allowReading(ruleset: number, path: string): void {
    const name = cString(path);
    const flags = BigInt(O_PATH | O_CLOEXEC);
    const folder = this.#syscall(SYS.openat, BigInt.asUintN(64, AT_FDCWD), addressOf(name), flags);
    if (folder < 0) return;
    const rule = new DataView(new ArrayBuffer(16));
    rule.setBigUint64(0, ACCESS_FS_READ, true);
    rule.setInt32(8, folder, true);
    const bytes = new Uint8Array(rule.buffer);
    this.#syscall(
      SYS_LANDLOCK.addRule,
      BigInt(ruleset),
      LANDLOCK_RULE_PATH_BENEATH,
      addressOf(bytes),
    );
    this.#close(folder);
  }

  #close(fd: number): void {
    this.#syscall(SYS.close, BigInt(fd));
  }

  #syscall(number: number, a: bigint, b = 0n, c = 0n, d = 0n): number {
    return Number(this.#libc.symbols.syscall(BigInt(number), a, b, c, d, 0n));
  }

  #refusal(): string {
    return errnoText(this.#errno());
  }
}

/** struct __user_cap_data_struct, twice: effective, permitted, inheritable of each 32. */
function capabilitySets(keep: bigint): Uint32Array<ArrayBuffer> {
  const low = Number(keep & 0xffffffffn);
  const high = Number(keep >> 32n);
  return new Uint32Array([low, low, 0, high, high, 0]);
}
