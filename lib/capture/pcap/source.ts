/**
 * Events from a packet capture (pcap or pcapng), as if the client's end had been traced.
 *
 * In: a capture file. Out: the entries that the kernel side would have sent: bytes in order with
 * gaps where segments are missing, datagrams, ends, ticks as time passes. What cannot be read (other
 * link types, cut headers, missing fragments) is counted, never guessed; a damaged file gives its
 * good part, then `failure`.
 */
import { RecordingError } from "../recording/format.ts";
import type { RecordingInput } from "../recording/input.ts";
import type { ReplaySource } from "../replay_source.ts";
import type { BufferLoss, EventHandler, TraceStart } from "../source.ts";
import { Turn } from "../turn.ts";
import { PcapConversations } from "./conversations.ts";
import { Layer, NotReadReason } from "./cursor.ts";
import { PcapEntries } from "./entries.ts";
import { CapturedPacket, openPackets, type PacketReader } from "./file.ts";
import { FragmentTable } from "./fragments.ts";
import { Layers } from "./layers.ts";
import { NotRead } from "./not_read.ts";
import { PacketQueue, type WaitingPacket } from "./packet_queue.ts";
import { PieceStore } from "./piece_store.ts";
import { PcapCounts, shareOut } from "./room.ts";

const BATCH_PACKETS = 512;
/** A larger step back is another clock: files that were appended to each other. */
const MAX_STEP_BACK_NS = 10e9;
const TICK_NS = 100e6;
/** The base lies 78 hours after zero, so that packets earlier than the first have no negative time. */
const BASE = { low: 0, high: 65536 };
const EARLIEST_NS = -(2 ** 47);
const LATEST_NS = 2 ** 52;
const MAX_WALL_SECONDS = 2 ** 33;

/** See openReplay() in ../replay.ts. */
export class PcapSource implements ReplaySource {
  readonly format = "pcap";
  readonly facts = null;
  readonly start: TraceStart;
  ended = false;
  failure: RecordingError | null = null;
  readonly #input: RecordingInput;
  readonly #reader: PacketReader;
  readonly #packet = new CapturedPacket();
  readonly #counted = new PcapCounts();
  readonly #store = new PieceStore();
  readonly #fragments: FragmentTable;
  readonly #layers: Layers;
  readonly #notRead = new NotRead();
  readonly #entries = new PcapEntries(BASE);
  readonly #conversations: PcapConversations;
  readonly #queue: PacketQueue;
  #nowNs = -Infinity;
  #nextTickNs = -Infinity;
  #starved = false;
  #stopped = false;
  /** No more packets are read; what is held is handed out. */
  #isOver = false;
  #readFailure: RecordingError | null = null;
  #counts = {
    packets: 0,
    not_ip: 0,
    not_tcp_or_udp: 0,
  };

  /** `roomBytes`: memory that it may take for what it keeps. */
  constructor(input: RecordingInput, roomBytes: number) {
    const room = shareOut(roomBytes);
    this.#queue = new PacketQueue(room.queueBytes);
    this.#fragments = new FragmentTable(this.#store, this.#counted, room.fragmentBytes);
    this.#layers = new Layers(this.#fragments);
    this.#conversations = new PcapConversations(this.#entries, this.#store, this.#counted, room);
    this.#input = input;
    this.#reader = openPackets(input);
    // The capture's start is the first packet's time: that packet is read now, and handed out later.
    const found = this.#findFirst();
    const seconds = found ? this.#packet.seconds : 0;
    const isPlausible = seconds >= 0 && seconds < MAX_WALL_SECONDS;
    this.start = {
      base: BASE,
      wallSeconds: isPlausible ? seconds : 0,
      wallNanos: found && isPlausible ? this.#packet.nanos : 0,
      way: "pcap",
      hostname: "",
      kernel: "",
    };
    if (found) this.#enqueue();
  }

  drain(handler: EventHandler, turn: Turn = new Turn()): number {
    if (this.ended) return 0;
    this.#entries.handler = handler;
    const before = this.#entries.count;
    try {
      if (this.#stopped) this.#isOver = true;
      if (!this.#isOver) this.#readBatch(turn);
    } catch (error) {
      if (!(error instanceof RecordingError)) throw error;
      this.#isOver = true;
      this.#readFailure = error;
    }
    if (this.#isOver) this.#finish(turn);
    this.#entries.handler = null;
    return this.#entries.count - before;
  }

  async wait(): Promise<void> {
    if (!this.#starved || this.#stopped) {
      await new Promise((resolve) => setImmediate(resolve));
      return;
    }
    try {
      await this.#input.fill();
    } catch (error) {
      if (!(error instanceof RecordingError)) throw error;
      this.failure = error;
      this.ended = true;
    }
  }

  /** Ends reading; the next drain() hands out what is held back. */
  stop(): void {
    this.#stopped = true;
    this.#input.stop();
  }

  losses(): readonly BufferLoss[] {
    return [];
  }

  /** What it keeps of the capture. */
  get heldBytes(): number {
    return this.#store.heldBytes + this.#conversations.heldBytes + this.#queue.heldBytes +
      this.#input.bytes.length;
  }

  counts(): Readonly<Record<string, number>> {
    const counted = this.#counted;
    return {
      ...this.#counts,
      out_of_order: this.#queue.outOfOrder,
      duplicate_bytes: counted.duplicateBytes,
      gap_bytes: counted.gapBytes,
      early_gaps: counted.earlyGaps,
      evicted_conversations: counted.evictedConversations,
    };
  }

  notRead(): Readonly<Record<string, number>> {
    const all = this.#notRead.toJSON();
    const { lost } = this.#fragments;
    const { evictedFragments } = this.#counted;
    if (lost > 0) all[NotReadReason.FRAGMENTS] = lost;
    if (evictedFragments > 0) all[NotReadReason.EVICTED] = evictedFragments;
    return all;
  }

  [Symbol.dispose](): void {
    this.#input[Symbol.dispose]();
  }

  #findFirst(): boolean {
    while (true) {
      const step = this.#reader.next(this.#packet);
      if (step === "packet") return true;
      if (step === "end") return false;
      if (step === "more") this.#input.needNow(this.#input.available + 1);
    }
  }

  #readBatch(turn: Turn): void {
    this.#starved = false;
    for (let i = 0; i < BATCH_PACKETS && !turn.isOver; i++) {
      const step = this.#reader.next(this.#packet);
      if (step === "packet") {
        this.#enqueue();
        while (this.#queue.isFull) this.#takeOldest();
      } else if (step === "end") {
        this.#isOver = true;
        return;
      } else if (step === "more") {
        // A silent pipe: packets that are here must not wait for some that may never come.
        while (this.#takeOldest());
        this.#starved = true;
        return;
      }
    }
  }

  // Hands out what is held until `turn` is over.
  #finish(turn: Turn): void {
    while (this.#takeOldest());
    if (!this.#conversations.finish(turn)) return;
    this.#fragments.finish();
    this.ended = true;
    this.failure = this.#readFailure;
  }

  #enqueue(): void {
    const { seconds, nanos } = this.#packet;
    const { wallSeconds, wallNanos } = this.start;
    const timeNs = (seconds - wallSeconds) * 1e9 + (nanos - wallNanos);
    this.#queue.add(this.#packet, Math.min(Math.max(timeNs, EARLIEST_NS), LATEST_NS));
  }

  #takeOldest(): boolean {
    const packet = this.#queue.take();
    if (packet === null) return false;
    this.#advance(packet.timeNs);
    this.#take(packet);
    this.#queue.giveBack(packet);
    return true;
  }

  // Event time goes back only where another file, with another clock, begins.
  #advance(timeNs: number): void {
    const isOtherClock = timeNs < this.#nowNs - MAX_STEP_BACK_NS;
    if (timeNs > this.#nowNs || isOtherClock) this.#nowNs = timeNs;
    if (isOtherClock) this.#entries.latestNs = this.#nextTickNs = timeNs;
    this.#conversations.advance(this.#nowNs);
    if (this.#nowNs < this.#nextTickNs) return;
    this.#entries.tick(this.#nowNs);
    this.#nextTickNs = this.#nowNs + TICK_NS;
  }

  #take(packet: WaitingPacket): void {
    const counts = this.#counts;
    const layers = this.#layers;
    const { linkType, bytes, length, wireBytes } = packet;
    counts.packets++;
    const found = layers.read(linkType, bytes, length, wireBytes, this.#nowNs);
    if (found === Layer.FOUND) {
      if (this.#conversations.datagram(layers.datagram, this.#nowNs)) return;
      const { payloadStart, payloadEnd, wireBytes: wanted } = layers.datagram;
      const isCut = payloadEnd - payloadStart < wanted;
      this.#notRead.add(isCut ? NotReadReason.CUT : NotReadReason.BAD);
    } else if (found === Layer.NOT_READ) this.#notRead.add(layers.reason);
    else if (found === Layer.NO_MESSAGE) {
      if (layers.isIp) counts.not_tcp_or_udp++;
      else counts.not_ip++;
    }
  }
}
