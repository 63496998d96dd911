/**
 * Files that are written by option: --output-file, --record, --log-file, --stats-file. In: a path. Out:
 * a file that is open, and emptied only once its writer begins.
 *
 * We may be root, and others may be able to write into the folder: then a symbolic link there leads
 * where they want. So links are followed only where nobody else could have made them, and the opened
 * file is compared with the one that was looked at. A new file has mode 0600, since records may hold
 * what others must not read; an existing one keeps its mode.
 */
import { runtimeFiles } from "./system_files.ts";

/** A path that somebody else may have prepared. The message is the reason alone. */
export class UnsafePathError extends Error {
  override readonly name = "UnsafePathError";
}

const MAX_LINKS = 40;
const WRITABLE_BY_OTHERS = 0o022;

interface Target {
  /** Without any symbolic link; below /proc/self/fd for a descriptor. */
  readonly path: string;
  /** One of our own descriptors: whoever opened it decided what is in front of our bytes. */
  readonly descriptor: number | null;
}

interface Writer {
  write(bytes: Uint8Array): Promise<number>;
  writeSync(bytes: Uint8Array): number;
}

/** A file to be written from its beginning, or a pipe, a terminal, a device. */
export class OutputFile implements Writer, Disposable {
  /** A regular file: writing never waits for a reader. */
  readonly isRegular: boolean;
  readonly #writer: Writer;
  readonly #file: Deno.FsFile | null = null;
  /** The file has old content, which begin() removes. */
  #isStale = false;

  /** Opens; throws what the system says, or UnsafePathError. */
  constructor(path: string) {
    const target = resolve(path);
    if (target.descriptor === 1 || target.descriptor === 2) {
      this.#writer = target.descriptor === 1 ? Deno.stdout : Deno.stderr;
      this.isRegular = isRegularFile(target.path);
      return;
    }
    const isDescriptor = target.descriptor !== null;
    const { file, isNew } = isDescriptor
      ? { file: Deno.openSync(target.path, { append: true }), isNew: false }
      : openOrCreate(target.path);
    try {
      if (!isDescriptor) checkOpened(file, target.path, isNew);
      this.isRegular = file.statSync().isFile;
    } catch (error) {
      file.close();
      throw error;
    }
    this.#isStale = this.isRegular && !isNew && !isDescriptor;
    this.#writer = this.#file = file;
  }

  /** Empties the file; called once everything else is known to be right. */
  begin(): void {
    if (!this.#isStale) return;
    this.#isStale = false;
    this.#file?.truncateSync(0);
  }

  write(bytes: Uint8Array): Promise<number> {
    this.begin();
    return this.#writer.write(bytes);
  }

  writeSync(bytes: Uint8Array): number {
    this.begin();
    return this.#writer.writeSync(bytes);
  }

  [Symbol.dispose](): void {
    this.#file?.close();
  }
}

export function isRegularFile(path: string): boolean {
  try {
    return Deno.statSync(path).isFile;
  } catch {
    return false;
  }
}

/** Follows the path link by link, and throws at one that somebody else could have made. */
function resolve(path: string): Target {
  if (path === "") throw new UnsafePathError("its name is empty");
  let done = "";
  const rest = (path.startsWith("/") ? path : `${Deno.cwd()}/${path}`).split("/").reverse();
  for (let links = 0; rest.length > 0;) {
    const name = rest.pop() ?? "";
    if (name === "" || name === ".") continue;
    if (name === "..") {
      done = done.slice(0, Math.max(0, done.lastIndexOf("/")));
      continue;
    }
    const at = `${done}/${name}`;
    const descriptor = ownDescriptor(at);
    if (descriptor !== null) return { path: at, descriptor };
    const link = linkAt(at);
    if (link === null) {
      done = at;
      continue;
    }
    const folder = done === "" ? "/" : done;
    if (isSharedFolder(folder)) {
      throw new UnsafePathError(`${at} is a symbolic link, and others can write to ${folder}`);
    }
    if (++links > MAX_LINKS) throw new UnsafePathError("too many symbolic links");
    if (link.startsWith("/")) done = "";
    rest.push(...link.split("/").reverse());
  }
  return { path: done === "" ? "/" : done, descriptor: null };
}

/** N of our own /proc/PID/fd/N, which is no link to a path but the open file itself; else null. */
function ownDescriptor(path: string): number | null {
  const [, pid, fd] = /^\/proc\/(\d+)(?:\/task\/\d+)?\/fd\/(\d+)$/.exec(path) ?? [];
  return Number(pid) === Deno.pid ? Number(fd) : null;
}

/** Where the symbolic link at a path leads; null when there is none. */
function linkAt(path: string): string | null {
  try {
    return Deno.lstatSync(path).isSymlink ? Deno.readLinkSync(path) : null;
  } catch (error) {
    if (error instanceof Deno.errors.NotFound) return null;
    throw error;
  }
}

/** Could anybody but us and root put something into the folder? */
function isSharedFolder(path: string): boolean {
  const { uid, mode } = Deno.statSync(path);
  return !isOurs(uid) || ((mode ?? 0) & WRITABLE_BY_OTHERS) !== 0;
}

function isOurs(uid: number | null): boolean {
  return uid === 0 || uid === Deno.uid();
}

/** Opens the file, or creates it where the name is free: never through a link. */
function openOrCreate(path: string): { file: Deno.FsFile; isNew: boolean } {
  try {
    return { file: Deno.openSync(path, { write: true }), isNew: false };
  } catch (error) {
    if (!(error instanceof Deno.errors.NotFound)) throw error;
  }
  const options = { write: true, createNew: true, mode: 0o600 };
  return { file: Deno.openSync(path, options), isNew: true };
}

/** Throws if the path was changed between our look at it and its opening. */
function checkOpened(file: Deno.FsFile, path: string, isNew: boolean): void {
  const opened = file.statSync();
  const named = Deno.lstatSync(path);
  const real = kernelPaths(opened);
  const isOther = opened.ino !== named.ino || opened.dev !== named.dev;
  if (isOther || (real.length > 0 && !real.includes(path))) {
    throw new UnsafePathError("it was replaced while it was opened");
  }
  if (isNew || opened.isCharDevice === true) return;
  const folder = path.slice(0, path.lastIndexOf("/")) || "/";
  if (!isSharedFolder(folder)) return;
  // As the kernel's fs.protected_regular: in /tmp somebody may have put a file in our way.
  if (!isOurs(opened.uid) && opened.uid !== Deno.statSync(folder).uid) {
    throw new UnsafePathError(`it belongs to uid ${opened.uid}, and others can write to ${folder}`);
  }
  if (opened.isFile && (opened.nlink ?? 1) > 1) {
    throw new UnsafePathError(`it has another name, and others can write to ${folder}`);
  }
}

/** The paths of the opened file by /proc/self/fd; none where /proc does not tell. */
function kernelPaths({ dev, ino }: Deno.FileInfo): string[] {
  const found: string[] = [];
  try {
    for (const { name } of Deno.readDirSync("/proc/self/fd")) {
      const path = runtimeFiles.readLink(`/proc/self/fd/${name}`) ?? "";
      if (!path.startsWith("/")) continue;
      const info = Deno.statSync(`/proc/self/fd/${name}`);
      if (info.ino === ino && info.dev === dev) found.push(path);
    }
  } catch {
    // Not mounted, or not for us; the folder's own descriptor is gone by now.
  }
  return found;
}
