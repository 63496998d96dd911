/**
 * Messages made by hand, for what no server sends.
 *
 * In: fields. Out: bytes, names uncompressed. It checks nothing: wrong messages are wanted.
 */
export function u16(value: number): number[] {
  return [(value >> 8) & 255, value & 255];
}

export function u32(value: number): number[] {
  return [...u16(value >>> 16), ...u16(value & 65535)];
}

/** Labels cut at dots; "" is the root. */
export function name(text: string): number[] {
  const labels = text === "" ? [] : text.split(".");
  return [...labels.flatMap((label) => [label.length, ...ascii(label)]), 0];
}

export function ascii(text: string): number[] {
  return [...text].map((c) => c.charCodeAt(0));
}

export function question(owner: string, type: number, value = 1): number[] {
  return [...name(owner), ...u16(type), ...u16(value)];
}

export function record(owner: string, type: number, data: number[], ttl = 60, value = 1): number[] {
  return [...name(owner), ...u16(type), ...u16(value), ...u32(ttl), ...u16(data.length), ...data];
}

export function soa(owner: string, serial: number): number[] {
  return record(owner, 6, [...name("ns"), ...name("admin"), ...u32(serial), ...Array(16).fill(0)]);
}

export interface Parts {
  id?: number;
  /** The header's 16 bits of flags. */
  bits?: number;
  questions?: number[][];
  answers?: number[][];
  authorities?: number[][];
  additionals?: number[][];
}

export function message(parts: Parts): Uint8Array {
  const { questions = [], answers = [], authorities = [], additionals = [] } = parts;
  return Uint8Array.from([
    ...u16(parts.id ?? 7),
    ...u16(parts.bits ?? 0x0100),
    ...[questions, answers, authorities, additionals].flatMap((part) => u16(part.length)),
    ...[questions, answers, authorities, additionals].flat(2),
  ]);
}

/** With the two bytes of length that a stream wants. */
export function prefixed(bytes: Uint8Array): Uint8Array {
  return Uint8Array.from([...u16(bytes.length), ...bytes]);
}
