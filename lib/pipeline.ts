/**
 * The way of the data, on one page: events in, records out.
 *
 *     SocketEvent → Unbound → filter                            (sockets of plain text inside TLS)
 *                 → ConnTable → Connection → ConnTracker        (identity, ends, role, protocol)
 *                 → Assembler → ByteStream → FrameDriver            (order, gaps, frames)
 *                 → Protocol.parseFrame → Protocol.stitch           (exchanges)
 *                 → buildRecord → emit
 *
 * The records depend on the events alone: no clock is read, so that a recording replays to the same
 * bytes.
 */
import type { Plugin, Summary } from "../protocols/protocol.ts";
import { EntryKind, PLAINTEXT_IDS } from "./capture/abi.ts";
import type { SocketEvent } from "./capture/event.ts";
import type { TraceStart } from "./capture/source.ts";
import type { Turn } from "./capture/turn.ts";
import { UserKind, wallStartIn } from "./capture/user_entries.ts";
import { WallClock } from "./clock.ts";
import type { Role, TrackerContext } from "./conn/context.ts";
import { Outbox } from "./conn/outbox.ts";
import { ConnTable } from "./conn/table.ts";
import { Unbound } from "./conn/unbound.ts";
import type { ConnLog } from "./conn/conn_log.ts";
import type { TraceRecord } from "./record/record.ts";
import type { Stats } from "./stats.ts";
import { BufferPool } from "./stream/buffer_pool.ts";

/** A frame in progress holds at most this, or a quarter of the memory limit if that is less. */
const MAX_FRAME_BYTES = 16 << 20;
/** V8 lets its heap grow by a third before it collects (V8_FLAGS), and allocators keep some: that counts, too. */
const LIVE_SHARE = 5 / 8;
/** So does what is allocated while V8 marks, for some 140 ms on a busy machine. */
const WHILE_MARKING_BYTES = 24 << 20;
/** Of small limits so much is live all the same. */
const LEAST_SHARE = 1 / 4;
/** So much of what is live may wait in a packet capture's source. */
const CAPTURE_SHARE = 1 / 2;
/** Of what is live, one connection may queue so much. */
const ONE_SHARE = 4 / 5;

export interface PipelineOptions {
  protocols: readonly Plugin[];
  /** One record for each connection that no protocol matched, at its end. */
  showUnknown: boolean;
  /** And one, with its totals, for each that is encrypted, though it gave records before. */
  showEncrypted?: boolean;
  /** Only exchanges in which the traced process has that role. */
  role?: Role;
  maxBodyBytes: number;
  showSecrets: boolean;
  /** Null: the protocol's own, else 30 s. */
  requestTimeoutMs: number | null;
  memoryLimitBytes: number;
  /** Where the events come from: what it keeps counts, too. */
  source?: { readonly heldBytes: number };
  /** Make a summary with each record (for people). */
  summaries: boolean;
  /** Count the answers that are errors (for statistics). */
  outlines?: boolean;
  /** For replays: live traces are filtered in the kernel. All filters given must match. */
  filter?: {
    pids?: readonly number[];
    /** Their children as well, from the moment they start. */
    follow?: boolean;
    comm?: readonly string[];
    ports?: readonly number[];
  };
  /**
   * Called once a connection's protocol is decided: is its payload still to be sent? And for large
   * bodies: up to which position it need not be.
   */
  verdict?: TrackerContext["verdict"];
  /** Where the trackers log their steps; null: nowhere. */
  connLog?: ConnLog | null;
  /** A clock that others use, too; the pipeline steps it by the events. */
  clock?: WallClock;
  /** Leave out plain text inside TLS whose socket is not found: with --port. */
  boundOnly?: boolean;
  /** Every connection begins with ENTRY_OPEN. Without it that is believed once one came. */
  hasOpens?: boolean;
}

export class Pipeline {
  readonly #stats: Stats;
  readonly #context: TrackerContext;
  readonly #table: ConnTable;
  readonly #filter: PipelineOptions["filter"];
  readonly #pids: Set<number>;
  readonly #unbound: Unbound;

  constructor(
    start: TraceStart,
    options: PipelineOptions,
    stats: Stats,
    emit: (record: TraceRecord, summary: Summary | null) => void,
  ) {
    this.#stats = stats;
    const { maxBodyBytes, showSecrets } = options;
    this.#context = {
      plugins: options.protocols.map((plugin) => plugin.start({ maxBodyBytes, showSecrets })),
      showUnknown: options.showUnknown,
      showEncrypted: options.showEncrypted ?? false,
      role: options.role,
      maxBodyBytes,
      showSecrets,
      requestTimeoutMs: options.requestTimeoutMs,
      summaries: options.summaries,
      outlines: options.outlines ?? false,
      maxFrameBytes: Math.min(MAX_FRAME_BYTES, options.memoryLimitBytes / 4),
      maxQueuedBytes: liveBytes(options.memoryLimitBytes) * ONE_SHARE,
      stats,
      pool: new BufferPool(),
      clock: options.clock ?? new WallClock(start),
      log: options.connLog ?? null,
      containers: new Map(),
      emit: options.filter === undefined ? emit : (record, summary): void => {
        if (this.#shows(record)) emit(record, summary);
      },
      verdict: options.verdict ?? ((): void => {}),
      nowNs: 0,
      filters: isSelective(options.filter),
      losses: 0,
      hasOpens: options.hasOpens ?? false,
      queuedBytes: 0,
      source: options.source ?? { heldBytes: 0 },
      outbox: new Outbox(options.memoryLimitBytes / 2),
      behind: new Set(),
      weighs: false,
      trackers: 0,
    };
    this.#table = new ConnTable(this.#context, liveBytes(options.memoryLimitBytes));
    this.#filter = options.filter;
    this.#pids = new Set(options.filter?.pids);
    const drop = options.boundOnly === true
      ? (events: number): void => void (stats.filteredEvents += events)
      : null;
    this.#unbound = new Unbound(start.base, (event) => this.#take(event), drop);
  }

  /** Takes one event; it may be reused afterwards. */
  onEvent(event: SocketEvent): void {
    this.#unbound.onEvent(event);
  }

  #take(event: SocketEvent): void {
    const stats = this.#stats;
    stats.event(event.kind);
    if (event.kind === EntryKind.LOST) {
      this.#context.losses++;
      stats.lostEntriesOf("data_events", event.cpu, event.totalBytes);
    } else if (event.kind === EntryKind.DATA) {
      if (this.#filter !== undefined && !this.#passes(event)) {
        stats.filteredEvents++;
        return;
      }
      stats.payloadBytes += event.payloadLength;
      if (event.source !== 0) this.#countPlaintext(event);
    } else if (event.kind === UserKind.WALL_CLOCK) this.#stepClock(event);
    else if (event.kind === EntryKind.START && this.#filter?.follow === true) {
      // A START entry has the parent's pid in place of a total.
      if (this.#pids.has(event.totalBytes)) this.#pids.add(event.pid);
    }
    this.#table.onEvent(event);
  }

  /** The last event left something to do: catchUp() comes before the next one, or that one does it. */
  get isBehind(): boolean {
    return this.#context.behind.size > 0;
  }

  /** Does what earlier events left, until `turn` is over. True once nothing is left. */
  catchUp(turn: Turn): boolean {
    return this.#table.catchUp(turn);
  }

  /** No more events: hands over what is in progress, until `turn` is over. True once all is. */
  finish(turn: Turn | null = null): boolean {
    this.#unbound.finish();
    return this.#table.finish(turn);
  }

  /** Estimated bytes of memory in use, which the limit is compared with. */
  get heldBytes(): number {
    return this.#table.heldBytes;
  }

  #countPlaintext(event: SocketEvent): void {
    if (event.offset > 0) return;
    this.#stats.plaintext(event.source, event.totalBytes, event.conn >= PLAINTEXT_IDS);
  }

  #stepClock(event: SocketEvent): void {
    const start = wallStartIn(event);
    if (start !== null) this.#context.clock.step(event.timeNs, start);
  }

  #passes(event: SocketEvent): boolean {
    const { comm, ports } = this.#filter ?? {};
    if (this.#pids.size > 0 && !this.#pids.has(event.pid)) return false;
    if (ports !== undefined && ports.length > 0) {
      if (!ports.includes(event.localPort) && !ports.includes(event.remotePort)) return false;
    }
    return comm === undefined || comm.length === 0 || comm.includes(this.#table.commOf(event));
  }

  /** Opens and ends are not filtered, so connections that a filter leaves out end as "unknown" here. */
  #shows({ protocol, pid, comm, local, remote }: TraceRecord): boolean {
    if (protocol !== "unknown") return true;
    const { comm: names = [], ports = [] } = this.#filter ?? {};
    const isAt = (port: number): boolean =>
      [local, remote].some((end) => end?.endsWith(`:${port}`) === true);
    return (this.#pids.size === 0 || this.#pids.has(pid ?? 0)) &&
      (names.length === 0 || names.includes(comm ?? "")) &&
      (ports.length === 0 || ports.some(isAt));
  }
}

/** How much may be kept, so that the process takes twice `limitBytes` at most beyond what it begins with. */
function liveBytes(limitBytes: number): number {
  return Math.max(limitBytes * LEAST_SHARE, limitBytes * LIVE_SHARE - WHILE_MARKING_BYTES);
}

/** What a packet capture's source may keep of it (pcap/room.ts). */
export function captureBytes(limitBytes: number): number {
  return liveBytes(limitBytes) * CAPTURE_SHARE;
}

function isSelective(filter: PipelineOptions["filter"]): boolean {
  const { pids = [], comm = [], ports = [] } = filter ?? {};
  return pids.length + comm.length + ports.length > 0;
}
