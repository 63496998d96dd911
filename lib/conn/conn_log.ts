/**
 * The seam for connection logs (--conn-trace-*): what the trackers tell about their work.
 *
 * Level 1 methods tell what changes a tracker's state, level 2 methods each step. The trackers hold
 * null where nothing is wanted, so that a call that is not wanted costs one test. An implementation
 * of level 1 ignores the calls of level 2.
 */
import type { Side } from "../../protocols/protocol.ts";
import type { TraceRecord } from "../record/record.ts";
import type { SocketEvent } from "../capture/event.ts";
import type { Positions } from "./open_names.ts";

/** Whom an entry is about. */
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
   * `fresh`: it had moved nothing before; null where that cannot be told (unix sockets). `starts`:
   * positions of the first byte in each direction, where that was told.
   */
  opened(on: LogSubject, fresh: boolean | null, starts: Positions | null): void;
  /** Others that are not logged moved bytes on it before. */
  joined(on: LogSubject): void;
  addressLearnt(on: LogSubject, local: string, remote: string): void;
  stateChanged(on: LogSubject, from: string, to: string, why: string): void;
  protocolDecided(on: LogSubject, protocol: string, role: "client" | "server"): void;
  protocolRefused(on: LogSubject, protocol: string, why: string): void;
  tlsSeen(on: LogSubject): void;
  /** From here on nothing but its totals is looked at. */
  disabled(on: LogSubject, why: string): void;

  // Level 2: every step.
  data(on: LogSubject, event: SocketEvent): void;
  frame(on: LogSubject, side: Side, bytes: number): void;
  gap(on: LogSubject, side: Side, bytes: number, reason: string): void;
  invalid(on: LogSubject, side: Side, reason: string, bytes: Uint8Array, position: number): void;
  resync(on: LogSubject, side: Side, droppedBytes: number): void;
  evicted(on: LogSubject, why: string): void;
  stitched(on: LogSubject, exchanges: number, requestsLeft: number, responsesLeft: number): void;
  /** `stream`: which of the connection's, where it has several. */
  record(on: LogSubject, record: TraceRecord, stream?: number): void;
}
