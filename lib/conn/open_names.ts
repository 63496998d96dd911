/** Reads what follows the entries of connections: struct open_names and struct close_totals. */
import { CLOSE_TOTALS_SIZE, CloseTotals, OPEN_NAMES_SIZE, OpenNames } from "../capture/abi.ts";
import type { SocketEvent } from "../capture/event.ts";
import { latin1, utf8 } from "../wire/text.ts";

const TWO_32 = 4294967296;
const NAME_BYTES = 108;

/** A number for each direction: stream positions, or byte counts. */
export interface Positions {
  egress: number;
  ingress: number;
}

/** Next positions at ENTRY_OPEN, or final ones at ENTRY_CLOSE; null when the entry is too short. */
export function positionsOf(event: SocketEvent, closing: boolean): Positions | null {
  const size = closing ? CLOSE_TOTALS_SIZE : OPEN_NAMES_SIZE;
  if (event.payloadStart + size > event.entryStart + event.entrySize) return null;
  const at = closing ? CloseTotals : OpenNames;
  return {
    egress: u64(event.bytes, event.payloadStart + at.egress_position),
    ingress: u64(event.bytes, event.payloadStart + at.ingress_position),
  };
}

/** Bytes that moved in both directions, as ENTRY_CLOSE counts them; null when it is too short. */
export function totalsOf(event: SocketEvent): Positions | null {
  if (event.payloadStart + CLOSE_TOTALS_SIZE > event.entryStart + event.entrySize) return null;
  return {
    egress: u64(event.bytes, event.payloadStart + CloseTotals.egress_bytes),
    ingress: u64(event.bytes, event.payloadStart + CloseTotals.ingress_bytes),
  };
}

/** Inode of the socket at ENTRY_OPEN, as in /proc/PID/fd; 0 when it is not known. */
export function inodeOf(event: SocketEvent): number {
  if (event.payloadStart + OPEN_NAMES_SIZE > event.entryStart + event.entrySize) return 0;
  return u32(event.bytes, event.payloadStart + OpenNames.inode);
}

/** Names of an AF_UNIX socket's ends: "unix:/run/x", "unix:@abstract", "unix:" when unnamed. */
export function unixNames(event: SocketEvent): { local: string; remote: string } | null {
  if (event.payloadStart + OPEN_NAMES_SIZE > event.entryStart + event.entrySize) return null;
  const start = event.payloadStart;
  return {
    local: unixName(event.bytes, start + OpenNames.local, start + OpenNames.local_length),
    remote: unixName(event.bytes, start + OpenNames.remote, start + OpenNames.remote_length),
  };
}

function unixName(bytes: Uint8Array, start: number, lengthAt: number): string {
  const length = (bytes[lengthAt] as number) | ((bytes[lengthAt + 1] as number) << 8);
  let end = start + Math.min(length, NAME_BYTES);
  if (end === start) return "unix:";
  if (bytes[start] === 0) return `unix:@${text(bytes, start + 1, end)}`;
  while (end > start && bytes[end - 1] === 0) end--;
  return `unix:${text(bytes, start, end)}`;
}

function text(bytes: Uint8Array, start: number, end: number): string {
  return utf8(bytes, start, end) ?? latin1(bytes, start, end);
}

function u64(bytes: Uint8Array, at: number): number {
  return u32(bytes, at) + u32(bytes, at + 4) * TWO_32;
}

function u32(bytes: Uint8Array, at: number): number {
  return ((bytes[at] as number) | ((bytes[at + 1] as number) << 8) |
    ((bytes[at + 2] as number) << 16) | ((bytes[at + 3] as number) << 24)) >>> 0;
}
