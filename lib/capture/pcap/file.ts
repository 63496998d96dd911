/**
 * The framing of packet captures: pcap (draft-ietf-opsawg-pcap) and pcapng
 * (draft-ietf-opsawg-pcapng).
 *
 * In: a RecordingInput. Out: one captured packet a call, a view into the input. It never looks into
 * a packet, and allocates nothing by a length from the file.
 */
import type { RecordingInput } from "../recording/input.ts";

/** No capture program writes longer packets: four times tcpdump's largest snaplen, 262,144. */
const MAX_PACKET_BYTES = 1 << 20;
const MAX_NG_BLOCK_BYTES = 1 << 24;
/** With what is said about the packet, or the interface, in options of 64 KiB at most each. */
const MAX_READ_BLOCK_BYTES = 2 * MAX_PACKET_BYTES;
const MAX_INTERFACES = 8192;
const TWO_32 = 4294967296;

const MICROS = 0xa1b2c3d4;
const NANOS = 0xa1b23c4d;
const NG_SECTION = 0x0a0d0d0a;
const NG_BYTE_ORDER = 0x1a2b3c4d;
const NG = { INTERFACE: 1, OLD_PACKET: 2, SIMPLE: 3, ENHANCED: 6 } as const;
/** Other blocks are passed over. */
const READ_BLOCKS: readonly number[] = Object.values(NG);
const OPTION = { END: 0, TSRESOL: 9, TSOFFSET: 14 } as const;

/** One packet as it was captured; reused, and valid until the next call. */
export class CapturedPacket {
  linkType = 0;
  /** Unix time: whole seconds, and nanoseconds within that second. */
  seconds = 0;
  nanos = 0;
  bytes: Uint8Array = new Uint8Array(0);
  /** The captured bytes are bytes[start, end). */
  start = 0;
  end = 0;
  /** Bytes it had on the wire: more than were captured when the snaplen cut it. */
  wireBytes = 0;
}

/** What next() says: "more" when the bytes are not there yet, or hold no packet (call again). */
export type PacketStep = "packet" | "more" | "skipped" | "end";

/** Reads the packets of a file of either format. Errors are RecordingError. */
export interface PacketReader {
  next(packet: CapturedPacket): PacketStep;
}

/** True when a pcap or pcapng file starts at `at` (four bytes are there). */
export function isPcap(bytes: Uint8Array, at: number): boolean {
  const view = new DataView(bytes.buffer, bytes.byteOffset + at, 4);
  const big = view.getUint32(0, false);
  const little = view.getUint32(0, true);
  return big === NG_SECTION || [big, little].some((magic) => magic === MICROS || magic === NANOS);
}

/** A reader for the file whose first four bytes isPcap() accepted. */
export function openPackets(input: RecordingInput): PacketReader {
  const view = new DataView(input.bytes.buffer, input.start, 4);
  return view.getUint32(0) === NG_SECTION ? new PcapngReader(input) : new PcapReader(input);
}

// What next() says without enough bytes: "more" while a pipe may bring them, "end", or an error where
// the file ends in the middle of a packet.
function starved(input: RecordingInput): PacketStep {
  if (!input.eof) return "more";
  if (input.available === 0) return "end";
  throw input.error(`packet at offset ${input.offset} is cut`, input.offset);
}

class PcapReader implements PacketReader {
  readonly #little: boolean;
  readonly #nanosPerUnit: number;
  readonly #linkType: number;

  constructor(readonly input: RecordingInput) {
    if (!input.needNow(24)) throw input.error("its head is cut", 0);
    const view = new DataView(input.bytes.buffer, input.start, 24);
    const little = view.getUint32(0, true);
    this.#little = little === MICROS || little === NANOS;
    this.#nanosPerUnit = view.getUint32(0, this.#little) === NANOS ? 1 : 1000;
    const major = view.getUint16(4, this.#little);
    if (major !== 2) throw input.error(`it has pcap version ${major}, this reads version 2`, 4);
    // The upper 16 bits are about a frame check sequence.
    this.#linkType = view.getUint32(20, this.#little) & 0xffff;
    input.consume(24);
  }

  next(packet: CapturedPacket): PacketStep {
    const input = this.input;
    if (!input.need(16)) return starved(input);
    const view = new DataView(input.bytes.buffer, input.start, 16);
    const captured = view.getUint32(8, this.#little);
    if (captured > MAX_PACKET_BYTES) {
      throw input.error(`packet at offset ${input.offset} is damaged`, input.offset);
    }
    if (!input.need(16 + captured)) return starved(input);
    const head = new DataView(input.bytes.buffer, input.start, 16);
    packet.linkType = this.#linkType;
    packet.seconds = head.getUint32(0, this.#little);
    packet.nanos = Math.min(head.getUint32(4, this.#little) * this.#nanosPerUnit, 999_999_999);
    packet.wireBytes = Math.max(head.getUint32(12, this.#little), captured);
    packet.bytes = input.bytes;
    packet.start = input.start + 16;
    packet.end = packet.start + captured;
    input.consume(16 + captured);
    return "packet";
  }
}

interface Interface {
  linkType: number;
  snaplen: number;
  /** Its timestamps count units of 1 / unitsPerSecond seconds. */
  unitsPerSecond: bigint;
  offsetSeconds: bigint;
  /** The last timestamp's high half and its time, since most packets have the same high half. */
  high: number;
  highSeconds: number;
  highNanos: number;
  nanosPerUnit: number;
}

class PcapngReader implements PacketReader {
  #little = true;
  #interfaces: Interface[] = [];
  #seconds = 0;
  #nanos = 0;
  /** Of a block that is passed over: its beginning, its length, and how much is left of it. */
  #passed = { offset: 0, length: 0, left: 0 };

  constructor(readonly input: RecordingInput) {}

  next(packet: CapturedPacket): PacketStep {
    const input = this.input;
    if (this.#passed.left > 0) return this.#passOver();
    if (!input.need(12)) return starved(input);
    const offset = input.offset;
    let view = new DataView(input.bytes.buffer, input.start, 12);
    const isSection = view.getUint32(0) === NG_SECTION;
    if (isSection) this.#startSection(view);
    const length = view.getUint32(4, this.#little);
    if (length < 12 || (length & 3) !== 0 || length > MAX_NG_BLOCK_BYTES) throw this.#damaged();
    const type = view.getUint32(0, this.#little);
    if (!READ_BLOCKS.includes(type)) {
      this.#passed = { offset, length, left: length };
      return this.#passOver();
    }
    if (length > MAX_READ_BLOCK_BYTES) throw this.#damaged();
    if (!input.need(length)) return starved(input);
    view = new DataView(input.bytes.buffer, input.start, length);
    if (view.getUint32(length - 4, this.#little) !== length) throw this.#damaged();
    let step: PacketStep = "skipped";
    if (type === NG.INTERFACE) this.#addInterface(view);
    else if (type === NG.ENHANCED || type === NG.OLD_PACKET) step = this.#timed(view, type, packet);
    else if (type === NG.SIMPLE) step = this.#simple(view, packet);
    if (step === "packet") {
      packet.bytes = input.bytes;
      packet.seconds = this.#seconds;
      packet.nanos = this.#nanos;
    }
    input.consume(length);
    if (input.offset === offset) throw this.#damaged();
    return step;
  }

  // A block without a packet may be large: it is never whole in memory. Its length stands at its end again.
  #passOver(): PacketStep {
    const { input } = this;
    const of = this.#passed;
    const isEnd = of.left === 4;
    if (!input.need(isEnd ? 4 : 1)) {
      if (!input.eof) return "more";
      throw input.error(`packet at offset ${of.offset} is cut`, of.offset);
    }
    if (isEnd) {
      const view = new DataView(input.bytes.buffer, input.start, 4);
      if (view.getUint32(0, this.#little) !== of.length) throw this.#damaged(of.offset);
    }
    const count = isEnd ? 4 : Math.min(of.left - 4, input.available);
    input.consume(count);
    of.left -= count;
    return "skipped";
  }

  #damaged(offset = this.input.offset): Error {
    return this.input.error(`pcapng block at offset ${offset} is damaged`, offset);
  }

  #startSection(view: DataView): void {
    if (view.getUint32(8, true) === NG_BYTE_ORDER) this.#little = true;
    else if (view.getUint32(8, false) === NG_BYTE_ORDER) this.#little = false;
    else throw this.#damaged();
    this.#interfaces = [];
  }

  #addInterface(view: DataView): void {
    if (view.byteLength < 20 || this.#interfaces.length >= MAX_INTERFACES) throw this.#damaged();
    const added: Interface = {
      linkType: view.getUint16(8, this.#little),
      snaplen: view.getUint32(12, this.#little),
      unitsPerSecond: 1_000_000n,
      offsetSeconds: 0n,
      high: -1,
      highSeconds: 0,
      highNanos: 0,
      nanosPerUnit: 1000,
    };
    const end = view.byteLength - 4;
    for (let at = 16; at + 4 <= end;) {
      const code = view.getUint16(at, this.#little);
      const length = view.getUint16(at + 2, this.#little);
      if (code === OPTION.END || at + 4 + length > end) break;
      if (code === OPTION.TSRESOL && length >= 1) setResolution(added, view.getUint8(at + 4));
      if (code === OPTION.TSOFFSET && length >= 8) {
        added.offsetSeconds = view.getBigInt64(at + 4, this.#little);
      }
      at += 4 + ((length + 3) & ~3);
    }
    this.#interfaces.push(added);
  }

  // Enhanced packet block, and the obsolete packet block, whose interface id has 16 bits, not 32.
  #timed(view: DataView, type: number, packet: CapturedPacket): PacketStep {
    const little = this.#little;
    if (view.byteLength < 32) throw this.#damaged();
    const id = type === NG.ENHANCED ? view.getUint32(8, little) : view.getUint16(8, little);
    const from = this.#interfaces[id];
    const captured = view.getUint32(20, little);
    if (from === undefined || captured > view.byteLength - 32) throw this.#damaged();
    if (captured > MAX_PACKET_BYTES) throw this.#damaged();
    this.#setTime(from, view.getUint32(12, little), view.getUint32(16, little));
    packet.linkType = from.linkType;
    packet.wireBytes = Math.max(view.getUint32(24, little), captured);
    packet.start = this.input.start + 28;
    packet.end = packet.start + captured;
    return "packet";
  }

  // Simple packet block: of the first interface, without a time; it gets that of the packet before.
  #simple(view: DataView, packet: CapturedPacket): PacketStep {
    const from = this.#interfaces[0];
    if (view.byteLength < 16 || from === undefined) throw this.#damaged();
    const wireBytes = view.getUint32(8, this.#little);
    const limit = from.snaplen === 0 ? wireBytes : Math.min(wireBytes, from.snaplen);
    packet.linkType = from.linkType;
    packet.wireBytes = wireBytes;
    packet.start = this.input.start + 12;
    packet.end = packet.start + Math.min(limit, view.byteLength - 16);
    return "packet";
  }

  #setTime(from: Interface, high: number, low: number): void {
    if (from.high !== high) {
      const units = BigInt(high) * BigInt(TWO_32);
      const seconds = units / from.unitsPerSecond + from.offsetSeconds;
      const rest = units % from.unitsPerSecond;
      from.high = high;
      from.highSeconds = Number(BigInt.asIntN(64, seconds));
      from.highNanos = Number(rest * 1_000_000_000n / from.unitsPerSecond);
    }
    const nanos = from.highNanos + Math.round(low * from.nanosPerUnit);
    const carry = Math.floor(nanos / 1e9);
    this.#seconds = from.highSeconds + carry;
    this.#nanos = nanos - carry * 1e9;
  }
}

// if_tsresol: 6 means units of 10^-6 s; with the top bit set, 2^-6 s.
function setResolution(of: Interface, value: number): void {
  const exponent = BigInt(value & 127);
  of.unitsPerSecond = (value & 128) === 0 ? 10n ** exponent : 2n ** exponent;
  of.nanosPerUnit = 1e9 / Number(of.unitsPerSecond);
}
