/**
 * Values as JSON in bytes. In: what JSON.stringify() takes, but for toJSON(). Out: the same text in
 * UTF-8, appended to the buffer. It never makes one long string of it.
 *
 * Copying known bytes costs the same few nanoseconds for 10 as for 500 of them, and a call of the
 * engine's encoder as much as writing 40 characters one by one. So the bytes of keys are kept, with
 * the value that they had twice in a row ("version":"1.1"); short plain strings are written character
 * by character; and the bytes of objects that come again are kept.
 */

/** Longer strings go through the engine's own escaping and encoder. */
const SHORT_STRING = 48;
/** 1 for characters that JSON writes as they are. */
const PLAIN = new Uint8Array(128).fill(1, 0x20, 0x7f);
PLAIN[0x22] = 0;
PLAIN[0x5c] = 0;

const OPEN = 0x7b;
const CLOSE = 0x7d;
const COMMA = 0x2c;
const QUOTE = 0x22;
/** Most bytes of UTF-8 that a UTF-16 unit becomes. */
const MAX_UNIT_BYTES = 3;

const encoder = new TextEncoder();
const NOTHING = encoder.encode("null");
const YES = encoder.encode("true");
const NO = encoder.encode("false");
const NO_FIELDS = encoder.encode("{}");
const EMPTY = new Uint8Array(0);

const KEPT = Symbol("kept JSON");

/** The bytes of an object that will not change. */
class KeptJson {
  readonly of: object;
  /** The only field that copies of the object have beyond its own. */
  readonly more: string;
  /** Without the brace at its end; empty until it was first written. */
  bytes = EMPTY;

  constructor(of: object, more: string) {
    this.of = of;
    this.more = more;
  }
}

interface MayBeKept {
  [KEPT]?: KeptJson;
}

/**
 * Promises that `value` will not change, so that its bytes can be kept. They are also used for copies
 * made as `{ ...value, [more]: … }`; other copies must not be made.
 */
export function keepJson(value: object, more = ""): void {
  const object: MayBeKept = value;
  object[KEPT] ??= new KeptJson(value, more);
}

/** Was keepJson() called for the value? */
export function isJsonKept(value: object): boolean {
  const object: MayBeKept = value;
  return object[KEPT] !== undefined;
}

/** A key; its bytes have the comma before it and the colon behind it. */
class Key {
  readonly name: string;
  readonly bytes: Uint8Array;
  /** The key that followed it last time. */
  next: Key;
  /** The value that it had last, and the bytes of key and value once it had that twice. */
  value: unknown = undefined;
  pair: Uint8Array = EMPTY;

  constructor(name: string) {
    this.name = name;
    this.bytes = encoder.encode(`,${JSON.stringify(name)}:`);
    this.next = this;
  }

  /** [start, end) are the bytes of this key with `value`. */
  remember(value: unknown, bytes: Uint8Array, start: number, end: number): void {
    const isShort = end - start <= MAX_PAIR;
    this.pair = isShort && value === this.value ? bytes.slice(start, end) : EMPTY;
    this.value = isShort ? value : undefined;
  }
}

/** Longer pairs of key and value are not kept. */
const MAX_PAIR = 8192;
/** Traffic chooses keys, too (header names): no more than these are kept. */
const MAX_KEYS = 4096;

/** Bytes that grow as JSON is written to them. */
export class JsonBuffer {
  /** Valid up to `length`, and only until the next write. */
  bytes: Uint8Array<ArrayBuffer>;
  length = 0;
  readonly #usualBytes: number;
  readonly #keys = new Map<string, Key>();
  /** Stand-ins for a key before: of an object's first key, and of one behind kept bytes. */
  readonly #noKey = new Key("");
  readonly #lastKey = new Key("");

  constructor(usualBytes: number) {
    this.#usualBytes = usualBytes;
    this.bytes = new Uint8Array(usualBytes);
  }

  /** Empties the buffer, and gives back room that only a large value needed. */
  clear(): void {
    this.length = 0;
    if (this.bytes.length > 4 * this.#usualBytes) this.bytes = new Uint8Array(this.#usualBytes);
  }

  /**
   * As JSON.stringify(): undefined is left out of objects, and null in lists. `depth`: how many values
   * are around this one; the values of inner objects, whose keys traffic may choose, are not kept.
   */
  value(value: unknown, depth = 0): void {
    switch (typeof value) {
      case "string":
        return this.string(value);
      case "number":
        return this.number(value);
      case "boolean":
        return this.raw(value ? YES : NO);
      case "object":
        if (value === null) return this.raw(NOTHING);
        return Array.isArray(value) ? this.#list(value, depth) : this.#object(value, depth);
      default:
        return this.raw(NOTHING);
    }
  }

  #object(value: object, depth: number): void {
    const { [KEPT]: kept }: MayBeKept = value;
    if (kept === undefined) return this.#fields(value, depth);
    if (kept.bytes.length > 0) this.raw(kept.bytes);
    else {
      const start = this.length;
      this.#fields(kept.of, depth);
      kept.bytes = this.bytes.slice(start, --this.length);
    }
    if (value !== kept.of) {
      this.raw(this.#keyBehind(this.#lastKey, kept.more).bytes);
      this.value(value[kept.more as keyof typeof value], depth + 1);
    }
    this.byte(CLOSE);
  }

  #fields(value: object, depth: number): void {
    const start = this.length;
    let key = this.#noKey;
    for (const name in value) {
      const field: unknown = value[name as keyof typeof value];
      if (field === undefined) continue;
      key = this.#keyBehind(key, name);
      if (field === key.value && key.pair.length > 0) this.raw(key.pair);
      else this.#pair(key, field, depth);
    }
    if (this.length === start) this.raw(NO_FIELDS);
    else {
      // The first key wrote its comma there.
      this.bytes[start] = OPEN;
      this.byte(CLOSE);
    }
  }

  #pair(key: Key, field: unknown, depth: number): void {
    const start = this.length;
    this.raw(key.bytes);
    if (typeof field === "string") this.string(field);
    else this.value(field, depth + 1);
    if (depth > 0 || (typeof field === "object" && field !== null)) return;
    key.remember(field, this.bytes, start, this.length);
  }

  string(value: string): void {
    const count = value.length;
    if (count > SHORT_STRING) return this.text(JSON.stringify(value));
    if (this.length + count + 2 > this.bytes.length) this.#grow(count + 2);
    const bytes = this.bytes;
    let at = this.length;
    bytes[at++] = QUOTE;
    for (let i = 0; i < count; i++) {
      const unit = value.charCodeAt(i);
      if (PLAIN[unit] !== 1) return this.text(JSON.stringify(value));
      bytes[at++] = unit;
    }
    bytes[at++] = QUOTE;
    this.length = at;
  }

  number(value: number): void {
    if ((value | 0) !== value || value < 0) {
      return this.text(Number.isFinite(value) ? String(value) : "null");
    }
    let count = 1;
    for (let ten = 10; ten <= value; ten *= 10) count++;
    this.digits(value, count);
  }

  /** The last `count` digits of a whole number below 2^31, zeros before them. */
  digits(value: number, count: number): void {
    if (this.length + count > this.bytes.length) this.#grow(count);
    const bytes = this.bytes;
    let rest = value | 0;
    for (let at = this.length + count - 1; at >= this.length; at--) {
      const tenth = (rest / 10) | 0;
      bytes[at] = 48 + rest - tenth * 10;
      rest = tenth;
    }
    this.length += count;
  }

  /** Appends text unescaped. */
  text(text: string): void {
    const most = text.length * MAX_UNIT_BYTES;
    if (this.length + most > this.bytes.length) this.#grow(most);
    this.length += encoder.encodeInto(text, this.bytes.subarray(this.length)).written;
  }

  /** Appends bytes. */
  raw(bytes: Uint8Array): void {
    if (this.length + bytes.length > this.bytes.length) this.#grow(bytes.length);
    this.bytes.set(bytes, this.length);
    this.length += bytes.length;
  }

  byte(byte: number): void {
    if (this.length === this.bytes.length) this.#grow(1);
    this.bytes[this.length++] = byte;
  }

  #list(values: readonly unknown[], depth: number): void {
    this.byte(0x5b);
    for (let i = 0; i < values.length; i++) {
      if (i > 0) this.byte(COMMA);
      this.value(values[i], depth + 1);
    }
    this.byte(0x5d);
  }

  #keyBehind(last: Key, name: string): Key {
    return last.next.name === name ? last.next : this.#nextKey(last, name);
  }

  #nextKey(last: Key, name: string): Key {
    let key = this.#keys.get(name);
    if (key === undefined) {
      key = new Key(name);
      if (this.#keys.size < MAX_KEYS) this.#keys.set(name, key);
    }
    return last.next = key;
  }

  #grow(more: number): void {
    const grown = new Uint8Array(Math.max(this.length + more, 2 * this.bytes.length));
    grown.set(this.bytes.subarray(0, this.length));
    this.bytes = grown;
  }
}
