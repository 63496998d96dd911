/**
 * Events from a recording (recording/format.ts) or a packet capture (pcap/).
 *
 * In: a file, or standard input. Out: the same entries in the same order as when they were
 * recorded, one block a call. It needs neither root nor the kernel. A file is hostile like traffic:
 * its whole blocks are handed out, then `failure` says where and why it ended early.
 */
import { EntryKind } from "./abi.ts";
import { SocketEvent } from "./event.ts";
import { isPcap } from "./pcap/file.ts";
import { USUAL_ROOM_BYTES } from "./pcap/room.ts";
import { PcapSource } from "./pcap/source.ts";
import { cutPiece } from "./pieces.ts";
import { isPlausible } from "./plausible.ts";
import {
  BLOCK_HEAD_BYTES,
  blockChecksum,
  type BlockHead,
  BlockType,
  COMPRESSIONS,
  crc32,
  decodeBlockHead,
  decodeEnd,
  decodeFacts,
  decompress,
  FILE_HEAD_BYTES,
  FILE_MAGIC,
  FORMAT_VERSION,
  MAX_FACTS_BYTES,
  RecordingError,
  type RecordingFacts,
} from "./recording/format.ts";
import { RecordingInput } from "./recording/input.ts";
import type { ReplaySource } from "./replay_source.ts";
import type { BufferLoss, EventHandler, TraceStart } from "./source.ts";
import { Turn } from "./turn.ts";

/**
 * Opens a recording, pcap or pcapng file, told apart by their first bytes, perhaps in a gzip file; "-" is
 * standard input.
 * Throws RecordingError when it cannot be opened, is none of them, or is too new.
 */
export function openReplay(path: string): ReplaySource {
  return replayOf(new RecordingInput(path));
}

/**
 * openReplay() of a file that is open already; the source closes it. `roomBytes`: memory that a packet
 * capture may take for what waits there; a recording keeps nothing.
 */
export function replayOf(input: RecordingInput, roomBytes = USUAL_ROOM_BYTES): ReplaySource {
  try {
    input.unpack();
    if (input.needNow(4) && isPcap(input.bytes, input.start)) {
      return new PcapSource(input, roomBytes);
    }
    return new RecordingSource(input);
  } catch (error) {
    input[Symbol.dispose]();
    throw error;
  }
}

function readFileHead(input: RecordingInput): { start: TraceStart; facts: RecordingFacts } {
  const whole = input.needNow(FILE_HEAD_BYTES);
  const seen = Math.min(input.available, FILE_MAGIC.length);
  if (seen === 0) throw input.error("it is empty", 0);
  for (let i = 0; i < seen; i++) {
    if (input.bytes[input.start + i] !== FILE_MAGIC[i]) throw input.error(notOurs(input), 0);
  }
  if (!whole) throw input.error("its head is cut", 0);
  const view = new DataView(input.bytes.buffer, input.start, FILE_HEAD_BYTES);
  const version = view.getUint32(8, true);
  if (version !== FORMAT_VERSION) {
    const reason = `it has format version ${version}, this reads version ${FORMAT_VERSION}`;
    throw input.error(version > FORMAT_VERSION ? `${reason}: use a newer sockeye` : reason, 8);
  }
  const length = view.getUint32(12, true);
  const checksum = view.getUint32(16, true);
  if (length > MAX_FACTS_BYTES) throw input.error("its head is damaged", 12);
  if (!input.needNow(FILE_HEAD_BYTES + length)) throw input.error("its head is cut", 0);
  input.consume(FILE_HEAD_BYTES);
  const json = input.bytes.subarray(input.start, input.start + length);
  if (crc32(json) !== checksum) throw input.error("its head is damaged", FILE_HEAD_BYTES);
  const decoded = decodeFacts(json);
  if (typeof decoded === "string") throw input.error(decoded, FILE_HEAD_BYTES);
  input.consume(length);
  return decoded;
}

function notOurs(input: RecordingInput): string {
  const [first, second] = [input.bytes[input.start], input.bytes[input.start + 1]];
  if (first === 0x28 && second === 0xb5) {
    return 'it is a zstd file: use "zstdcat FILE | sockeye replay -"';
  }
  return "it is neither a recording nor a pcap or pcapng file";
}

class RecordingSource implements ReplaySource {
  readonly format = "recording";
  readonly heldBytes = 0;
  readonly start: TraceStart;
  readonly facts: RecordingFacts;
  ended = false;
  failure: RecordingError | null = null;
  readonly #input: RecordingInput;
  readonly #event = new SocketEvent();
  // Entries are read as 32-bit words, so the block lies aligned in a buffer of its own.
  #block = new Uint8Array(0);
  #words = new Uint32Array(0);
  #blockOffset = 0;
  #blockEnd = 0;
  /** In the current block: where the next event lies, how many came before, and how many there are. */
  #at = 0;
  #nth = 0;
  /** Bytes of the next event that were handed out already. */
  #done = 0;
  #expected = 0;
  #starved = false;
  #losses: readonly BufferLoss[] = [];
  #counts = { blocks: 0, events: 0, lost_events: 0, unknown_blocks: 0, closed: 0 };

  constructor(input: RecordingInput) {
    this.#input = input;
    const { start, facts } = readFileHead(input);
    this.start = start;
    this.facts = facts;
  }

  drain(handler: EventHandler, turn: Turn = new Turn()): number {
    if (this.ended) return 0;
    try {
      return this.#drainBlock(handler, turn);
    } catch (error) {
      if (!(error instanceof RecordingError)) throw error;
      this.ended = true;
      this.failure = error;
      return 0;
    }
  }

  async wait(): Promise<void> {
    if (this.#starved) return await this.#fill();
    await new Promise((resolve) => setImmediate(resolve));
  }

  stop(): void {
    this.ended = true;
    this.#input.stop();
  }

  losses(): readonly BufferLoss[] {
    return this.#losses;
  }

  counts(): Readonly<Record<string, number>> {
    return this.#counts;
  }

  notRead(): Readonly<Record<string, number>> {
    return {};
  }

  [Symbol.dispose](): void {
    this.#input[Symbol.dispose]();
  }

  async #fill(): Promise<void> {
    try {
      await this.#input.fill();
    } catch (error) {
      if (!(error instanceof RecordingError)) throw error;
      this.ended = true;
      this.failure = error;
    }
  }

  #drainBlock(handler: EventHandler, turn: Turn): number {
    if (this.#at < this.#blockEnd) return this.#handOut(handler, turn);
    const input = this.#input;
    const offset = input.offset;
    this.#starved = false;
    if (!input.need(BLOCK_HEAD_BYTES)) return this.#starve(offset);
    const head = decodeBlockHead(input.bytes, input.start);
    if (head === null) throw input.error(`block at offset ${offset} is damaged`, offset);
    const size = BLOCK_HEAD_BYTES + head.storedLength;
    if (!input.need(size)) return this.#starve(offset);
    const raw = this.#rawBytes(head, offset);
    input.consume(size);
    this.#counts.blocks++;
    if (head.type === BlockType.EVENTS) {
      this.#takeBlock(raw, head.events, offset);
      return this.#handOut(handler, turn);
    }
    if (head.type === BlockType.END) this.#end(raw);
    else this.#counts.unknown_blocks++;
    return 0;
  }

  #starve(offset: number): number {
    if (!this.#input.eof) {
      this.#starved = true;
    } else if (this.#input.available === 0) {
      // All blocks are whole, but there is no end block: how much is missing is not known.
      const reason = `it breaks off at offset ${offset}, between two blocks`;
      throw this.#input.error(`${reason}: its trace was killed, or the file was cut`, offset);
    } else {
      throw this.#input.error(`block at offset ${offset} is cut`, offset);
    }
    return 0;
  }

  #rawBytes(head: BlockHead, offset: number): Uint8Array {
    const input = this.#input;
    const at = input.start;
    const stored = input.bytes.subarray(
      at + BLOCK_HEAD_BYTES,
      at + BLOCK_HEAD_BYTES + head.storedLength,
    );
    const damaged = (): RecordingError =>
      input.error(`block at offset ${offset} is damaged`, offset);
    if (blockChecksum(input.bytes.subarray(at, at + BLOCK_HEAD_BYTES), stored) !== head.checksum) {
      throw damaged();
    }
    if (COMPRESSIONS[head.compression] === undefined) {
      const reason = `block at offset ${offset} has unknown compression ${head.compression}`;
      throw input.error(`${reason}: use a newer sockeye`, offset);
    }
    const raw = decompress(stored, head.compression, head.rawLength);
    if (raw === null || raw.length !== head.rawLength) throw damaged();
    return raw;
  }

  #takeBlock(raw: Uint8Array, expected: number, offset: number): void {
    if (this.#block.length < raw.length) {
      this.#block = new Uint8Array((raw.length + 65535) & ~65535);
      this.#words = new Uint32Array(this.#block.buffer);
    }
    this.#block.set(raw);
    this.#at = 0;
    this.#blockEnd = raw.length;
    this.#nth = 0;
    this.#expected = expected;
    this.#blockOffset = offset;
  }

  /** Hands out the current block, or as much of it as a turn has time for. */
  #handOut(handler: EventHandler, turn: Turn): number {
    const event = this.#event;
    const end = this.#blockEnd;
    let count = 0;
    while (this.#at < end && !this.ended) {
      const whole = event.read(this.#words, this.#block, this.#at, end, this.start.base);
      if (!whole || this.#nth === this.#expected || !isPlausible(event)) return this.#fail(count);
      this.#done = cutPiece(event, this.#done);
      if (this.#done === 0) {
        this.#at += event.entrySize;
        this.#nth++;
        this.#counts.events++;
        count++;
        if (event.kind === EntryKind.LOST) this.#counts.lost_events += event.totalBytes;
      }
      handler(event);
      if (turn.isOver) return count;
    }
    return this.#nth < this.#expected && !this.ended ? this.#fail(count) : count;
  }

  #fail(count: number): number {
    const offset = this.#blockOffset;
    const reason = `block at offset ${offset} is damaged: event ${this.#nth + 1} is none`;
    this.failure = this.#input.error(reason, offset);
    this.ended = true;
    return count;
  }

  #end(json: Uint8Array): void {
    this.#losses = decodeEnd(json).losses;
    this.#counts.closed = 1;
    this.ended = true;
  }
}
