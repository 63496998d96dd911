/**
 * Entries not much larger than a kernel sends them: a file may hold one of 16 MiB, which would keep all else
 * waiting for as long as it takes. In: an event. Out: one piece of it after the other, as the kernel
 * cuts a large operation; nothing is copied.
 */
import { EntryKind, Flag } from "./abi.ts";
import type { SocketEvent } from "./event.ts";

/** The kernel's are some 30 KiB: half of it may be requests of four bytes. */
const PIECE_BYTES = 64 << 10;

/** Makes the event, just read, its piece behind `done` bytes; how many are done with it, 0 for all. */
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
