/**
 * The processes as /proc shows them. In: pids. Out: facts of the processes, their descriptors and
 * counters. It only reads files; what vanishes while it reads is left out.
 */
import { childrenOf, listPids } from "../capture/live/targets.ts";
import type { SystemFiles } from "../system_files.ts";
import type { FileFact, IoBytes, ProcessFacts, Snapshot, SocketFact } from "./facts.ts";
import { parseInetTable, parseUnixTable, type TableSocket } from "./net_tables.ts";

const MAX_PROCESSES = 512;
const MAX_FDS = 16_384;
const TLS_LIBRARY =
  /\/lib(ssl|gnutls|nss3|ssl3|mbedtls|wolfssl|s2n|rustls)[-.\d][^/]*$|\/lib(ssl3|nss3)\.so$/;
const EI_CLASS = 4;
const ELF_CLASS_32 = 1;

/** The process itself and, when `follow`, its descendants. */
export function processTree(proc: SystemFiles, pid: number, follow: boolean): number[] {
  return follow ? [pid, ...childrenOf(proc, pid)].slice(0, MAX_PROCESSES) : [pid];
}

/** Everything of these processes now; `moved` comes from sock_diag. */
export function takeSnapshot(
  proc: SystemFiles,
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
    const netNamespace = proc.readLink(`/proc/${pid}/ns/net`) ?? "";
    let table = tables.get(netNamespace);
    if (table === undefined) tables.set(netNamespace, table = readTables(proc, pid));
    for (const { fd, target } of descriptorsOf(proc, pid)) {
      const inode = Number(/^socket:\[(\d+)\]$/.exec(target)?.[1] ?? 0);
      if (inode > 0) sockets.push({ pid, fd, inode, ...table.get(inode) ?? OTHER_FAMILY });
      else if (target === "anon_inode:[io_uring]") uringFds.push(fd);
      else if (!target.startsWith("anon_inode:")) {
        files.push({ pid, fd, target, position: positionOf(proc, pid, fd) });
      }
    }
    const facts = factsOf(proc, pid, netNamespace, uringFds);
    if (facts === null) continue;
    processes.push(facts);
    const counts = ioOf(proc, pid);
    if (counts !== null) io.set(pid, counts);
  }
  return { processes, sockets, files, io, moved };
}

/** The pid here of a process that has `pid` in a pid namespace of its own; null when none has. */
export function pidOutside(proc: SystemFiles, pid: number): number | null {
  const isIt = (id: number): boolean => {
    const status = proc.readText(`/proc/${id}/status`) ?? "";
    const ids = (/^NSpid:\s+(.*)$/m.exec(status)?.[1] ?? "").split(/\s+/);
    return ids.length > 1 && ids.at(-1) === `${pid}`;
  };
  return listPids(proc).find(isIt) ?? null;
}

const OTHER_FAMILY: TableSocket = {
  family: "other",
  type: "stream",
  listening: false,
  local: "",
  remote: "",
};

function factsOf(
  proc: SystemFiles,
  pid: number,
  netNamespace: string,
  uringFds: readonly number[],
): ProcessFacts | null {
  const status = proc.readText(`/proc/${pid}/status`);
  if (status === null || /^State:\s+[ZX]/m.test(status)) return null;
  return {
    pid,
    comm: (proc.readText(`/proc/${pid}/comm`) ?? "").trimEnd(),
    threads: Number(/^Threads:\s+(\d+)$/m.exec(status)?.[1] ?? 1),
    is32Bit: proc.readStart(`/proc/${pid}/exe`, EI_CLASS + 1)?.[EI_CLASS] === ELF_CLASS_32,
    netNamespace,
    tlsLibraries: parseTlsLibraries(proc.readText(`/proc/${pid}/maps`) ?? ""),
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

function descriptorsOf(proc: SystemFiles, pid: number): { fd: number; target: string }[] {
  const found: { fd: number; target: string }[] = [];
  for (const name of proc.list(`/proc/${pid}/fd`).slice(0, MAX_FDS)) {
    const target = proc.readLink(`/proc/${pid}/fd/${name}`);
    if (target !== null) found.push({ fd: Number(name), target });
  }
  return found.sort((a, b) => a.fd - b.fd);
}

function positionOf(proc: SystemFiles, pid: number, fd: number): number {
  return Number(/^pos:\s+(\d+)$/m.exec(proc.readText(`/proc/${pid}/fdinfo/${fd}`) ?? "")?.[1] ?? 0);
}

function ioOf(proc: SystemFiles, pid: number): IoBytes | null {
  const text = proc.readText(`/proc/${pid}/io`);
  if (text === null) return null;
  const field = (name: string): number =>
    Number(new RegExp(`^${name}: (\\d+)$`, "m").exec(text)?.[1] ?? 0);
  return { read: field("rchar"), written: field("wchar") };
}

/** Sockets of the process's network namespace, by inode. */
function readTables(proc: SystemFiles, pid: number): Map<number, TableSocket> {
  const found = new Map<number, TableSocket>();
  for (const family of ["tcp", "udp"] as const) {
    for (const suffix of ["", "6"]) {
      parseInetTable(proc.readText(`/proc/${pid}/net/${family}${suffix}`) ?? "", family, found);
    }
  }
  parseUnixTable(proc.readText(`/proc/${pid}/net/unix`) ?? "", found);
  return found;
}
