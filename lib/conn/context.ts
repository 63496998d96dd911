/**
 * What all trackers of one trace share: options, counters, buffers, the clock and the way out.
 * Filled in by the pipeline; `nowNs` and `losses` follow the events.
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
  /** Answers that are errors are counted. */
  readonly outlines: boolean;
  /** A frame in progress may hold this much. */
  readonly maxFrameBytes: number;
  readonly stats: Stats;
  readonly pool: BufferPool;
  readonly clock: WallClock;
  readonly log: ConnLog | null;
  /** Of processes that live and are in one. */
  readonly containers: Map<number, Container>;
  readonly emit: (record: TraceRecord, summary: Summary | null) => void;
  readonly verdict: (conn: number, verdict: "keep" | "stop", passing?: Passing) => void;
  /** Event time: the latest seen. */
  nowNs: number;
  /** Loss reports so far. */
  losses: number;
  /** Has any ENTRY_OPEN been seen? Then each connection has one, unless it was lost. */
  hasOpens: boolean;
  /** Data is left out by a filter: a connection without any is none of those asked for. */
  readonly filters: boolean;
  /** One session may keep this much of frames that wait for their other half. */
  readonly maxQueuedBytes: number;
  /** Reckoned for such frames, protocols' states and remote ends of datagram sockets: see Holdings. */
  queuedBytes: number;
  /** Exchanges on their way out, where one event completed very many. */
  readonly outbox: Outbox;
  /** Frames are weighed as they are queued. */
  weighs: boolean;
  /** Trackers alive (streams, plain-text streams, datagram peers). */
  trackers: number;
}
