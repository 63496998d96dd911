/**
 * One TCP connection of a packet capture: both directions, and the entries they come to.
 *
 * In: segments of either direction (RFC 9293 section 3.1). Out: through PcapEntries, in order: OPEN
 * before the first byte, DATA, EOF where a FIN was reached, CLOSE once. It never waits for a
 * handshake: a capture may start in the middle.
 */
import { Direction, Flag } from "../abi.ts";
import type { Conversation, PcapEntries } from "./entries.ts";
import type { IpDatagram } from "./ip.ts";
import { uint16, uint32 } from "./cursor.ts";
import type { HeldSegments } from "./held_segments.ts";
import { type SegmentSink, TcpDirection } from "./tcp_direction.ts";

const FIN = 1;
const SYN = 2;
const RST = 4;
const ACK = 16;
/** Bytes behind a gap that is given up get their capture time, but at most so long ago. */
const BACKDATE_NS = 10e6;
/** After so long without a segment none is still on its way. */
const QUIET_NS = 1e9;

/** A TCP header and where its bytes are; reused. */
export class TcpSegment {
  sequence = 0;
  ack = 0;
  #flags = 0;
  bytes: Uint8Array = new Uint8Array(0);
  start = 0;
  end = 0;
  /** Payload bytes on the wire. */
  totalBytes = 0;

  get isSyn(): boolean {
    return (this.#flags & SYN) !== 0;
  }
  get isFin(): boolean {
    return (this.#flags & FIN) !== 0;
  }
  get isReset(): boolean {
    return (this.#flags & RST) !== 0;
  }
  get hasAck(): boolean {
    return (this.#flags & ACK) !== 0;
  }
  /** Sequence number of the first payload byte: a SYN takes a number of its own. */
  get dataSequence(): number {
    return this.isSyn ? (this.sequence + 1) >>> 0 : this.sequence;
  }

  /** False when there is no whole header. */
  read(datagram: IpDatagram): boolean {
    const { payload, payloadStart: at, payloadEnd } = datagram;
    if (payloadEnd - at < 20) return false;
    const headBytes = ((payload[at + 12] as number) >>> 4) * 4;
    if (headBytes < 20 || headBytes > datagram.wireBytes) return false;
    this.sequence = uint32(payload, at + 4);
    this.ack = uint32(payload, at + 8);
    this.#flags = payload[at + 13] as number;
    this.bytes = payload;
    this.end = payloadEnd;
    this.start = Math.min(at + headBytes, payloadEnd);
    this.totalBytes = datagram.wireBytes - headBytes;
    return true;
  }
}

/** Ports of a TCP or UDP header. */
export function portsOf(datagram: IpDatagram): { source: number; destination: number } {
  const { payload, payloadStart } = datagram;
  return { source: uint16(payload, payloadStart), destination: uint16(payload, payloadStart + 2) };
}

export class TcpConversation implements SegmentSink {
  readonly egress: TcpDirection;
  readonly ingress: TcpDirection;
  lastNs = 0;
  closed = false;
  /** A segment came since it was last passed over. */
  hasMoved = true;
  /** It was given up: what comes is another one's. */
  isGone = false;
  #opened = false;
  /** Bits by Direction. */
  #eofSent = 0;

  constructor(
    readonly facts: Conversation,
    readonly entries: PcapEntries,
    segments: HeldSegments,
  ) {
    this.egress = new TcpDirection(Direction.EGRESS, this, segments);
    this.ingress = new TcpDirection(Direction.INGRESS, this, segments);
  }

  get isHolding(): boolean {
    return this.egress.isHolding || this.ingress.isHolding;
  }

  /** When expire() has something to give up; Infinity when nothing is held. */
  get dueNs(): number {
    return Math.min(this.egress.dueNs, this.ingress.dueNs);
  }

  /** Does this segment belong to this connection, or to a later one of the same addresses? */
  accepts(segment: TcpSegment, direction: number, nowNs: number): boolean {
    const [sent, received] = this.#both(direction);
    if (segment.isSyn) {
      if (sent.isn >= 0) return sent.isn === segment.sequence;
      return !this.closed && (received.isn >= 0 || sent.first === segment.dataSequence);
    }
    if (segment.isReset) return true;
    const isQuiet = nowNs - this.lastNs > QUIET_NS;
    const { dataSequence, totalBytes } = segment;
    return sent.covers(dataSequence, totalBytes, isQuiet, this.closed) &&
      (!segment.hasAck || received.covers(segment.ack, 0, isQuiet, this.closed));
  }

  /** Could this be the first segment of a direction from which none has come yet? */
  lacks(segment: TcpSegment, direction: number): boolean {
    const [sent, received] = this.#both(direction);
    if (this.closed || sent.heard || !received.started || !segment.hasAck) return false;
    if (!received.isNear(segment.ack)) return false;
    return sent.started ? sent.isNear(segment.dataSequence) : segment.isSyn;
  }

  /** Takes a segment sent in `direction`. */
  segment(segment: TcpSegment, direction: number, nowNs: number): void {
    this.lastNs = nowNs;
    this.hasMoved = true;
    if (this.closed) return;
    const [sent, received] = this.#both(direction);
    sent.heard = true;
    if (segment.isSyn && sent.isn < 0) this.#start(sent, segment);
    if (!sent.started && !segment.isReset) sent.startAt(segment.dataSequence);
    if (segment.hasAck && !segment.isReset) {
      if (received.started) received.acknowledge(segment.ack);
      else received.startAt(segment.ack);
    }
    if (segment.isReset) return this.close(nowNs);
    const { dataSequence, totalBytes } = segment;
    if (totalBytes > 0) {
      sent.segment(dataSequence, segment.bytes, segment.start, segment.end, totalBytes, nowNs);
    }
    if (segment.isFin) sent.finishAt((dataSequence + totalBytes) >>> 0);
    this.#end(nowNs);
  }

  /** Gives up the gaps that waited long enough. */
  expire(nowNs: number): void {
    const sinceNs = this.entries.latestNs - BACKDATE_NS;
    this.egress.expire(nowNs, sinceNs);
    this.ingress.expire(nowNs, sinceNs);
    this.#end(this.entries.latestNs);
  }

  /** Gives up the gap that is due next, though it might still be filled. */
  giveUpGap(): void {
    const { egress, ingress, entries } = this;
    const first = egress.dueNs <= ingress.dueNs ? egress : ingress;
    first.giveUpGap(entries.latestNs - BACKDATE_NS);
    this.#end(entries.latestNs);
  }

  /** Hands out all that is held, gaps given up. */
  flush(): void {
    this.#giveUpAll();
    this.#end(this.entries.latestNs);
  }

  /** Ends the connection; what is held is handed out before. */
  close(timeNs: number): void {
    if (this.closed) return;
    this.#giveUpAll();
    this.#sendEnds(timeNs);
    this.closed = true;
    if (!this.#opened) return;
    const { egress, ingress } = this;
    this.entries.close(this.facts, {
      // The kernel side counts a FIN of the local end as one more.
      egressPosition: finalPosition(egress) + (egress.fin >= 0 ? 1 : 0),
      ingressPosition: finalPosition(ingress),
      egressBytes: egress.bytes,
      ingressBytes: ingress.bytes,
    }, timeNs);
  }

  onBytes(
    direction: TcpDirection,
    position: number,
    bytes: Uint8Array,
    start: number,
    end: number,
    totalBytes: number,
    timeNs: number,
  ): void {
    if (!this.#opened) this.#open(direction, position, timeNs);
    const { facts, entries } = this;
    entries.data(facts, direction.id, position, bytes, start, end, totalBytes, timeNs);
  }

  #both(direction: number): [TcpDirection, TcpDirection] {
    const { egress, ingress } = this;
    return direction === Direction.EGRESS ? [egress, ingress] : [ingress, egress];
  }

  #start(sent: TcpDirection, syn: TcpSegment): void {
    sent.knowInitial(syn.sequence);
    // Flags can be set only before the first bytes are handed out.
    if (this.#opened) return;
    this.facts.flags |= Flag.FRESH;
    const isGuessRight = syn.hasAck === (sent === this.ingress);
    if (isGuessRight) this.facts.flags |= Flag.CLIENT;
  }

  // Sends OPEN before the first byte: no more will be learned of both directions' first positions.
  #open(direction: TcpDirection, position: number, timeNs: number): void {
    this.#opened = true;
    const isEgress = direction === this.egress;
    const first = direction.isn >= 0 ? direction.isn + 1 : position;
    const egressPosition = isEgress ? first : this.egress.next;
    const ingressPosition = isEgress ? this.ingress.next : first;
    this.entries.open(this.facts, egressPosition, ingressPosition, timeNs);
  }

  #giveUpAll(): void {
    const sinceNs = this.entries.latestNs - BACKDATE_NS;
    this.egress.giveUpAll(sinceNs);
    this.ingress.giveUpAll(sinceNs);
  }

  #sendEnds(timeNs: number): void {
    for (const direction of [this.egress, this.ingress]) {
      const bit = 1 << direction.id;
      if (!direction.isFinished || (this.#eofSent & bit) !== 0) continue;
      this.#eofSent |= bit;
      if (!this.#opened) continue;
      this.entries.endOfStream(this.facts, direction.id, direction.next, timeNs);
    }
  }

  #end(timeNs: number): void {
    if (this.closed) return;
    if (this.egress.isFinished || this.ingress.isFinished) this.#sendEnds(timeNs);
    if (this.egress.isFinished && this.ingress.isFinished) this.close(timeNs);
  }
}

function finalPosition(direction: TcpDirection): number {
  return direction.fin >= 0 ? direction.fin : direction.next;
}
