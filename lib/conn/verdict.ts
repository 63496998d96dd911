/**
 * What a tracker tells the kernel side about its connection: to go on sending payload or to stop, and
 * up to where bytes need only be counted. The kernel side hears it of the socket's own bytes alone,
 * not of plain text inside them.
 */
import type { Passing } from "../capture/source.ts";
import type { TrackerContext } from "./context.ts";

const ALL_LOOKED_AT: Passing = { egress: null, ingress: null };

export class Verdict {
  readonly #tell: (verdict: "keep" | "stop", passing?: Passing) => void;
  #passing = ALL_LOOKED_AT;

  constructor(context: TrackerContext, conn: number, isSocket: boolean) {
    this.#tell = isSocket
      ? (verdict, passing): void => context.verdict(conn, verdict, passing)
      : (): void => {};
  }

  keep(): void {
    this.#passing = ALL_LOOKED_AT;
    this.#tell("keep");
  }

  stop(): void {
    this.#tell("stop");
  }

  /** Bytes of that direction need only be counted up to `until`; null: they are looked at. */
  pass(direction: keyof Passing, until: number | null): void {
    this.#passing = { ...this.#passing, [direction]: until };
    this.#tell("keep", this.#passing);
  }
}
