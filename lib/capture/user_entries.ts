/**
 * Entries that user space writes into the stream of events: facts that a live trace learns besides the
 * kernel side's entries, and that a replay needs, too. Their kinds (from 128 on) are not in bpf/abi.h,
 * since the kernel side knows none of them; otherwise they are entries like any other. In: facts. Out:
 * entries' fields; and facts again, from events of files that may lie.
 *
 *     kind       pid       meaning and payload
 *     CONTAINER  process   its container: id, NUL, pod uid (both UTF-8, empty where there is none)
 *     WALL_CLOCK 0         from the entry's time on the trace's beginning has this Unix time: whole
 *                          seconds (float64), nanoseconds (uint32)
 *     AGE        process   before the ENTRY_OPEN of the unix socket `conn`, without payload: `total`
 *                          is 1 when the socket is older than the trace, else 0
 */
import type { Container } from "../record/record.ts";
import type { EntryFields, SocketEvent } from "./event.ts";
import type { WallStart } from "../clock.ts";

export const UserKind = { CONTAINER: 128, WALL_CLOCK: 129, AGE: 130 } as const;

/** No container's ids are longer. */
const MAX_CONTAINER_BYTES = 512;
const WALL_CLOCK_BYTES = 12;

const encoder = new TextEncoder();

/** From this entry on the process is in that container (null: in none). */
export function containerEntry(pid: number, container: Container | null): EntryFields {
  const { id = "", pod_uid = "" } = container ?? {};
  return { kind: UserKind.CONTAINER, pid, payload: encoder.encode(`${id}\0${pod_uid}`) };
}

/** The container that a CONTAINER event names. */
export function containerIn(event: SocketEvent): Container | null {
  const { bytes, payloadStart, payloadLength } = event;
  if (payloadLength > MAX_CONTAINER_BYTES) return null;
  const payload = bytes.subarray(payloadStart, payloadStart + payloadLength);
  const [id = "", podUid = ""] = new TextDecoder().decode(payload).split("\0", 2);
  if (id === "") return null;
  return podUid === "" ? { id } : { id, pod_uid: podUid };
}

/** Says of a unix socket, before its first use is reported, whether it is older than the trace. */
export function ageEntry(conn: number, pid: number, isOlder: boolean): EntryFields {
  return { kind: UserKind.AGE, conn, pid, total: isOlder ? 1 : 0 };
}

/** The wall clock was stepped: from `timeNs` on the trace's beginning has that wall time. */
export function wallClockEntry(start: WallStart, timeNs: number): EntryFields {
  const payload = new Uint8Array(WALL_CLOCK_BYTES);
  const view = new DataView(payload.buffer);
  view.setFloat64(0, start.wallSeconds, true);
  view.setUint32(8, start.wallNanos, true);
  return { kind: UserKind.WALL_CLOCK, timeNs, payload };
}

/** The wall time that a WALL_CLOCK event says; null when that is no time. */
export function wallStartIn(event: SocketEvent): WallStart | null {
  const { bytes, payloadStart, payloadLength } = event;
  if (payloadLength < WALL_CLOCK_BYTES) return null;
  const view = new DataView(bytes.buffer, bytes.byteOffset + payloadStart, WALL_CLOCK_BYTES);
  const wallSeconds = view.getFloat64(0, true);
  const wallNanos = view.getUint32(8, true);
  return Number.isSafeInteger(wallSeconds) && wallNanos < 1e9 ? { wallSeconds, wallNanos } : null;
}
