/**
 * Cuts large entries: a file may have one of 16 MiB, and signals and output would wait until it is
 * done. In: an event. Out: its pieces one after the other, as the kernel side cuts a large operation;
 * nothing is copied.
 */
import { EntryKind, Flag } from "./abi.ts";
import type { SocketEvent } from "./event.ts";

/** At most some milliseconds of work: requests may be as short as 4 bytes. The kernel side's chunks are 30 KiB. */
const PIECE_BYTES = 64 << 10;

/** Narrows an event that was just read to its piece behind `done` bytes. Returns the end of the piece; 0: it is the last. */
export function cutPiece(event: SocketEvent, done: number): number {
  const { payloadLength } = event;
  if (event.kind !== EntryKind.DATA || payloadLength <= PIECE_BYTES) return 0;
  const isLast = done + PIECE_BYTES >= payloadLength;
  event.payloadStart += done;
  event.payloadLength = isLast ? payloadLength - done : PIECE_BYTES;
  event.offset += done;
  if (isLast) return 0;
  event.flags &= ~Flag.LAST_CHUNK;
  return done + PIECE_BYTES;
}
