/**
 * What all trackers of a run share: options, counters, buffers, the clock, and where records go. The
 * pipeline fills it in; `nowNs` and `losses` follow the events.
 */
import type { Role, Started, Summary } from "../../protocols/protocol.ts";
import type { Passing } from "../capture/source.ts";
import type { WallClock } from "../clock.ts";
import type { Container, TraceRecord } from "../record/record.ts";
import type { Stats } from "../stats.ts";
import type { BufferPool } from "../stream/buffer_pool.ts";
import type { ConnLog } from "./conn_log.ts";
import type { Outbox } from "./outbox.ts";

export type { Role };

/** What goes on with its work; true once nothing of it is left. */
export interface Behind {
  goOn(): boolean;
}

export interface TrackerContext {
  readonly plugins: readonly Started[];
  readonly showUnknown: boolean;
  /** Only records of this role of the traced process. */
  readonly role: Role | undefined;
  /** --max-body. */
  readonly maxBodyBytes: number;
  readonly showSecrets: boolean;
  /** Null: the protocol's own, else the default. */
  readonly requestTimeoutMs: number | null;
  readonly summaries: boolean;
  /** Count the records whose response is an error. */
  readonly outlines: boolean;
  /** A frame in progress may hold this much. */
  readonly maxFrameBytes: number;
  readonly stats: Stats;
  readonly pool: BufferPool;
  readonly clock: WallClock;
  readonly log: ConnLog | null;
  /** By pid, the container of a process that runs in one. */
  readonly containers: Map<number, Container>;
  readonly emit: (record: TraceRecord, summary: Summary | null) => void;
  readonly verdict: (conn: number, verdict: "keep" | "stop", passing?: Passing) => void;
  /** Event time: the latest seen. */
  nowNs: number;
  /** Loss reports so far. */
  losses: number;
  /** Has any ENTRY_OPEN been seen? Then each connection has one, unless it was lost. */
  hasOpens: boolean;
  /** A filter leaves data events out: a connection without any is none of those asked for. */
  readonly filters: boolean;
  /** One session may keep this much of frames that wait for their other half. */
  readonly maxQueuedBytes: number;
  /** Estimated bytes of such frames, of protocols' states and of datagram sockets' remote ends: see Holdings. */
  queuedBytes: number;
  /** Exchanges that wait to become records, if one event completed very many. */
  readonly outbox: Outbox;
  /** What the last event left to do: done before the next one is taken. */
  readonly behind: Set<Behind>;
  /** Where events come from keeps so much of the traffic, too. */
  readonly source: { readonly heldBytes: number };
  /** Memory is short: frames are weighed as they are queued. */
  weighs: boolean;
  /** Trackers alive (streams, plain-text streams, datagram peers). */
  trackers: number;
}
