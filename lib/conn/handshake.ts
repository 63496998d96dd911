/**
 * The TLS handshake of one connection: what it told, and its record, which is shown only when no plain
 * text inside it is.
 *
 * In: the record, once the handshake has succeeded. Out: it is shown when plain text has not come within
 * WAIT_NS of event time, or the connection ends before. A handshake that fails does not come here.
 */
import type { TrackerContext } from "./context.ts";

/** Plain text comes with the first request. */
const WAIT_NS = 2e9;
/** Memory of a handshake's record. */
const RECORD_BYTES = 4096;

export class Handshake {
  /** What plain text inside is to know (TlsFacts of the plug-in); null: it was not seen. */
  told: unknown = null;
  readonly #context: Pick<TrackerContext, "nowNs" | "queuedBytes">;
  #show: (() => void) | null = null;
  #untilNs = 0;
  #isLeftOut = false;

  constructor(context: Pick<TrackerContext, "nowNs" | "queuedBytes">) {
    this.#context = context;
  }

  /** The handshake succeeded; `show` makes its record. */
  defer(show: () => void): void {
    if (this.#isLeftOut) return;
    this.show();
    this.#show = show;
    this.#untilNs = this.#context.nowNs + WAIT_NS;
    this.#context.queuedBytes += RECORD_BYTES;
  }

  /** Plain text inside came, which says as much. */
  leaveOut(): void {
    this.#isLeftOut = true;
    this.#take();
  }

  /** Event time passed. */
  sweep(): void {
    if (this.#show !== null && this.#context.nowNs >= this.#untilNs) this.show();
  }

  /** Shows what waits. */
  show(): void {
    this.#take()?.();
  }

  #take(): (() => void) | null {
    const show = this.#show;
    if (show !== null) this.#context.queuedBytes -= RECORD_BYTES;
    this.#show = null;
    return show;
  }
}
