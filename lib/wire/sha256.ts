/**
 * SHA-256 (FIPS 180-4) of short texts: the runtime's own hash is asynchronous, and Node's takes longer
 * to load than all that is hashed here. In: bytes. Out: their digest. Not for secrets.
 */

const BLOCK_BYTES = 64;
const LENGTH_BYTES = 8;
const HEX_WORD = 8;

/** Roots of the first primes: of their fractions, the first 32 bits (sections 4.2.2 and 5.3.3). */
function fractions(count: number, root: (prime: number) => number): Uint32Array {
  const words = new Uint32Array(count);
  const primes: number[] = [];
  for (let n = 2; primes.length < count; n++) {
    if (primes.some((prime) => n % prime === 0)) continue;
    words[primes.length] = (root(n) % 1) * 2 ** 32;
    primes.push(n);
  }
  return words;
}

let tables: { constants: Uint32Array; initial: Uint32Array } | null = null;

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
  for (const word of state) text += word.toString(16).padStart(HEX_WORD, "0");
  return text;
}

function addBlock(state: Uint32Array, view: DataView, at: number, constants: Uint32Array): void {
  const words = scheduleOf(view, at);
  let [a = 0, b = 0, c = 0, d = 0, e = 0, f = 0, g = 0, h = 0] = state;
  for (let i = 0; i < 64; i++) {
    const choice = (e & f) ^ (~e & g), majority = (a & b) ^ (a & c) ^ (b & c);
    const s1 = turned(e, 6) ^ turned(e, 11) ^ turned(e, 25);
    const s0 = turned(a, 2) ^ turned(a, 13) ^ turned(a, 22);
    const t1 = (h + s1 + choice + (constants[i] as number) + (words[i] as number)) | 0;
    [h, g, f, e, d, c, b, a] = [g, f, e, (d + t1) | 0, c, b, a, (t1 + s0 + majority) | 0];
  }
  [a, b, c, d, e, f, g, h].forEach((word, i) => {
    state[i] = (state[i] as number) + word;
  });
}

/** The 64 words that a block is stretched to. */
function scheduleOf(view: DataView, at: number): Uint32Array {
  const words = new Uint32Array(64);
  for (let i = 0; i < 16; i++) words[i] = view.getUint32(at + 4 * i);
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
