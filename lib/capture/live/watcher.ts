/**
 * What a live trace learns besides the rings: containers of processes, ends that no hook tells, the
 * targets' ends. Each is a Watcher, asked at the same few moments.
 *
 *     begin()   a round begins: what is looked up now happened before it ends
 *     event()   an entry passes by, on its way to the pipeline; what is said goes before it
 *     end()     all that is older than the horizon was handed out; what is said goes behind it
 */
import type { EntryFields, SocketEvent } from "../event.ts";

/** Puts an entry into the stream of events; its time is set to the stream's where it is earlier. */
export type Say = (entry: EntryFields) => void;

export interface Watcher {
  /** `nowNs`: the clock when the round began, nanoseconds since the trace began. */
  begin?(nowNs: number): void;
  /** Every entry but ENTRY_DATA. */
  event?(event: SocketEvent, say: Say): void;
  /** ENTRY_DATA: on the hot path. */
  data?(event: SocketEvent, say: Say): void;
  end?(horizonNs: number, say: Say): void;
}

/** All of them as one. */
export class Watchers implements Required<Watcher> {
  readonly #all: readonly Watcher[];
  readonly #data: readonly Watcher[];

  constructor(all: readonly Watcher[]) {
    this.#all = all;
    this.#data = all.filter(({ data }) => data !== undefined);
  }

  begin(nowNs: number): void {
    for (const watcher of this.#all) watcher.begin?.(nowNs);
  }

  event(event: SocketEvent, say: Say): void {
    for (const watcher of this.#all) watcher.event?.(event, say);
  }

  data(event: SocketEvent, say: Say): void {
    for (const watcher of this.#data) watcher.data?.(event, say);
  }

  end(horizonNs: number, say: Say): void {
    for (const watcher of this.#all) watcher.end?.(horizonNs, say);
  }
}
