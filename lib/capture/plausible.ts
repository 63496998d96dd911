/**
 * Could a kernel have written this entry? In: an entry of a file, already read in place. Out: whether
 * its numbers are in the ranges that the pipeline relies on, whatever the checksum says: beyond 2^53
 * adding 1 changes nothing, and loops over bytes would never end.
 */
import { CLOSE_TOTALS_SIZE, CloseTotals, ENTRY_SIZE, EntryKind, Flag } from "./abi.ts";
import { OPEN_NAMES_SIZE, OpenNames } from "./abi.ts";
import type { SocketEvent } from "./event.ts";

const MAX_NUMBER = Number.MAX_SAFE_INTEGER;
/** TCP's positions are sequence numbers. */
const MAX_SEQUENCE = 2 ** 32 - 1;
/** PID_MAX_LIMIT of every 64-bit kernel. */
const MAX_PID = 1 << 22;
/** Times of packet captures may be so far below 0; those of traces are exact below 2^53. */
const EARLIEST_NS = -(2 ** 47);
const LATEST_NS = 2 ** 53;
const TWO_32 = 4294967296;

/** False for a damaged entry. An ENTRY_CLOSE of sweep.ts has no totals. */
export function isPlausible(event: SocketEvent): boolean {
  const { kind, timeNs } = event;
  if (!(timeNs > EARLIEST_NS && timeNs < LATEST_NS)) return false;
  if (event.direction > 1 || event.conn > MAX_NUMBER) return false;
  if (event.pid > MAX_PID || event.tid > MAX_PID || event.fd < -1) return false;
  const behind = event.entrySize - ENTRY_SIZE;
  switch (kind) {
    case EntryKind.DATA:
      return event.offset + event.payloadLength <= event.totalBytes &&
        isPosition(event, event.position, event.totalBytes);
    case EntryKind.EOF:
      return isPosition(event, event.position, 0);
    case EntryKind.OPEN:
      return behind >= OPEN_NAMES_SIZE &&
        isPosition(event, u64(event, OpenNames.egress_position), 0) &&
        isPosition(event, u64(event, OpenNames.ingress_position), 0);
    case EntryKind.CLOSE:
      return behind === 0 || (behind >= CLOSE_TOTALS_SIZE && areTotals(event));
    default:
      return true;
  }
}

function areTotals(event: SocketEvent): boolean {
  const egress = u64(event, CloseTotals.egress_bytes);
  const ingress = u64(event, CloseTotals.ingress_bytes);
  return isPosition(event, u64(event, CloseTotals.egress_position), egress) &&
    isPosition(event, u64(event, CloseTotals.ingress_position), ingress);
}

/** Is this a possible position, and the one `bytes` behind it, too? */
function isPosition({ flags }: SocketEvent, position: number, bytes: number): boolean {
  if ((flags & Flag.TCP_POSITION) !== 0 && position > MAX_SEQUENCE) return false;
  return position + bytes <= MAX_NUMBER;
}

function u64({ bytes, payloadStart }: SocketEvent, offset: number): number {
  const view = new DataView(bytes.buffer, bytes.byteOffset + payloadStart + offset, 8);
  return view.getUint32(0, true) + view.getUint32(4, true) * TWO_32;
}
