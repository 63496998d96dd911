/**
 * Where a frame driver works, whom it tells, and what a plug-in is told of it. Apart from the driver:
 * nested.ts makes drivers, too.
 */
import type {
  Exchange,
  IncompleteReason,
  ParseContext,
  Protocol,
  Side,
  Timed,
} from "../../protocols/protocol.ts";
import type { Pairing } from "../stitch/pairing.ts";
import type { BufferPool } from "./buffer_pool.ts";
import type { ByteStream } from "./byte_stream.ts";

/** Which bytes on the wire carried a nested stream's. */
export interface WireMap {
  /** Bytes on the wire of [from, to) of the nested stream. */
  bytesBetween(from: number, to: number): number;
}

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

/** What a driver works with. */
export interface DriverPlace<F, S, X extends Exchange, T> {
  readonly protocol: Protocol<F, S, X, T>;
  readonly side: Side;
  readonly transport: "stream" | "datagram";
  readonly state: S;
  readonly pairing: Pairing;
  readonly stream: ByteStream;
  readonly queue: Timed<F>[];
  readonly report: DriverReport;
  readonly maxFrameBytes: number;
  /** Buffers of nested streams come from here. */
  readonly pool: BufferPool;
  /** Of a nested stream: its number, and which bytes on the wire carried it. */
  readonly nested?: { readonly id: number; readonly wire: WireMap };
}

/** What parseFrame() is told before anything came. The one datagram of a stream is all there is. */
export function contextOf<F, S, X extends Exchange, T>(
  { side, transport, state, pairing, nested }: DriverPlace<F, S, X, T>,
): ParseContext<S> {
  return {
    side,
    transport,
    state,
    inner: nested === undefined ? null : nested.id,
    ended: transport === "datagram",
    gapBytes: 0,
    before: [],
    pairing,
  };
}
