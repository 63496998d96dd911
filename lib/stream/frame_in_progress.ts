/**
 * The frame that a driver is at work on: where it began, what is missing from it, and what was lost
 * before it.
 *
 * In: what the driver does with its stream, and the stream's gaps. Out: the frame with its span, as
 * it is queued. It takes gaps off the stream, but never bytes, and does not look at them.
 */
import type { IncompleteReason, Loss, Side, Timed } from "../../protocols/protocol.ts";
import type { ByteStream, Owner } from "./byte_stream.ts";
import type { DriverReport, WireMap } from "./driver_place.ts";
import { GAP_REASONS, gapName, incompleteOfGap, isUntoldGap } from "./gap.ts";

/** A FIN that was counted with the bytes. */
const FIN_BYTES = 1;
const NOTHING: readonly never[] = [];
const NOBODY: Owner = { pid: 0, fd: -1, comm: "" };

/** What it needs of a driver's place. */
export interface Span {
  readonly stream: ByteStream;
  readonly side: Side;
  readonly report: DriverReport;
  readonly nested?: { readonly wire: WireMap };
}

export class FrameInProgress {
  /** Bytes of it are done with; where and when the first one was, and whose it was. */
  hasBegun = false;
  startPosition = 0;
  startNs = 0;
  /** Bytes were missing behind the last frame: there may have been more. */
  isBehindGap = false;
  /** Why they were missing. */
  gapReason: IncompleteReason = "gap";
  #gapBytes = 0;
  /** As in Loss. */
  #mayBeBoth = false;
  #isWhole = true;
  #isJoin = false;

  readonly #stream: ByteStream;
  readonly #side: Side;
  readonly #report: DriverReport;
  /** Of a nested stream: which bytes on the wire carried it. */
  readonly #wire: WireMap | null;
  #owner: Owner | null = null;
  #reasons: IncompleteReason[] | null = null;
  /** When the last byte moved that no frame begins with. */
  #droppedNs = -Infinity;
  /** What was dropped before the frame came with it. */
  #behindRest = false;

  constructor({ stream, side, report, nested }: Span) {
    this.#stream = stream;
    this.#side = side;
    this.#report = report;
    this.#wire = nested === undefined ? null : nested.wire;
  }

  /** Whose its first byte was. */
  get owner(): Owner {
    return this.#owner ?? NOBODY;
  }

  /** What is missing from it so far; null when nothing is. */
  get reasons(): readonly IncompleteReason[] | null {
    return this.#reasons;
  }

  /** May whole frames be missing behind the last one? */
  get mayLack(): boolean {
    return this.isBehindGap && this.#gapBytes !== FIN_BYTES;
  }

  /** Bytes that are done with. */
  get skippedBytes(): number {
    return this.hasBegun ? this.#stream.position - this.startPosition : 0;
  }

  /** The byte in front is its first one, unless it has begun. */
  begin(): void {
    if (this.hasBegun) return;
    const stream = this.#stream;
    this.hasBegun = true;
    this.startPosition = stream.position;
    this.startNs = stream.frontNs;
    this.#owner = stream.frontOwner;
    this.#behindRest = this.isBehindGap && this.#droppedNs === this.startNs;
  }

  /** Something is missing from the bytes that came last. */
  note(reason: IncompleteReason): void {
    if (this.#reasons === null) this.#reasons = [reason];
    else if (!this.#reasons.includes(reason)) this.#reasons.push(reason);
  }

  /** Bytes were passed that belong to no frame. */
  noteDropped(): void {
    this.#isWhole = false;
    this.#droppedNs = this.#stream.lastNs;
  }

  /** Nothing of the stream was seen before this one, and why. */
  join(reason: IncompleteReason): void {
    this.isBehindGap = true;
    this.gapReason = reason;
    this.#isJoin = true;
    this.#isWhole = false;
  }

  /** The stream is at a gap. Losses of ours go before all other causes: they can be mended. */
  noteGap(): void {
    const { gapReason, gapBytes } = this.#stream;
    this.#gapBytes += gapBytes;
    if (this.#isJoin) return;
    this.#mayBeBoth ||= isUntoldGap(gapReason);
    if (this.gapReason !== "lost_events") this.gapReason = incompleteOfGap(gapReason);
  }

  /** The gap in front lies between frames: tells it, and takes it off the stream. */
  passGap(): void {
    const stream = this.#stream;
    this.noteGap();
    this.#report.gap(this.#side, stream.gapBytes, gapName(stream.gapReason));
    stream.passGap();
  }

  /** Notes the gaps that were skipped inside it, and tells them. */
  noteSkippedGaps(): void {
    const stream = this.#stream;
    const names: string[] = [];
    for (let reason = 0; reason < GAP_REASONS.length; reason++) {
      if ((stream.skippedGaps & (1 << reason)) === 0) continue;
      this.note(incompleteOfGap(reason));
      names.push(gapName(reason));
    }
    this.#report.gap(this.#side, stream.skippedGapBytes, names.join(" and "));
    stream.skippedGaps = 0;
    stream.skippedGapBytes = 0;
  }

  /** As it is queued, all of its bytes being done with. `unfoldedBytes` is not known of half a frame. */
  timed<F>(
    frame: F,
    redacted: readonly string[] | undefined,
    streamId: number | undefined,
    unfoldedBytes: number | undefined,
  ): Timed<F> {
    const stream = this.#stream;
    const owner = this.#owner;
    const bytes = this.#wire === null
      ? stream.position - this.startPosition
      : this.#wire.bytesBetween(this.startPosition, stream.position);
    return {
      startNs: this.startNs,
      endNs: bytes === 0 ? this.startNs : stream.lastNs,
      bytes,
      pid: owner === null ? 0 : owner.pid,
      fd: owner === null ? -1 : owner.fd,
      comm: owner === null ? "" : owner.comm,
      container: owner === null ? undefined : owner.container,
      frame,
      incomplete: this.#reasons ?? NOTHING,
      redacted: redacted ?? NOTHING,
      loss: this.isBehindGap ? this.#loss() : null,
      stream: streamId ?? 0,
      shown: false,
      unfoldedBytes,
      heldBytes: 0,
    };
  }

  #loss(): Loss {
    return {
      reason: this.gapReason,
      behindRest: this.#behindRest,
      mayBeBoth: this.#mayBeBoth,
      isWhole: this.#isWhole,
      isJoin: this.#isJoin,
    };
  }

  /** It was queued: nothing is missing before the next one. */
  closeGap(): void {
    this.isBehindGap = false;
    this.gapReason = "gap";
    this.#gapBytes = 0;
    this.#mayBeBoth = this.#isJoin = false;
    this.#isWhole = true;
  }

  /** The next byte in front is another one's first. */
  finish(): void {
    this.hasBegun = false;
    // It may have broken off: of what is missing behind it, a part was seen.
    if (this.#reasons !== null) this.#isWhole = false;
    this.#reasons = null;
  }
}
