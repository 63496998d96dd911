/**
 * Cuts large entries: a file may have one of 16 MiB, and signals and output would wait until it is
 * done. In: an event. Out: the same in pieces, as the kernel side cuts a large operation; nothing is
 * copied.
 */
import { EntryKind, Flag } from "./abi.ts";
import type { SocketEvent } from "./event.ts";
import type { EventHandler } from "./source.ts";

/** Some milliseconds of work. (The kernel side's chunks are 30 KiB.) */
const PIECE_BYTES = 1 << 20;

export function inPieces(event: SocketEvent, handler: EventHandler): void {
  if (event.kind !== EntryKind.DATA || event.payloadLength <= PIECE_BYTES) return handler(event);
  const { flags, payloadStart, payloadLength, offset } = event;
  for (let done = 0; done < payloadLength; done += PIECE_BYTES) {
    const isLast = done + PIECE_BYTES >= payloadLength;
    event.payloadStart = payloadStart + done;
    event.payloadLength = Math.min(PIECE_BYTES, payloadLength - done);
    event.offset = offset + done;
    event.flags = isLast ? flags : flags & ~Flag.LAST_CHUNK;
    handler(event);
  }
}
