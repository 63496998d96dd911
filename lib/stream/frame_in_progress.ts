/**
 * The frame that a driver is working on: where it began, what is missing from it, and what was lost
 * before it.
 *
 * In: calls as the driver takes bytes off its stream, and the stream's gaps. Out: the frame with its
 * span, for the queue. It takes gaps off the stream, but no bytes, and does not look at them.
 */
import type { IncompleteReason, Loss, Side, Timed } from "../../protocols/protocol.ts";
import type { ByteStream, Owner } from "./byte_stream.ts";
import type { DriverReport } from "./driver_place.ts";
import type { WireMap } from "./wire_map.ts";
import { GAP_REASONS, gapName, incompleteOfGap, isUntoldGap } from "./gap.ts";

/** A gap of one byte may be a FIN that was counted with the bytes. */
const FIN_BYTES = 1;
const NOTHING: readonly never[] = [];
const NOBODY: Owner = { pid: 0, fd: -1, comm: "" };

/** The part of DriverPlace that it needs. */
export interface Span {
  readonly stream: ByteStream;
  readonly side: Side;
  readonly report: DriverReport;
  readonly nested?: { readonly wire: WireMap };
}

export class FrameInProgress {
  /** Bytes of the frame were taken; where and when its first one was. */
  hasBegun = false;
  startPosition = 0;
  startNs = 0;
  /** Bytes are missing behind the last frame. */
  isBehindGap = false;
  /** Why they are missing. */
  gapReason: IncompleteReason = "gap";
  #gapBytes = 0;
  /** For Loss.mayBeBoth, isWhole and isJoin. */
  #mayBeBoth = false;
  #isWhole = true;
  #isJoin = false;

  readonly #stream: ByteStream;
  readonly #side: Side;
  readonly #report: DriverReport;
  /** For a nested stream: which bytes on the wire carried it; else null. */
  readonly #wire: WireMap | null;
  #owner: Owner | null = null;
  #reasons: IncompleteReason[] | null = null;
  /** When the last dropped byte moved. */
  #droppedNs = -Infinity;
  /** Bytes dropped before the frame moved in the same operation as its first byte. */
  #behindRest = false;

  constructor({ stream, side, report, nested }: Span) {
    this.#stream = stream;
    this.#side = side;
    this.#report = report;
    this.#wire = nested === undefined ? null : nested.wire;
  }

  /** Who moved its first byte. */
  get owner(): Owner {
    return this.#owner ?? NOBODY;
  }

  /** Why parts of it are missing so far; null when none is. */
  get reasons(): readonly IncompleteReason[] | null {
    return this.#reasons;
  }

  /** May whole frames be missing behind the last one? */
  get mayLack(): boolean {
    return this.isBehindGap && this.#gapBytes !== FIN_BYTES;
  }

  /** Bytes of the frame that were taken. */
  get skippedBytes(): number {
    return this.hasBegun ? this.#stream.position - this.startPosition : 0;
  }

  /** Begins the frame with the byte in front, unless it has begun. */
  begin(): void {
    if (this.hasBegun) return;
    const stream = this.#stream;
    this.hasBegun = true;
    this.startPosition = stream.position;
    this.startNs = stream.frontNs;
    this.#owner = stream.frontOwner;
    this.#behindRest = this.isBehindGap && this.#droppedNs === this.startNs;
  }

  /** Notes that a part of the frame is missing. */
  note(reason: IncompleteReason): void {
    if (this.#reasons === null) this.#reasons = [reason];
    else if (!this.#reasons.includes(reason)) this.#reasons.push(reason);
  }

  /** Notes that bytes of no frame were dropped. */
  noteDropped(): void {
    this.#isWhole = false;
    this.#droppedNs = this.#stream.lastNs;
  }

  /** Nothing of the stream before this frame was seen, for that reason. */
  join(reason: IncompleteReason): void {
    this.isBehindGap = true;
    this.gapReason = reason;
    this.#isJoin = true;
    this.#isWhole = false;
  }

  /** Notes the gap at the front. "lost_events" hides other reasons: the operator can do something. */
  noteGap(): void {
    const { gapReason, gapBytes } = this.#stream;
    this.#gapBytes += gapBytes;
    if (this.#isJoin) return;
    this.#mayBeBoth ||= isUntoldGap(gapReason);
    if (this.gapReason !== "lost_events") this.gapReason = incompleteOfGap(gapReason);
  }

  /** The gap at the front lies between frames: reports it, and takes it off the stream. */
  passGap(): void {
    const stream = this.#stream;
    this.noteGap();
    this.#report.gap(this.#side, stream.gapBytes, gapName(stream.gapReason));
    stream.passGap();
  }

  /** Notes and reports the gaps that a skip inside the frame went over. */
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

  /** The frame for the queue, once all its bytes were taken. Half a frame has no `unfoldedBytes`. */
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

  /** The frame was queued: nothing is missing before the next one so far. */
  closeGap(): void {
    this.isBehindGap = false;
    this.gapReason = "gap";
    this.#gapBytes = 0;
    this.#mayBeBoth = this.#isJoin = false;
    this.#isWhole = true;
  }

  /** The next byte in front belongs to another frame. */
  finish(): void {
    this.hasBegun = false;
    // If it broke off, a part of what is missing behind it was seen.
    if (this.#reasons !== null) this.#isWhole = false;
    this.#reasons = null;
  }
}
