/**
 * Who talks to whom in a packet capture.
 *
 * In: IP datagrams that carry TCP or UDP. Out: entries (entries.ts), by conversation. The local end is
 * the client's: of TCP the one that sent the SYN, or without a SYN has the higher port; of UDP the one
 * that sent the first datagram. Conversations are bounded in memory, and so are the segments that they
 * hold: those idle or holding for longest give up first, and are counted.
 */
import { Direction, Flag } from "../abi.ts";
import type { Turn } from "../turn.ts";
import { ConversationTable, type Half, type Kept, Keys } from "./conversation_table.ts";
import type { Conversation, PcapEntries } from "./entries.ts";
import { HeldSegments } from "./held_segments.ts";
import { type IpDatagram, IpProtocol } from "./ip.ts";
import type { PieceStore } from "./piece_store.ts";
import type { PcapCounts, PcapRoom } from "./room.ts";
import { portsOf, TcpConversation, TcpSegment } from "./tcp_conversation.ts";

const MAX_CONVERSATIONS = 65536;
/** Memory of a conversation with its place in the table, measured on the heap. */
const TCP_BYTES = 1100;
const UDP_BYTES = 500;
/** How long a closed connection is remembered, so that its late segments open no new one. */
const CLOSED_NS = 60e9;
const UDP_IDLE_NS = 300e9;
const SWEEP_NS = 10e9;
/** However fast time passes, looking at all of something costs each packet only so many looks. */
const LOOKS_A_PACKET = 64;
const UDP_HEAD_BYTES = 8;
const PRIVILEGED_PORTS = 1024;

interface UdpConversation {
  readonly facts: Conversation;
  /** Bytes moved so far, by Direction. */
  readonly positions: [number, number];
  lastNs: number;
  hasMoved: boolean;
  closed: boolean;
  isGone: boolean;
}

/** The table of all conversations of a capture. */
export class PcapConversations {
  readonly #tcp = new ConversationTable<TcpConversation>(TCP_BYTES);
  readonly #udp = new ConversationTable<UdpConversation>(UDP_BYTES);
  readonly #keys = new Keys();
  readonly #holding = new Set<TcpConversation>();
  /** Which of them gives up next when too much is held. */
  #longest: Iterator<TcpConversation, undefined> = this.#holding.values();
  readonly #segments: HeldSegments;
  readonly #segment = new TcpSegment();
  readonly #room: PcapRoom;
  #created = 0;
  #packets = 0;
  /** When the first of what is held may have waited long enough. */
  #dueNs = Infinity;
  #packetsAtExpiry = 0;
  #nextSweepNs = SWEEP_NS;
  #packetsAtSweep = 0;
  #finishing: Iterator<[string, Half<TcpConversation>], undefined> | null = null;

  constructor(
    readonly entries: PcapEntries,
    store: PieceStore,
    readonly counts: PcapCounts,
    room: PcapRoom,
  ) {
    this.#segments = new HeldSegments(store, counts);
    this.#room = room;
  }

  /** Memory besides the store's. */
  get heldBytes(): number {
    return this.#tcp.heldBytes + this.#udp.heldBytes;
  }

  /** Takes a whole datagram of TCP or UDP; false when its header is none, or cut. */
  datagram(datagram: IpDatagram, nowNs: number): boolean {
    if (datagram.payloadEnd - datagram.payloadStart < UDP_HEAD_BYTES) return false;
    if (datagram.protocol === IpProtocol.UDP) return this.#takeUdp(datagram, nowNs);
    if (!this.#segment.read(datagram)) return false;
    this.#takeTcp(datagram, nowNs);
    return true;
  }

  /** Time passed: gives up gaps that waited long enough, and forgets conversations long over. */
  advance(nowNs: number): void {
    this.#packets++;
    const { size } = this.#holding;
    if (nowNs >= this.#dueNs && this.#isAffordable(size, this.#packetsAtExpiry)) {
      this.#packetsAtExpiry = this.#packets;
      this.#expire(nowNs);
    }
    const known = this.#tcp.size + this.#udp.size;
    if (nowNs >= this.#nextSweepNs && this.#isAffordable(known, this.#packetsAtSweep)) {
      this.#packetsAtSweep = this.#packets;
      this.#nextSweepNs = nowNs + SWEEP_NS;
      this.#sweep(nowNs);
    }
  }

  /** The capture ended: hands out what is held until `turn` is over; true once all is. */
  finish(turn: Turn): boolean {
    this.#finishing ??= this.#tcp.halves();
    while (true) {
      const { value, done } = this.#finishing.next();
      if (done === true) return true;
      const [, { conversation }] = value;
      conversation.flush();
      this.#note(conversation);
      if (turn.isOver) return false;
    }
  }

  #isAffordable(looks: number, packetsBefore: number): boolean {
    return looks <= (this.#packets - packetsBefore) * LOOKS_A_PACKET;
  }

  #expire(nowNs: number): void {
    this.#dueNs = Infinity;
    for (const conversation of this.#holding) {
      if (nowNs >= conversation.dueNs) conversation.expire(nowNs);
      this.#note(conversation);
    }
  }

  #sweep(nowNs: number): void {
    for (const [key, { conversation }] of this.#tcp.halves()) {
      if (conversation.closed && nowNs - conversation.lastNs > CLOSED_NS) this.#tcp.delete(key);
    }
    for (const [key, { conversation }] of this.#udp.halves()) {
      const isIdle = nowNs - conversation.lastNs > UDP_IDLE_NS;
      if (isIdle || conversation.isGone) this.#forgetUdp(key, conversation);
    }
  }

  #takeTcp(datagram: IpDatagram, nowNs: number): void {
    const segment = this.#segment;
    const key = this.#keys.of(datagram);
    let half = this.#tcp.get(key) ?? this.#otherHalf(key, segment);
    let fromClient = segment.isSyn ? !segment.hasAck : undefined;
    if (half !== undefined && !half.conversation.accepts(segment, half.direction, nowNs)) {
      // It can open no connection either: a late acknowledgement.
      if (segment.totalBytes === 0 && !segment.isSyn) return;
      const { conversation, direction } = half;
      conversation.close(nowNs);
      this.#note(conversation);
      fromClient ??= direction === Direction.EGRESS;
      half = undefined;
    }
    if (half === undefined) {
      // A segment without bytes or a SYN opens no connection.
      if (segment.totalBytes === 0 && !segment.isSyn) return;
      half = this.#createTcp(datagram, key, fromClient);
    }
    const { conversation, direction } = half;
    conversation.segment(segment, direction, nowNs);
    this.#note(conversation);
    if (this.#segments.bytes > this.#room.segmentBytes) this.#relieve();
  }

  // The other direction in another scope: some tunnels have an id for each direction. Its sequence
  // numbers show that it is this connection's.
  #otherHalf(key: string, segment: TcpSegment): Half<TcpConversation> | undefined {
    const half = this.#tcp.elsewhere(key);
    if (half === undefined || !half.conversation.lacks(segment, half.direction)) return undefined;
    this.#tcp.set(key, half);
    return half;
  }

  // Called after everything that may have changed what a conversation holds.
  #note(conversation: TcpConversation): void {
    if (conversation.isHolding) {
      this.#holding.add(conversation);
      this.#dueNs = Math.min(this.#dueNs, conversation.dueNs);
    } else if (this.#holding.size > 0) this.#holding.delete(conversation);
  }

  // When too much is held in total, the conversations that have held longest give up a gap each.
  #relieve(): void {
    while (this.#segments.bytes > this.#room.segmentBytes && this.#holding.size > 0) {
      const { value: conversation, done } = this.#longest.next();
      if (done === true) {
        this.#longest = this.#holding.values();
        continue;
      }
      this.counts.earlyGaps++;
      conversation.giveUpGap();
      this.#note(conversation);
    }
  }

  #createTcp(
    datagram: IpDatagram,
    key: string,
    fromClient: boolean | undefined,
  ): Half<TcpConversation> {
    const { source, destination } = portsOf(datagram);
    const isClient = fromClient ?? source >= destination;
    const reverse = this.#keys.reverseOf(datagram);
    const facts = this.#facts(datagram, isClient ? key : reverse, Flag.TCP_POSITION);
    const conversation = new TcpConversation(facts, this.entries, this.#segments);
    this.#makeRoom();
    return insert(this.#tcp, key, reverse, conversation, isClient);
  }

  #takeUdp(datagram: IpDatagram, nowNs: number): boolean {
    const { payload, payloadStart, payloadEnd } = datagram;
    const length = ((payload[payloadStart + 4] as number) << 8) |
      (payload[payloadStart + 5] as number);
    // Zero: longer than 65535 (RFC 2675), or left to the device.
    const totalBytes = (length === 0 ? datagram.wireBytes : length) - UDP_HEAD_BYTES;
    if (totalBytes < 0 || totalBytes > datagram.wireBytes - UDP_HEAD_BYTES) return false;
    const key = this.#keys.of(datagram);
    const half = this.#udp.get(key) ?? this.#otherUdpHalf(key) ??
      this.#createUdp(datagram, key, nowNs);
    const { conversation, direction } = half;
    conversation.lastNs = nowNs;
    conversation.hasMoved = true;
    const index = direction === Direction.EGRESS ? 0 : 1;
    const position = conversation.positions[index];
    conversation.positions[index] += totalBytes;
    const start = payloadStart + UDP_HEAD_BYTES;
    const end = Math.min(payloadEnd, start + totalBytes);
    const { entries } = this;
    entries.data(conversation.facts, direction, position, payload, start, end, totalBytes, nowNs);
    return true;
  }

  // The other direction in another scope, as of TCP: the first answer may come by another tunnel id.
  #otherUdpHalf(key: string): Half<UdpConversation> | undefined {
    const half = this.#udp.elsewhere(key);
    const heard = half?.conversation.positions[half.direction === Direction.EGRESS ? 0 : 1];
    if (half === undefined || heard !== 0) return undefined;
    this.#udp.set(key, half);
    return half;
  }

  #createUdp(datagram: IpDatagram, key: string, nowNs: number): Half<UdpConversation> {
    const { source, destination } = portsOf(datagram);
    // The first to send is the client, unless only its port is a server's: then the capture began
    // between question and answer.
    const fromClient = source >= PRIVILEGED_PORTS || destination < PRIVILEGED_PORTS;
    const flags = Flag.DATAGRAM | (fromClient ? Flag.FRESH : 0);
    const reverse = this.#keys.reverseOf(datagram);
    const facts = this.#facts(datagram, fromClient ? key : reverse, flags);
    this.#makeRoom();
    this.entries.open(facts, 0, 0, nowNs);
    const conversation: UdpConversation = {
      facts,
      positions: [0, 0],
      lastNs: nowNs,
      hasMoved: true,
      closed: false,
      isGone: false,
    };
    return insert(this.#udp, key, reverse, conversation, fromClient);
  }

  #facts({ family }: IpDatagram, key: string, flags: number): Conversation {
    return { id: ++this.#created, family, key, flags };
  }

  // For one more conversation; of the transport that takes more.
  #makeRoom(): void {
    const [tcp, udp] = [this.#tcp, this.#udp];
    while (
      this.heldBytes > this.#room.conversationBytes || tcp.size + udp.size >= 2 * MAX_CONVERSATIONS
    ) {
      const isGone = tcp.heldBytes > udp.heldBytes ? this.#evictTcp() : this.#evictUdp();
      if (!isGone) return;
    }
  }

  #evictTcp(): boolean {
    const [key, half] = this.#tcp.idle() ?? [];
    if (key === undefined || half === undefined) return false;
    const { conversation } = half;
    if (!conversation.closed) this.counts.evictedConversations++;
    conversation.close(this.entries.latestNs);
    conversation.isGone = true;
    this.#note(conversation);
    this.#tcp.delete(key);
    return true;
  }

  #evictUdp(): boolean {
    const [key, half] = this.#udp.idle() ?? [];
    if (key === undefined || half === undefined) return false;
    if (!half.conversation.isGone) this.counts.evictedConversations++;
    this.#forgetUdp(key, half.conversation);
    return true;
  }

  #forgetUdp(key: string, conversation: UdpConversation): void {
    this.#udp.delete(key);
    if (conversation.isGone) return; // its other key was met before
    conversation.closed = conversation.isGone = true;
    const [egress, ingress] = conversation.positions;
    this.entries.close(conversation.facts, {
      egressPosition: egress,
      ingressPosition: ingress,
      egressBytes: egress,
      ingressBytes: ingress,
    }, this.entries.latestNs);
  }
}

// A socket that talks to itself has one key for both: all it says counts as sent.
function insert<C extends Kept>(
  table: ConversationTable<C>,
  key: string,
  reverse: string,
  conversation: C,
  fromClient: boolean,
): Half<C> {
  const [there, back] = fromClient
    ? [Direction.EGRESS, Direction.INGRESS]
    : [Direction.INGRESS, Direction.EGRESS];
  const half = { conversation, direction: there };
  table.set(reverse, { conversation, direction: back });
  table.set(key, half);
  return half;
}
