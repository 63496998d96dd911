/**
 * Files read through libc, which asks no permission of the runtime: /proc while a trace runs, and the
 * libraries that processes map. In: a path. Out: as lib/system_files.ts has it, or an open file. It takes
 * no address of anything: that would need the permission for native code.
 */
import type { SystemFiles } from "../lib/system_files.ts";

/** The last two by number: libc has a name for them only since 2.30 and 2.33. */
export const FILE_SYMBOLS = {
  open: { parameters: ["buffer", "i32"], result: "i32" },
  close: { parameters: ["i32"], result: "i32" },
  read: { parameters: ["i32", "buffer", "usize"], result: "isize" },
  pread64: { parameters: ["i32", "buffer", "usize", "i64"], result: "isize" },
  lseek64: { parameters: ["i32", "i64", "i32"], result: "i64" },
  readlink: { parameters: ["buffer", "buffer", "usize"], result: "isize" },
  getdents64: {
    name: "syscall",
    parameters: ["i64", "i32", "buffer", "usize"],
    result: "i64",
  },
  newfstatat: {
    name: "syscall",
    parameters: ["i64", "i32", "buffer", "buffer", "i32"],
    result: "i64",
  },
} as const;

const SYS = {
  x86_64: { getdents64: 217n, newfstatat: 262n },
  aarch64: { getdents64: 61n, newfstatat: 79n },
}[Deno.build.arch];
const O_CLOEXEC = 0o2000000;
/** Opening a device or pipe does not wait. */
const O_NONBLOCK = 0o4000;
const AT_FDCWD = -100;
const PATH_MAX = 4096;
const BUFFER_BYTES = 65536;
/** struct stat begins with st_dev and st_ino, of 64 bits each; it is no longer than this. */
const STAT_BYTES = 144;
/** struct linux_dirent64: the entry's own length, and where its name begins. */
const ENTRY_LENGTH = 16;
const ENTRY_NAME = 19;

const SEEK_END = 2;

type Calls = Deno.DynamicLibrary<typeof FILE_SYMBOLS>["symbols"];

/** A file that is open for reading anywhere in it. */
export interface OpenFile extends Disposable {
  /** A path of this process's for it, as long as it is open. */
  readonly path: string;
  readonly size: number;
  /** Fewer bytes at its end, or where it cannot be read. */
  read(offset: number, length: number): Uint8Array;
}

export class LibcFiles implements SystemFiles {
  readonly #calls: Calls;
  readonly #encoder = new TextEncoder();
  readonly #decoder = new TextDecoder("utf-8", { ignoreBOM: true });
  readonly #path = new Uint8Array(PATH_MAX);
  readonly #buffer = new Uint8Array(BUFFER_BYTES);
  readonly #view = new DataView(this.#buffer.buffer);
  readonly #status = new BigUint64Array(STAT_BYTES / 8);
  readonly #statusBytes = new Uint8Array(this.#status.buffer);

  constructor(calls: Calls) {
    this.#calls = calls;
  }

  readText(path: string): string | null {
    const bytes = this.#opened(path, (fd) => this.#readAll(fd));
    return bytes === null ? null : this.#decoder.decode(bytes);
  }

  readStart(path: string, length: number): Uint8Array | null {
    return this.#opened(path, (fd) => {
      const bytes = new Uint8Array(length);
      const count = Number(this.#calls.read(fd, bytes, BigInt(length)));
      return count < 0 ? null : bytes.subarray(0, count);
    });
  }

  readLink(path: string): string | null {
    if (!this.#setPath(path)) return null;
    const length = Number(this.#calls.readlink(this.#path, this.#buffer, BigInt(PATH_MAX)));
    return length < 0 ? null : this.#decoder.decode(this.#buffer.subarray(0, length));
  }

  list(folder: string): string[] {
    return this.#opened(folder, (fd) => this.#readNames(fd)) ?? [];
  }

  identity(path: string): string | null {
    if (!this.#setPath(path)) return null;
    const { newfstatat } = this.#calls;
    if (Number(newfstatat(SYS.newfstatat, AT_FDCWD, this.#path, this.#statusBytes, 0)) < 0) {
      return null;
    }
    const [device, inode] = this.#status;
    return `${device}:${inode}`;
  }

  /** Null when it cannot be opened, or not be read anywhere (a pipe). */
  openFile(path: string): OpenFile | null {
    if (!this.#setPath(path)) return null;
    const calls = this.#calls;
    const fd = calls.open(this.#path, O_CLOEXEC | O_NONBLOCK);
    if (fd < 0) return null;
    const size = Number(calls.lseek64(fd, 0n, SEEK_END));
    const close = (): void => void calls.close(fd);
    if (size < 0) {
      close();
      return null;
    }
    return {
      path: `/proc/self/fd/${fd}`,
      size,
      read: (offset, length) => {
        const bytes = new Uint8Array(Math.max(0, Math.min(length, size - offset)));
        let done = 0;
        for (let count = 1; count > 0 && done < bytes.length; done += Math.max(0, count)) {
          const rest = bytes.subarray(done);
          count = Number(calls.pread64(fd, rest, BigInt(rest.length), BigInt(offset + done)));
        }
        return bytes.subarray(0, done);
      },
      [Symbol.dispose]: close,
    };
  }

  #opened<T>(path: string, use: (fd: number) => T | null): T | null {
    if (!this.#setPath(path)) return null;
    const fd = this.#calls.open(this.#path, O_CLOEXEC);
    if (fd < 0) return null;
    try {
      return use(fd);
    } finally {
      this.#calls.close(fd);
    }
  }

  /** False when it is too long to name anything. */
  #setPath(path: string): boolean {
    const { read, written } = this.#encoder.encodeInto(path, this.#path.subarray(0, PATH_MAX - 1));
    this.#path[written] = 0;
    return read === path.length;
  }

  /** Valid until the next call. /proc gives a page or so at a time, and no length before. */
  #readAll(fd: number): Uint8Array | null {
    let buffer = this.#buffer;
    for (let used = 0;;) {
      if (used === buffer.length) {
        const larger = new Uint8Array(2 * used);
        larger.set(buffer);
        buffer = larger;
      }
      const room = buffer.subarray(used);
      const count = Number(this.#calls.read(fd, room, BigInt(room.length)));
      if (count < 0) return null;
      if (count === 0) return buffer.subarray(0, used);
      used += count;
    }
  }

  #readNames(fd: number): string[] {
    const names: string[] = [];
    for (;;) {
      const { getdents64 } = this.#calls;
      const length = Number(getdents64(SYS.getdents64, fd, this.#buffer, BigInt(BUFFER_BYTES)));
      if (length <= 0) return names;
      for (let at = 0; at < length; at += this.#view.getUint16(at + ENTRY_LENGTH, true)) {
        const start = at + ENTRY_NAME;
        const name = this.#decoder.decode(
          this.#buffer.subarray(start, this.#buffer.indexOf(0, start)),
        );
        if (name !== "." && name !== "..") names.push(name);
      }
    }
  }
}
