/**
 * How much memory a value takes. In: plain data, such as frames. Out: bytes, estimated from V8's
 * layouts, rather too many than too few. It follows every reference, so that what two frames share
 * counts twice; it sees no private fields.
 */

/** A string without its characters; each of these may take two bytes. */
const STRING_BYTES = 32;
const CHARACTER_BYTES = 2;
/** An object or list, and each of its fields. */
const OBJECT_BYTES = 48;
const FIELD_BYTES = 24;
/** Objects with more fields are hash tables, up to three quarters empty, with names of their own. */
const MAX_FIELDS = 32;
const ENTRY_BYTES = 96 + STRING_BYTES;
const SLOT_BYTES = 8;
/** A Uint8Array with its buffer, without the bytes. */
const VIEW_BYTES = 192;
/** No frame has so many parts: where references make a circle, counting ends here. */
const MAX_PARTS = 1 << 20;

/** Bytes that `value` takes, with all that it refers to. */
export function weigh(value: unknown): number {
  const left: unknown[] = [value];
  let bytes = 0;
  for (let parts = 0; left.length > 0 && parts < MAX_PARTS; parts++) {
    const part = left.pop();
    if (typeof part === "string") bytes += STRING_BYTES + CHARACTER_BYTES * part.length;
    else if (typeof part === "object" && part !== null) bytes += weighObject(part, left);
  }
  return bytes;
}

/** The object's own bytes; adds what it refers to to `left`. */
function weighObject(value: object, left: unknown[]): number {
  if (ArrayBuffer.isView(value)) return VIEW_BYTES + value.byteLength;
  if (Array.isArray(value)) {
    for (const item of value) left.push(item);
    return OBJECT_BYTES + SLOT_BYTES * value.length;
  }
  if (value instanceof Map || value instanceof Set) {
    for (const item of value) left.push(item);
    return OBJECT_BYTES + FIELD_BYTES * value.size;
  }
  let bytes = OBJECT_BYTES;
  let count = 0;
  for (const name in value) {
    count++;
    bytes += name.length;
    left.push(value[name as keyof typeof value]);
  }
  return bytes + count * (count > MAX_FIELDS ? ENTRY_BYTES : FIELD_BYTES);
}
