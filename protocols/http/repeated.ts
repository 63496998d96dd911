/**
 * Remembers messages that come again byte for byte: polls, health checks, a page that many ask for.
 *
 * In: the bytes in front of a parser. Out: the frame that equal bytes gave before, on any connection of
 * the run; nobody changes it. It knows nothing of framing: parse.ts asks it only where a message
 * depends on its own bytes alone.
 */
import { keepJson } from "../../lib/wire/json.ts";
import { hasAt } from "../../lib/wire/text.ts";
import type { Frame, Side } from "../protocol.ts";
import type { HttpFrame, HttpResponse } from "./types.ts";

/** Most messages that are kept; one that comes more often takes the place of another. */
const SLOTS = 256;
/** Messages with more bytes are not kept. */
const MAX_BYTES = 4096;
/** Nor are those whose decoded body is longer: its text and JSON would be kept, too. */
const MAX_SHOWN = 8192;
/** Bytes of a message that its hash, and so its slot, is made of. */
const SAMPLES = 16;
/** How many other messages of the same slot pass before a kept one is replaced. */
const MIN_PATIENCE = 16;
const MAX_PATIENCE = 4096;

/** A message that came twice. */
export class Repeated {
  readonly result: Frame<HttpFrame>;
  /** Method of a request; "" for a response. */
  readonly method: string;
  readonly #bytes: Uint8Array;

  constructor(bytes: Uint8Array, { frame, redacted, unfoldedBytes }: Frame<HttpFrame>) {
    this.#bytes = bytes;
    this.method = frame.side === "request" ? frame.message.method : "";
    const { length } = bytes;
    this.result = { kind: "frame", frame: shared(frame), length, redacted, unfoldedBytes };
  }

  /** Do `bytes` begin with it? */
  isAt(bytes: Uint8Array): boolean {
    const own = this.#bytes;
    const { length } = own;
    // Most other messages differ in one of these two bytes, and the call of hasAt() costs more.
    return bytes.length >= length && bytes[length - 1] === own[length - 1] &&
      bytes[length >> 1] === own[length >> 1] && hasAt(bytes, 0, own, length);
  }
}

const TIME = "time_to_first_byte_ns" satisfies keyof HttpResponse;

/** The frame that all equal messages share: without what differs between them, the times. */
function shared(frame: HttpFrame): HttpFrame {
  if (frame.side === "request") {
    const message = { ...frame.message };
    keepJson(message);
    return { ...frame, message };
  }
  const message = { ...frame.message };
  keepJson(message, TIME);
  return { ...frame, message };
}

/** A place for one kept message. */
interface Slot {
  hash: number;
  repeated: Repeated | null;
  /** How many others came to this slot since its message came last, and how many may. */
  others: number;
  patience: number;
}

/** Messages that came before, on all connections of a run. */
export class RepeatedMessages {
  readonly #slots: Slot[] = Array.from({ length: SLOTS }, () => ({
    hash: 0,
    repeated: null,
    others: 0,
    patience: MIN_PATIENCE,
  }));

  /** The kept message that is equal to `bytes`. */
  find(bytes: Uint8Array, side: Side): Repeated | null {
    if (bytes.length > MAX_BYTES) return null;
    const hash = hashOf(bytes, bytes.length);
    const slot = this.#slotOf(hash);
    const { repeated } = slot;
    if (repeated === null || slot.hash !== hash || repeated.result.frame.side !== side) return null;
    if (repeated.result.length !== bytes.length || !repeated.isAt(bytes)) return null;
    slot.others = 0;
    slot.patience = MIN_PATIENCE;
    return repeated;
  }

  /** Notes the message at the beginning of `bytes`, which is kept the second time that it comes. */
  note(bytes: Uint8Array, result: Frame<HttpFrame>): void {
    const { length } = result;
    const { body, body_base64 } = result.frame.message;
    if (length > MAX_BYTES || (body ?? body_base64 ?? "").length > MAX_SHOWN) return;
    const hash = hashOf(bytes, length);
    const slot = this.#slotOf(hash);
    if (slot.repeated !== null && ++slot.others < slot.patience) return;
    slot.others = 0;
    if (slot.hash !== hash) {
      slot.hash = hash;
      slot.repeated = null;
      slot.patience = MIN_PATIENCE;
      return;
    }
    // A message that is replaced was of no use: the next one stays longer.
    if (slot.repeated !== null) slot.patience = Math.min(2 * slot.patience, MAX_PATIENCE);
    slot.repeated = new Repeated(bytes.slice(0, length), result);
  }

  #slotOf(hash: number): Slot {
    return this.#slots[hash & (SLOTS - 1)] as Slot;
  }
}

function hashOf(bytes: Uint8Array, length: number): number {
  const step = Math.max(1, Math.trunc(length / SAMPLES));
  let hash = length;
  for (let i = length - 1; i >= 0; i -= step) {
    hash = Math.imul(hash ^ (bytes[i] as number), 0x01000193);
  }
  return hash ^ (hash >>> 15);
}
