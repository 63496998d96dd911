/**
 * A cursor over a message of TLS, in whose notation (RFC 8446 section 3.4) lists are vectors: their
 * size in bytes, then their items. In: a range of bytes. Out: numbers, vectors, text. Never throws.
 */
import { ByteReader } from "../../lib/wire/byte_reader.ts";
import { utf8 } from "../../lib/wire/text.ts";
import type { TlsName } from "./types.ts";

export class TlsReader extends ByteReader {
  u24(): number {
    const high = this.u8();
    return high * 65536 + this.u16();
  }

  /** A reader on the vector whose size is in a byte, or in two; on nothing, failed, if it is cut. */
  vector8(): TlsReader {
    return this.part(this.u8());
  }

  vector16(): TlsReader {
    return this.part(this.u16());
  }

  /** The next `length` bytes. */
  part(length: number): TlsReader {
    const at = this.take(length);
    const start = at < 0 ? this.end : at;
    const part = new TlsReader(this.bytes, start, start + (at < 0 ? 0 : length));
    part.failed = at < 0;
    return part;
  }

  /** Two-byte numbers up to the end. */
  numbers(): number[] {
    const out: number[] = [];
    while (this.left > 0) out.push(this.u16());
    return out;
  }

  /** All that is left, as text or bytes. */
  name(): TlsName {
    const length = this.left;
    const at = this.take(length);
    const text = at < 0 ? "" : utf8(this.bytes, at, at + length);
    if (text !== null) return text;
    this.at = at;
    return { base64: this.base64(length) };
  }

  /** The same bytes from here on, as they are. */
  rest(): Uint8Array {
    return this.bytes.subarray(this.at, this.failed ? this.at : this.end);
  }
}
