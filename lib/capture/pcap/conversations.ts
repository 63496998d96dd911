/**
 * Who talks to whom in a packet capture.
 *
 * In: IP datagrams that carry TCP or UDP. Out: entries (entries.ts), by conversation. The local end is
 * the client's: of TCP the one that sent the SYN, or without a SYN has the higher port; of UDP the one
 * that sent the first datagram. Conversations are bounded in number, and the bytes that they hold in
 * total; the oldest go first.
 */
import { Direction, Family, Flag } from "../abi.ts";
import type { Conversation, PcapEntries } from "./entries.ts";
import { SCOPE_MARK } from "./cursor.ts";
import { type IpDatagram, IpProtocol } from "./ip.ts";
import { portsOf, TcpConversation, TcpSegment } from "./tcp_conversation.ts";
import { latin1 } from "../../wire/text.ts";

const MAX_CONVERSATIONS = 65536;
const MAX_HELD_BYTES = 32 << 20;
/** How long a closed connection is remembered, so that its late segments open no new one. */
const CLOSED_NS = 60e9;
const UDP_IDLE_NS = 300e9;
const SWEEP_NS = 10e9;
const UDP_HEAD_BYTES = 8;
const PRIVILEGED_PORTS = 1024;

interface UdpConversation {
  readonly facts: Conversation;
  /** Bytes moved so far, by Direction. */
  readonly positions: [number, number];
  lastNs: number;
}

/** What two addresses and ports mean: a conversation, and its direction from the first to the second. */
interface Half<C> {
  conversation: C;
  direction: number;
}

/** Halves by addresses, ports and scope; without the scope, the latest half of each key. */
class Table<C> {
  readonly halves = new Map<string, Half<C>>();
  readonly #anywhere = new Map<string, Half<C>>();

  get(key: string): Half<C> | undefined {
    return this.halves.get(key);
  }

  set(key: string, half: Half<C>): void {
    this.halves.set(key, half);
    this.#anywhere.set(withoutScope(key), half);
  }

  /** The latest half with the key's addresses and ports, in any scope. */
  elsewhere(key: string): Half<C> | undefined {
    return this.#anywhere.get(withoutScope(key));
  }

  delete(key: string): void {
    const half = this.halves.get(key);
    this.halves.delete(key);
    const plain = withoutScope(key);
    if (this.#anywhere.get(plain) === half) this.#anywhere.delete(plain);
  }
}

/** The table of all conversations of a capture. */
export class PcapConversations {
  readonly #tcp = new Table<TcpConversation>();
  readonly #udp = new Table<UdpConversation>();
  readonly #holding = new Set<TcpConversation>();
  readonly #segment = new TcpSegment();
  #heldBytes = 0;
  #created = 0;
  #nextSweepNs = SWEEP_NS;
  duplicateBytes = 0;
  gapBytes = 0;

  constructor(readonly entries: PcapEntries) {}

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
    for (const conversation of this.#holding) {
      this.#count(conversation, () => conversation.expire(nowNs));
    }
    if (nowNs < this.#nextSweepNs) return;
    this.#nextSweepNs = nowNs + SWEEP_NS;
    for (const [key, { conversation }] of this.#tcp.halves) {
      if (conversation.closed && nowNs - conversation.lastNs > CLOSED_NS) this.#tcp.delete(key);
    }
    for (const [key, { conversation }] of this.#udp.halves) {
      if (nowNs - conversation.lastNs > UDP_IDLE_NS) this.#forgetUdp(key, conversation);
    }
  }

  /** The capture ended: hands out what is held. */
  finish(): void {
    for (const { conversation } of this.#tcp.halves.values()) {
      this.#count(conversation, () => conversation.flush());
    }
  }

  #takeTcp(datagram: IpDatagram, nowNs: number): void {
    const segment = this.#segment;
    const key = keyOf(datagram);
    let half = this.#tcp.get(key) ?? this.#otherHalf(key, segment);
    let fromClient = segment.isSyn ? !segment.hasAck : undefined;
    if (half !== undefined && !half.conversation.accepts(segment, half.direction, nowNs)) {
      // It can open no connection either: a late acknowledgement.
      if (segment.totalBytes === 0 && !segment.isSyn) return;
      const { conversation, direction } = half;
      this.#count(conversation, () => conversation.close(nowNs));
      fromClient ??= direction === Direction.EGRESS;
      half = undefined;
    }
    if (half === undefined) {
      // A segment without bytes or a SYN opens no connection.
      if (segment.totalBytes === 0 && !segment.isSyn) return;
      half = this.#createTcp(datagram, key, fromClient);
    }
    const { conversation, direction } = half;
    const before = conversation.heldBytes;
    this.#count(conversation, () => conversation.segment(segment, direction, nowNs));
    if (conversation.heldBytes > before && this.#heldBytes > MAX_HELD_BYTES) this.#relieve();
  }

  // The other direction in another scope: some tunnels have an id for each direction. Its sequence
  // numbers show that it is this connection's.
  #otherHalf(
    key: string,
    segment: TcpSegment,
  ): Half<TcpConversation> | undefined {
    const half = this.#tcp.elsewhere(key);
    if (half === undefined || !half.conversation.lacks(segment, half.direction)) return undefined;
    this.#tcp.set(key, half);
    return half;
  }

  // Runs `step` and brings the totals over all conversations up to date with what it did.
  #count(of: TcpConversation, step: () => void): void {
    const { egress, ingress } = of;
    const held = of.heldBytes;
    const gaps = egress.gapBytes + ingress.gapBytes;
    const duplicates = egress.duplicateBytes + ingress.duplicateBytes;
    step();
    this.#heldBytes += of.heldBytes - held;
    this.gapBytes += egress.gapBytes + ingress.gapBytes - gaps;
    this.duplicateBytes += egress.duplicateBytes + ingress.duplicateBytes - duplicates;
    if (of.isHolding) this.#holding.add(of);
    else if (this.#holding.size > 0) this.#holding.delete(of);
  }

  // When too many bytes are held in total, the conversations that have held longest give up first.
  #relieve(): void {
    for (const conversation of this.#holding) {
      if (this.#heldBytes <= MAX_HELD_BYTES / 2) return;
      this.#count(conversation, () => conversation.flush());
    }
  }

  #createTcp(
    datagram: IpDatagram,
    key: string,
    fromClient: boolean | undefined,
  ): Half<TcpConversation> {
    const { source, destination } = portsOf(datagram);
    const isClient = fromClient ?? source >= destination;
    const facts = this.#facts(datagram, isClient, Flag.TCP_POSITION);
    const conversation = new TcpConversation(facts, this.entries);
    this.#makeRoom();
    return insert(this.#tcp, datagram, key, conversation, isClient);
  }

  #takeUdp(datagram: IpDatagram, nowNs: number): boolean {
    const { payload, payloadStart, payloadEnd } = datagram;
    const length = ((payload[payloadStart + 4] as number) << 8) |
      (payload[payloadStart + 5] as number);
    // Zero: longer than 65535 (RFC 2675), or left to the device.
    const totalBytes = (length === 0 ? datagram.wireBytes : length) - UDP_HEAD_BYTES;
    if (totalBytes < 0 || totalBytes > datagram.wireBytes - UDP_HEAD_BYTES) return false;
    const key = keyOf(datagram);
    const half = this.#udp.get(key) ?? this.#otherUdpHalf(key) ??
      this.#createUdp(datagram, key, nowNs);
    const { conversation, direction } = half;
    conversation.lastNs = nowNs;
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
    if (half === undefined || heard !== 0 || half.conversation.lastNs < 0) return undefined;
    this.#udp.set(key, half);
    return half;
  }

  #createUdp(datagram: IpDatagram, key: string, nowNs: number): Half<UdpConversation> {
    const { source, destination } = portsOf(datagram);
    // The first to send is the client, unless only its port is a server's: then the capture began
    // between question and answer.
    const fromClient = source >= PRIVILEGED_PORTS || destination < PRIVILEGED_PORTS;
    const flags = Flag.DATAGRAM | (fromClient ? Flag.FRESH : 0);
    const facts = this.#facts(datagram, fromClient, flags);
    this.#makeRoom();
    this.entries.open(facts, 0, 0, nowNs);
    const conversation: UdpConversation = { facts, positions: [0, 0], lastNs: nowNs };
    return insert(this.#udp, datagram, key, conversation, fromClient);
  }

  #facts(datagram: IpDatagram, fromClient: boolean, flags: number): Conversation {
    const size = datagram.family === Family.INET ? 4 : 16;
    const { bytes, sourceAt, destinationAt } = datagram;
    const source = bytes.slice(sourceAt, sourceAt + size);
    const destination = bytes.slice(destinationAt, destinationAt + size);
    const ports = portsOf(datagram);
    return {
      id: ++this.#created,
      family: datagram.family,
      localPort: fromClient ? ports.source : ports.destination,
      remotePort: fromClient ? ports.destination : ports.source,
      local: fromClient ? source : destination,
      remote: fromClient ? destination : source,
      flags,
      heads: [],
    };
  }

  // Each conversation has two keys. A table that is full loses its older half.
  #makeRoom(): void {
    if (this.#tcp.halves.size + this.#udp.halves.size < 2 * MAX_CONVERSATIONS) return;
    const { latestNs } = this.entries;
    let left = MAX_CONVERSATIONS;
    for (const [key, { conversation }] of this.#udp.halves) {
      if (left-- <= 0) return;
      this.#forgetUdp(key, conversation);
    }
    for (const [key, { conversation }] of this.#tcp.halves) {
      if (left-- <= 0) return;
      this.#count(conversation, () => conversation.close(latestNs));
      this.#tcp.delete(key);
    }
  }

  #forgetUdp(key: string, conversation: UdpConversation): void {
    this.#udp.delete(key);
    if (conversation.lastNs < 0) return; // its other key was met before
    conversation.lastNs = -Infinity;
    const [egress, ingress] = conversation.positions;
    this.entries.close(conversation.facts, {
      egressPosition: egress,
      ingressPosition: ingress,
      egressBytes: egress,
      ingressBytes: ingress,
    }, this.entries.latestNs);
  }
}

// Source and destination addresses are neighbours in both IP headers, ports in TCP's and UDP's.
function keyOf(datagram: IpDatagram): string {
  const { bytes, sourceAt, payload, payloadStart } = datagram;
  const size = datagram.family === Family.INET ? 8 : 32;
  const addresses = latin1(bytes, sourceAt, sourceAt + size);
  return addresses + latin1(payload, payloadStart, payloadStart + 4) + datagram.scope;
}

function withoutScope(key: string): string {
  const at = key.indexOf(SCOPE_MARK);
  return at < 0 ? key : key.slice(0, at);
}

function reverseKeyOf(datagram: IpDatagram): string {
  const { bytes, sourceAt, destinationAt, payload, payloadStart } = datagram;
  const size = datagram.family === Family.INET ? 4 : 16;
  return latin1(bytes, destinationAt, destinationAt + size) +
    latin1(bytes, sourceAt, sourceAt + size) +
    latin1(payload, payloadStart + 2, payloadStart + 4) +
    latin1(payload, payloadStart, payloadStart + 2) + datagram.scope;
}

// A socket that talks to itself has one key for both: all it says counts as sent.
function insert<C>(
  table: Table<C>,
  datagram: IpDatagram,
  key: string,
  conversation: C,
  fromClient: boolean,
): Half<C> {
  const [there, back] = fromClient
    ? [Direction.EGRESS, Direction.INGRESS]
    : [Direction.INGRESS, Direction.EGRESS];
  const half = { conversation, direction: there };
  table.set(reverseKeyOf(datagram), { conversation, direction: back });
  table.set(key, half);
  return half;
}
