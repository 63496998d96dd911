/**
 * Memory of what a session keeps: frames that wait for their other half, and its protocol's state.
 *
 * In: the session's queues, and a call after each pairing. Out: bytes, added to those of all
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

/** The most that can be in a frame; `shownBytes` of a message's text may be shown. */
export function mostBytes(
  { bytes, unfoldedBytes }: Pick<Timed<unknown>, "bytes" | "unfoldedBytes">,
  shownBytes: number,
): number {
  // What was decoded is no more than may be shown, and a character may take two bytes.
  const decodedBytes = unfoldedBytes ?? 2 * shownBytes;
  return Math.min(MOST_BYTES, FRAME_BYTES + UNFOLDED_BYTES * bytes + decodedBytes);
}

export class Holdings<F> {
  readonly #context: TrackerContext;
  readonly #requests: readonly Timed<F>[];
  readonly #responses: readonly Timed<F>[];
  #queueBytes = 0;
  #stateBytes = 0;
  /** Frames that #queueBytes is the sum of; some may be gone since. */
  #counted = 0;
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

  /** Called when frames may have been queued or taken off. In long queues some that are gone may still count. */
  settle(): void {
    const length = this.#requests.length + this.#responses.length;
    if (length > FEW) {
      this.#addNew(this.#requests);
      this.#addNew(this.#responses);
      if (this.#counted - length < length >> 2) return;
    }
    this.#count(length);
  }

  /** Weighs the frames; new ones are weighed, too, until the queues are empty. */
  weigh(): void {
    if (!this.#weighs) {
      for (const queue of [this.#requests, this.#responses]) {
        for (const timed of queue) timed.heldBytes = 0;
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

  #reckon(timed: Timed<F>): number {
    if (timed.heldBytes > 0) return timed.heldBytes;
    const context = this.#context;
    return timed.heldBytes = this.#weighs || context.weighs
      ? FRAME_BYTES + weigh(timed.frame)
      : mostBytes(timed, context.maxBodyBytes);
  }

  /** Adds the frames at the end of a queue that were not reckoned yet. */
  #addNew(queue: readonly Timed<F>[]): void {
    let bytes = this.#queueBytes;
    for (let at = queue.length - 1; at >= 0; at--) {
      const timed = queue[at] as Timed<F>;
      if (timed.heldBytes > 0) break;
      bytes += this.#reckon(timed);
      this.#counted++;
    }
    this.#setQueue(bytes);
  }

  #count(length: number): void {
    let bytes = 0;
    for (let at = 0; at < this.#requests.length; at++) {
      bytes += this.#reckon(this.#requests[at] as Timed<F>);
    }
    for (let at = 0; at < this.#responses.length; at++) {
      bytes += this.#reckon(this.#responses[at] as Timed<F>);
    }
    this.#counted = length;
    if (length === 0) this.#weighs = false;
    this.#setQueue(bytes);
  }

  #setQueue(bytes: number): void {
    this.#context.queuedBytes += bytes - this.#queueBytes;
    this.#queueBytes = bytes;
  }
}
