/**
 * The files in which the kernel tells of itself and of processes: /proc and /sys. In: a path. Out: what
 * is there now, or that it cannot be read: processes come and go, so nothing throws.
 *
 * Here they are opened by the runtime, which does so only as long as it has every permission. What is
 * read later, once those are revoked, is read through libc: ffi/libc_files.ts.
 */

export interface SystemFiles {
  /** The whole text; null when it cannot be read. */
  readText(path: string): string | null;
  /** The first bytes, `length` at most; null when it cannot be read. */
  readStart(path: string, length: number): Uint8Array | null;
  /** Where a symbolic link points; null when it cannot be read. */
  readLink(path: string): string | null;
  /** The names in a folder; none when it cannot be listed. */
  list(folder: string): string[];
  /** What tells one file from others, however it is named; null when it is not there. */
  identity(path: string): string | null;
}

/** By the runtime. */
export const runtimeFiles: SystemFiles = {
  readText: (path) => orNull(() => Deno.readTextFileSync(path)),
  readStart: (path, length) =>
    orNull(() => {
      using file = Deno.openSync(path);
      const bytes = new Uint8Array(length);
      return bytes.subarray(0, file.readSync(bytes) ?? 0);
    }),
  readLink: (path) => orNull(() => Deno.readLinkSync(path)),
  list: (folder) => orNull(() => Array.from(Deno.readDirSync(folder), ({ name }) => name)) ?? [],
  identity: (path) =>
    orNull(() => {
      const { dev, ino } = Deno.statSync(path);
      return `${dev}:${ino}`;
    }),
};

function orNull<T>(look: () => T): T | null {
  try {
    return look();
  } catch {
    return null;
  }
}
