/**
 * SHA-256 (FIPS 180-4) of short texts: the runtime's own hash is asynchronous, and Node's takes longer
 * to load than all that is hashed here. In: bytes. Out: their digest. Not for secrets.
 */

const BLOCK_BYTES = 64;
const LENGTH_BYTES = 8;
const HEX_WORD = 8;

/** Roots of the first primes: of their fractions, the first 32 bits (sections 4.2.2 and 5.3.3). */
function fractions(count: number, root: (prime: number) => number): Int32Array {
  const words = new Int32Array(count);
  const primes: number[] = [];
  for (let n = 2; primes.length < count; n++) {
    if (primes.some((prime) => n % prime === 0)) continue;
    words[primes.length] = (root(n) % 1) * 2 ** 32 | 0;
    primes.push(n);
  }
  return words;
}

let tables: { constants: Int32Array; initial: Int32Array } | null = null;

/** The digest in lower-case hexadecimal digits. */
export function sha256Hex(bytes: Uint8Array): string {
  tables ??= { constants: fractions(64, Math.cbrt), initial: fractions(8, Math.sqrt) };
  const blocks = Math.ceil((bytes.length + 1 + LENGTH_BYTES) / BLOCK_BYTES);
  const padded = new Uint8Array(blocks * BLOCK_BYTES);
  padded.set(bytes);
  padded[bytes.length] = 0x80;
  const view = new DataView(padded.buffer);
  view.setBigUint64(padded.length - LENGTH_BYTES, BigInt(bytes.length) * 8n);
  const state = tables.initial.slice();
  for (let at = 0; at < padded.length; at += BLOCK_BYTES) {
    addBlock(state, view, at, tables.constants);
  }
  let text = "";
  for (const word of state) text += (word >>> 0).toString(16).padStart(HEX_WORD, "0");
  return text;
}

function addBlock(state: Int32Array, view: DataView, at: number, constants: Int32Array): void {
  const words = scheduleOf(view, at);
  let a = state[0] as number, b = state[1] as number, c = state[2] as number;
  let d = state[3] as number, e = state[4] as number, f = state[5] as number;
  let g = state[6] as number, h = state[7] as number;
  for (let i = 0; i < 64; i++) {
    const choice = (e & f) ^ (~e & g), majority = (a & b) ^ (a & c) ^ (b & c);
    const s1 = turned(e, 6) ^ turned(e, 11) ^ turned(e, 25);
    const s0 = turned(a, 2) ^ turned(a, 13) ^ turned(a, 22);
    const t1 = (h + s1 + choice + (constants[i] as number) + (words[i] as number)) | 0;
    h = g;
    g = f;
    f = e;
    e = (d + t1) | 0;
    d = c;
    c = b;
    b = a;
    a = (t1 + s0 + majority) | 0;
  }
  const added = [a, b, c, d, e, f, g, h];
  for (let i = 0; i < added.length; i++) state[i] = (state[i] as number) + (added[i] as number);
}

/** The 64 words that a block is stretched to. */
function scheduleOf(view: DataView, at: number): Int32Array {
  const words = new Int32Array(64);
  for (let i = 0; i < 16; i++) words[i] = view.getInt32(at + 4 * i);
  for (let i = 16; i < 64; i++) {
    const two = words[i - 2] as number, fifteen = words[i - 15] as number;
    const s1 = turned(two, 17) ^ turned(two, 19) ^ (two >>> 10);
    const s0 = turned(fifteen, 7) ^ turned(fifteen, 18) ^ (fifteen >>> 3);
    words[i] = (words[i - 16] as number) + s0 + (words[i - 7] as number) + s1;
  }
  return words;
}

/** Rotated to the right. */
function turned(word: number, bits: number): number {
  return (word >>> bits) | (word << (32 - bits));
}
