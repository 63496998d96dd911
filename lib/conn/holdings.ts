/**
 * What a session keeps: frames that wait for their other half, and its protocol's state.
 *
 * In: frames as they are queued, and word of each pairing. Out: bytes, which count in those of all
 * sessions. A frame is reckoned by the most that can be in it, which costs nothing; once these bounds
 * come to a limit, by what is in it. It takes nothing off the queues.
 */
import type { Timed } from "../../protocols/protocol.ts";
import { weigh } from "../wire/weight.ts";
import type { TrackerContext } from "./context.ts";

/** A frame's span, its place in the queue and its smallest message. */
const FRAME_BYTES = 1024;
/** A byte on the wire may become as many: an empty value in a list, a name that points to another. */
const UNFOLDED_BYTES = 32;
/** A frame with a gap may have any size; sums of more frames than there can be are still exact. */
const MOST_BYTES = 2 ** 36;
/** So many are counted anew each time. */
const FEW = 16;

export class Holdings<F> {
  readonly #context: TrackerContext;
  readonly #requests: readonly Timed<F>[];
  readonly #responses: readonly Timed<F>[];
  #queueBytes = 0;
  #stateBytes = 0;
  /** Frames when they were last counted, and queued since then. */
  #counted = 0;
  #queued = 0;
  #weighs = false;

  constructor(
    context: TrackerContext,
    requests: readonly Timed<F>[],
    responses: readonly Timed<F>[],
  ) {
    this.#context = context;
    this.#requests = requests;
    this.#responses = responses;
  }

  /** Reckoned for the queues. */
  get queueBytes(): number {
    return this.#queueBytes;
  }

  /** That frame was queued. */
  push(timed: Timed<F>): void {
    const context = this.#context;
    // What was decoded is no more than may be shown, and a character may take two bytes.
    const decodedBytes = timed.heldBytes ?? 2 * context.maxBodyBytes;
    timed.heldBytes = this.#weighs || context.weighs
      ? FRAME_BYTES + weigh(timed.frame)
      : Math.min(MOST_BYTES, FRAME_BYTES + UNFOLDED_BYTES * timed.bytes + decodedBytes);
    this.#queued++;
    this.#setQueue(this.#queueBytes + timed.heldBytes);
  }

  /** Frames may have been taken off. Of long queues some may still be counted that are gone. */
  paired(): void {
    const length = this.#requests.length + this.#responses.length;
    if (length === this.#counted + this.#queued) return;
    if (length > FEW) {
      const taken = this.#counted + this.#queued - length;
      if (this.#queued + taken < length >> 2) return;
    }
    this.#count(length);
  }

  /** Reckons the frames by what is in them, from now on until they are gone. */
  weigh(): void {
    if (!this.#weighs) {
      for (const queue of [this.#requests, this.#responses]) {
        for (const timed of queue) timed.heldBytes = FRAME_BYTES + weigh(timed.frame);
      }
      this.#weighs = true;
    }
    this.#count(this.#requests.length + this.#responses.length);
  }

  /** The protocol's state takes that much. */
  setState(bytes: number): void {
    if (bytes === this.#stateBytes) return;
    this.#context.queuedBytes += bytes - this.#stateBytes;
    this.#stateBytes = bytes;
  }

  #count(length: number): void {
    let bytes = 0;
    for (const timed of this.#requests) bytes += timed.heldBytes ?? 0;
    for (const timed of this.#responses) bytes += timed.heldBytes ?? 0;
    this.#counted = length;
    this.#queued = 0;
    if (length === 0) this.#weighs = false;
    this.#setQueue(bytes);
  }

  #setQueue(bytes: number): void {
    this.#context.queuedBytes += bytes - this.#queueBytes;
    this.#queueBytes = bytes;
  }
}
