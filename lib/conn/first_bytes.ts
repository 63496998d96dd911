/**
 * What one direction said before the other had said anything, kept until it has: the answer may show
 * that it was misread.
 *
 * In: a stream that nothing was taken of yet. Out: the same bytes once more, as if nobody had looked
 * at them. It keeps no more than a probe looks at.
 */
import type { Owner } from "../stream/byte_stream.ts";
import { PROBE_BYTES } from "./detect.ts";
import type { OneDirection } from "./one_direction.ts";

export class FirstBytes {
  readonly direction: OneDirection;
  readonly bytes: Uint8Array;
  readonly #position: number;
  readonly #timeNs: number;
  readonly #owner: Owner;

  private constructor(direction: OneDirection) {
    const { stream } = direction;
    this.direction = direction;
    this.bytes = stream.view().slice();
    this.#position = stream.position;
    this.#timeNs = stream.frontNs;
    this.#owner = stream.frontOwner;
  }

  /** Null where there is more than is kept. */
  static of(direction: OneDirection): FirstBytes | null {
    const { shownBytes, gapBytes } = direction.stream;
    return gapBytes > 0 || shownBytes > PROBE_BYTES ? null : new FirstBytes(direction);
  }

  /** What one of two directions said; null where both have spoken. */
  static ofOnly(both: readonly [OneDirection, OneDirection]): FirstBytes | null {
    const [first, other] = both.filter(({ stream }) => stream.shownBytes > 0);
    return first === undefined || other !== undefined ? null : FirstBytes.of(first);
  }

  /** Has nothing more come on that direction since? */
  get isAll(): boolean {
    return this.direction.stream.end === this.#position + this.bytes.length;
  }

  /** Puts them back; only while `isAll`. */
  restore(): void {
    const { stream } = this.direction;
    stream.clear();
    stream.startAt(this.#position);
    stream.append(this.bytes, 0, this.bytes.length, this.#timeNs, this.#owner);
  }
}
