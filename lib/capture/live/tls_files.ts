/**
 * Which files may hold TLS code. In: paths, lines of /proc/PID/maps, the dynamic loader's cache. Out: files
 * worth looking into. Pure: it reads nothing itself.
 */

/** A file that a process runs code of. */
export interface MappedFile {
  /** "device:inode", as /proc/PID/maps shows it. */
  readonly file: string;
  /** As the process sees it. */
  readonly path: string;
  /** As in /proc/PID/map_files. */
  readonly range: string;
}

/** start-end (padded with zeros), flags (executable), offset, device, inode, path. */
const EXECUTABLE =
  /^0*([0-9a-f]+)-0*([0-9a-f]+) r?-?w?-?x[ps] [0-9a-f]+ ([0-9a-f]+:[0-9a-f]+) (\d+) +(\/.*)$/gm;
const DELETED = " (deleted)";

/** Files of executable mappings in the text of /proc/PID/maps, each once. */
export function executableFiles(maps: string): MappedFile[] {
  const found = new Map<string, MappedFile>();
  for (const [, start, end, device, inode, path = ""] of maps.matchAll(EXECUTABLE)) {
    const file = `${device}:${inode}`;
    if (!found.has(file)) found.set(file, { file, path, range: `${start}-${end}` });
  }
  return [...found.values()];
}

/** Was the file removed, or replaced by another one of its name, since it was mapped? */
export function isDeleted(path: string): boolean {
  return path.endsWith(DELETED);
}

/** Where systems keep the libraries that come with them. */
const SYSTEM_FOLDER = /^\/(usr\/)?lib(32|64|x32)?\/([a-z0-9_]+-linux-[a-z]+\/)?[^/]+$/;
const TLS_NAME = /ssl|tls|nspr/i;
const NO_FILE = /^\/(\/|dev\/|memfd:|SYSV|anon_hugepage|\[)/;

/**
 * May it hold TLS code, by its name? Any program and any library may have it built in, but for the
 * libraries that come with the system: there it is in libraries of its own.
 */
export function mayHoldTls(path: string): boolean {
  if (!path.startsWith("/") || NO_FILE.test(path)) return false;
  return !isLibrary(path) || !SYSTEM_FOLDER.test(path.replace(DELETED, "")) || TLS_NAME.test(path);
}

/** Is it a shared library, by its name? */
export function isLibrary(path: string): boolean {
  return /\.so\b/.test(path.slice(path.lastIndexOf("/")));
}

/** Modules whose programs move cipher text themselves at times: of Python, for asyncio, and of .NET. */
const OF_MEMORY_USERS =
  /\/(_ssl\.[^/]*\.so|libSystem\.Security\.Cryptography\.Native\.OpenSsl\.so)$/;

/** Will a process that has mapped this perhaps read cipher text from its socket itself? */
export function usesMemory(path: string): boolean {
  return OF_MEMORY_USERS.test(path);
}

/** TLS libraries that the dynamic loader knows: paths in the bytes of /etc/ld.so.cache. */
export function librariesInCache(cache: Uint8Array): string[] {
  const text = new TextDecoder("latin1").decode(cache);
  const paths = text.matchAll(/\/[\x21-\x7e]*\/lib(?:ssl|gnutls)\.so[\x21-\x7e]*/g);
  return [...new Set(Array.from(paths, ([path]) => path))];
}
