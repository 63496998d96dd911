/**
 * Names of processes, one string object for each. In: events. Out: their comm, decoded only when the
 * sixteen bytes of it have changed. A direct-mapped cache of fixed size.
 */
import { Entry } from "../capture/abi.ts";
import type { SocketEvent } from "../capture/event.ts";

const SLOTS = 256;
const COMM_BYTES = 16;

export class CommNames {
  readonly #pids = new Float64Array(SLOTS).fill(-1);
  readonly #bytes = new Uint8Array(SLOTS * COMM_BYTES);
  readonly #names: string[] = new Array<string>(SLOTS).fill("");

  nameOf(event: SocketEvent): string {
    const slot = event.pid & (SLOTS - 1);
    const from = event.entryStart + Entry.comm;
    const to = slot * COMM_BYTES;
    const bytes = event.bytes;
    const cached = this.#bytes;
    if (this.#pids[slot] === event.pid) {
      let i = 0;
      while (i < COMM_BYTES && bytes[from + i] === cached[to + i] && cached[to + i] !== 0) i++;
      if (i === COMM_BYTES || bytes[from + i] === cached[to + i]) {
        return this.#names[slot] as string;
      }
    }
    this.#pids[slot] = event.pid;
    for (let i = 0; i < COMM_BYTES; i++) cached[to + i] = bytes[from + i] as number;
    return this.#names[slot] = event.comm();
  }
}
