/**
 * The containers of traced processes. In: pids, as their events pass by. Out: a CONTAINER entry at the
 * first event of a process in a container, and when its container changes. A process is looked up once
 * in LOOK_AGAIN_NS, never for each event; for one that has ended by then no entry is written.
 */
import type { Container } from "../../record/record.ts";
import type { SystemFiles } from "../../system_files.ts";
import { EntryKind } from "../abi.ts";
import type { SocketEvent } from "../event.ts";
import { containerEntry } from "../user_entries.ts";
import { containerOf } from "./container.ts";
import { hasHostPids } from "./machine.ts";
import type { Say, Watcher } from "./watcher.ts";

/**
 * A process may be moved to another cgroup (runtimes move what they start), or its end may be lost and
 * its pid be another's now.
 */
const LOOK_AGAIN_NS = 10e9;
const ROUNDS = 255;

export class ContainerWatch implements Watcher {
  /** By pid, the round (1 to ROUNDS) in which the process was looked up last; 0: never. */
  readonly #seen: Uint8Array;
  #round = 1;
  #nextRoundNs = LOOK_AGAIN_NS;
  /** By pid, the container that the last entry named. */
  readonly #told = new Map<number, Container>();
  readonly #read: (pid: number) => string | null;

  /** Pids are below `pidLimit`; `read` gives /proc/PID/cgroup, null when it cannot be read. */
  constructor(pidLimit: number, read: (pid: number) => string | null) {
    this.#seen = new Uint8Array(pidLimit);
    this.#read = read;
  }

  data(event: SocketEvent, say: Say): void {
    if (this.#seen[event.pid] !== this.#round) this.#look(event.pid, say);
  }

  event(event: SocketEvent, say: Say): void {
    if (event.kind === EntryKind.OPEN) this.data(event, say);
    else if (event.kind === EntryKind.EXIT) this.#exited(event.pid);
  }

  #look(pid: number, say: Say): void {
    if (pid === 0 || pid >= this.#seen.length) return;
    this.#seen[pid] = this.#round;
    const text = this.#read(pid);
    const told = this.#told.get(pid);
    if (text === null) return;
    const found = containerOf(text);
    if (found?.id === told?.id && found?.pod_uid === told?.pod_uid) return;
    if (found === null) this.#told.delete(pid);
    else this.#told.set(pid, found);
    say(containerEntry(pid, found));
  }

  /** The process ended: the next one of that pid is another. */
  #exited(pid: number): void {
    this.#seen[pid] = 0;
    this.#told.delete(pid);
  }

  end(horizonNs: number): void {
    if (horizonNs < this.#nextRoundNs) return;
    this.#nextRoundNs = horizonNs + LOOK_AGAIN_NS;
    this.#round++;
    if (this.#round <= ROUNDS) return;
    this.#seen.fill(0);
    this.#round = 1;
  }
}

/** Reads nothing in a pid namespace of our own, where /proc has other pids than the events. */
export function cgroupReader(files: SystemFiles): (pid: number) => string | null {
  return hasHostPids() ? (pid) => files.readText(`/proc/${pid}/cgroup`) : () => null;
}
