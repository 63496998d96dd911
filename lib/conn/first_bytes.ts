/**
 * The first bytes of one direction, kept until the other direction has bytes, which may show that the
 * first ones were misread.
 *
 * In: a stream of which nothing was taken yet. Out: the same bytes in the stream again. It keeps at
 * most as many as a probe looks at.
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

  /** Keeps a direction's bytes; null when there are more than a probe looks at. */
  static of(direction: OneDirection): FirstBytes | null {
    const { shownBytes, gapBytes } = direction.stream;
    return gapBytes > 0 || shownBytes > PROBE_BYTES ? null : new FirstBytes(direction);
  }

  /** Keeps the bytes of the only direction that has some; null when both or none have. */
  static ofOnly(both: readonly [OneDirection, OneDirection]): FirstBytes | null {
    const [first, other] = both.filter(({ stream }) => stream.shownBytes > 0);
    return first === undefined || other !== undefined ? null : FirstBytes.of(first);
  }

  /** Has nothing more come in that direction since? */
  get isAll(): boolean {
    return this.direction.stream.end === this.#position + this.bytes.length;
  }

  /** Puts the bytes back into the stream; only while `isAll`. */
  restore(): void {
    const { stream } = this.direction;
    stream.clear();
    stream.startAt(this.#position);
    stream.append(this.bytes, 0, this.bytes.length, this.#timeNs, this.#owner);
  }
}
