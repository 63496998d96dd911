/**
 * What became of each connection, and where the bytes of all of them went. In: facts. Out: a word for
 * each connection, and sums, of which verdict.ts makes the verdict. Pure.
 */
import type { ConnFacts, DoctorFacts, IoBytes, Wanted } from "./facts.ts";

/** What became of a connection, in a word. */
export type Diagnosis =
  | "records"
  | "tls"
  | "protocol_error"
  | "unanswered"
  | "mid_stream"
  | "unfinished"
  | "compat_abi"
  | "unknown_protocol";

/** At each change of direction a message begins: after two, the bytes are no old message's rest. */
const TURNS_TO_TELL = 2;
/** Some of the kernel's numbers count a SYN and a FIN as a byte each. */
const SLACK_BYTES = 2;

export function diagnose(conn: ConnFacts): Diagnosis {
  const paired = conn.records - conn.withoutRequest - conn.withoutResponse;
  if (paired > 0 || conn.incomplete.has("one_way")) return "records";
  if (conn.tls) return "tls";
  if ((conn.cut.get("abi") ?? 0) > 0) return "compat_abi";
  const isOld = isOlder(conn) && conn.turns < TURNS_TO_TELL;
  const frames = conn.frames.request + conn.frames.response;
  const isRefused = conn.invalid.length > 0 || conn.refused.length > 0;
  if (isRefused && (frames > 0 || !isOld)) return "protocol_error";
  if (conn.withoutRequest > 0) return conn.incomplete.has("mid_stream") ? "mid_stream" : "records";
  if (conn.withoutResponse > 0) return "unanswered";
  if (conn.protocol !== null) return isOld ? "mid_stream" : "unfinished";
  if (conn.fresh && conn.state === "probing") return "unfinished";
  return isOld ? "mid_stream" : "unknown_protocol";
}

/** Is the connection older than the trace? Not asked of unix sockets, which do not tell, nor of UDP. */
export function isOlder(conn: ConnFacts): boolean {
  return !conn.fresh && !conn.isDatagram && conn.family !== "unix";
}

/** The options that keep this connection's records out, as given: "--port 81". */
export function excludedBy(conn: ConnFacts, wanted: Wanted): string[] {
  const reasons: string[] = [];
  const { ports, comm, fd, role, protocols } = wanted;
  if (ports.length > 0 && !ports.includes(conn.localPort) && !ports.includes(conn.remotePort)) {
    reasons.push(`--port ${ports.join(", ")}`);
  }
  if (comm.length > 0 && !comm.includes(conn.comm)) reasons.push(`--comm ${comm.join(", ")}`);
  if (fd !== null && !conn.fds.has(fd)) reasons.push(`--fd ${fd}`);
  if (role !== null && conn.role !== null && conn.role !== role) reasons.push(`--role ${role}`);
  if (protocols !== null && conn.protocol !== null && !protocols.has(conn.protocol)) {
    reasons.push(`--protocol ${[...protocols].join(",")}`);
  }
  return reasons;
}

export function bytesOf(conn: ConnFacts): number {
  return conn.egress.bytes + conn.ingress.bytes;
}

/** Sums of a number over connections. */
export function total(conns: readonly ConnFacts[], of: (conn: ConnFacts) => number): number {
  return conns.reduce((sum, conn) => sum + of(conn), 0);
}

/** Bytes that the kernel counted on TCP sockets, and how many of them no event reported. */
export interface KernelBytes {
  readonly moved: number;
  readonly unseen: number;
  /** Not reported, on connections of no known protocol: the kernel side does not send all their counts. */
  readonly filtered: number;
  /** Descriptors of the sockets where bytes were not seen. */
  readonly unseenFds: readonly number[];
}

/** Null when sock_diag could not be asked. */
export function kernelBytes(facts: DoctorFacts): KernelBytes | null {
  const { before, after } = facts;
  if (before.moved === null || after.moved === null) return null;
  const byInode = new Map(facts.connections.map((conn) => [conn.inode, conn]));
  const done = new Set<number>();
  const unseenFds: number[] = [];
  let moved = 0;
  let unseen = 0;
  let filtered = 0;
  for (const { inode, fd, family, listening } of after.sockets) {
    const last = after.moved.get(inode);
    if (family !== "tcp" || listening || last === undefined || done.has(inode)) continue;
    done.add(inode);
    const first: IoBytes = before.moved.get(inode) ?? { read: 0, written: 0 };
    const read = Math.max(0, last.read - first.read);
    const written = Math.max(0, last.written - first.written);
    const conn = byInode.get(inode);
    moved += read + written;
    const missing = missingOf(read, conn?.ingress.bytes) + missingOf(written, conn?.egress.bytes);
    if (missing === 0) continue;
    // For a filtered connection the kernel side sends only some of its counts.
    if (conn?.cut.has("filtered")) {
      filtered += missing;
      continue;
    }
    unseen += missing;
    unseenFds.push(fd);
  }
  return { moved, unseen, filtered, unseenFds };
}

function missingOf(moved: number, seen = 0): number {
  return moved - seen > SLACK_BYTES ? moved - seen : 0;
}

/** Bytes that read() and write() calls moved on files and pipes; at least 0. */
export function nonSocketBytes(facts: DoctorFacts): number {
  let moved = 0;
  for (const [pid, last] of facts.after.io) {
    const first = facts.before.io.get(pid) ?? { read: 0, written: 0 };
    moved += last.read - first.read + last.written - first.written;
  }
  return Math.max(0, moved - facts.socketIoBytes);
}

/** Files that were read or written while watching, those with most bytes first, then open pipes. */
export function busyFiles(facts: DoctorFacts): string[] {
  const places = new Map(
    facts.before.files.map(({ pid, fd, target, position }) => [`${pid} ${fd} ${target}`, position]),
  );
  const busy = new Map<string, number>();
  for (const { pid, fd, target, position } of facts.after.files) {
    const moved = position - (places.get(`${pid} ${fd} ${target}`) ?? 0);
    const isPipe = target.startsWith("pipe:");
    if (moved > 0 || isPipe) busy.set(target, Math.max(busy.get(target) ?? 0, moved));
  }
  return [...busy].sort(([, a], [, b]) => b - a).map(([target]) => target);
}

/** Sockets of kinds that are not traced. */
export function untracedSockets(facts: DoctorFacts): string[] {
  const kinds = new Set<string>();
  for (const { family, type } of facts.after.sockets) {
    if (family === "unix" && type !== "stream") kinds.add(`unix ${type}`);
    else if (family === "other") kinds.add("neither TCP, UDP nor unix");
  }
  return [...kinds];
}
