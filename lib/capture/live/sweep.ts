/**
 * Ends of connections that no hook tells: UDP and AF_UNIX sockets. In: the events that pass by, and
 * every two seconds /proc/PID/net. Out: ENTRY_CLOSE of the connections whose socket is gone, once all
 * their events were handed out. It never touches the sockets, and costs a traced process nothing.
 */
import type { SystemFiles } from "../../system_files.ts";
import { Entry, EntryKind, Family, Flag, OPEN_NAMES_SIZE, OpenNames } from "../abi.ts";
import type { SocketEvent } from "../event.ts";
import type { Say, Watcher } from "./watcher.ts";

/** A connection whose end no hook tells. */
interface QuietConnection {
  readonly conn: number;
  readonly inode: number;
  readonly pid: number;
  readonly family: number;
  readonly flags: number;
  readonly localPort: number;
  readonly remotePort: number;
  readonly comm: string;
  readonly local: Uint8Array;
  readonly remote: Uint8Array;
}

/** Most connections that are watched; others end like idle ones (lib/conn/table.ts). */
const MAX_WATCHED = 65536;
/** Which column of a line holds the inode, counted in words. */
interface Table {
  readonly name: string;
  readonly column: number;
}
export const UNIX_TABLE: Table = { name: "unix", column: 6 };
const TABLES = [{ name: "udp", column: 9 }, { name: "udp6", column: 9 }, UNIX_TABLE];

const SWEEP_NS = 2e9;

/** Watches connections from their ENTRY_OPEN until their socket has left /proc. */
export class Sweeper implements Watcher {
  readonly #watched = new Map<number, QuietConnection>();
  #nextNs = SWEEP_NS;
  /** Connections found gone: they end with the round that hands out all events up to that look. */
  #gone: QuietConnection[] = [];
  #goneAtNs = 0;
  readonly #files: SystemFiles;

  constructor(files: SystemFiles) {
    this.#files = files;
  }

  begin(nowNs: number): void {
    if (nowNs < this.#nextNs) return;
    this.#nextNs = nowNs + SWEEP_NS;
    if (this.#gone.length > 0) return;
    this.#gone = this.#sweep();
    this.#goneAtNs = nowNs;
  }

  event(event: SocketEvent): void {
    if (event.kind === EntryKind.OPEN) this.#opened(event);
    else if (event.kind === EntryKind.CLOSE) this.#watched.delete(event.conn);
  }

  end(horizonNs: number, say: Say): void {
    if (this.#gone.length === 0 || horizonNs < this.#goneAtNs) return;
    for (const connection of this.#gone) {
      say({ ...connection, kind: EntryKind.CLOSE, timeNs: horizonNs });
    }
    this.#gone = [];
  }

  /** Watches the connection, unless the kernel side tells its end. */
  #opened(event: SocketEvent): void {
    const quiet = event.family === Family.UNIX || event.isDatagram;
    if (!quiet || event.payloadLength < OPEN_NAMES_SIZE) return;
    if (this.#watched.size >= MAX_WATCHED) return;
    const inode = readU32(event.bytes, event.payloadStart + OpenNames.inode);
    if (inode === 0) return;
    const at = event.entryStart;
    this.#watched.set(event.conn, {
      conn: event.conn,
      inode,
      pid: event.pid,
      family: event.family,
      flags: event.flags & ~Flag.FRESH,
      localPort: event.localPort,
      remotePort: event.remotePort,
      comm: event.comm(),
      local: event.bytes.slice(at + Entry.local, at + Entry.local + 16),
      remote: event.bytes.slice(at + Entry.remote, at + Entry.remote + 16),
    });
  }

  /** The connections whose socket is gone; they are watched no more. */
  #sweep(): QuietConnection[] {
    if (this.#watched.size === 0) return [];
    const pids = new Set(Array.from(this.#watched.values(), (it) => it.pid));
    const inodes = socketInodes(this.#files, pids, TABLES);
    if (inodes === null) return [];
    const gone: QuietConnection[] = [];
    for (const connection of this.#watched.values()) {
      if (!inodes.has(connection.inode)) gone.push(connection);
    }
    for (const connection of gone) this.#watched.delete(connection.conn);
    return gone;
  }
}

/**
 * Inodes of all sockets of these tables in the network namespaces of these processes and our own
 * (they are unique over namespaces); null when the tables cannot be read. A process that has ended
 * shows no namespace: then its sockets are gone, too, or another process of the set has them.
 */
export function socketInodes(
  files: SystemFiles,
  pids: ReadonlySet<number>,
  tables: readonly Table[],
): Set<number> | null {
  const inodes = new Set<number>();
  const seen = new Set<string>();
  for (const who of [Deno.pid, ...pids]) {
    const folder = livingFolder(files, who);
    const namespace = files.identity(unixTableIn(folder));
    if (namespace === null || seen.has(namespace)) continue;
    seen.add(namespace);
    for (const { name, column } of tables) {
      const text = files.readText(`${folder}/net/${name}`);
      // A kernel without IPv6 has no udp6; without another table nothing is known.
      if (text === null && name !== "udp6" && who === Deno.pid) return null;
      if (text !== null) collectInodes(text, column, inodes);
    }
  }
  return inodes;
}

/**
 * Each network namespace has files of its own in /proc/PID/net, which anybody may look at: the link
 * /proc/PID/ns/net is for those only who may trace the process.
 */
function unixTableIn(folder: string): string {
  return `${folder}/net/unix`;
}

/**
 * The folder of /proc that shows a process's namespaces: its own, or, when its main thread has ended
 * before the others, one of theirs.
 */
export function livingFolder(files: SystemFiles, pid: number): string {
  const own = `/proc/${pid}`;
  if (files.identity(unixTableIn(own)) !== null) return own;
  const threads = files.list(`${own}/task`).map((id) => `${own}/task/${id}`);
  return threads.find((folder) => files.identity(unixTableIn(folder)) !== null) ?? own;
}

/** Adds the inode of each line but the first; the columns are separated by blanks. */
export function collectInodes(table: string, column: number, into: Set<number>): void {
  let line = table.indexOf("\n") + 1;
  while (line > 0 && line < table.length) {
    const next = table.indexOf("\n", line);
    const end = next < 0 ? table.length : next;
    const words = table.slice(line, end).trim().split(/ +/, column + 1);
    const inode = Number(words[column]);
    if (inode > 0) into.add(inode);
    line = end + 1;
  }
}

export function readU32(bytes: Uint8Array, at: number): number {
  return ((bytes[at] as number) | ((bytes[at + 1] as number) << 8) |
    ((bytes[at + 2] as number) << 16) | ((bytes[at + 3] as number) << 24)) >>> 0;
}
