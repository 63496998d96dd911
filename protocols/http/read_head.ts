/**
 * Heads: first line, fields, and what they say about the body.
 *
 * In: the bytes of a whole head. Out: a Head. No regular expressions; what is odd is named in
 * `anomalies`, not refused.
 */
import type { Side } from "../protocol.ts";
import { keepJson } from "../../lib/wire/json.ts";
import { latin1, utf8 } from "../../lib/wire/text.ts";
import { readFields } from "./fields.ts";
import { Head, type HeadMemo } from "./head.ts";
import { Name } from "./names.ts";
import {
  CR,
  isRequestLine,
  LF,
  SP,
  spacesEnd,
  statusLineShape,
  tokenEnd,
  versionStart,
} from "./shape.ts";
import { HeaderFields } from "./types.ts";
import { withholdTarget } from "./withhold.ts";

const NOTHING: readonly never[] = [];
/** Heads with more bytes are read anew each time. */
const MAX_MEMO = 4096;

/** Reads the head in [start, end), its empty line included; null when its first line is not HTTP's. */
export function readHead(
  bytes: Uint8Array,
  start: number,
  end: number,
  side: Side,
  showSecrets: boolean,
  memo: HeadMemo,
): Head | null {
  const head = new Head(side, new HeaderFields());
  const lineFeed = bytes.indexOf(LF, start);
  const text = latin1(bytes, start, end);
  const isKept = side === "request"
    ? readRequestLine(head, bytes, start, lineFeed, text)
    : readStatusLine(head, bytes, start, lineFeed, text);
  if (!isKept) return null;
  if (start > 0) head.note("leading_empty_lines");
  const isOdd = head.anomalies !== null;
  const fields = text.substring(lineFeed + 1 - start);
  if (memo.head !== null && fields === memo.fields && head.version === memo.head.version) {
    recallFields(head, memo.head, memo);
  } else {
    const block = { bytes, start: lineFeed + 1, end, text, base: start };
    readFields(block, head, head.headers, "headers", showSecrets);
    if (head.seen !== 0) settleFraming(head);
    if (side === "request" && !head.has(Name.HOST) && head.version === "1.1") {
      head.note("missing_host");
    }
    memo.anomalies = head.anomalies === null ? NOTHING : [...head.anomalies];
    memo.redacted = head.redacted;
  }
  if (side === "request" && !showSecrets) withholdTarget(head);
  // The memo is for fields alone: not with anomalies of this first line.
  memo.head = isOdd || text.length > MAX_MEMO ? null : head;
  memo.fields = memo.head === null ? "" : fields;
  return head;
}

/** Takes over what equal fields gave last time. Both heads share `headers`, which nobody changes. */
function recallFields(head: Head, known: Head, memo: HeadMemo): void {
  keepJson(known.headers);
  head.headers = known.headers;
  head.redacted = memo.redacted;
  for (const anomaly of memo.anomalies) head.note(anomaly);
  head.seen = known.seen;
  head.contentLength = known.contentLength;
  head.isChunked = known.isChunked;
  head.hasTransferEncoding = known.hasTransferEncoding;
}

function readRequestLine(
  head: Head,
  bytes: Uint8Array,
  start: number,
  lineFeed: number,
  text: string,
): boolean {
  if (!isRequestLine(bytes, start, lineFeed)) return false;
  const end = lineEnd(head, bytes, lineFeed);
  const version = versionStart(bytes, start, lineFeed);
  const space = tokenEnd(bytes, start, end);
  const target = spacesEnd(bytes, space, version);
  let targetEnd = version - 1;
  while (bytes[targetEnd - 1] === SP) targetEnd--;
  head.method = text.substring(0, space - start);
  head.version = text.substring(version + 5 - start, version + 8 - start);
  if (head.version !== "1.1" && head.version !== "1.0") head.note("unusual_version");
  if (target > space + 1 || targetEnd < version - 1 || version + 8 < end) head.note("extra_spaces");
  let bits = 0;
  for (let i = target; i < targetEnd; i++) {
    const byte = bytes[i] as number;
    if (byte === SP) head.note("space_in_target");
    else if (byte < SP || byte === 0x7f) head.note("control_character");
    bits |= byte;
  }
  const plain = text.substring(target - start, targetEnd - start);
  head.path = bits < 128 ? plain : utf8(bytes, target, targetEnd) ?? plain;
  return true;
}

function readStatusLine(
  head: Head,
  bytes: Uint8Array,
  start: number,
  lineFeed: number,
  text: string,
): boolean {
  if (statusLineShape(bytes, start) !== "yes") return false;
  const end = lineEnd(head, bytes, lineFeed);
  head.version = versionOf(bytes[start + 7] as number);
  head.status = ((bytes[start + 9] as number) - 48) * 100 +
    ((bytes[start + 10] as number) - 48) * 10 + ((bytes[start + 11] as number) - 48);
  if (end > start + 13) {
    head.reason = utf8(bytes, start + 13, end) ?? text.substring(13, end - start);
  }
  return true;
}

function lineEnd(head: Head, bytes: Uint8Array, lineFeed: number): number {
  if (bytes[lineFeed - 1] === CR) return lineFeed - 1;
  head.note("bare_lf");
  return lineFeed;
}

function versionOf(digit: number): string {
  return digit === 0x31 ? "1.1" : digit === 0x30 ? "1.0" : `1.${digit - 48}`;
}

/** Transfer-Encoding and Content-Length (RFC 9112 sections 6.1 to 6.3), and oddities around them. */
function settleFraming(head: Head): void {
  const { headers } = head;
  if (head.has(Name.CONTENT_LENGTH)) {
    head.contentLength = readLength(head, headers["content-length"]);
  }
  if (head.has(Name.TRANSFER_ENCODING)) {
    head.hasTransferEncoding = true;
    readTransferEncoding(head, headers["transfer-encoding"]);
    if (head.has(Name.CONTENT_LENGTH)) head.note("content_length_and_transfer_encoding");
    if (head.version === "1.0") head.note("transfer_encoding_in_http_1_0");
  }
  if (head.has(Name.HOST) && typeof headers["host"] !== "string") head.note("duplicate_host");
}

function readTransferEncoding(head: Head, value: string | string[] | undefined): void {
  if (value === undefined) return;
  if (typeof value !== "string") head.note("duplicate_transfer_encoding");
  const text = (typeof value === "string" ? value : value.join(",")).toLowerCase();
  const last = text.substring(text.lastIndexOf(",") + 1).trim();
  head.isChunked = last === "chunked";
  if (!head.isChunked) head.note("transfer_encoding_not_chunked");
  // "identity" meant "none" (RFC 2616, section 3.6), and servers still take it so.
  if (text.split(",").every((coding) => coding.trim() === "identity")) {
    head.hasTransferEncoding = false;
  }
}

/** The value of Content-Length; -1 when it cannot be used. Of differing values the first counts. */
function readLength(head: Head, value: string | string[] | undefined): number {
  if (value === undefined) return -1;
  if (typeof value === "string") {
    const length = digits(value);
    if (length >= 0) return length;
    if (!value.includes(",")) {
      head.note("invalid_content_length");
      return -1;
    }
  }
  const parts = (typeof value === "string" ? value : value.join(",")).split(",", 64);
  const first = digits((parts[0] ?? "").trim());
  for (const part of parts) {
    const length = digits(part.trim());
    if (length < 0) head.note("invalid_content_length");
    head.note(length === first ? "duplicate_content_length" : "conflicting_content_length");
  }
  return first;
}

/** 1*DIGIT below 10^15, else -1. */
function digits(text: string): number {
  if (text.length === 0 || text.length > 15) return -1;
  let value = 0;
  for (let i = 0; i < text.length; i++) {
    const digit = text.charCodeAt(i) - 48;
    if (digit < 0 || digit > 9) return -1;
    value = value * 10 + digit;
  }
  return value;
}
