/**
 * What a tracker tells the kernel side about its bytes, a socket's own or plain text inside them: to go
 * on sending payload or to stop, and up to where bytes need only be counted.
 */
import { PLAINTEXT_IDS } from "../capture/abi.ts";
import type { Passing } from "../capture/source.ts";
import type { TrackerContext } from "./context.ts";

const ALL_LOOKED_AT: Passing = { egress: null, ingress: null };

export class Verdict {
  readonly #tell: TrackerContext["verdict"];
  /** What the kernel side knows the bytes by. */
  readonly #id: number;
  #passing = ALL_LOOKED_AT;

  /** `plaintext`: of a plain-text stream inside TLS; 0: of the socket's own bytes. */
  constructor(context: TrackerContext, conn: number, plaintext: number) {
    this.#tell = context.verdict;
    this.#id = plaintext === 0 ? conn : PLAINTEXT_IDS + plaintext;
  }

  keep(): void {
    this.#passing = ALL_LOOKED_AT;
    this.#tell(this.#id, "keep");
  }

  stop(): void {
    this.#tell(this.#id, "stop");
  }

  /** Bytes of that direction need only be counted up to `until`; null: they are looked at. */
  pass(direction: keyof Passing, until: number | null): void {
    this.#passing = { ...this.#passing, [direction]: until };
    this.#tell(this.#id, "keep", this.#passing);
  }
}
