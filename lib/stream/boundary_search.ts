/**
 * Finds where the next frame begins, when that is not known.
 *
 * In: the bytes that a stream shows. Out: the stream moved to the next place where the protocol's
 * findBoundary() says that a frame may begin; dropped bytes are reported, and the last of them go into
 * the context.
 */
import type { Exchange, ParseContext, Protocol } from "../../protocols/protocol.ts";
import type { ByteStream } from "./byte_stream.ts";
import type { DriverPlace, DriverReport } from "./driver_place.ts";
import type { FrameInProgress } from "./frame_in_progress.ts";
import { LARGEST_FIRST } from "./window.ts";

/** A start that was found on fewer bytes is looked at again when there are more. */
export const SURE_BYTES = 64;
const NOTHING: readonly never[] = [];

export class BoundarySearch<F, S, X extends Exchange, T> {
  isOn = false;

  readonly #protocol: Protocol<F, S, X, T>;
  readonly #stream: ByteStream;
  readonly #report: DriverReport;
  readonly #context: ParseContext<S>;
  readonly #front: FrameInProgress;
  /** No frame begins before this offset. */
  #from = 0;

  constructor(
    { protocol, stream, report }: DriverPlace<F, S, X, T>,
    context: ParseContext<S>,
    front: FrameInProgress,
  ) {
    this.#protocol = protocol;
    this.#stream = stream;
    this.#report = report;
    this.#context = context;
    this.#front = front;
  }

  /** Begins a search from that offset on. */
  start(from: number): void {
    // Bytes were taken since the last search: those before the front are not known.
    if (!this.#context.isFound) this.#context.before = NOTHING;
    this.#context.isFound = false;
    this.isOn = true;
    this.#from = from;
  }

  /** Searches the shown bytes, one window at most; true when the next start is in front. */
  look(): boolean {
    const stream = this.#stream;
    const context = this.#context;
    const shown = stream.shownBytes;
    const from = Math.min(this.#from, shown);
    const until = Math.min(shown, from + LARGEST_FIRST);
    context.gapBytes = until === shown ? stream.gapBytes : 0;
    const bytes = stream.view().subarray(0, until);
    if (context.side === "response") context.pairing.mayBeInside = true;
    const found = this.#protocol.findBoundary(bytes, from, context);
    const to = found >= from && found < until ? Math.floor(found) : until;
    this.#from = 0;
    if (to > 0) {
      this.#report.resync(context.side, to);
      context.before = [...context.before, ...bytes.subarray(Math.max(0, to - 2), to)].slice(-2);
      stream.consume(to);
      this.#front.noteDropped();
    }
    if (to === until) return false;
    this.isOn = false;
    context.isFound = true;
    return true;
  }
}
