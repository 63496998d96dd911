/**
 * The record of a connection that no protocol matched: totals, first bytes, and what was tried. In: its
 * operations. Out: one record at its end. It keeps 64 bytes of each direction and never decodes them;
 * those that may be a secret are not shown.
 */
import type { IncompleteReason, Span, Stitched } from "../../protocols/protocol.ts";
import { buildRecord, type LiveFacts, type RecordFacts } from "../record/build.ts";
import type { SocketEvent } from "../capture/event.ts";
import { Direction, Flag, SOURCES } from "../capture/abi.ts";
import type { ByteStream, Owner } from "../stream/byte_stream.ts";
import { shownText } from "../wire/shown.ts";
import { base64 } from "../wire/text.ts";
import type { Role, TrackerContext } from "./context.ts";
import { follows, harmlessHead, missesStart } from "../secrets/raw.ts";
import type { Positions } from "./open_names.ts";
import type { TrackedConnection } from "./subject.ts";

const FIRST_BYTES = 64;
/** Memory of such a record. */
const RECORD_BYTES = 2048;

/** Columns of a connection whose protocol is not known; `source` as in its events. */
export function unknownFacts(
  { local, remote, id, proxy, isUnbound: unbound }: TrackedConnection,
  source: number,
): LiveFacts {
  const library = source === 0 ? "" : SOURCES[source] ?? "";
  return { protocol: "unknown", role: undefined, local, remote, conn: id, library, unbound, proxy };
}

/** Totals of one direction. */
class DirectionTotals {
  bytes = 0;
  first: Uint8Array | null = null;
  firstLength = 0;
  span: Span | null = null;
  /** Position where the direction begins, from ENTRY_OPEN. */
  told: number | undefined = undefined;
  /** Bytes that were there when it began. */
  #before = 0;
  /** Bytes before those kept were not seen, so the kept ones may be the rest of a secret. */
  isLate = false;
  /** Position behind the last byte kept; -1 before the first, and when nothing more is kept. */
  #next = -1;
  /** The latest operation's position, as in its event and counted from the first operation's. */
  #position: number | null = null;
  #at = 0;
  #start = 0;
  #end = 0;

  add(event: SocketEvent, owner: Owner): void {
    if (event.offset === 0) this.#count(event);
    if (this.span === null) {
      const ns = event.timeNs;
      const { pid, fd, comm, container } = owner;
      this.span = { startNs: ns, endNs: ns, bytes: 0, pid, fd, comm, container };
    } else this.span.endNs = event.timeNs;
    this.#keep(event);
  }

  /** Keeps the first bytes, up to the first that is missing. */
  #keep(event: SocketEvent): void {
    const room = Math.min(FIRST_BYTES - this.firstLength, event.payloadLength);
    if (room <= 0 || this.#isBehindOthers(event)) return;
    this.first ??= new Uint8Array(FIRST_BYTES);
    const { bytes, payloadStart } = event;
    this.first.set(bytes.subarray(payloadStart, payloadStart + room), this.firstLength);
    this.firstLength += room;
    this.#next = event.position + event.offset + event.payloadLength;
  }

  #isBehindOthers(event: SocketEvent): boolean {
    if (event.isDatagram) return false;
    const position = event.position + event.offset;
    const isTcp = (event.flags & Flag.TCP_POSITION) !== 0;
    if (this.first !== null) return !follows(position, this.#next, isTcp);
    this.isLate ||= missesStart(position, this.told, isTcp);
    return false;
  }

  /** Counts bytes; a stream's positions also show those without an event (splice, lost events). */
  #count(event: SocketEvent): void {
    if (event.isDatagram) {
      this.bytes += event.totalBytes;
      return;
    }
    const step = this.#position === null ? 0 : event.position - this.#position;
    this.#at += (event.flags & Flag.TCP_POSITION) !== 0 ? step | 0 : step;
    this.#position = event.position;
    this.#start = Math.min(this.#start, this.#at);
    this.#end = Math.max(this.#end, this.#at + event.totalBytes);
    this.bytes = this.#before + this.#end - this.#start;
  }

  /** It begins with what a stream holds. What comes later is counted, and shown no more. */
  begin(stream: ByteStream): void {
    const bytes = stream.view();
    if (bytes.length === 0) return;
    const { pid, fd, comm, container } = stream.frontOwner;
    this.span = {
      startNs: stream.frontNs,
      endNs: stream.lastNs,
      bytes: 0,
      pid,
      fd,
      comm,
      container,
    };
    this.bytes = this.#before = stream.end - stream.position;
    this.firstLength = Math.min(FIRST_BYTES, bytes.length);
    this.first = bytes.slice(0, this.firstLength);
  }

  settle(bytes: number, span: Span): void {
    this.bytes = Math.max(this.bytes, bytes);
    if (this.bytes > 0) this.span ??= { ...span };
  }

  /** Half of the record; `isAll`: with secrets. */
  message(isAll: boolean): UnknownMessage {
    const message: UnknownMessage = { bytes: this.bytes };
    const shown = isAll ? this.firstLength : this.#harmless;
    if (this.first === null || shown === 0) return message;
    const text = shownText(this.first, 0, shown, shown === FIRST_BYTES);
    if (text !== null) message.first_bytes = text;
    else message.first_bytes_base64 = base64(this.first, 0, shown);
    return message;
  }

  /** Are some of the first bytes not shown? */
  get isWithheld(): boolean {
    return this.#harmless < this.firstLength;
  }

  get #harmless(): number {
    if (this.first === null || this.isLate) return 0;
    return harmlessHead(this.first.subarray(0, this.firstLength));
  }
}

/** One direction of an unknown connection. */
interface UnknownMessage {
  bytes: number;
  first_bytes?: string;
  first_bytes_base64?: string;
  /** Protocols that were tried, and why each was refused. */
  tried?: { protocol: string; why: string }[];
  /** The bytes are TLS records. */
  tls?: string;
}

export class UnknownTotals {
  readonly #egress = new DirectionTotals();
  readonly #ingress = new DirectionTotals();
  readonly #refused = new Map<string, string>();
  #firstSpeaker: Role | null = null;
  tls = false;

  /** Positions of the first bytes, from ENTRY_OPEN. */
  hintStart(egress: number, ingress: number): void {
    this.#egress.told = egress;
    this.#ingress.told = ingress;
  }

  add(event: SocketEvent, owner: Owner): void {
    const egress = event.direction === Direction.EGRESS;
    this.#firstSpeaker ??= egress ? "client" : "server";
    (egress ? this.#egress : this.#ingress).add(event, owner);
  }

  /** Of a connection that begins with what its streams hold. */
  static of(egress: ByteStream, ingress: ByteStream): UnknownTotals {
    const totals = new UnknownTotals();
    totals.#egress.begin(egress);
    totals.#ingress.begin(ingress);
    return totals;
  }

  /** The role of the traced process if the first byte seen was a request's. */
  get firstSpeaker(): Role | null {
    return this.#firstSpeaker;
  }

  /** Notes a protocol that matched at first, and then did not. */
  refuse(protocol: string, why: string): void {
    this.#refused.set(protocol, why);
  }

  /**
   * Takes the kernel side's totals at the end: it does not send each operation of such a connection.
   * `span`: the connection's, for a direction without events of its own.
   */
  settle(totals: Positions, span: Span): void {
    this.#egress.settle(totals.egress, span);
    this.#ingress.settle(totals.ingress, span);
  }

  /** The connection ended: its record, when anything moved. */
  report(
    context: TrackerContext,
    facts: RecordFacts,
    transport: "stream" | "datagram",
    incomplete: IncompleteReason[],
  ): void {
    const asClient = (facts.role ?? this.#firstSpeaker) === "client";
    const [sent, received] = [this.#egress, this.#ingress];
    const request = asClient ? sent : received;
    const response = asClient ? received : sent;
    // Empty datagrams and the like are operations that moved nothing.
    if (request.bytes === 0 && response.bytes === 0) return;
    if (incomplete.includes("mid_stream")) request.isLate = response.isLate = true;
    if (context.role !== undefined && context.role !== facts.role) {
      context.stats.filteredRecords++;
      return;
    }
    const why = {
      tried: context.plugins
        .filter(({ names, transports }) => names.length > 0 && transports.includes(transport))
        .map(({ name }) => ({ protocol: name, why: this.#refused.get(name) ?? "no_match" })),
      tls: this.tls ? "encrypted: TLS records" : undefined,
    };
    const { showSecrets } = context;
    const redacted: string[] = [];
    if (!showSecrets && request.isWithheld) redacted.push("request.first_bytes");
    if (!showSecrets && response.isWithheld) redacted.push("response.first_bytes");
    const stitched: Stitched<{ request: object | null; response: object | null }> = {
      exchange: {
        request: request.bytes === 0 ? null : { ...request.message(showSecrets), ...why },
        response: response.bytes === 0
          ? null
          : { ...response.message(showSecrets), ...(request.bytes === 0 ? why : {}) },
      },
      request: spanOf(request),
      response: spanOf(response),
      incomplete,
      redacted,
    };
    const record = buildRecord(stitched, facts, context.clock);
    // The two totals are no request with its response.
    record.latency_ns = undefined;
    context.stats.protocol("unknown").records++;
    const summary = context.summaries ? summarize(sent, received, this.tls) : null;
    context.outbox.send(1, RECORD_BYTES, () => context.emit(record, summary));
  }
}

function spanOf(totals: DirectionTotals): Span | null {
  if (totals.span !== null) totals.span.bytes = totals.bytes;
  return totals.span;
}

function summarize(
  sent: DirectionTotals,
  received: DirectionTotals,
  tls: boolean,
): { request: string; response: string } {
  return {
    request: `${sent.bytes} B sent, ${received.bytes} B received`,
    response: tls ? "TLS, encrypted" : "no known protocol",
  };
}
