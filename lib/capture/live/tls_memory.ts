/**
 * Processes that move the cipher text themselves: their TLS library reads from memory and writes to it.
 * Which socket a session has is then seen by what leaves the library and is sent (bpf/tls/calls.bpf.h).
 *
 * In: such processes, and programs that have the library built in. Out: probes on BIO_write, in these
 * processes only as far as the kernel can do that: every write of TLS would pay for them.
 */
import { BpfError } from "../../../ffi/bpf_error.ts";
import type { OpenFile } from "../../../ffi/libc_files.ts";
import type { SystemFiles } from "../../system_files.ts";
import { bioWriteOf } from "../../tls/bio_write.ts";
import type { Family } from "../../tls/sites.ts";
import { executableFiles, isDeleted, isLibrary, type MappedFile } from "./tls_files.ts";
import type { TlsProbes } from "./tls_probes.ts";

/** How files are opened, and read in /proc. */
export type Files = SystemFiles & { openFile(path: string): OpenFile | null };

const MAX_PROCESSES = 4096;
/** A file is probed for so many processes each, then for all: there are not ever more links. */
const MAX_BY_PROCESS = 4;
const HAS_BIO_WRITE = /crypto|ssl/i;

export class MemoryUsers {
  readonly #files: Files;
  readonly #probes: TlsProbes;
  readonly #tell: (message: string) => void;
  readonly #processes = new Set<number>();
  /** Those that are to be looked at: what they need may not be mapped yet. */
  readonly #due = new Set<number>();
  /** By file, how often it was probed. */
  readonly #probed = new Map<string, number>();

  constructor(
    { files, probes, tell }: {
      readonly files: Files;
      readonly probes: TlsProbes;
      readonly tell: (message: string) => void;
    },
  ) {
    this.#files = files;
    this.#probes = probes;
    this.#tell = tell;
  }

  found(pid: number): void {
    if (this.#processes.has(pid) || this.#processes.size >= MAX_PROCESSES) return;
    this.#processes.add(pid);
    this.#due.add(pid);
  }

  /** The process ended, or runs another program. */
  ended(pid: number): void {
    this.#processes.delete(pid);
    this.#due.delete(pid);
  }

  /** A program that has the library built in: it moves cipher text itself, more often than not. */
  builtIn(family: Family, file: OpenFile, path: string): void {
    if (family === "openssl" || family === "boringssl") this.#probe(file, path, 0);
  }

  /** Looks at the processes that were found. */
  look(): void {
    for (const pid of this.#due) {
      const maps = this.#files.readText(`/proc/${pid}/maps`) ?? "";
      for (const mapped of executableFiles(maps)) {
        if (isLibrary(mapped.path) && !HAS_BIO_WRITE.test(mapped.path)) continue;
        using file = openMapped(this.#files, pid, mapped);
        if (file !== null && this.#probe(file, mapped.path, pid)) this.#due.delete(pid);
      }
      if (maps === "" || maps.includes("libcrypto")) this.#due.delete(pid);
    }
  }

  /** True when the file has what is to be probed. */
  #probe(file: OpenFile, path: string, pid: number): boolean {
    const identity = this.#files.identity(file.path) ?? path;
    const before = this.#probed.get(identity) ?? 0;
    if (before > MAX_BY_PROCESS) return true;
    const offset = bioWriteOf(file);
    if (offset === null) return false;
    const isForAll = pid === 0 || before === MAX_BY_PROCESS;
    this.#probed.set(identity, isForAll ? MAX_BY_PROCESS + 1 : before + 1);
    try {
      this.#probes.attachBioWrite(file.path, offset, isForAll ? 0 : pid);
    } catch (error) {
      if (!(error instanceof BpfError)) throw error;
      this.#tell(`the sockets of TLS sessions in ${path} are not found: ${error.message}`);
    }
    return true;
  }
}

/**
 * A file as that process has it mapped; null when it cannot be opened, or the process has ended. By its
 * path only where that is the one way (without CAP_CHECKPOINT_RESTORE, or when the mapping has changed):
 * what the process has put there by now may be anything.
 */
export function openMapped(
  files: Files,
  pid: number,
  { path, range }: MappedFile,
): OpenFile | null {
  const mapped = files.openFile(`/proc/${pid}/map_files/${range}`);
  return mapped ?? (isDeleted(path) ? null : files.openFile(`/proc/${pid}/root${path}`));
}
