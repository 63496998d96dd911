/**
 * 802.11 data frames (IEEE 802.11-2020, section 9.2 and 9.3.2).
 *
 * In: a cursor at the frame. Out: its LLC layer, or why there is none to read: encrypted frames,
 * fragments, and several messages in one frame (A-MSDU) are not read.
 */
import { type Cursor, Layer } from "./cursor.ts";

const DATA = 2;
const NO_DATA = 0x4;
const QOS = 0x8;
const AGGREGATE = 0x80;
const Flags = { TO_SYSTEM: 1, FROM_SYSTEM: 2, MORE_FRAGMENTS: 4, PROTECTED: 0x40, ORDER: 0x80 };

export function wifi(c: Cursor): number {
  if (!c.has(2)) return c.short();
  const type = (c.byte(0) >>> 2) & 3;
  const subtype = c.byte(0) >>> 4;
  const flags = c.byte(1);
  if (type !== DATA || (subtype & NO_DATA) !== 0) return Layer.NO_MESSAGE;
  const hasFourAddresses = (flags & Flags.TO_SYSTEM) !== 0 && (flags & Flags.FROM_SYSTEM) !== 0;
  const isQos = (subtype & QOS) !== 0;
  const controlAt = hasFourAddresses ? 30 : 24;
  let headBytes = controlAt + (isQos ? 2 : 0);
  if (isQos && (flags & Flags.ORDER) !== 0) headBytes += 4;
  if (!c.has(headBytes)) return c.short();
  if ((flags & Flags.PROTECTED) !== 0) return c.notRead("wifi_encrypted");
  const fragment = c.byte(22) & 15;
  if ((flags & Flags.MORE_FRAGMENTS) !== 0 || fragment > 0) return c.notRead("wifi_fragments");
  if (isQos && (c.byte(controlAt) & AGGREGATE) !== 0) return c.notRead("wifi_aggregates");
  return llcOf(c, headBytes);
}

/** Some devices pad the header to a multiple of four bytes: SNAP's first byte, 0xaa, tells. */
function llcOf(c: Cursor, headBytes: number): number {
  const isPadded = (headBytes & 3) !== 0 && c.has(headBytes + 3) &&
    c.byte(headBytes) !== 0xaa && c.byte(headBytes + 2) === 0xaa;
  return c.skip(isPadded ? headBytes + 2 : headBytes, Layer.LLC);
}
