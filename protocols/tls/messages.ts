/**
 * Handshake messages of one side, joined from the records that carry them.
 *
 * In: the fragments of records, in order. Out: whole messages of the kinds that are read; of a long
 * one only its beginning. A message may be cut into records at any byte, and a record hold several.
 *
 *     message = kind(1) length(3) body                                          RFC 8446 section 4
 */
import { KeptBytes } from "../../lib/wire/kept_bytes.ts";
import { TlsReader } from "./reader.ts";

export const Kind = {
  CLIENT_HELLO: 1,
  SERVER_HELLO: 2,
  CERTIFICATE: 11,
  SERVER_HELLO_DONE: 14,
} as const;

const HEAD_BYTES = 4;
/** So much is kept of a message. The first certificate, and all of a usual hello, lie within. */
const MAX_KEPT_BYTES = 1 << 16;

export type TakeMessage = (kind: number, body: TlsReader) => void;

export class Messages {
  readonly #kept = new KeptBytes(0);
  /** Of the message in progress: bytes that came, and of how many; 0: not known yet. */
  #came = 0;
  #length = 0;

  get heldBytes(): number {
    return this.#kept.heldBytes;
  }

  /** A message has begun, and is not whole. */
  get isWithin(): boolean {
    return this.#came > 0;
  }

  /** Forgets the message in progress. */
  reset(): void {
    this.#kept.release();
    this.#came = 0;
    this.#length = 0;
  }

  /** Takes the fragment [from, to); calls `take` with each message that ends in it. */
  add(bytes: Uint8Array, from: number, to: number, take: TakeMessage): void {
    let at = from;
    while (at < to) {
      const whole = this.#came > 0 ? 0 : lengthAt(bytes, at, to);
      if (whole > 0 && whole <= to - at) {
        take(bytes[at] as number, new TlsReader(bytes, at + HEAD_BYTES, at + whole));
        at += whole;
      } else at = this.#addPart(bytes, at, to, take);
    }
  }

  /** Adds as much of the message in progress as is there; returns where that ends. */
  #addPart(bytes: Uint8Array, at: number, to: number, take: TakeMessage): number {
    const kept = this.#kept;
    if (this.#came === 0) kept.reset(HEAD_BYTES);
    if (this.#length === 0) {
      const end = Math.min(to, at + HEAD_BYTES - this.#came);
      kept.add(bytes, at, end);
      this.#came += end - at;
      if (this.#came < HEAD_BYTES) return end;
      this.#length = lengthAt(kept.bytes, 0, HEAD_BYTES);
      kept.limit = Math.min(this.#length, limitOf(kept.bytes[0] as number));
      if (this.#came < this.#length) return end;
      this.#end(take);
      return end;
    }
    const end = Math.min(to, at + this.#length - this.#came);
    kept.add(bytes, at, end);
    this.#came += end - at;
    if (this.#came === this.#length) this.#end(take);
    return end;
  }

  #end(take: TakeMessage): void {
    const { bytes, length } = this.#kept;
    take(bytes[0] as number, new TlsReader(bytes, HEAD_BYTES, length));
    this.reset();
  }
}

function limitOf(kind: number): number {
  const isRead = kind === Kind.CLIENT_HELLO || kind === Kind.SERVER_HELLO ||
    kind === Kind.CERTIFICATE;
  return isRead ? MAX_KEPT_BYTES : HEAD_BYTES;
}

/** Bytes of the message that begins there, its head included; 0 where that is cut. */
function lengthAt(bytes: Uint8Array, at: number, to: number): number {
  if (to - at < HEAD_BYTES) return 0;
  const [, high = 0, middle = 0, low = 0] = bytes.subarray(at, at + HEAD_BYTES);
  return HEAD_BYTES + high * 65536 + middle * 256 + low;
}
