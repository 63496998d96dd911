/**
 * The processes as /proc shows them. In: pids. Out: facts of the processes, their descriptors and
 * counters. It only reads files; what vanishes while it reads is left out.
 */
import { readLink, readText } from "../capture/live/machine.ts";
import type { FileFact, IoBytes, ProcessFacts, Snapshot, SocketFact } from "./facts.ts";
import { parseInetTable, parseUnixTable, type TableSocket } from "./net_tables.ts";

const MAX_PROCESSES = 512;
const MAX_FDS = 16_384;
const TLS_LIBRARY =
  /\/lib(ssl|gnutls|nss3|ssl3|mbedtls|wolfssl|s2n|rustls)[-.\d][^/]*$|\/lib(ssl3|nss3)\.so$/;
const ELF_CLASS_32 = 1;

/** The process itself and, when `follow`, its descendants. */
export function processTree(pid: number, follow: boolean): number[] {
  if (!follow) return [pid];
  const children = new Map<number, number[]>();
  for (const entry of Deno.readDirSync("/proc")) {
    const id = Number(entry.name);
    if (!Number.isInteger(id)) continue;
    const stat = readText(`/proc/${id}/stat`) ?? "";
    const parent = Number(stat.slice(stat.lastIndexOf(")") + 2).split(" ", 2)[1] ?? 0);
    const siblings = children.get(parent);
    if (siblings === undefined) children.set(parent, [id]);
    else siblings.push(id);
  }
  const tree = [pid];
  for (let i = 0; i < tree.length && tree.length < MAX_PROCESSES; i++) {
    tree.push(...children.get(tree[i] ?? 0) ?? []);
  }
  return tree.slice(0, MAX_PROCESSES);
}

/** Everything of these processes now; `moved` comes from sock_diag. */
export function takeSnapshot(
  pids: readonly number[],
  moved: ReadonlyMap<number, IoBytes> | null,
): Snapshot {
  const processes: ProcessFacts[] = [];
  const sockets: SocketFact[] = [];
  const files: FileFact[] = [];
  const io = new Map<number, IoBytes>();
  const tables = new Map<string, Map<number, TableSocket>>();
  for (const pid of pids) {
    const uringFds: number[] = [];
    const netNamespace = readLink(`/proc/${pid}/ns/net`) ?? "";
    let table = tables.get(netNamespace);
    if (table === undefined) tables.set(netNamespace, table = readTables(pid));
    for (const { fd, target } of descriptorsOf(pid)) {
      const inode = Number(/^socket:\[(\d+)\]$/.exec(target)?.[1] ?? 0);
      if (inode > 0) sockets.push({ pid, fd, inode, ...table.get(inode) ?? OTHER_FAMILY });
      else if (target === "anon_inode:[io_uring]") uringFds.push(fd);
      else if (!target.startsWith("anon_inode:")) {
        files.push({ pid, fd, target, position: positionOf(pid, fd) });
      }
    }
    const facts = factsOf(pid, netNamespace, uringFds);
    if (facts === null) continue;
    processes.push(facts);
    const counts = ioOf(pid);
    if (counts !== null) io.set(pid, counts);
  }
  return { processes, sockets, files, io, moved };
}

/** The pid here of a process that has `pid` in a pid namespace of its own; null when none has. */
export function pidOutside(pid: number): number | null {
  for (const entry of Deno.readDirSync("/proc")) {
    if (!Number.isInteger(Number(entry.name))) continue;
    const inside = /^NSpid:\s+(.*)$/m.exec(readText(`/proc/${entry.name}/status`) ?? "")?.[1] ?? "";
    const ids = inside.split(/\s+/);
    if (ids.length > 1 && ids.at(-1) === `${pid}`) return Number(entry.name);
  }
  return null;
}

const OTHER_FAMILY: TableSocket = {
  family: "other",
  type: "stream",
  listening: false,
  local: "",
  remote: "",
};

function factsOf(
  pid: number,
  netNamespace: string,
  uringFds: readonly number[],
): ProcessFacts | null {
  const status = readText(`/proc/${pid}/status`);
  if (status === null || /^State:\s+[ZX]/m.test(status)) return null;
  return {
    pid,
    comm: (readText(`/proc/${pid}/comm`) ?? "").trimEnd(),
    threads: Number(/^Threads:\s+(\d+)$/m.exec(status)?.[1] ?? 1),
    is32Bit: elfClass(`/proc/${pid}/exe`) === ELF_CLASS_32,
    netNamespace,
    tlsLibraries: parseTlsLibraries(readText(`/proc/${pid}/maps`) ?? ""),
    uringFds,
  };
}

/** Files of TLS libraries among the lines of /proc/PID/maps, each once. */
export function parseTlsLibraries(maps: string): string[] {
  const found = new Set<string>();
  for (const line of maps.split("\n")) {
    const path = line.slice(line.indexOf("/")).replace(/ \(deleted\)$/, "");
    if (path.startsWith("/") && TLS_LIBRARY.test(path)) found.add(path);
  }
  return [...found];
}

function elfClass(path: string): number {
  try {
    using file = Deno.openSync(path);
    const head = new Uint8Array(5);
    file.readSync(head);
    return head[4] ?? 0;
  } catch {
    return 0;
  }
}

function descriptorsOf(pid: number): { fd: number; target: string }[] {
  const found: { fd: number; target: string }[] = [];
  try {
    for (const { name } of Deno.readDirSync(`/proc/${pid}/fd`)) {
      const target = readLink(`/proc/${pid}/fd/${name}`);
      if (target !== null) found.push({ fd: Number(name), target });
      if (found.length >= MAX_FDS) break;
    }
  } catch {
    // Ended meanwhile.
  }
  return found.sort((a, b) => a.fd - b.fd);
}

function positionOf(pid: number, fd: number): number {
  return Number(/^pos:\s+(\d+)$/m.exec(readText(`/proc/${pid}/fdinfo/${fd}`) ?? "")?.[1] ?? 0);
}

function ioOf(pid: number): IoBytes | null {
  const text = readText(`/proc/${pid}/io`);
  if (text === null) return null;
  const field = (name: string): number =>
    Number(new RegExp(`^${name}: (\\d+)$`, "m").exec(text)?.[1] ?? 0);
  return { read: field("rchar"), written: field("wchar") };
}

/** Sockets of the process's network namespace, by inode. */
function readTables(pid: number): Map<number, TableSocket> {
  const found = new Map<number, TableSocket>();
  for (const family of ["tcp", "udp"] as const) {
    for (const suffix of ["", "6"]) {
      parseInetTable(readText(`/proc/${pid}/net/${family}${suffix}`) ?? "", family, found);
    }
  }
  parseUnixTable(readText(`/proc/${pid}/net/unix`) ?? "", found);
  return found;
}
