/**
 * What a frame driver works with, what it reports to, and the context that its plug-in gets. In a file
 * of its own because nested.ts makes drivers, too.
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
import type { WireMap } from "./wire_map.ts";

/** What the driver reports to: counters, and connection logs. */
export interface DriverReport {
  frame(side: Side, bytes: number): void;
  invalid(side: Side, reason: string, bytes: Uint8Array, position: number): void;
  resync(side: Side, droppedBytes: number): void;
  abandoned(side: Side, reason: IncompleteReason): void;
  gap(side: Side, bytes: number, reason: string): void;
  /** That side's bytes need only be counted up to that position; null: all are needed again. */
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

/** The context for parseFrame() before any byte came. `ended` for datagrams: each is shown whole. */
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
    isFound: false,
    before: [],
    pairing,
  };
}
