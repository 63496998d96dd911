/**
 * Watchers learn what the rings do not tell: containers of processes, ends without a hook, the targets'
 * ends. All of them are called at the same moments:
 *
 *     begin()   a round begins: what is looked up now happened before the round's end
 *     event()   an entry passes on its way to the pipeline; entries of `say` go before it
 *     end()     all entries older than the horizon were handed out; those of `say` go behind them
 */
import type { EntryFields, SocketEvent } from "../event.ts";

/** Puts an entry into the stream of events; a time before the stream's latest becomes that. */
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

/** All watchers as one. */
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
