/**
 * Messages that come again to the byte: polls, health checks, a page that everybody asks for.
 *
 * In: the bytes in front of a parser. Out: the frame that the same bytes made before, on whatever
 * connection of the trace. Nobody changes it. It knows nothing of framing: parse.ts asks only where a
 * message depends on its own bytes alone.
 */
import { keepJson } from "../../lib/wire/json.ts";
import { hasAt } from "../../lib/wire/text.ts";
import type { Frame, Side } from "../protocol.ts";
import type { HttpFrame, HttpResponse } from "./types.ts";

/** Messages that are kept, at most; one that comes more often takes the place of another. */
const SLOTS = 256;
/** Longer ones are read anew each time. */
const MAX_BYTES = 4096;
/** So are those whose body unfolds to more text than this: it would be kept, too, and as JSON. */
const MAX_SHOWN = 8192;
/** So many bytes of a message choose its slot. */
const SAMPLES = 16;
/** Of messages that differ between those bytes, so many are let pass before another one is kept. */
const MIN_PATIENCE = 16;
const MAX_PATIENCE = 4096;

/** A message that came twice. */
export class Repeated {
  readonly result: Frame<HttpFrame>;
  /** Of a request. */
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
    // Most others differ here, and a call costs more than a look.
    return bytes.length >= length && bytes[length - 1] === own[length - 1] &&
      bytes[length >> 1] === own[length >> 1] && hasAt(bytes, 0, own, length);
  }
}

const TIME = "time_to_first_byte_ns" satisfies keyof HttpResponse;

/** The frame for all that are like it: but for their time, their messages are the same. */
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

/** One place of the memory. */
interface Slot {
  hash: number;
  repeated: Repeated | null;
  /** Others that came to this place since it was last of use, and how many may. */
  others: number;
  patience: number;
}

/** What came before, of all connections of a trace. */
export class RepeatedMessages {
  readonly #slots: Slot[] = Array.from({ length: SLOTS }, () => ({
    hash: 0,
    repeated: null,
    others: 0,
    patience: MIN_PATIENCE,
  }));

  /** The message that `bytes` are, to the last one. */
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

  /** The first bytes are that message: it is kept the second time that it comes. */
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
    // What was kept was of no use.
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
