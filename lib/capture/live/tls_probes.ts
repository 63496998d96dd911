/**
 * Probes on the functions of TLS libraries. In: what a file holds (lib/tls/). Out: programs attached to
 * it, for every process that maps it now or later. It decides nothing about processes.
 */
import type { BpfObject } from "../../../ffi/bpf_object.ts";
import type { Libbpf } from "../../../ffi/libbpf.ts";
import { Uprobes, type UprobeWay } from "../../../ffi/uprobes.ts";
import type { CallShape, Family, Site, TlsCode } from "../../tls/sites.ts";
import { SOURCES, TlsCookie, TlsCount, TlsRole } from "../abi.ts";

/** Loaded where plain text of TLS is traced, in either way or in one of them. */
export type OnlyTls = "tls" | "tls_multi" | "tls_perf";

/** Programs of bpf/tls/tls.bpf.h. */
export const TLS_PROGRAMS = [
  { name: "tls_function", only: "tls_multi" },
  { name: "tls_read", only: "tls_perf" },
  { name: "tls_write", only: "tls_perf" },
  { name: "tls_read_moved", only: "tls_perf" },
  { name: "tls_write_moved", only: "tls_perf" },
  { name: "tls_write_flags", only: "tls_perf" },
  { name: "tls_peek", only: "tls_perf" },
  { name: "tls_bio_write", only: "tls" },
  { name: "tls_return", only: "tls" },
] as const satisfies readonly { name: string; only: OnlyTls }[];
type Program = typeof TLS_PROGRAMS[number]["name"];

/** By shape: where the count is, and the programs that know it, of reading and of writing functions. */
interface Shape {
  readonly count: number;
  readonly read: Program;
  readonly write: Program;
}
const MOVED: Shape = {
  count: TlsCount.AT_FOURTH,
  read: "tls_read_moved",
  write: "tls_write_moved",
};
const RESULT: Shape = { count: TlsCount.RESULT, read: "tls_read", write: "tls_write" };
const SHAPES: Readonly<Partial<Record<CallShape, Shape>>> = {
  ssl: RESULT,
  ssl_ex: MOVED,
  ssl_ex2: { ...MOVED, count: TlsCount.AT_FIFTH, write: "tls_write_flags" },
  early: MOVED,
  record: RESULT,
};

/** Families whose calls the programs understand, as the source of their events. */
const SOURCE_OF: Readonly<Partial<Record<Family, typeof SOURCES[number]>>> = {
  openssl: "openssl",
  boringssl: "boringssl",
  gnutls: "gnutls",
};

/** See the file's head; disposing of it detaches. */
export class TlsProbes implements Disposable {
  readonly #uprobes: Uprobes;
  readonly #fds: ReadonlyMap<Program, number>;
  readonly #pid: number;
  /** Before 5.15 programs cannot be told which library they are at. */
  readonly #hasCookies: boolean;

  /** `pid`: in that process only; 0: in every one. */
  constructor(
    libbpf: Libbpf,
    object: BpfObject,
    { way, hasCookies, pid }: { way: UprobeWay; hasCookies: boolean; pid: number },
  ) {
    this.#uprobes = new Uprobes(libbpf.libc, way);
    const loaded = TLS_PROGRAMS.filter(({ only }) => only === "tls" || only === `tls_${way}`);
    this.#fds = new Map(loaded.map(({ name }) => [name, object.programFd(name)]));
    this.#pid = way === "multi" ? pid : 0;
    this.#hasCookies = hasCookies;
  }

  get way(): UprobeWay {
    return this.#uprobes.way;
  }

  /** Why this code cannot be probed by these programs; null when it can. */
  refusal({ family, sites }: TlsCode): string | null {
    if (SOURCE_OF[family] === undefined) return "its calls are not understood yet";
    if (!this.#hasCookies && family !== "openssl") return "Linux 5.15 or later is needed";
    return sites.some((site) => this.#wayTo(site) !== null) ? null : "no function of it is known";
  }

  /** Probes the code of an open file (`path`). Throws BpfError when the kernel refuses. */
  attach(path: string, { family, sites }: TlsCode): void {
    const source = SOURCES.indexOf(SOURCE_OF[family] ?? "socket");
    const programs = new Map<Program, { offset: number; cookie: number }[]>();
    for (const site of sites) {
      const { program, cookie } = this.#wayTo(site) ?? {};
      if (program === undefined || cookie === undefined) continue;
      const at = { offset: site.entry, cookie: source | cookie };
      programs.set(program, [...programs.get(program) ?? [], at]);
    }
    // The returns first: a call whose entry is seen then has one.
    this.#attach("tls_return", path, [...programs.values()].flat(), true);
    for (const [program, at] of programs) this.#attach(program, path, at, false);
  }

  /** Probes BIO_write, at this offset of an open file; `pid`: in that process only, 0: in every one. */
  attachBioWrite(path: string, offset: number, pid: number): void {
    this.#attach("tls_bio_write", path, [{ offset, cookie: 0 }], false, pid);
  }

  [Symbol.dispose](): void {
    this.#uprobes[Symbol.dispose]();
  }

  /** The program for a function, and its cookie without the source; null where none knows its arguments. */
  #wayTo({ role, shape: name, isPeek, exits }: Site): { program: Program; cookie: number } | null {
    const shape = SHAPES[name];
    if (shape === undefined || exits !== null) return null;
    const does = isPeek === true ? TlsRole.PEEK : role === "read" ? TlsRole.READ : TlsRole.WRITE;
    const cookie = (does << TlsCookie.ROLE) | (shape.count << TlsCookie.COUNT);
    if (this.way === "multi") return { program: "tls_function", cookie };
    return { program: isPeek === true ? "tls_peek" : shape[role], cookie };
  }

  #attach(
    program: Program,
    path: string,
    at: readonly { offset: number; cookie: number }[],
    isReturn: boolean,
    pid = 0,
  ): void {
    const only = this.#pid === 0 && this.way === "multi" ? pid : this.#pid;
    this.#uprobes.attach(this.#fds.get(program) ?? -1, { path, at, isReturn, pid: only });
  }
}
