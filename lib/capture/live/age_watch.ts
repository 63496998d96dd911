/**
 * Tells which unix sockets are older than the trace, which their events do not show. In: the sockets
 * that exist when everything is attached, and each ENTRY_OPEN of one. Out: an AGE entry before that
 * ENTRY_OPEN. A socket made between attaching and looking counts as older.
 */
import type { SystemFiles } from "../../system_files.ts";
import { EntryKind, Family, OPEN_NAMES_SIZE, OpenNames } from "../abi.ts";
import type { SocketEvent } from "../event.ts";
import { ageEntry } from "../user_entries.ts";
import { readU32, socketInodes, UNIX_TABLE } from "./sweep.ts";
import { listPids } from "./targets.ts";
import type { Say, Watcher } from "./watcher.ts";

export class AgeWatch implements Watcher {
  /** Inodes; null when the kernel's table cannot be read: then no AGE entries are written. */
  readonly #older: ReadonlySet<number> | null;

  constructor(files: SystemFiles) {
    // Processes that live: their network namespaces have tables of their own.
    this.#older = socketInodes(files, new Set(listPids(files)), [UNIX_TABLE]);
  }

  event(event: SocketEvent, say: Say): void {
    if (event.kind !== EntryKind.OPEN || event.family !== Family.UNIX) return;
    if (this.#older === null || event.payloadLength < OPEN_NAMES_SIZE) return;
    const inode = readU32(event.bytes, event.payloadStart + OpenNames.inode);
    if (inode > 0) say(ageEntry(event.conn, event.pid, this.#older.has(inode)));
  }
}
