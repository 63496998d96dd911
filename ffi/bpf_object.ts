/**
 * One BPF object. In: its bytes, which programs to load, sizes of maps, settings. Out: loaded
 * programs, links and maps. Every step that the kernel refuses is a BpfError that ends with the last
 * lines of libbpf's and the verifier's log.
 *
 *   open → setRodata, setAutoload, setMaxEntries → load → attach, mapArray, update
 */
import { BpfError } from "./bpf_error.ts";
import type { Libbpf } from "./libbpf.ts";
import { readCString } from "./libbpf.ts";
import { addressOf, cString, type Descriptor, type Mapping } from "./libc.ts";

const BPF_F_MMAPABLE = 1 << 10;
const BPF_F_TEST_RUN_ON_CPU = 1;
const MAX_LOG_LINES = 12;
const PAGE = 4096;

/** struct bpf_test_run_opts: bytes, and the offsets used (in words). */
const TEST_RUN_SIZE = 80;
const TestRun = { retval: 14, flags: 17, cpu: 18 } as const;

/** struct bpf_prog_info (the part up to 5.12), and which of its 64-bit words counts the misses. */
const PROG_INFO_WORDS = 27;
const RECURSION_MISSES = 26;

/** An ARRAY map's values in our memory: value of index i begins at i * stride. */
export interface MappedArray extends Mapping {
  readonly stride: number;
  readonly entries: number;
}

/** An opened BPF object; disposing of it detaches and unloads everything. */
export class BpfObject implements Disposable {
  readonly #libbpf: Libbpf;
  readonly #object: Deno.PointerValue;
  readonly #links: Deno.PointerValue[] = [];
  readonly #attached = new Set<string>();
  readonly #runOptions = new Uint32Array(TEST_RUN_SIZE / 4);
  readonly #runBytes = new Uint8Array(this.#runOptions.buffer);
  /** libbpf keeps no copy of names and images that it was given by address. */
  readonly #image: Uint8Array<ArrayBuffer>;
  #closed = false;

  /** Reads the object; nothing goes to the kernel yet. */
  constructor(libbpf: Libbpf, image: Uint8Array<ArrayBuffer>) {
    this.#libbpf = libbpf;
    this.#image = image;
    libbpf.takeLog();
    // struct bpf_object_open_opts: its size and the object's name, which shows in bpftool.
    const name = cString("sockeye");
    const options = new BigUint64Array([16n, addressOf(name)]);
    this.#object = libbpf.calls.bpf_object__open_mem(
      image,
      BigInt(image.length),
      new Uint8Array(options.buffer),
    );
    if (this.#object === null) {
      throw this.#fault("Cannot read BPF object", libbpf.libc.errno());
    }
    this.#runOptions[0] = TEST_RUN_SIZE;
  }

  /** Names of all programs of the object, loaded or not. */
  programNames(): string[] {
    const { calls } = this.#libbpf;
    const names: string[] = [];
    let program = calls.bpf_object__next_program(this.#object, null);
    while (program !== null) {
      names.push(readCString(calls.bpf_program__name(program)));
      program = calls.bpf_object__next_program(this.#object, program);
    }
    return names;
  }

  /** Loads only the programs named; before load(). */
  setAutoload(wanted: ReadonlySet<string>): void {
    const { calls } = this.#libbpf;
    for (const name of this.programNames()) {
      calls.bpf_program__set_autoload(this.#program(name), wanted.has(name));
    }
  }

  /** Loads a program for another kind of attachment than its section says; before load(). */
  setAttachType(program: string, type: number): void {
    this.#libbpf.calls.bpf_program__set_expected_attach_type(this.#program(program), type);
  }

  /** Overwrites the beginning of .rodata; before load(). */
  setRodata(bytes: Uint8Array): void {
    const size = new BigUint64Array(1);
    const at = this.#libbpf.calls.bpf_map__initial_value(
      this.#map(".rodata"),
      new Uint8Array(size.buffer),
    );
    if (at === null || Number(size[0]) < bytes.length) {
      throw new BpfError("Cannot set BPF settings", 0, `.rodata is smaller than ${bytes.length}`);
    }
    new Uint8Array(Deno.UnsafePointerView.getArrayBuffer(at, bytes.length)).set(bytes);
  }

  /** Sizes a map; before load(). */
  setMaxEntries(map: string, entries: number): void {
    const error = this.#libbpf.calls.bpf_map__set_max_entries(this.#map(map), entries);
    if (error < 0) throw this.#fault(`Cannot size BPF map ${map} to ${entries}`, -error);
  }

  /** Lets mapArray() map it, too; before load(). */
  setMappable(map: string): void {
    const { calls } = this.#libbpf;
    const pointer = this.#map(map);
    calls.bpf_map__set_map_flags(pointer, calls.bpf_map__map_flags(pointer) | BPF_F_MMAPABLE);
  }

  /** Creates the maps and has the programs verified. */
  load(): void {
    this.#libbpf.takeLog();
    const error = this.#libbpf.calls.bpf_object__load(this.#object);
    if (error < 0) throw this.#fault("Cannot load BPF object", -error);
  }

  /** Attaches a program to where its section name says. */
  attach(program: string): void {
    this.#libbpf.takeLog();
    const link = this.#libbpf.calls.bpf_program__attach(this.#program(program));
    if (link === null) {
      throw this.#fault(`Cannot attach BPF program ${program}`, this.#libbpf.libc.errno());
    }
    this.#links.push(link);
    this.#attached.add(program);
  }

  /** Attaches a program to a classic tracepoint, by its id; it fires on every CPU. */
  attachTracepoint(program: string, id: number, cpu: number): void {
    this.#libbpf.takeLog();
    const { calls, libc } = this.#libbpf;
    const event = libc.openTracepoint(id, cpu);
    const link = calls.bpf_program__attach_perf_event(this.#program(program), event.fd);
    if (link === null) {
      const errno = libc.errno();
      event[Symbol.dispose]();
      throw this.#fault(`Cannot attach BPF program ${program}`, errno);
    }
    // The link closes the event.
    this.#links.push(link);
    this.#attached.add(program);
  }

  /** Attaches a cgroup program to an open cgroup folder. */
  attachCgroup(program: string, cgroup: Descriptor): void {
    this.#libbpf.takeLog();
    const { calls, libc } = this.#libbpf;
    const link = calls.bpf_program__attach_cgroup(this.#program(program), cgroup.fd);
    if (link === null) throw this.#fault(`Cannot attach BPF program ${program}`, libc.errno());
    this.#links.push(link);
    this.#attached.add(program);
  }

  /** Detaches every program; maps and loaded programs stay. */
  detach(): void {
    for (const link of this.#links.splice(0)) this.#libbpf.calls.bpf_link__destroy(link);
  }

  /**
   * How often the kernel did not run a program that was attached, since it was still running on that
   * CPU for another task. 0 on kernels before 5.12, which do not count.
   */
  recursionMisses(): number {
    let sum = 0;
    const info = new BigUint64Array(PROG_INFO_WORDS);
    const bytes = new Uint8Array(info.buffer);
    for (const program of this.#attached) {
      info.fill(0n);
      const length = new Uint8Array(new Uint32Array([bytes.length]).buffer);
      const fd = this.programFd(program);
      if (this.#libbpf.calls.bpf_obj_get_info_by_fd(fd, bytes, length) < 0) continue;
      sum += Number(info[RECURSION_MISSES]);
    }
    return sum;
  }

  programFd(program: string): number {
    const fd = this.#libbpf.calls.bpf_program__fd(this.#program(program));
    if (fd < 0) throw new BpfError(`Cannot use BPF program ${program}`, 0, "it is not loaded");
    return fd;
  }

  mapFd(map: string): number {
    const fd = this.#libbpf.calls.bpf_map__fd(this.#map(map));
    if (fd < 0) throw new BpfError(`Cannot use BPF map ${map}`, 0, "it is not loaded");
    return fd;
  }

  /** Maps an ARRAY map that was created with BPF_F_MMAPABLE. */
  mapArray(map: string, writable: boolean): MappedArray {
    const { calls, libc } = this.#libbpf;
    const pointer = this.#map(map);
    const stride = (calls.bpf_map__value_size(pointer) + 7) & ~7;
    const entries = calls.bpf_map__max_entries(pointer);
    const bytes = Math.ceil(stride * entries / PAGE) * PAGE;
    const mapping = libc.map(this.mapFd(map), bytes, writable);
    return {
      buffer: mapping.buffer,
      stride,
      entries,
      [Symbol.dispose]: () => mapping[Symbol.dispose](),
    };
  }

  /** Writes one element; false when the kernel refuses (a full map). */
  update(mapFd: number, key: Uint8Array<ArrayBuffer>, value: Uint8Array<ArrayBuffer>): boolean {
    return this.#libbpf.calls.bpf_map_update_elem(mapFd, key, value, 0n) === 0;
  }

  /** Reads one element into `value` (for per-CPU maps: of every possible CPU); false when absent. */
  lookup(mapFd: number, key: Uint8Array<ArrayBuffer>, value: Uint8Array<ArrayBuffer>): boolean {
    return this.#libbpf.calls.bpf_map_lookup_elem(mapFd, key, value) === 0;
  }

  /** Runs a raw_tp program once on `cpu`; what it returned, -1 when it could not run. */
  runOnCpu(programFd: number, cpu: number): number {
    const options = this.#runOptions;
    options[TestRun.flags] = BPF_F_TEST_RUN_ON_CPU;
    options[TestRun.cpu] = cpu;
    if (this.#libbpf.calls.bpf_prog_test_run_opts(programFd, this.#runBytes) < 0) return -1;
    return options[TestRun.retval] as number;
  }

  [Symbol.dispose](): void {
    if (this.#closed) return;
    this.#closed = true;
    this.detach();
    this.#libbpf.calls.bpf_object__close(this.#object);
  }

  #program(name: string): Deno.PointerValue {
    const found = this.#libbpf.calls.bpf_object__find_program_by_name(this.#object, cString(name));
    if (found !== null) return found;
    throw new BpfError(`Cannot use BPF program ${name}`, 0, this.#lacks());
  }

  #map(name: string): Deno.PointerValue {
    const found = this.#libbpf.calls.bpf_object__find_map_by_name(this.#object, cString(name));
    if (found !== null) return found;
    throw new BpfError(`Cannot use BPF map ${name}`, 0, this.#lacks());
  }

  #lacks(): string {
    return `the object of ${this.#image.length} bytes has none of that name`;
  }

  #fault(action: string, errno: number): BpfError {
    const log = this.#libbpf.takeLog();
    // libbpf's guesses at why nothing may be loaded at all say less than our hint.
    const isPrivilege = log.some((line) => line.includes("probe_loading"));
    return new BpfError(action, errno, isPrivilege ? "" : lastLines(log));
  }
}

/** The last lines that say something: libbpf frames the verifier's log and adds counts after it. */
function lastLines(log: string[]): string {
  const noise = /^(libbpf: -- (BEGIN|END)|processed \d|verification time|stack depth|mark_)/;
  return log.filter((line) => !noise.test(line)).slice(-MAX_LOG_LINES).join("\n");
}

/** Tells which typedefs and structs this kernel's BTF has: they show what it can do. */
export function kernelHasTypes(
  libbpf: Libbpf,
  typedefs: readonly string[],
  structs: readonly string[] = [],
): Set<string> {
  const BTF_KIND_STRUCT = 4;
  const BTF_KIND_TYPEDEF = 8;
  const btf = libbpf.calls.btf__load_vmlinux_btf();
  if (btf === null) {
    throw new BpfError(
      "Cannot read the kernel's BTF",
      libbpf.libc.errno(),
      lastLines(libbpf.takeLog()),
      "a kernel built with CONFIG_DEBUG_INFO_BTF is needed (/sys/kernel/btf/vmlinux)",
    );
  }
  const has = (name: string, kind: number): boolean =>
    libbpf.calls.btf__find_by_name_kind(btf, cString(name), kind) > 0;
  try {
    return new Set([
      ...typedefs.filter((name) => has(name, BTF_KIND_TYPEDEF)),
      ...structs.filter((name) => has(name, BTF_KIND_STRUCT)),
    ]);
  } finally {
    libbpf.calls.btf__free(btf);
  }
}
