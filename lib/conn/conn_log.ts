/**
 * The interface of connection logs (--conn-trace-*), which trackers call as they work.
 *
 * Level 1 methods are called when a tracker's state changes, level 2 methods at each step. Trackers of
 * connections that are not logged hold null, so that a call costs them one test. An implementation of
 * level 1 ignores the calls of level 2.
 */
import type { Side } from "../../protocols/protocol.ts";
import type { TraceRecord } from "../record/record.ts";
import type { SocketEvent } from "../capture/event.ts";
import type { Positions } from "./open_names.ts";

/** The connection that an entry is about. */
export interface LogSubject {
  /** Identity of the connection. */
  readonly id: number;
  /** Process and descriptor that last moved bytes on it. */
  readonly pid: number;
  readonly fd: number;
  /** Event time, nanoseconds since the trace began. */
  readonly lastNs: number;
}

export interface ConnLog {
  readonly level: 1 | 2;
  /** Is this process's descriptor to be logged? Asked at its first event and when they change. */
  wants(pid: number, fd: number): boolean;

  // Level 1: changes of state.
  /**
   * `fresh`: the connection had moved nothing before; null where that is not known (unix sockets).
   * `starts`: positions of the first byte of each direction, where known.
   */
  opened(on: LogSubject, fresh: boolean | null, starts: Positions | null): void;
  /** A logged process moves bytes on it, after others that are not logged. */
  joined(on: LogSubject): void;
  addressLearnt(on: LogSubject, local: string, remote: string): void;
  stateChanged(on: LogSubject, from: string, to: string, why: string): void;
  protocolDecided(on: LogSubject, protocol: string, role: "client" | "server"): void;
  protocolRefused(on: LogSubject, protocol: string, why: string): void;
  tlsSeen(on: LogSubject): void;
  /** From here on only its totals are looked at. */
  disabled(on: LogSubject, why: string): void;

  // Level 2: every step.
  data(on: LogSubject, event: SocketEvent): void;
  frame(on: LogSubject, side: Side, bytes: number): void;
  gap(on: LogSubject, side: Side, bytes: number, reason: string): void;
  invalid(on: LogSubject, side: Side, reason: string, bytes: Uint8Array, position: number): void;
  resync(on: LogSubject, side: Side, droppedBytes: number): void;
  evicted(on: LogSubject, why: string): void;
  stitched(on: LogSubject, exchanges: number, requestsLeft: number, responsesLeft: number): void;
  /** `stream`: number of the stream, where the connection has several. */
  record(on: LogSubject, record: TraceRecord, stream?: number): void;
}
