/**
 * The containers of traced processes. In: pids as their events pass by. Out: an entry for the
 * stream, at the first event of a process in a container, and when that changes. A process is looked
 * up once in LOOK_AGAIN_NS, never for each event; of one that is gone nothing is said.
 */
import type { Container } from "../../record/record.ts";
import { containerOf } from "./container.ts";
import type { EntryFields } from "../event.ts";
import { hasHostPids, readText } from "./machine.ts";
import { containerEntry } from "../user_entries.ts";

/**
 * A process may be moved (runtimes do so with what they start), and an end of one may be missed
 * whose pid another has by now.
 */
const LOOK_AGAIN_NS = 10e9;
const ROUNDS = 255;

export class ContainerWatch {
  /** Byte pid: the round (1 to ROUNDS) in which it was looked up last. */
  readonly #seen: Uint8Array;
  #round = 1;
  #nextRoundNs = LOOK_AGAIN_NS;
  /** What was said of processes in containers. */
  readonly #told = new Map<number, Container>();
  readonly #read: (pid: number) => string | null;

  /** Pids are below `pidLimit`; `read` gives /proc/PID/cgroup, null when it cannot be read. */
  constructor(pidLimit: number, read: (pid: number) => string | null = reader()) {
    this.#seen = new Uint8Array(pidLimit);
    this.#read = read;
  }

  /** Is the process to be looked up, by look()? */
  isDue(pid: number): boolean {
    return this.#seen[pid] !== this.#round;
  }

  /** Looks the process up; what is to be said of it before its event, null when nothing is. */
  look(pid: number): EntryFields | null {
    if (pid === 0 || pid >= this.#seen.length) return null;
    this.#seen[pid] = this.#round;
    const text = this.#read(pid);
    const told = this.#told.get(pid);
    if (text === null) return null;
    const found = containerOf(text);
    if (found?.id === told?.id && found?.pod_uid === told?.pod_uid) return null;
    if (found === null) this.#told.delete(pid);
    else this.#told.set(pid, found);
    return containerEntry(pid, found);
  }

  /** The process ended: the next one of that pid is another. */
  exited(pid: number): void {
    this.#seen[pid] = 0;
    this.#told.delete(pid);
  }

  /** Time passed, nanoseconds since the trace began. */
  tick(nowNs: number): void {
    if (nowNs < this.#nextRoundNs) return;
    this.#nextRoundNs = nowNs + LOOK_AGAIN_NS;
    this.#round++;
    if (this.#round <= ROUNDS) return;
    this.#seen.fill(0);
    this.#round = 1;
  }
}

/** In a pid namespace of its own /proc tells of other processes than the events do. */
function reader(): (pid: number) => string | null {
  return hasHostPids() ? (pid) => readText(`/proc/${pid}/cgroup`) : () => null;
}
