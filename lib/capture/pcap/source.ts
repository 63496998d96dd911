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
import { Layers } from "./layers.ts";
import { NotRead } from "./not_read.ts";

const BATCH_PACKETS = 512;
/** Capture on several CPUs writes packets a little out of order: this many are sorted by time. */
const SORTED_PACKETS = 64;
const SORTED_NS = 1e9;
/** A larger step back is another clock: files that were appended to each other. */
const MAX_STEP_BACK_NS = 10e9;
const TICK_NS = 100e6;
/** The base lies 78 hours after zero, so that packets earlier than the first have no negative time. */
const BASE = { low: 0, high: 65536 };
const EARLIEST_NS = -(2 ** 47);
const LATEST_NS = 2 ** 52;
const MAX_WALL_SECONDS = 2 ** 33;

interface Waiting {
  linkType: number;
  timeNs: number;
  bytes: Uint8Array;
  length: number;
  wireBytes: number;
}

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
  readonly #layers = new Layers();
  readonly #notRead = new NotRead();
  readonly #entries = new PcapEntries(BASE);
  readonly #conversations = new PcapConversations(this.#entries);
  readonly #waiting: Waiting[] = [];
  readonly #spare: Waiting[] = [];
  #nowNs = -Infinity;
  #nextTickNs = -Infinity;
  #starved = false;
  #stopped = false;
  #counts = {
    packets: 0,
    not_ip: 0,
    not_tcp_or_udp: 0,
    out_of_order: 0,
  };

  constructor(input: RecordingInput) {
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
      if (this.#stopped) this.#finish(null);
      else this.#readBatch(turn);
    } catch (error) {
      if (!(error instanceof RecordingError)) throw error;
      this.#finish(error);
    }
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

  counts(): Readonly<Record<string, number>> {
    return {
      ...this.#counts,
      duplicate_bytes: this.#conversations.duplicateBytes,
      gap_bytes: this.#conversations.gapBytes,
    };
  }

  notRead(): Readonly<Record<string, number>> {
    const { lost } = this.#layers.fragments;
    const all = this.#notRead.toJSON();
    return lost === 0 ? all : { ...all, [NotReadReason.FRAGMENTS]: lost };
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
        if (this.#waiting.length > SORTED_PACKETS) this.#takeOldest();
      } else if (step === "end") {
        this.#finish(null);
        return;
      } else if (step === "more") {
        // A silent pipe: packets that are here must not wait for some that may never come.
        while (this.#waiting.length > 0) this.#takeOldest();
        this.#starved = true;
        return;
      }
    }
  }

  #finish(failure: RecordingError | null): void {
    while (this.#waiting.length > 0) this.#takeOldest();
    this.#conversations.finish();
    this.#layers.fragments.finish();
    this.ended = true;
    this.failure = failure;
  }

  // Puts a copy of the packet into `#waiting`, by time: the packet's own bytes are soon overwritten.
  #enqueue(): void {
    const packet = this.#packet;
    const length = packet.end - packet.start;
    const slot = this.#spare.pop() ??
      { linkType: 0, timeNs: 0, bytes: new Uint8Array(2048), length: 0, wireBytes: 0 };
    if (slot.bytes.length < length) slot.bytes = new Uint8Array(length);
    slot.bytes.set(packet.bytes.subarray(packet.start, packet.end));
    slot.length = length;
    slot.linkType = packet.linkType;
    slot.wireBytes = packet.wireBytes;
    const { wallSeconds, wallNanos } = this.start;
    const timeNs = (packet.seconds - wallSeconds) * 1e9 + (packet.nanos - wallNanos);
    slot.timeNs = Math.min(Math.max(timeNs, EARLIEST_NS), LATEST_NS);
    let at = this.#waiting.length;
    while (at > 0) {
      const aheadNs = (this.#waiting[at - 1] as Waiting).timeNs - slot.timeNs;
      if (aheadNs <= 0 || aheadNs > SORTED_NS) break;
      at--;
    }
    if (at < this.#waiting.length) this.#counts.out_of_order++;
    this.#waiting.splice(at, 0, slot);
  }

  #takeOldest(): void {
    const packet = this.#waiting.shift();
    if (packet === undefined) return;
    this.#advance(packet.timeNs);
    this.#take(packet);
    this.#spare.push(packet);
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

  #take(packet: Waiting): void {
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
