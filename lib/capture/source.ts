/**
 * Where events come from: the kernel (live/), a recording (replay.ts) or a packet capture (pcap/). The
 * pipeline cannot tell them apart.
 */
import type { WallStart } from "../clock.ts";
import type { SocketEvent, TimeBase } from "./event.ts";
import type { Turn } from "./turn.ts";

/** Called once for each event, in the order of their times; the event is reused. */
export type EventHandler = (event: SocketEvent) => void;

/** Facts of a trace that its events refer to; saved in a recording's head. */
export interface TraceStart extends WallStart {
  readonly base: TimeBase;
  /** "socket", "syscall" or "pcap". */
  readonly way: string;
  readonly hostname: string;
  readonly kernel: string;
}

/** Events lost in one perf buffer of one CPU. */
export interface BufferLoss {
  readonly buffer: "data_events" | "conn_events" | "tls_events";
  readonly cpu: number;
  readonly events: number;
}

/** Stream positions up to which a connection's bytes need only be counted; null: none. */
export interface Passing {
  readonly egress: number | null;
  readonly ingress: number | null;
}

/** One way to get events. drain() and wait() alternate until `ended`. */
export interface CaptureSource extends Disposable {
  readonly start: TraceStart;
  /** No more events will come, and everything was handed out. */
  readonly ended: boolean;
  /** Memory that it takes for what it keeps of the traffic: counted against --memory-limit. */
  readonly heldBytes: number;
  /** Hands out what is there now, until `turn` is over; the number of events. Never waits. */
  drain(handler: EventHandler, turn?: Turn): number;
  /** Resolves when there may be more, at the latest after some milliseconds. */
  wait(): Promise<void>;
  /** Stops new events (live: detaches); what was captured is still handed out by drain(). */
  stop(): void;
  losses(): readonly BufferLoss[];
}
