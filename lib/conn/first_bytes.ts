/**
 * What one direction said before the other had said anything, kept until it has: the answer may show
 * that it was misread.
 *
 * In: a stream that nothing was taken of yet. Out: the same bytes once more, as if nobody had looked
 * at them. It keeps no more than a probe looks at.
 */
import type { Owner } from "../stream/byte_stream.ts";
import { PROBE_BYTES } from "./detect.ts";
import type { Flow } from "./flow.ts";

export class FirstBytes {
  readonly flow: Flow;
  readonly bytes: Uint8Array;
  readonly #position: number;
  readonly #timeNs: number;
  readonly #owner: Owner;

  private constructor(flow: Flow) {
    const { stream } = flow;
    this.flow = flow;
    this.bytes = stream.view().slice();
    this.#position = stream.position;
    this.#timeNs = stream.frontNs;
    this.#owner = stream.frontOwner;
  }

  /** Null where there is more than is kept. */
  static of(flow: Flow): FirstBytes | null {
    const { shownBytes, gapBytes } = flow.stream;
    return gapBytes > 0 || shownBytes > PROBE_BYTES ? null : new FirstBytes(flow);
  }

  /** What one of two directions said; null where both have spoken. */
  static ofOnly(both: readonly [Flow, Flow]): FirstBytes | null {
    const [first, other] = both.filter(({ stream }) => stream.shownBytes > 0);
    return first === undefined || other !== undefined ? null : FirstBytes.of(first);
  }

  /** Has nothing more come on that direction since? */
  get isAll(): boolean {
    return this.flow.stream.end === this.#position + this.bytes.length;
  }

  /** Puts them back; only while `isAll`. */
  restore(): void {
    const { stream } = this.flow;
    stream.clear();
    stream.startAt(this.#position);
    stream.append(this.bytes, 0, this.bytes.length, this.#timeNs, this.#owner);
  }
}
