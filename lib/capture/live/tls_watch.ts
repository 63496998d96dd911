/**
 * Finds the TLS libraries of traced processes, and has them probed. In: the processes at the start, what
 * is mapped later, pids as their events pass by. Out: probes, one set for each file, whichever processes
 * map it; what was found, for the operator. It examines a file once, never runs or changes it.
 */
import { BpfError } from "../../../ffi/bpf_error.ts";
import type { OpenFile } from "../../../ffi/libc_files.ts";
import type { Mapped, PerfRing } from "../../../ffi/perf_ring.ts";
import { examineFile } from "../../tls/examine.ts";
import type { Examined } from "../../tls/sites.ts";
import { EntryKind, PLAINTEXT_IDS } from "../abi.ts";
import type { SocketEvent } from "../event.ts";
import {
  executableFiles,
  isLibrary,
  librariesInCache,
  type MappedFile,
  mayHoldTls,
  usesMemory,
} from "./tls_files.ts";
import { type Files, MemoryUsers, openMapped } from "./tls_memory.ts";
import type { TlsProbes } from "./tls_probes.ts";
import type { Watcher } from "./watcher.ts";

/** Files that are remembered as known, and probed: more than any machine has. */
const MAX_KNOWN = 65536;
const MAX_PROBED = 512;
/** Mappings that wait to be looked at. */
const MAX_WAITING = 4096;
/** A round looks into files for this long at most, but into one at least. */
const ROUND_MS = 20;
const CACHE = "/etc/ld.so.cache";
const MAX_CACHE_BYTES = 4 << 20;

export interface TlsWatchParts {
  readonly files: Files;
  readonly probes: TlsProbes;
  /** Is this process traced? */
  readonly isWanted: (pid: number) => boolean;
  /** Pids are below it. */
  readonly pidLimit: number;
  /** Says what is probed, and what is not and why. */
  readonly tell: (message: string) => void;
}

interface Waiting extends MappedFile {
  readonly pid: number;
}

export class TlsWatch implements Watcher, Disposable {
  readonly #parts: TlsWatchParts;
  /** Files that need not be looked at again. */
  readonly #known = new Set<string>();
  /** By pid: its maps were read. */
  readonly #seen: Uint8Array;
  readonly #waiting: Waiting[] = [];
  readonly #rings: readonly PerfRing[];
  readonly #memory: MemoryUsers;
  /** Files that are probed, by SystemFiles.identity(): paths may lead to the same one. */
  readonly #probed = new Set<string>();
  #lostMappings = 0;
  #isOver = false;

  /** `rings` report what is mapped (PerfRing.onMapped). */
  constructor(parts: TlsWatchParts, rings: readonly PerfRing[]) {
    this.#parts = parts;
    this.#seen = new Uint8Array(parts.pidLimit);
    this.#memory = new MemoryUsers(parts);
    this.#rings = rings;
    for (const ring of rings) ring.onMapped = (mapped) => this.#mapped(mapped);
  }

  /** The loader's libraries, which any process may load at once; those of these processes; other files. */
  start(pids: readonly number[], expected: readonly string[]): void {
    const { files } = this.#parts;
    const cache = files.readStart(CACHE, MAX_CACHE_BYTES) ?? new Uint8Array(0);
    for (const path of librariesInCache(cache)) this.#probePath(path);
    for (const path of expected) {
      if (mayHoldTls(files.readLink(path) ?? path)) this.#probePath(path);
    }
    for (const pid of pids) if (this.#parts.isWanted(pid)) this.#scan(pid);
    this.#memory.look();
    this.#work(Infinity);
  }

  /** A process whose maps were not read: one that became a traced one otherwise than by fork. */
  data(event: SocketEvent): void {
    if (this.#isOver) return;
    const { pid } = event;
    if (this.#seen[pid] === 0) this.#scan(pid);
    if (event.conn >= PLAINTEXT_IDS) this.#memory.found(pid);
  }

  event(event: SocketEvent): void {
    if (event.kind !== EntryKind.EXIT) return;
    this.#seen[event.pid] = 0;
    this.#memory.ended(event.pid);
  }

  /** Detaches every probe, and watches no more. */
  [Symbol.dispose](): void {
    for (const ring of this.#rings) ring.onMapped = null;
    this.#waiting.length = 0;
    this.#parts.probes[Symbol.dispose]();
    this.#isOver = true;
  }

  end(): void {
    this.#checkLost();
    this.#memory.look();
    if (this.#waiting.length > 0) this.#work(ROUND_MS);
  }

  #mapped({ pid, path, file, range }: Mapped): void {
    if (usesMemory(path) && this.#parts.isWanted(pid)) this.#memory.found(pid);
    if (mayHoldTls(path) && !isLibrary(path)) this.#memory.ended(pid); // it runs another program
    if (this.#known.has(`${file} ${path}`) || !this.#parts.isWanted(pid)) return;
    this.#wait({ pid, path, file, range });
  }

  /** Where mappings were lost all processes are looked at again, as they move bytes. */
  #checkLost(): void {
    const lost = this.#rings.reduce((sum, ring) => sum + ring.lostSamples, 0);
    if (lost === this.#lostMappings) return;
    this.#lostMappings = lost;
    this.#seen.fill(0);
  }

  #scan(pid: number): void {
    if (pid >= this.#seen.length) return;
    this.#seen[pid] = 1;
    const maps = this.#parts.files.readText(`/proc/${pid}/maps`) ?? "";
    for (const mapped of executableFiles(maps)) {
      if (usesMemory(mapped.path)) this.#memory.found(pid);
      if (!this.#known.has(`${mapped.file} ${mapped.path}`)) this.#wait({ ...mapped, pid });
    }
  }

  #wait(mapped: Waiting): void {
    if (!mayHoldTls(mapped.path)) this.#know(mapped);
    else if (this.#waiting.length < MAX_WAITING) this.#waiting.push(mapped);
    else this.#seen[mapped.pid] = 0;
  }

  #know({ file, path }: MappedFile): void {
    if (this.#known.size >= MAX_KNOWN) this.#known.clear();
    this.#known.add(`${file} ${path}`);
  }

  #work(forMs: number): void {
    const until = performance.now() + forMs;
    while (this.#waiting.length > 0) {
      const next = this.#waiting.shift();
      if (next !== undefined && !this.#known.has(`${next.file} ${next.path}`)) this.#look(next);
      if (performance.now() >= until) return;
    }
  }

  /** A process that has ended by now shows nothing; the next one with that file does. */
  #look(mapped: Waiting): void {
    using file = openMapped(this.#parts.files, mapped.pid, mapped);
    if (file === null) return;
    this.#know(mapped);
    this.#probe(mapped.path, file);
  }

  /** A file that no process maps yet. */
  #probePath(path: string): void {
    const { files } = this.#parts;
    using file = files.openFile(path);
    if (file !== null) this.#probe(path, file);
  }

  #probe(path: string, file: OpenFile): void {
    const identity = this.#parts.files.identity(file.path) ?? path;
    if (this.#probed.has(identity)) return;
    const examined = examineFile(file);
    const isNews = examined.codes.length > 0 || examined.unreadable.length > 0;
    if (!isNews || this.#probed.size >= MAX_PROBED) return;
    this.#probed.add(identity);
    if (this.#probed.size === MAX_PROBED) {
      this.#parts.tell(`no more than ${MAX_PROBED} files with TLS code are probed`);
    }
    this.#attach(path, file, examined);
  }

  #attach(path: string, file: OpenFile, { codes, unreadable }: Examined): void {
    const { probes, tell } = this.#parts;
    const refuse = (family: string, why: string): void =>
      tell(`plain text of TLS in ${path} is not read: ${family}: ${why}`);
    for (const { family, why } of unreadable) refuse(family, why);
    for (const code of codes) {
      const { family, version, sites } = code;
      const refusal = probes.refusal(code);
      if (refusal !== null) {
        refuse(family, refusal);
        continue;
      }
      try {
        probes.attach(file.path, code);
        if (!isLibrary(path)) this.#memory.builtIn(family, file, path);
        const names = sites.map(({ name, how }) => how === "symbol" ? name : `${name} (${how})`);
        tell(`plain text of TLS in ${path} is read: ${version ?? family}: ${names.join(", ")}`);
      } catch (error) {
        if (!(error instanceof BpfError)) throw error;
        refuse(family, error.message);
      }
    }
  }
}
