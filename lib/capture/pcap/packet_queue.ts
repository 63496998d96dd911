/**
 * The last packets of a capture, sorted by their times: several CPUs write them a little out of order.
 *
 * In: captured packets. Out: the oldest of them, once there are enough. They are copies, in buffers that
 * are used again. It is bounded in number and in bytes.
 */
import type { CapturedPacket } from "./file.ts";

const MAX_PACKETS = 64;
/** Larger differences are no disorder, but another clock. */
const SORTED_NS = 1e9;
const USUAL_BYTES = 2048;
/** What offloading makes of a segment; larger buffers are not kept. */
const LARGE_BYTES = 64 << 10;

/** A packet that waits: the first `length` of `bytes`. */
export interface WaitingPacket {
  linkType: number;
  timeNs: number;
  bytes: Uint8Array<ArrayBuffer>;
  length: number;
  wireBytes: number;
}

export class PacketQueue {
  /** Packets that came behind later ones. */
  outOfOrder = 0;
  /** Memory of all buffers. */
  heldBytes = 0;
  readonly #maxBytes: number;
  readonly #waiting: WaitingPacket[] = [];
  readonly #spare: WaitingPacket[] = [];
  #waitingBytes = 0;

  constructor(maxBytes: number) {
    this.#maxBytes = maxBytes;
  }

  /** The oldest need not wait any longer. */
  get isFull(): boolean {
    return this.#waiting.length > MAX_PACKETS || this.#waitingBytes > this.#maxBytes;
  }

  /** Puts a copy of the packet in its place. */
  add(packet: CapturedPacket, timeNs: number): void {
    const length = packet.end - packet.start;
    const slot = this.#spare.pop() ?? this.#newSlot();
    if (slot.bytes.length < length) this.#resize(slot, 2 ** (32 - Math.clz32(length - 1)));
    slot.bytes.set(packet.bytes.subarray(packet.start, packet.end));
    slot.length = length;
    slot.linkType = packet.linkType;
    slot.wireBytes = packet.wireBytes;
    slot.timeNs = timeNs;
    this.#waitingBytes += length;
    let at = this.#waiting.length;
    while (at > 0) {
      const aheadNs = (this.#waiting[at - 1] as WaitingPacket).timeNs - timeNs;
      if (aheadNs <= 0 || aheadNs > SORTED_NS) break;
      at--;
    }
    if (at === this.#waiting.length) {
      this.#waiting.push(slot);
      return;
    }
    this.outOfOrder++;
    this.#waiting.splice(at, 0, slot);
  }

  /** The oldest packet, which is to be given back; null when there is none. */
  take(): WaitingPacket | null {
    const packet = this.#waiting.shift();
    if (packet === undefined) return null;
    this.#waitingBytes -= packet.length;
    return packet;
  }

  giveBack(packet: WaitingPacket): void {
    if (packet.bytes.length > LARGE_BYTES) this.#resize(packet, USUAL_BYTES);
    this.#spare.push(packet);
  }

  #newSlot(): WaitingPacket {
    const bytes = new Uint8Array(USUAL_BYTES);
    this.heldBytes += USUAL_BYTES;
    return { linkType: 0, timeNs: 0, bytes, length: 0, wireBytes: 0 };
  }

  // The old buffer is not left to the collector, which may take its time.
  #resize(slot: WaitingPacket, size: number): void {
    this.heldBytes += size - slot.bytes.length;
    slot.bytes.buffer.transfer(0);
    slot.bytes = new Uint8Array(size);
  }
}
