/**
 * One DNS message, decoded (RFC 1035 section 4).
 *
 * In: the bytes of a message, or as many of them as were seen. Out: a DnsMessage that holds
 * everything up to the first malformation, which it names. It never throws and keeps no bytes.
 */
import { Room } from "../../lib/wire/room.ts";
import { className, Type, typeName } from "./codes.ts";
import { decodeEdns } from "./edns.ts";
import { NameReader } from "./name.ts";
import { HEADER_BYTES, Z_BIT } from "./probe.ts";
import { decodeData } from "./rdata.ts";
import { DataReader } from "./reader.ts";
import type { DnsFlags, DnsMessage, DnsQuestion, DnsRecord } from "./types.ts";

/** Questions and records kept of one message; of further records only OPT is read. */
const MAX_QUESTIONS = 64;
const MAX_RECORDS = 512;

/** What is kept of the records of one message, or of one transfer. */
export function roomForRecords(maxDataBytes: number): Room {
  return new Room(maxDataBytes, Infinity, MAX_RECORDS);
}

const IN = 1;
/** In mDNS the top bit of a class is a flag (RFC 6762 sections 5.4 and 10.2). */
const MDNS_BIT = 0x8000;

/** Decodes bytes [start, end); null when not even a header and its questions are there. */
export function decodeMessage(
  bytes: Uint8Array,
  start: number,
  end: number,
  maxDataBytes: number,
): DnsMessage | null {
  if (end - start < HEADER_BYTES) return null;
  return new MessageDecoder(bytes, start, end, maxDataBytes).decode();
}

class MessageDecoder {
  private readonly view: DataView;
  private readonly names: NameReader;
  private readonly room: Room;
  private at: number;

  constructor(
    private readonly bytes: Uint8Array,
    private readonly start: number,
    private readonly end: number,
    maxDataBytes: number,
  ) {
    this.room = roomForRecords(maxDataBytes);
    this.view = new DataView(bytes.buffer, bytes.byteOffset, bytes.byteLength);
    this.names = new NameReader(bytes, start, end);
    this.at = start + HEADER_BYTES;
  }

  decode(): DnsMessage | null {
    const { view, start } = this;
    const bits = view.getUint16(start + 2);
    const message: DnsMessage = {
      id: view.getUint16(start),
      isResponse: bits > 0x7fff,
      opcode: (bits >> 11) & 15,
      rcode: bits & 15,
      flags: decodeFlags(bits),
      questions: [],
      answers: [],
      authorities: [],
      additionals: [],
      edns: null,
      dropped: 0,
      answerCount: view.getUint16(start + 6),
      malformed: null,
    };
    if (!this.questions(message, view.getUint16(start + 4))) return null;
    const whole = this.records(message, message.answers, message.answerCount) &&
      this.records(message, message.authorities, view.getUint16(start + 8)) &&
      this.records(message, message.additionals, view.getUint16(start + 10));
    message.dropped = this.room.leftOut;
    if (whole && this.at < this.end) message.malformed = "trailing_bytes";
    return message;
  }

  private questions(message: DnsMessage, count: number): boolean {
    for (let i = 0; i < count; i++) {
      const name = this.names.read(this.at);
      if (name === null || this.names.after + 4 > this.end) return false;
      this.at = this.names.after + 4;
      if (i >= MAX_QUESTIONS) continue;
      const question: DnsQuestion = { name, type: typeName(this.view.getUint16(this.at - 4)) };
      const value = this.view.getUint16(this.at - 2);
      if ((value & ~MDNS_BIT) !== IN) question.class = className(value);
      else if (value & MDNS_BIT) question.unicast_response = true;
      message.questions.push(question);
    }
    return true;
  }

  private records(message: DnsMessage, section: DnsRecord[], count: number): boolean {
    for (let i = 0; i < count; i++) {
      const name = this.names.read(this.at);
      const fields = this.names.after;
      if (name === null) return malformed(message, "bad_name");
      if (fields + 10 > this.end) return malformed(message, "cut_record");
      const data = fields + 10;
      const next = data + this.view.getUint16(fields + 8);
      if (next > this.end) return malformed(message, "cut_record");
      this.at = next;
      if (this.view.getUint16(fields) === Type.OPT && message.edns === null) {
        this.edns(message, fields, data, next);
      } else if (this.room.addValue()) {
        section.push(this.record(name, fields, data, next));
      }
    }
    return true;
  }

  private record(name: string, fields: number, data: number, next: number): DnsRecord {
    const type = this.view.getUint16(fields);
    const value = this.view.getUint16(fields + 2);
    const ttl = this.view.getUint32(fields + 4);
    const record: DnsRecord = (value & ~MDNS_BIT) === IN
      ? { name, type: typeName(type), ttl }
      : { name, type: typeName(type), class: className(value), ttl };
    if (next > data) {
      const reader = new DataReader(this.bytes, data, next, this.names);
      const decoded = decodeData(type, reader);
      if (decoded !== null && !reader.failed && reader.left === 0) record.data = decoded;
      else this.opaque(record, data, next);
    }
    if (value === (IN | MDNS_BIT)) record.cache_flush = true;
    return record;
  }

  private opaque(record: DnsRecord, data: number, next: number): void {
    const shown = this.room.take(next - data);
    record.data_base64 = new DataReader(this.bytes, data, next, this.names).base64(shown);
    if (shown === next - data) return;
    record.data_bytes = next - data;
    record.data_truncated = true;
  }

  private edns(message: DnsMessage, fields: number, data: number, next: number): void {
    const ttl = this.view.getUint32(fields + 4);
    const reader = new DataReader(this.bytes, data, next, this.names);
    message.edns = decodeEdns(this.view.getUint16(fields + 2), ttl, reader);
    message.rcode |= (ttl >>> 24) << 4;
  }
}

function malformed(message: DnsMessage, reason: string): false {
  message.malformed = reason;
  return false;
}

function decodeFlags(bits: number): DnsFlags {
  const flags: DnsFlags = {};
  if (bits & 0x0400) flags.authoritative = true;
  if (bits & 0x0200) flags.truncated = true;
  if (bits & 0x0100) flags.recursion_desired = true;
  if (bits & 0x0080) flags.recursion_available = true;
  if (bits & 0x0020) flags.authentic_data = true;
  if (bits & 0x0010) flags.checking_disabled = true;
  if (bits & Z_BIT) flags.reserved = true;
  return flags;
}
