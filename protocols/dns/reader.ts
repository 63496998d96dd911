/**
 * A cursor over the data of one record.
 *
 * In: a range of a message. Out: numbers and bytes (lib/wire/byte_reader.ts), names, character strings.
 */
import { ByteReader } from "../../lib/wire/byte_reader.ts";
import type { NameReader } from "./name.ts";

export class DataReader extends ByteReader {
  constructor(bytes: Uint8Array, at: number, end: number, private readonly names: NameReader) {
    super(bytes, at, end);
  }

  /** A name; compression pointers are followed also where RFC 3597 forbids them. */
  name(): string {
    if (this.failed) return "";
    const name = this.names.read(this.at);
    if (name === null || this.names.after > this.end) return this.fail();
    this.at = this.names.after;
    return name;
  }

  /** A length byte and so many bytes of text (RFC 1035 section 3.3, <character-string>). */
  string(): string {
    return this.text(this.u8());
  }

  /** Character strings up to the end. */
  strings(): string[] {
    const out: string[] = [];
    while (this.left > 0) out.push(this.string());
    return out;
  }

  /** A reader on the same bytes: reading there leaves this one where it is. */
  fork(): DataReader {
    return new DataReader(this.bytes, this.at, this.end, this.names);
  }

  /** The same reader on the next `length` bytes. */
  part(length: number): DataReader {
    const at = this.take(length);
    const start = at < 0 ? this.end : at;
    return new DataReader(this.bytes, start, start + (at < 0 ? 0 : length), this.names);
  }
}
