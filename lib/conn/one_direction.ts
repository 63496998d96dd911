/**
 * One direction of a stream connection: its bytes in order, and how far they have come.
 *
 * In: data events, and where the direction ends. Out: bytes and gaps on its stream; each gap counted,
 * with its reason. It knows no protocol but whether there is one.
 */
import { Cut } from "../capture/abi.ts";
import type { SocketEvent } from "../capture/event.ts";
import type { Stats } from "../stats.ts";
import { Assembler, type AssemblyStats } from "../stream/assembler.ts";
import { ByteStream, type Owner } from "../stream/byte_stream.ts";
import { GAP_LOST, GAP_MISSING, GAP_UNSEEN } from "../stream/gap.ts";
import type { TrackerContext } from "./context.ts";
import type { Positions } from "./open_names.ts";

/** Without a byte seen, a start further than this from the end was read before the handshake: wrong. */
const MAX_UNMOVED = 64 << 20;
/** In TCP's positions a SYN, and a FIN of the traced process, count as one byte each. */
const HANDSHAKE_BYTES = 1;

/** Where a direction ended. */
export interface DirectionEnd {
  /** Modulo 2^32 with `tcp`. */
  readonly position: number;
  /** How many bytes before it had not been read: the process may read them late, or never. */
  readonly unread: number;
  /** Bytes that the kernel saw moving since the connection was first seen. */
  readonly counted: number;
  readonly tcp: boolean;
}

/** What ENTRY_CLOSE says: where both directions end, and how many bytes moved. */
export interface FinalTotals {
  readonly positions: Positions;
  readonly totals: Positions;
  /** Bytes before ingress's final position that the process had not read by then. */
  readonly unread: number;
  readonly tcp: boolean;
}

/** The end of one direction. */
export function endOf(direction: "egress" | "ingress", final: FinalTotals): DirectionEnd {
  const { positions, totals, unread, tcp } = final;
  return {
    position: positions[direction],
    unread: direction === "ingress" ? unread : 0,
    counted: totals[direction],
    tcp,
  };
}

/** Counts the gaps of one direction, by their reason and whether the connection's protocol is known. */
class DirectionStats implements AssemblyStats {
  /** A protocol was found: filtered bytes are missing from its messages. */
  hasProtocol = false;
  /** The kernel side filters the connection: it sends no payload, and not every operation's count. */
  filtered = false;
  readonly #stats: Stats;

  constructor(stats: Stats) {
    this.#stats = stats;
  }

  get duplicateBytes(): number {
    return this.#stats.duplicateBytes;
  }

  set duplicateBytes(bytes: number) {
    this.#stats.duplicateBytes = bytes;
  }

  get reordered(): number {
    return this.#stats.reordered;
  }

  set reordered(count: number) {
    this.#stats.reordered = count;
  }

  get waitingBytes(): number {
    return this.#stats.waitingBytes;
  }

  set waitingBytes(bytes: number) {
    this.#stats.waitingBytes = bytes;
  }

  /** Filtered, and no protocol is known: no message is missing. */
  get withheld(): boolean {
    return this.filtered && !this.hasProtocol;
  }

  gap(bytes: number, reason: number): void {
    const isUnseen = reason === GAP_UNSEEN || reason === GAP_MISSING;
    const why = this.withheld && isUnseen ? Cut.FILTERED : reason;
    if (why === Cut.PASSED) this.#stats.passedBytes += bytes;
    else if (why === Cut.FILTERED && this.hasProtocol) this.#stats.filteredMessage(bytes);
    else this.#stats.gap(bytes, why);
  }
}

export class OneDirection {
  readonly stream: ByteStream;
  readonly assembler: Assembler;
  /** Stream position where the latest operation begins. */
  operationStart = 0;
  /** Final position, once ENTRY_EOF told it. */
  eof: { position: number; tcp: boolean } | null = null;
  ended = false;
  /** The stream grew since the session last looked. */
  hasGrown = false;
  /** Bytes of all operations. */
  #movedBytes = 0;

  readonly #stats: DirectionStats;
  readonly #egress: boolean;
  readonly #filters: boolean;
  #start: number | null = null;
  /** The last event's time, who moved its bytes, and how many losses were reported by then. */
  #lastNs = 0;
  #owner: Owner | null = null;
  #losses = 0;

  constructor(context: TrackerContext, egress: boolean) {
    this.#egress = egress;
    this.#filters = context.filters;
    this.#stats = new DirectionStats(context.stats);
    this.stream = new ByteStream(context.pool);
    this.assembler = new Assembler(this.stream, this.#stats);
    this.#losses = context.losses;
  }

  /** Position of the next byte, from ENTRY_OPEN. */
  hintStart(position: number, losses: number): void {
    this.#start = position;
    this.assembler.hintStart(position, losses);
  }

  /** Bytes of all operations but those that wait in the stream. */
  get takenBytes(): number {
    return this.#movedBytes - this.stream.shownBytes;
  }

  set hasProtocol(found: boolean) {
    this.#stats.hasProtocol = found;
  }

  add(event: SocketEvent, owner: Owner, losses: number): void {
    if (event.cut === Cut.FILTERED) this.#stats.filtered = true;
    if (event.offset === 0) {
      this.operationStart = this.stream.end;
      this.#movedBytes += event.totalBytes;
    }
    this.assembler.add(event, owner, losses);
    this.hasGrown = true;
    this.#lastNs = event.timeNs;
    this.#owner = owner;
    this.#losses = losses;
    // Payload comes again: the kernel side no longer filters. Earlier gaps were counted as filtered.
    if (event.cut !== Cut.FILTERED && !this.assembler.waits && event.payloadLength > 0) {
      this.#stats.filtered = false;
    }
  }

  /** May bytes up to the end still come, read late from the socket's queue? */
  awaits(end: DirectionEnd): boolean {
    return this.eof === null && !this.#stats.withheld && this.left(end) > 0;
  }

  /** How many bytes up to the end have not come yet, counting those that wait behind missing ones. */
  left(end: DirectionEnd): number {
    // The egress's ENTRY_EOF comes before its FIN counts.
    const position = this.#egress && this.eof !== null ? this.eof.position : end.position;
    if (this.#owner === null) return this.#leftUnmoved(end, position);
    const since = position - this.stream.end;
    const left = end.tcp ? since | 0 : since;
    return left <= (this.#egress && end.tcp ? HANDSHAKE_BYTES : 0) ? 0 : left;
  }

  /** Gives up on missing bytes that have had their time. */
  expire(nowNs: number, losses: number): void {
    if (this.assembler.waits && this.assembler.expire(nowNs, losses)) this.hasGrown = true;
  }

  /** Gives up on all missing bytes. */
  flush(losses: number): void {
    if (this.assembler.waits && this.assembler.flush(losses)) this.hasGrown = true;
  }

  /** No more events, and nothing waits: bytes that are missing at the end become a gap. */
  finish(end: DirectionEnd | null, losses: number): void {
    // Bytes that the process never read are no gap.
    const left = end === null ? 0 : this.left({ ...end, position: end.position - end.unread });
    if (left === 0 || (this.#owner === null && this.#filters)) return;
    const reason = this.#stats.withheld
      ? Cut.FILTERED
      : losses > this.#losses
      ? GAP_LOST
      : GAP_MISSING;
    this.#stats.gap(left, reason);
    if (this.#owner === null) return;
    this.stream.appendGap(left, reason, this.#lastNs, this.#owner);
    this.hasGrown = true;
  }

  /** left() when no byte came: then only ENTRY_OPEN can say where the direction began. */
  #leftUnmoved(end: DirectionEnd, position: number): number {
    if (this.#start === null || !end.tcp) return end.counted;
    const since = (position - this.#start) | 0;
    if (since < 0 || since > MAX_UNMOVED) return end.counted;
    return since <= HANDSHAKE_BYTES ? 0 : since;
  }
}
