/**
 * Entries that user space alone writes into the stream of events: what a live trace learns besides
 * the kernel side's entries, and a replay must be told as well. The kernel side knows nothing of
 * them, so that their kinds (from 128 on) are no part of bpf/abi.h; otherwise they are entries like
 * any other. In: facts. Out: entries' fields; and facts again, of events from files that may lie.
 *
 *     kind       pid       payload
 *     CONTAINER  whose     container id, NUL, pod uid (both UTF-8, empty where there is none)
 *     WALL_CLOCK 0         Unix time of the trace's beginning, from the entry's time on: whole
 *                          seconds (float64), nanoseconds (uint32)
 *     AGE        whose     of the unix socket `conn`, before its ENTRY_OPEN: nothing. `total` is 1
 *                          where it is older than the trace, else 0
 */
import type { Container } from "../record/record.ts";
import type { EntryFields, SocketEvent } from "./event.ts";
import type { WallStart } from "../clock.ts";

export const UserKind = { CONTAINER: 128, WALL_CLOCK: 129, AGE: 130 } as const;

/** Longer ids are nobody's. */
const MAX_CONTAINER_BYTES = 512;
const WALL_CLOCK_BYTES = 12;

const encoder = new TextEncoder();

/** The process is in that container (null: in none) from here on. */
export function containerEntry(pid: number, container: Container | null): EntryFields {
  const { id = "", pod_uid = "" } = container ?? {};
  return { kind: UserKind.CONTAINER, pid, payload: encoder.encode(`${id}\0${pod_uid}`) };
}

/** What a CONTAINER event says. */
export function containerIn(event: SocketEvent): Container | null {
  const { bytes, payloadStart, payloadLength } = event;
  if (payloadLength > MAX_CONTAINER_BYTES) return null;
  const payload = bytes.subarray(payloadStart, payloadStart + payloadLength);
  const [id = "", podUid = ""] = new TextDecoder().decode(payload).split("\0", 2);
  if (id === "") return null;
  return podUid === "" ? { id } : { id, pod_uid: podUid };
}

/** A unix socket that is used for the first time: was it there before the trace? */
export function ageEntry(conn: number, pid: number, isOlder: boolean): EntryFields {
  return { kind: UserKind.AGE, conn, pid, total: isOlder ? 1 : 0 };
}

/** The wall clock was stepped: from `timeNs` on the trace began at that time. */
export function wallClockEntry(start: WallStart, timeNs: number): EntryFields {
  const payload = new Uint8Array(WALL_CLOCK_BYTES);
  const view = new DataView(payload.buffer);
  view.setFloat64(0, start.wallSeconds, true);
  view.setUint32(8, start.wallNanos, true);
  return { kind: UserKind.WALL_CLOCK, timeNs, payload };
}

/** What a WALL_CLOCK event says; null when that is no time. */
export function wallStartIn(event: SocketEvent): WallStart | null {
  const { bytes, payloadStart, payloadLength } = event;
  if (payloadLength < WALL_CLOCK_BYTES) return null;
  const view = new DataView(bytes.buffer, bytes.byteOffset + payloadStart, WALL_CLOCK_BYTES);
  const wallSeconds = view.getFloat64(0, true);
  const wallNanos = view.getUint32(8, true);
  return Number.isSafeInteger(wallSeconds) && wallNanos < 1e9 ? { wallSeconds, wallNanos } : null;
}
