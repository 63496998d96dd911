/**
 * Memory of what a session keeps: frames that wait for their other half, and its protocol's state.
 *
 * In: frames as they are queued, and a call after each pairing. Out: bytes, added to those of all
 * sessions. A frame first counts as much as its bytes can have become at most, which costs no work;
 * when these bounds reach a limit, frames are weighed. It takes nothing off the queues.
 */
import type { Timed } from "../../protocols/protocol.ts";
import { weigh } from "../wire/weight.ts";
import type { TrackerContext } from "./context.ts";

/** Memory of a frame's span, its place in the queue, and its smallest message. */
const FRAME_BYTES = 1024;
/** Bytes of memory that a byte on the wire may become: an empty list item, a compressed name. */
const UNFOLDED_BYTES = 32;
/** Most that a frame counts: one with a gap may have any size, and sums must stay exact. */
const MOST_BYTES = 2 ** 36;
/** Queues up to this long are counted anew each time. */
const FEW = 16;

export class Holdings<F> {
  readonly #context: TrackerContext;
  readonly #requests: readonly Timed<F>[];
  readonly #responses: readonly Timed<F>[];
  #queueBytes = 0;
  #stateBytes = 0;
  /** How many frames there were at the last count, and were queued since. */
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

  /** Bytes that the queued frames count. */
  get queueBytes(): number {
    return this.#queueBytes;
  }

  /** Counts a frame that was queued. */
  push(timed: Timed<F>): void {
    const context = this.#context;
    // Decoded text is at most as long as may be shown, and a character may take two bytes.
    const decodedBytes = timed.heldBytes ?? 2 * context.maxBodyBytes;
    timed.heldBytes = this.#weighs || context.weighs
      ? FRAME_BYTES + weigh(timed.frame)
      : Math.min(MOST_BYTES, FRAME_BYTES + UNFOLDED_BYTES * timed.bytes + decodedBytes);
    this.#queued++;
    this.#setQueue(this.#queueBytes + timed.heldBytes);
  }

  /** Called when frames may have been taken off. In long queues some of those may still count. */
  paired(): void {
    const length = this.#requests.length + this.#responses.length;
    if (length === this.#counted + this.#queued) return;
    if (length > FEW) {
      const taken = this.#counted + this.#queued - length;
      if (this.#queued + taken < length >> 2) return;
    }
    this.#count(length);
  }

  /** Weighs the frames; new ones are weighed, too, until the queues are empty. */
  weigh(): void {
    if (!this.#weighs) {
      for (const queue of [this.#requests, this.#responses]) {
        for (const timed of queue) timed.heldBytes = FRAME_BYTES + weigh(timed.frame);
      }
      this.#weighs = true;
    }
    this.#count(this.#requests.length + this.#responses.length);
  }

  /** Counts the protocol's state as that much. */
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
