/**
 * The nested streams of one side, which units on the wire carry inside them (ParseResult "inner").
 *
 * In: pieces of nested streams, each with the unit that carried it. Out: their frames, in the side's
 * own queue, with the units' times and sizes on the wire. It knows no protocol, and decompresses
 * nothing.
 */
import type { Handover, IncompleteReason, Inner } from "../../protocols/protocol.ts";
import type { BufferPool } from "./buffer_pool.ts";
import { ByteStream, type Owner } from "./byte_stream.ts";
import { WireMap } from "./wire_map.ts";

/** Nested streams of a side at the same time; pieces of further ones are invalid. */
const MAX_NESTED = 4096;

/** The unit of the wire that a piece came in. */
export interface Unit {
  readonly wireBytes: number;
  readonly owner: Owner;
  /** When its first byte moved, and its last. */
  readonly startNs: number;
  readonly endNs: number;
}

/** What one piece gave. */
export interface PieceResult {
  readonly frames: number;
  readonly failures: number;
  readonly next: Handover | undefined;
}

/** What drives one nested stream: a FrameDriver of its own. */
export interface NestedDriver {
  readonly frames: number;
  readonly failures: number;
  readonly next: Handover | undefined;
  note(reason: IncompleteReason): void;
  breakOff(reason: IncompleteReason): void;
  end(reason: IncompleteReason): void;
  run(): void;
}

/** Makes the driver of nested stream `id`; `wire` tells which bytes on the wire carried it. */
export type OpenNested = (id: number, stream: ByteStream, wire: WireMap) => NestedDriver;

interface Nest {
  readonly stream: ByteStream;
  readonly wire: WireMap;
  readonly driver: NestedDriver;
}

const NO_RESULT: PieceResult = { frames: 0, failures: 0, next: undefined };

export class NestedStreams {
  readonly #pool: BufferPool;
  readonly #openDriver: OpenNested;
  readonly #nests = new Map<number, Nest>();

  constructor(pool: BufferPool, openDriver: OpenNested) {
    this.#pool = pool;
    this.#openDriver = openDriver;
  }

  /** Copies a piece; run() then takes its frames. False when there is no room for one stream more. */
  add({ bytes, stream: id = 0 }: Inner, unit: Unit): boolean {
    const nest = this.#nests.get(id) ?? this.#open(id);
    if (nest === null) return false;
    const { stream, wire } = nest;
    const { owner, startNs, endNs } = unit;
    wire.add(bytes.length, unit.wireBytes);
    if (bytes.length === 0) return true;
    // The piece is whole when the unit's last byte has moved, so its last byte gets that time.
    const early = startNs === endNs ? 0 : bytes.length - 1;
    if (early > 0) stream.append(bytes, 0, early, startNs, owner);
    stream.append(bytes, early, bytes.length - early, endNs, owner);
    return true;
  }

  /** Takes the frames that a piece made whole; `reasons` say what was missing from its unit. */
  run({ stream: id = 0, isLast }: Inner, reasons: readonly IncompleteReason[] | null): PieceResult {
    const nest = this.#nests.get(id);
    if (nest === undefined) return NO_RESULT;
    const { driver } = nest;
    const { frames, failures } = driver;
    for (const reason of reasons ?? []) driver.note(reason);
    if (isLast === true) {
      driver.end("closed");
      this.#nests.delete(id);
    }
    driver.run();
    if (isLast === true) nest.stream.clear();
    return {
      frames: driver.frames - frames,
      failures: driver.failures - failures,
      next: driver.next,
    };
  }

  /** Units on the wire were lost: bytes may be missing from every nested stream. */
  breakOff(reason: IncompleteReason): void {
    for (const { driver } of this.#nests.values()) driver.breakOff(reason);
  }

  /** No more pieces will come; the number of frames that this completed. */
  end(reason: IncompleteReason): number {
    let frames = 0;
    for (const { driver, stream } of this.#nests.values()) {
      frames -= driver.frames;
      driver.end(reason);
      driver.run();
      stream.clear();
      frames += driver.frames;
    }
    this.#nests.clear();
    return frames;
  }

  /** Gives back what is kept of all of them. */
  clear(): void {
    for (const { stream } of this.#nests.values()) stream.clear();
    this.#nests.clear();
  }

  #open(id: number): Nest | null {
    if (this.#nests.size >= MAX_NESTED) return null;
    const stream = new ByteStream(this.#pool), wire = new WireMap();
    const nest = { stream, wire, driver: this.#openDriver(id, stream, wire) };
    this.#nests.set(id, nest);
    return nest;
  }
}
