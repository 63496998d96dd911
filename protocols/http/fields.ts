/**
 * Header and trailer fields (RFC 9110 section 5, RFC 9112 section 5).
 *
 * In: bytes of a field block, and the same as text. Out: HeaderFields. Values are text where they
 * are valid UTF-8, else one character a byte; secrets are left out and named instead.
 */
import { isSecretName } from "../../lib/secrets/names.ts";
import { utf8 } from "../../lib/wire/text.ts";
import type { Head } from "./head.ts";
import { knownName, NAMES, SECRET, SPECIAL_NAMES } from "./names.ts";
import { withholdField, withholdValues } from "./withhold.ts";
import { COLON, CR, HT, isToken, LF, SP } from "./shape.ts";
import type { HeaderFields } from "./types.ts";

/** Most fields of unknown names of one message. */
const MAX_UNUSUAL = 1000;

/** The lines of a field section. */
export interface FieldBlock {
  bytes: Uint8Array;
  /** First line. */
  start: number;
  /** End of the block, its empty line included. */
  end: number;
  /** The bytes from `base` on, a character each. */
  text: string;
  base: number;
}

/** Reads the fields of a block into `fields`; `place` names them in `head.redacted`. */
export function readFields(
  block: FieldBlock,
  head: Head,
  fields: HeaderFields,
  place: "headers" | "trailers",
  showSecrets: boolean,
): void {
  readLines(block, head, fields, place, showSecrets);
  if (!showSecrets) withholdValues(head, fields, place);
}

function readLines(
  block: FieldBlock,
  head: Head,
  fields: HeaderFields,
  place: "headers" | "trailers",
  showSecrets: boolean,
): void {
  const { bytes, start, end } = block;
  let name = "";
  let at = start;
  while (at < end) {
    const first = bytes[at] as number;
    if (first === LF || (first === CR && bytes[at + 1] === LF)) return;
    let nameStart = at;
    if (first === SP || first === HT) {
      if (at > start) {
        at = readFolded(block, at, head, fields, name);
        continue;
      }
      head.note("space_before_first_header");
      nameStart = skipSpace(bytes, at, end);
    }
    let colon = nameStart;
    while (colon < end && bytes[colon] !== COLON && bytes[colon] !== LF) colon++;
    if (colon >= end || bytes[colon] === LF) {
      head.note("header_without_colon");
      name = "";
      at = colon + 1;
      continue;
    }
    name = fieldName(block, nameStart, colon, head, place, showSecrets);
    const valueStart = skipSpace(bytes, colon + 1, end);
    const ended = lineEnd(bytes, valueStart, end, head);
    if (name !== "") addField(fields, name, fieldValue(block, valueStart, ended));
    at = (ended < 0 ? ~ended : ended) + 1;
  }
}

/** The name before `colon`; empty when the field is not to be shown. */
function fieldName(
  block: FieldBlock,
  start: number,
  colon: number,
  head: Head,
  place: "headers" | "trailers",
  showSecrets: boolean,
): string {
  const { bytes } = block;
  let end = colon;
  while (end > start && isSpace(bytes[end - 1])) end--;
  if (end < colon) head.note("space_before_colon");
  const known = knownName(bytes, start, end);
  const name = known < 0 ? unusualName(block, start, end, head) : NAMES[known] as string;
  if (known >= 0 && known < SPECIAL_NAMES && place === "headers") head.seen |= 1 << known;
  if (showSecrets || !(known < 0 ? isSecretName(name) : SECRET[known])) return name;
  withholdField(head, place, name);
  return "";
}

function addField(fields: HeaderFields, name: string, value: string): void {
  const old = fields[name];
  if (old === undefined) fields[name] = value;
  else if (typeof old === "string") fields[name] = [old, value];
  else old.push(value);
}

/** An obsolete continuation line (RFC 9112 section 5.2) belongs to the last value, if that is shown. */
function readFolded(
  block: FieldBlock,
  at: number,
  head: Head,
  fields: HeaderFields,
  name: string,
): number {
  const { bytes, end } = block;
  head.note("obsolete_line_folding");
  const start = skipSpace(bytes, at, end);
  const ended = lineEnd(bytes, start, end, head);
  const next = (ended < 0 ? ~ended : ended) + 1;
  if (name === "") return next;
  const more = fieldValue(block, start, ended);
  const old = fields[name];
  if (typeof old === "string") fields[name] = `${old} ${more}`;
  else if (old !== undefined) old[old.length - 1] = `${old[old.length - 1]} ${more}`;
  return next;
}

function isSpace(byte: number | undefined): boolean {
  return byte === SP || byte === HT;
}

function skipSpace(bytes: Uint8Array, from: number, end: number): number {
  let at = from;
  while (at < end && isSpace(bytes[at])) at++;
  return at;
}

/**
 * Offset of the line feed that ends the value at `start`, at most `end`; names what is odd in it.
 * The complement (~offset) when the value has bytes that are not ASCII.
 */
function lineEnd(bytes: Uint8Array, start: number, end: number, head: Head): number {
  let bits = 0;
  let at = start;
  while (at < end) {
    const byte = bytes[at] as number;
    if (byte < SP) {
      if (byte === LF) break;
      noteControl(bytes, at, head);
    }
    bits |= byte;
    at++;
  }
  if (bytes[at - 1] !== CR) head.note("bare_lf");
  return bits < 128 ? at : ~at;
}

function noteControl(bytes: Uint8Array, at: number, head: Head): void {
  const byte = bytes[at];
  if (byte === CR) {
    if (bytes[at + 1] !== LF) head.note("bare_cr");
  } else if (byte !== HT) head.note("control_character");
}

/** The value that begins at `start`; `ended`: the result of lineEnd(). */
function fieldValue({ bytes, text, base }: FieldBlock, start: number, ended: number): string {
  let end = ended < 0 ? ~ended : ended;
  if (end > start && bytes[end - 1] === CR) end--;
  while (end > start && isSpace(bytes[end - 1])) end--;
  const plain = text.substring(start - base, end - base);
  return ended < 0 ? utf8(bytes, start, end) ?? plain : plain;
}

function unusualName(
  { bytes, text, base }: FieldBlock,
  start: number,
  end: number,
  head: Head,
): string {
  if (start === end) {
    head.note("empty_header_name");
    return "";
  }
  // Servers allow some hundred fields; each new name takes more memory than its bytes.
  if (++head.unusual > MAX_UNUSUAL) {
    head.note("too_many_headers");
    return "";
  }
  let isNumber = true;
  for (let i = start; i < end; i++) {
    const byte = bytes[i] as number;
    if (byte < 0x30 || byte > 0x39) isNumber = false;
    if (!isToken(byte)) head.note("invalid_header_name");
  }
  if (isNumber) head.note("numeric_header_name");
  return text.substring(start - base, end - base).toLowerCase();
}
