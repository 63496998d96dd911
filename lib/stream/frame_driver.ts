/**
 * The one place that loops over a stream, resyncs and counts.
 *
 * In: one side's ByteStream and a protocol. Out: whole frames with their spans, in `queue`. It does not
 * trust the plug-in: a result that makes no progress is invalid, lengths are checked, and a frame that
 * never ends is abandoned at a bound. It never looks into the bytes itself.
 *
 *     frame      taken off the stream with the bytes skipped before it, queued
 *     inner      taken off the stream likewise; its piece of a nested stream is driven at once (nested.ts)
 *     skip       passed, also bytes still to come; gaps inside mark the frame
 *     wait       waits for the other side
 *     need_more  waits; at a gap or at the end the frame is abandoned (what there is of it is queued)
 *     invalid    counted; resync from the next byte, or further on (window.ts)
 *     switch     stops: both directions go on with another protocol
 *
 * Its work is linear in the bytes for any input of any plug-in: see window.ts.
 */
import type {
  Exchange,
  Frame,
  Handover,
  IncompleteReason,
  Inner,
  Invalid,
  ParseContext,
  ParseResult,
  Protocol,
} from "../../protocols/protocol.ts";
import type { ByteStream } from "./byte_stream.ts";
import { BoundarySearch, SURE_BYTES } from "./boundary_search.ts";
import { contextOf, type DriverPlace } from "./driver_place.ts";
import { isLength, isUnit, MAX_AWAITING_BYTES, NO_PROGRESS, TOO_MANY } from "./distrust.ts";
import { FrameInProgress } from "./frame_in_progress.ts";
import { incompleteOfGap } from "./gap.ts";
import { NestedStreams } from "./nested.ts";
import { PassingBy } from "./passing_by.ts";
import { Window } from "./window.ts";

export class FrameDriver<F, S, X extends Exchange, T> {
  /** Set once the protocol handed over to another. */
  next: Handover | undefined = undefined;
  /** Frames found so far, and failures to find one. */
  frames = 0;
  failures = 0;
  /** What is in front is for the other side to decide: run() again when that one has moved on. */
  isWaiting = false;

  readonly #place: DriverPlace<F, S, X, T>;
  readonly #protocol: Protocol<F, S, X, T>;
  readonly #context: ParseContext<S>;
  readonly #stream: ByteStream;
  /** The frame in front. */
  readonly #front: FrameInProgress;
  #nested: NestedStreams | null = null;

  /** parseFrame() is not asked again before this many bytes are there. */
  #needBytes = 0;
  /** The last result was a skip: the plug-in may have a frame without another byte. */
  #afterSkip = false;
  #isRunning = false;
  #ended: boolean;
  #endReason: IncompleteReason = "closed";
  readonly #window = new Window();
  readonly #origin: number;
  readonly #search: BoundarySearch<F, S, X, T>;
  readonly #passing: PassingBy;

  constructor(place: DriverPlace<F, S, X, T>) {
    this.#place = place;
    this.#protocol = place.protocol;
    this.#context = contextOf(place);
    this.#front = new FrameInProgress(place);
    this.#search = new BoundarySearch(place, this.#context, this.#front);
    this.#origin = place.stream.position;
    this.#stream = place.stream;
    this.#ended = this.#context.ended;
    this.#passing = new PassingBy((until) => place.report.pass(place.side, until));
  }

  /** The stream was joined in its middle: frames before the first one were not seen. */
  join(reason: IncompleteReason): void {
    this.#front.join(reason);
  }

  /** No frame begins at the front: the first one must be searched. */
  startResyncing(): void {
    this.#search.isOn = true;
  }

  /** No more bytes will come; the next run() settles what is left. */
  end(reason: IncompleteReason): void {
    this.#ended = true;
    this.#context.ended = true;
    this.#endReason = reason;
  }

  /** Does this side wait for the rest of a frame? Bytes that run() has yet to come to say nothing. */
  get waits(): boolean {
    return this.#front.hasBegun || (!this.#isRunning && this.#stream.shownBytes > 0);
  }

  /** Bytes of the frame in progress that were taken. */
  get skippedBytes(): number {
    return this.#front.skippedBytes;
  }

  /** Bytes are missing behind the last frame, so further frames may be. */
  get isBehindGap(): boolean {
    return this.#front.mayLack;
  }

  stopWaiting(): void {
    if (this.isWaiting) this.#abandon(this.#endReason);
  }

  /** Frees what is kept: no more frames are needed. */
  forget(): void {
    this.#nested?.clear();
  }

  /** Takes every frame that the stream holds. */
  run(): void {
    this.#isRunning = true;
    this.#takeFrames();
    this.#isRunning = false;
    if (this.#context.ended) this.frames += this.#nested?.end(this.#endReason) ?? 0;
  }

  #takeFrames(): void {
    const stream = this.#stream;
    this.isWaiting = false;
    // From 2^53 on, adding a byte does not change a position. No kernel counts that far.
    if (stream.end > Number.MAX_SAFE_INTEGER) stream.clear();
    while (this.next === undefined) {
      if (stream.skippedGaps !== 0) this.#front.noteSkippedGaps();
      if (stream.skipLeft > 0) {
        if (this.#ended) this.#abandon(this.#endReason);
        else this.#passing.skip(stream.end, stream.skipLeft);
        return;
      }
      this.#passing.end();
      if (this.#search.isOn && !this.#resync()) return;
      const { shownBytes: shown, gapBytes } = stream;
      if (shown === 0) {
        const more = gapBytes > 0 || this.#ended;
        if (!this.#afterSkip && !(this.#front.hasBegun && more)) {
          if (gapBytes === 0) return;
          this.#passGap();
          continue;
        }
      } else if (shown < this.#needBytes && gapBytes === 0 && !this.#ended) return;
      const bytes = this.#show(shown, gapBytes);
      const result = this.#protocol.parseFrame(bytes, this.#context);
      if (!this.#apply(result, bytes, shown, gapBytes)) return;
      if (stream.isEmpty && !this.#front.hasBegun && !this.#afterSkip) return;
    }
  }

  /** The bytes to show, a window at most; sets what the context says of the bytes behind them. */
  #show(shown: number, gapBytes: number): Uint8Array {
    const context = this.#context;
    const { size } = this.#window;
    const isWhole = shown <= size;
    context.gapBytes = isWhole ? gapBytes : 0;
    context.ended = isWhole && this.#ended;
    const bytes = this.#stream.view();
    return isWhole ? bytes : bytes.subarray(0, size);
  }

  /** Takes the one datagram that the stream holds, and empties the stream. */
  datagram(): void {
    const stream = this.#stream;
    const context = this.#context;
    const gapBytes = stream.gapBytes;
    context.gapBytes = gapBytes;
    const bytes = stream.view();
    const result = this.#protocol.parseFrame(bytes, context);
    if (result.kind === "frame" && isLength(result.length, bytes.length)) {
      const trailing = bytes.length - result.length;
      if (trailing > 0) {
        this.#place.report.invalid(context.side, "trailing_bytes", bytes, result.length);
      }
      this.#takeFrame(result);
    } else if (result.kind === "need_more" && gapBytes > 0) {
      this.#abandon(incompleteOfGap(stream.gapReason));
    } else {
      const reason = result.kind === "invalid" ? result.reason : "short_datagram";
      this.failures++;
      this.#place.report.invalid(context.side, reason, bytes, 0);
      this.#protocol.abandon(context);
    }
    stream.clear();
    this.#finishFrame();
  }

  /** Memory is short: abandons the frame in progress and drops the stream's bytes; then resyncs. */
  giveUp(): void {
    this.#abandon("truncated");
    this.#stream.clear();
    this.#startResync(0);
  }

  /** Acts on a result; false when there is nothing more to do for now. */
  #apply(result: ParseResult<F>, bytes: Uint8Array, shown: number, gapBytes: number): boolean {
    switch (result.kind) {
      case "frame":
        if (!isUnit(result, bytes.length, this.#front)) return this.#invalid(NO_PROGRESS, bytes);
        this.#takeFrame(result);
        return true;
      case "inner":
        return this.#takeInner(result, bytes, shown);
      case "skip":
        // The length may be Infinity: a body that ends with the connection.
        if (!(result.length > 0) || result.length % 1 > 0) return this.#invalid(NO_PROGRESS, bytes);
        this.#begin();
        this.#afterSkip = true;
        this.#needBytes = 0;
        this.#window.restart();
        this.#stream.skip(result.length);
        return true;
      case "wait":
        this.isWaiting = true;
        if (shown > Math.min(this.#place.maxFrameBytes, MAX_AWAITING_BYTES)) this.giveUp();
        return false;
      case "need_more":
        return this.#needMore(result.minBytes, bytes.length, shown, gapBytes);
      case "invalid":
        return this.#invalid(result, bytes);
      case "switch":
        this.#stream.consume(isLength(result.length, bytes.length) ? result.length : shown);
        this.#finishFrame();
        this.next = result;
        return false;
    }
  }

  #takeFrame(result: Frame<F>): void {
    this.#begin();
    if (result.length > 0) this.#stream.consume(result.length);
    if (result.incomplete !== undefined) this.#front.note(result.incomplete);
    // Before the frame is told of: the other side's bytes are the next protocol's, too.
    if (result.next !== undefined) this.next = result.next;
    if (result.next?.isCarrying === true) this.#finishFrame();
    else this.#push(result.frame, result, result.unfoldedBytes ?? 0);
  }

  /** Takes a unit that carries a piece of a nested stream. */
  #takeInner(result: Inner, bytes: Uint8Array, shown: number): boolean {
    const { length } = result;
    const front = this.#front;
    if (!isUnit(result, shown, front)) return this.#invalid(NO_PROGRESS, bytes);
    this.#begin();
    const stream = this.#stream;
    const end = stream.position + length;
    const place = this.#place;
    const nested = this.#nested ??= new NestedStreams(
      place.pool,
      (id, stream, wire) => new FrameDriver({ ...place, stream, nested: { id, wire } }),
    );
    // Before the unit's bytes are consumed: the piece may be a view of them.
    const isTaken = nested.add(result, {
      wireBytes: end - front.startPosition,
      owner: front.owner,
      startNs: front.startNs,
      endNs: stream.nsBefore(end),
    });
    if (!isTaken) return this.#invalid(TOO_MANY, bytes);
    stream.consume(length);
    if (stream.skippedGaps !== 0) this.#front.noteSkippedGaps();
    const reasons = front.reasons;
    this.#finishFrame();
    const { frames, failures, next } = nested.run(result, reasons);
    this.frames += frames;
    this.failures += failures;
    if (next !== undefined) this.next = next;
    return true;
  }

  #needMore(minBytes: number, seen: number, shown: number, gapBytes: number): boolean {
    this.#afterSkip = false;
    const need = Math.max(seen + 1, minBytes);
    if (seen === shown) {
      if (gapBytes > 0) {
        this.#front.noteGap();
        this.#abandon(incompleteOfGap(this.#stream.gapReason));
        this.#startResync(0);
        return true;
      }
      if (this.#ended) {
        this.#abandon(this.#endReason);
        return false;
      }
    }
    if (!(need <= this.#place.maxFrameBytes)) {
      this.giveUp();
      return false;
    }
    this.#needBytes = need;
    if (this.#context.isFound && seen === shown && shown < SURE_BYTES) {
      // Found on few bytes, and with more it is no start: so the result is alike for any chunks.
      this.#protocol.abandon(this.#context);
      this.#finishFrame();
      this.#search.isOn = true;
    }
    this.#window.ask(need);
    return seen < shown;
  }

  #invalid(result: Invalid, bytes: Uint8Array): boolean {
    this.failures++;
    this.#place.report.invalid(this.#context.side, result.reason, bytes, this.#stream.position);
    const half = this.#protocol.abandon(this.#context);
    if (half !== null) {
      this.#begin();
      this.#front.note("truncated");
      this.#push(half.frame, half, undefined);
    }
    this.#startResync(this.#window.bad(this.#stream.position - this.#origin));
    return true;
  }

  /** Ends the frame in progress, to which all shown bytes belong. */
  #abandon(reason: IncompleteReason): void {
    const stream = this.#stream;
    const shown = stream.shownBytes;
    if (!this.#front.hasBegun && shown === 0) return;
    this.#begin();
    stream.consume(shown);
    if (stream.skipLeft > 0) stream.skipLeft = 0;
    const half = this.#protocol.abandon(this.#context);
    this.#place.report.abandoned(this.#context.side, reason);
    this.#front.note(reason);
    if (half !== null) this.#push(half.frame, half, undefined);
    else this.#finishFrame();
  }

  #passGap(): void {
    this.#front.passGap();
    this.#context.isFound = false;
    this.#startResync(0);
  }

  #startResync(from: number): void {
    this.#search.start(from);
    this.#finishFrame();
    this.#front.isBehindGap = true;
    this.#nested?.breakOff(this.#front.gapReason);
  }

  /** For a nested stream: an unknown number of bytes is missing behind those that came. */
  breakOff(reason: IncompleteReason): void {
    this.#front.gapReason = reason;
    this.#abandon(reason);
    this.#startResync(0);
  }

  note(reason: IncompleteReason): void {
    this.#front.note(reason);
  }

  /** Moves to the next possible start of a frame; false when it is not there yet. */
  #resync(): boolean {
    const stream = this.#stream;
    while (true) {
      if (stream.shownBytes > 0) {
        if (this.#search.look()) return true;
      } else if (stream.gapBytes > 0) this.#passGap();
      else return false;
    }
  }

  /** Begins a frame with the byte in front, unless one has begun. */
  #begin(): void {
    if (this.#front.hasBegun) return;
    this.#context.isFound = false;
    this.#front.begin();
  }

  #push(
    frame: F,
    more: Pick<Frame<F>, "redacted" | "stream">,
    unfoldedBytes: number | undefined,
  ): void {
    if (this.#stream.skippedGaps !== 0) this.#front.noteSkippedGaps();
    const timed = this.#front.timed(frame, more.redacted, more.stream, unfoldedBytes);
    this.#place.queue.push(timed);
    this.frames++;
    this.#window.good();
    this.#front.closeGap();
    this.#finishFrame();
    this.#place.report.frame(this.#context.side, timed.bytes);
  }

  #finishFrame(): void {
    this.#front.finish();
    this.#afterSkip = false;
    this.#needBytes = 0;
    this.#window.restart();
  }
}
