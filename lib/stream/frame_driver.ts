/**
 * The one place that loops over a stream, resyncs and counts.
 *
 * In: one side's ByteStream and a protocol. Out: whole frames with their spans, in `queue`. The
 * plug-in is trusted with nothing: a result that would not move on is invalid, lengths are checked,
 * and a frame that never ends is abandoned at a bound. It never looks into the bytes itself.
 *
 *     frame      taken off the stream with the bytes skipped before it, queued
 *     skip       passed, also bytes still to come; gaps inside mark the frame
 *     need_more  waits; at a gap or at the end the frame is abandoned (what there is of it is queued)
 *     invalid    counted; resync from the next byte
 *     switch     stops: both directions go on with another protocol
 */
import type {
  Exchange,
  Frame,
  IncompleteReason,
  Invalid,
  ParseContext,
  ParseResult,
  Protocol,
  Side,
  Timed,
} from "../../protocols/protocol.ts";
import type { ByteStream, Owner } from "./byte_stream.ts";
import { GAP_REASONS, gapName, incompleteOfGap } from "./gap.ts";

/** Whom the driver tells; counters and connection logs stand behind it. */
export interface DriverReport {
  frame(side: Side, bytes: number): void;
  invalid(side: Side, reason: string, bytes: Uint8Array, position: number): void;
  resync(side: Side, droppedBytes: number): void;
  abandoned(side: Side, reason: IncompleteReason): void;
  gap(side: Side, bytes: number, reason: string): void;
  /** Nobody will look at that side's bytes up to that position; null: from here on all are looked at. */
  pass(side: Side, until: number | null): void;
}

const NOTHING: readonly never[] = [];
/** Less is not worth telling the kernel. */
const MIN_PASS = 256 << 10;
/** Told at once, at most: the kernel compares positions modulo 2^32. */
const MAX_PASS = 1 << 30;
/** A start that was found on fewer bytes is looked at again when there are more. */
const SURE_BYTES = 64;
const NO_PROGRESS: Invalid = { kind: "invalid", reason: "no_progress" };

export class FrameDriver<F, S, X extends Exchange> {
  /** Set once the protocol handed over to another (null: to none that is known). */
  switchTo: string | null | undefined = undefined;
  /** Frames found so far, and failures to find one. */
  frames = 0;
  failures = 0;

  readonly #protocol: Protocol<F, S, X>;
  readonly #context: ParseContext<S>;
  readonly #stream: ByteStream;
  readonly #queue: Timed<F>[];
  readonly #report: DriverReport;
  readonly #maxFrameBytes: number;

  // The frame in progress: has it begun (bytes of it were skipped), and with what.
  #begun = false;
  #startPosition = 0;
  #startNs = 0;
  #owner: Owner | null = null;
  #reasons: IncompleteReason[] | null = null;
  /** parseFrame() is not asked again before this many bytes are there. */
  #needBytes = 0;
  /** A skip is done: the plug-in may have a frame without any further byte. */
  #afterSkip = false;
  #resyncing = false;
  #resyncFrom = 0;
  /** The frame in front was looked for, and nothing of it was done with yet. */
  #isFound = false;
  #afterGap = false;
  #gapReason: IncompleteReason = "gap";
  /** When the last byte moved that no frame begins with. */
  #droppedNs = -Infinity;
  /** What was dropped before the frame in progress came with it. */
  #behindRest = false;
  #endReason: IncompleteReason = "closed";
  #passUntil: number | null = null;

  constructor(
    protocol: Protocol<F, S, X>,
    side: Side,
    transport: "stream" | "datagram",
    state: S,
    stream: ByteStream,
    queue: Timed<F>[],
    report: DriverReport,
    maxFrameBytes: number,
  ) {
    this.#protocol = protocol;
    const ended = transport === "datagram";
    this.#context = { side, transport, state, ended, gapBytes: 0, before: NOTHING };
    this.#stream = stream;
    this.#queue = queue;
    this.#report = report;
    this.#maxFrameBytes = maxFrameBytes;
  }

  /** The stream is joined in its middle: frames before the first one were not seen. */
  join(): void {
    this.#afterGap = true;
    this.#gapReason = "mid_stream";
  }

  /** Here begins no frame: the first one must be looked for. */
  startResyncing(): void {
    this.#resyncing = true;
  }

  /** Nothing more will come; the next run() settles what is left. */
  end(reason: IncompleteReason): void {
    this.#context.ended = true;
    this.#endReason = reason;
  }

  /** Does this side wait for the rest of a frame? */
  get waits(): boolean {
    return this.#begun || this.#stream.shownBytes > 0;
  }

  /** Bytes were missing behind the last frame: there may have been more. */
  get isBehindGap(): boolean {
    return this.#afterGap;
  }

  /** Takes every frame that the stream holds. */
  run(): void {
    const stream = this.#stream;
    const context = this.#context;
    while (this.switchTo === undefined) {
      if (stream.skippedGaps !== 0) this.#noteSkippedGaps();
      if (stream.skipLeft > 0) {
        if (context.ended) this.#abandon(this.#endReason);
        else this.#passBy();
        return;
      }
      if (this.#passUntil !== null) this.#endPassing();
      if (this.#resyncing && !this.#resync()) return;
      const shown = stream.shownBytes;
      const gapBytes = stream.gapBytes;
      if (shown === 0) {
        const more = gapBytes > 0 || context.ended;
        if (!this.#afterSkip && !(this.#begun && more)) {
          if (gapBytes === 0) return;
          this.#passGap();
          continue;
        }
      } else if (shown < this.#needBytes && gapBytes === 0 && !context.ended) return;
      context.gapBytes = gapBytes;
      const bytes = stream.view();
      const result = this.#protocol.parseFrame(bytes, context);
      if (!this.#apply(result, bytes, shown, gapBytes)) return;
    }
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
      if (trailing > 0) this.#report.invalid(context.side, "trailing_bytes", bytes, result.length);
      this.#takeFrame(result);
    } else if (result.kind === "need_more" && gapBytes > 0) {
      this.#abandon(incompleteOfGap(stream.gapReason));
    } else {
      const reason = result.kind === "invalid" ? result.reason : "short_datagram";
      this.failures++;
      this.#report.invalid(context.side, reason, bytes, 0);
      this.#protocol.abandon(context);
    }
    stream.clear();
    this.#finishFrame();
  }

  /** Abandons what is in progress, for want of memory; the rest of the stream is resynced. */
  giveUp(): void {
    this.#abandon("truncated");
    this.#stream.clear();
    this.#startResync(0);
  }

  /** False when there is nothing more to do for now. */
  #apply(result: ParseResult<F>, bytes: Uint8Array, shown: number, gapBytes: number): boolean {
    switch (result.kind) {
      case "frame":
        if (!isLength(result.length, shown) || (result.length === 0 && !this.#begun)) {
          return this.#invalid(NO_PROGRESS, bytes);
        }
        this.#takeFrame(result);
        return true;
      case "skip":
        // A body that ends with the connection may be skipped without an end.
        if (!(result.length > 0) || result.length % 1 > 0) return this.#invalid(NO_PROGRESS, bytes);
        this.#begin();
        this.#afterSkip = true;
        this.#needBytes = 0;
        this.#stream.skip(result.length);
        return true;
      case "need_more":
        return this.#needMore(result.minBytes, shown, gapBytes);
      case "invalid":
        return this.#invalid(result, bytes);
      case "switch":
        this.#stream.consume(isLength(result.length, shown) ? result.length : shown);
        this.#finishFrame();
        this.switchTo = result.to;
        return false;
    }
  }

  #takeFrame(result: Frame<F>): void {
    this.#begin();
    const stream = this.#stream;
    if (result.length > 0) stream.consume(result.length);
    if (result.incomplete !== undefined) this.#note(result.incomplete);
    this.#push(result.frame, result.redacted ?? NOTHING);
    if (result.switchTo !== undefined) this.switchTo = result.switchTo;
  }

  #needMore(minBytes: number, shown: number, gapBytes: number): boolean {
    this.#afterSkip = false;
    if (gapBytes > 0) {
      this.#abandonAtGap();
      return true;
    }
    if (this.#context.ended) {
      this.#abandon(this.#endReason);
      return false;
    }
    const need = Math.max(shown + 1, minBytes);
    if (!(need <= this.#maxFrameBytes)) {
      this.giveUp();
      return false;
    }
    this.#needBytes = need;
    if (this.#isFound && shown < SURE_BYTES) this.#lookAgain();
    return false;
  }

  /** Where a frame may start is told by few bytes, where one does by more: the same however they come. */
  #lookAgain(): void {
    this.#protocol.abandon(this.#context);
    this.#finishFrame();
    this.#resyncing = true;
  }

  #invalid(result: Invalid, bytes: Uint8Array): boolean {
    this.failures++;
    this.#report.invalid(this.#context.side, result.reason, bytes, this.#stream.position);
    const half = this.#protocol.abandon(this.#context);
    if (half !== null) {
      this.#begin();
      this.#note("truncated");
      this.#push(half, NOTHING);
    }
    this.#startResync(1);
    return true;
  }

  /** What is to be skipped for long need not even be sent. */
  #passBy(): void {
    const { end, skipLeft } = this.#stream;
    const told = this.#passUntil === null ? 0 : this.#passUntil - end;
    if (told > MAX_PASS / 2 || skipLeft - told < MIN_PASS) return;
    this.#passUntil = end + Math.min(skipLeft, MAX_PASS);
    this.#report.pass(this.#context.side, this.#passUntil);
  }

  #endPassing(): void {
    this.#passUntil = null;
    this.#report.pass(this.#context.side, null);
  }

  /** Ends the frame in progress; all that is shown belonged to it. */
  #abandon(reason: IncompleteReason): void {
    const stream = this.#stream;
    const shown = stream.shownBytes;
    if (!this.#begun && shown === 0) return;
    this.#begin();
    stream.consume(shown);
    if (stream.skipLeft > 0) stream.skipLeft = 0;
    const frame = this.#protocol.abandon(this.#context);
    this.#report.abandoned(this.#context.side, reason);
    this.#note(reason);
    if (frame !== null) this.#push(frame, NOTHING);
    else this.#finishFrame();
  }

  #abandonAtGap(): void {
    this.#noteGap();
    this.#abandon(incompleteOfGap(this.#stream.gapReason));
    this.#startResync(0);
  }

  /** Losses of ours go before all other causes: they are what can be mended. */
  #noteGap(): void {
    if (this.#gapReason === "lost_events") return;
    this.#gapReason = incompleteOfGap(this.#stream.gapReason);
  }

  #passGap(): void {
    this.#noteGap();
    this.#report.gap(this.#context.side, this.#stream.gapBytes, gapName(this.#stream.gapReason));
    this.#stream.passGap();
    this.#startResync(0);
  }

  #startResync(from: number): void {
    this.#isFound = false;
    this.#context.before = NOTHING;
    this.#finishFrame();
    this.#resyncing = true;
    this.#resyncFrom = from;
    this.#afterGap = true;
  }

  /** Moves to the next possible start of a frame; false when it is not there yet. */
  #resync(): boolean {
    const stream = this.#stream;
    while (true) {
      const shown = stream.shownBytes;
      if (shown === 0) {
        if (stream.gapBytes === 0) return false;
        this.#passGap();
        continue;
      }
      this.#context.gapBytes = stream.gapBytes;
      const from = Math.min(this.#resyncFrom, shown);
      const bytes = stream.view();
      const found = this.#protocol.findBoundary(bytes, from, this.#context);
      const to = found >= from && found < shown ? Math.floor(found) : shown;
      this.#resyncFrom = 0;
      if (to > 0) {
        this.#report.resync(this.#context.side, to);
        const { before = NOTHING } = this.#context;
        this.#context.before = [...before, ...bytes.subarray(Math.max(0, to - 2), to)].slice(-2);
        stream.consume(to);
        this.#droppedNs = stream.lastNs;
      }
      if (to < shown) {
        this.#resyncing = false;
        this.#isFound = true;
        return true;
      }
    }
  }

  #begin(): void {
    if (this.#begun) return;
    this.#isFound = false;
    const stream = this.#stream;
    this.#begun = true;
    this.#startPosition = stream.position;
    this.#startNs = stream.frontNs;
    this.#owner = stream.frontOwner;
    this.#behindRest = this.#afterGap && this.#droppedNs === this.#startNs;
  }

  #note(reason: IncompleteReason): void {
    if (this.#reasons === null) this.#reasons = [reason];
    else if (!this.#reasons.includes(reason)) this.#reasons.push(reason);
  }

  #noteSkippedGaps(): void {
    const stream = this.#stream;
    const names: string[] = [];
    for (let reason = 0; reason < GAP_REASONS.length; reason++) {
      if ((stream.skippedGaps & (1 << reason)) === 0) continue;
      this.#note(incompleteOfGap(reason));
      names.push(gapName(reason));
    }
    this.#report.gap(this.#context.side, stream.skippedGapBytes, names.join(" and "));
    stream.skippedGaps = 0;
    stream.skippedGapBytes = 0;
  }

  #push(frame: F, redacted: readonly string[]): void {
    const stream = this.#stream;
    if (stream.skippedGaps !== 0) this.#noteSkippedGaps();
    const owner = this.#owner;
    const bytes = stream.position - this.#startPosition;
    this.#queue.push({
      startNs: this.#startNs,
      endNs: bytes === 0 ? this.#startNs : stream.lastNs,
      bytes,
      pid: owner === null ? 0 : owner.pid,
      fd: owner === null ? -1 : owner.fd,
      comm: owner === null ? "" : owner.comm,
      container: owner === null ? undefined : owner.container,
      frame,
      incomplete: this.#reasons ?? NOTHING,
      redacted,
      afterGap: this.#afterGap,
      gapReason: this.#afterGap ? this.#gapReason : undefined,
      behindRest: this.#behindRest,
    });
    this.frames++;
    this.#afterGap = false;
    this.#gapReason = "gap";
    this.#report.frame(this.#context.side, bytes);
    this.#finishFrame();
  }

  #finishFrame(): void {
    this.#begun = false;
    this.#afterSkip = false;
    this.#reasons = null;
    this.#needBytes = 0;
  }
}

function isLength(length: number, shown: number): boolean {
  return Number.isInteger(length) && length >= 0 && length <= shown;
}
