/**
 * Zone transfers: one request, many response messages (RFC 5936 section 2.2, RFC 1995 section 4).
 *
 * In: the messages of one transfer, in order. Out: one response that holds them all, up to a
 * bounded number of records, and whether it has ended. It never looks at other traffic.
 */
import { mergeReasons } from "../../lib/stitch/halves.ts";
import type { Room } from "../../lib/wire/room.ts";
import type { Timed } from "../protocol.ts";
import { roomForRecords } from "./message.ts";
import type { DnsFrame, DnsMessage, DnsRecord } from "./types.ts";

/** Transfers of one connection at a time; messages of further ones are paired like any others. */
export const MAX_TRANSFERS = 32;

export interface Transfer {
  request: Timed<DnsFrame>;
  response: Timed<DnsFrame>;
  /** Serial of the SOA that the transfer began with, and must end with. */
  serial: number;
  /** How often that SOA has to come: 2, or 3 in an incremental transfer. */
  due: number;
  seen: number;
  records: number;
  /** For answers, of all of its messages. */
  room: Room;
}

export function isTransfer(message: DnsMessage): boolean {
  const type = message.questions[0]?.type;
  return type === "AXFR" || type === "IXFR";
}

/** The transfer that begins with this response; null when this response is all of it. */
export function openTransfer(
  request: Timed<DnsFrame>,
  response: Timed<DnsFrame>,
): Transfer | null {
  const { message } = response.frame;
  const serial = serialOf(message.answers[0]);
  if (message.rcode !== 0 || serial === null) return null;
  const room = roomForRecords(0);
  room.values = message.answers.length;
  const transfer = { request, response, serial, due: 2, seen: 0, records: 0, room };
  count(transfer, message.answers);
  if (transfer.seen >= transfer.due || isUpToDate(request.frame.message, message)) return null;
  return transfer;
}

/** Adds one more message; true when it was the last. */
export function continueTransfer(transfer: Transfer, next: Timed<DnsFrame>): boolean {
  const { response } = transfer;
  const { message } = response.frame;
  const more = next.frame.message;
  for (const record of more.answers) {
    if (transfer.room.addValue()) message.answers.push(record);
    else message.dropped++;
  }
  message.answerCount += more.answerCount;
  message.dropped += more.dropped;
  response.frame.messages++;
  response.endNs = next.endNs;
  response.bytes += next.bytes;
  response.incomplete = mergeReasons(
    response.incomplete,
    next.incomplete,
    message.dropped > 0 ? "truncated" : null,
  );
  if (more.rcode !== 0) message.rcode = more.rcode;
  if (more.malformed !== null) message.malformed = more.malformed;
  count(transfer, more.answers);
  return transfer.seen >= transfer.due || more.rcode !== 0;
}

/** Counts records; if the second one is an SOA, of an older version, the transfer is incremental. */
function count(transfer: Transfer, records: DnsRecord[]): void {
  for (const record of records) {
    const serial = serialOf(record);
    if (transfer.records === 1 && serial !== null && serial !== transfer.serial) transfer.due = 3;
    if (serial === transfer.serial) transfer.seen++;
    transfer.records++;
  }
}

/** A lone SOA answers IXFR when the asker has that version already (RFC 1995 section 2). */
function isUpToDate(request: DnsMessage, response: DnsMessage): boolean {
  if (request.questions[0]?.type !== "IXFR" || response.answerCount !== 1) return false;
  return serialOf(request.authorities[0]) === serialOf(response.answers[0]);
}

function serialOf(record: DnsRecord | undefined): number | null {
  if (record?.type !== "SOA") return null;
  const data = record.data;
  if (data === undefined || typeof data === "string" || Array.isArray(data)) return null;
  return typeof data.serial === "number" ? data.serial : null;
}
