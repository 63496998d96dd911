/**
 * Links of BPF programs to functions in files, for every process that maps them. In: a loaded program,
 * a file, offsets. Out: links, which end when this is disposed of. Addresses are taken once, at the
 * beginning: later the runtime may refuse that (lib/privileges/drop.ts). It reads no file but sysfs.
 *
 *   multi   one link for all offsets of a program in a file (BPF_LINK_CREATE, kernel 6.6)
 *   perf    a perf event for each offset, and the program on it
 */
import { BpfError } from "./bpf_error.ts";
import { addressOf, type Libc } from "./libc.ts";

/** How functions are probed. */
export type UprobeWay = "multi" | "perf";

/** enum bpf_attach_type: what programs of the way "multi" are loaded for. */
export const UPROBE_MULTI = 48;
const BPF_PERF_EVENT = 41;
const BPF_LINK_CREATE = 28n;
const MULTI_RETURN = 1;
const PERF_EVENT_IOC_ENABLE = 0x2400n;
const PERF_EVENT_IOC_SET_BPF = 0x40042408n;
const PERF_FLAG_FD_CLOEXEC = 8n;
const EVERY_PROCESS = 0xffffffffffffffffn;
const SYS = {
  x86_64: { bpf: 321, close: 3, ioctl: 16, perf_event_open: 298 },
  aarch64: { bpf: 280, close: 57, ioctl: 29, perf_event_open: 241 },
}[Deno.build.arch];

const PATH_BYTES = 4096;
/** Offsets of one link. */
export const MAX_OFFSETS = 256;
const LINK_BYTES = 128n;
/** struct perf_event_attr up to config2. */
const PERF_BYTES = 128;
const PERF_SIZE = 72;
/** Where the kernel tells of perf events on functions. */
export const UPROBE_SOURCE = "/sys/bus/event_source/devices/uprobe";

/** Which instructions a program is run at. */
export interface UprobePlace {
  /** A path by which this process reaches the file now. */
  readonly path: string;
  /** File offset, and what bpf_get_attach_cookie() gives there. */
  readonly at: readonly { readonly offset: number; readonly cookie: number }[];
  /** At the returns of the functions that begin there. */
  readonly isReturn: boolean;
  /** In this process only; 0: in every one. With the way "multi". */
  readonly pid: number;
}

/** See the file's head. */
export class Uprobes implements Disposable {
  readonly way: UprobeWay;
  readonly #libc: Libc;
  readonly #fds: number[] = [];
  readonly #path = new Uint8Array(PATH_BYTES);
  readonly #offsets = new BigUint64Array(MAX_OFFSETS);
  readonly #cookies = new BigUint64Array(MAX_OFFSETS);
  readonly #link = new DataView(new ArrayBuffer(Number(LINK_BYTES)));
  readonly #perf = new DataView(new ArrayBuffer(PERF_BYTES));
  readonly #at: { path: bigint; offsets: bigint; cookies: bigint; link: bigint; perf: bigint };
  readonly #perfType: number;
  readonly #returnBit: number;

  constructor(libc: Libc, way: UprobeWay) {
    this.way = way;
    this.#libc = libc;
    this.#at = {
      path: addressOf(this.#path),
      offsets: addressOf(new Uint8Array(this.#offsets.buffer)),
      cookies: addressOf(new Uint8Array(this.#cookies.buffer)),
      link: addressOf(new Uint8Array(this.#link.buffer)),
      perf: addressOf(new Uint8Array(this.#perf.buffer)),
    };
    const format = way === "perf" ? libc.files.readText(`${UPROBE_SOURCE}/format/retprobe`) : null;
    this.#perfType = way === "perf"
      ? Number(libc.files.readText(`${UPROBE_SOURCE}/type`) ?? "0")
      : 0;
    this.#returnBit = Number(/config:(\d+)/.exec(format ?? "")?.[1] ?? "0");
    if (way === "perf" && this.#perfType === 0) {
      throw new BpfError(
        "Cannot probe functions",
        0,
        "this kernel has no uprobes (CONFIG_UPROBES)",
      );
    }
  }

  /** Throws BpfError when the kernel refuses; what was attached of it then stays. */
  attach(programFd: number, place: UprobePlace): void {
    const { read, written } = new TextEncoder().encodeInto(
      place.path,
      this.#path.subarray(0, PATH_BYTES - 1),
    );
    this.#path[written] = 0;
    if (read < place.path.length) throw new BpfError(`Cannot probe ${place.path}`, 0, "too long");
    if (place.at.length > MAX_OFFSETS) {
      throw new BpfError(`Cannot probe ${place.path}`, 0, `${place.at.length} places`);
    }
    if (this.way === "multi") this.#attachAll(programFd, place);
    else {for (const { offset, cookie } of place.at) {
        this.#attachOne(programFd, offset, cookie, place);
      }}
  }

  [Symbol.dispose](): void {
    for (const fd of this.#fds.splice(0)) this.#close(fd);
  }

  #attachAll(programFd: number, { path, at, isReturn, pid }: UprobePlace): void {
    at.forEach(({ offset, cookie }, i) => {
      this.#offsets[i] = BigInt(offset);
      this.#cookies[i] = BigInt(cookie);
    });
    const link = this.#newLink(programFd, 0, UPROBE_MULTI);
    link.setBigUint64(16, this.#at.path, true);
    link.setBigUint64(24, this.#at.offsets, true);
    link.setBigUint64(40, this.#at.cookies, true);
    link.setUint32(48, at.length, true);
    link.setUint32(52, isReturn ? MULTI_RETURN : 0, true);
    link.setUint32(56, pid, true);
    this.#fds.push(this.#createLink(path));
  }

  #attachOne(
    programFd: number,
    offset: number,
    cookie: number,
    { path, isReturn }: UprobePlace,
  ): void {
    const perf = this.#perf;
    perf.setUint32(0, this.#perfType, true);
    perf.setUint32(4, PERF_SIZE, true);
    perf.setBigUint64(8, isReturn ? 1n << BigInt(this.#returnBit) : 0n, true);
    perf.setBigUint64(56, this.#at.path, true);
    perf.setBigUint64(64, BigInt(offset), true);
    const event = this.#libc.systemCall(
      SYS.perf_event_open,
      this.#at.perf,
      EVERY_PROCESS,
      0n,
      EVERY_PROCESS, // no group
      PERF_FLAG_FD_CLOEXEC,
    );
    if (event < 0) throw new BpfError(`Cannot probe ${path}`, this.#libc.errno());
    this.#fds.push(event);
    const link = this.#newLink(programFd, event, BPF_PERF_EVENT);
    link.setBigUint64(16, BigInt(cookie), true);
    this.#attachTo(event, programFd, path);
    this.#control(event, PERF_EVENT_IOC_ENABLE, 0n, path);
  }

  /** By a link, which has a cookie; before 5.15 there are none. */
  #attachTo(event: number, programFd: number, path: string): void {
    const fd = this.#libc.systemCall(SYS.bpf, BPF_LINK_CREATE, this.#at.link, LINK_BYTES);
    if (fd >= 0) this.#fds.push(fd);
    else this.#control(event, PERF_EVENT_IOC_SET_BPF, BigInt(programFd), path);
  }

  #newLink(programFd: number, target: number, type: number): DataView {
    const link = this.#link;
    for (let i = 0; i < link.byteLength; i += 4) link.setUint32(i, 0, true);
    link.setUint32(0, programFd, true);
    link.setUint32(4, target, true);
    link.setUint32(8, type, true);
    return link;
  }

  #createLink(path: string): number {
    const fd = this.#libc.systemCall(SYS.bpf, BPF_LINK_CREATE, this.#at.link, LINK_BYTES);
    if (fd < 0) throw new BpfError(`Cannot probe ${path}`, this.#libc.errno());
    return fd;
  }

  #control(event: number, request: bigint, argument: bigint, path: string): void {
    if (this.#libc.systemCall(SYS.ioctl, BigInt(event), request, argument) < 0) {
      throw new BpfError(`Cannot probe ${path}`, this.#libc.errno());
    }
  }

  #close(fd: number): void {
    this.#libc.systemCall(SYS.close, BigInt(fd), 0n);
  }
}
