/**
 * Changes of valid bytes and conversations, by which most of their structure stays: so that what is
 * behind the first check is reached. In: bytes, and a corpus to splice from. Out: other bytes.
 */
import { concat } from "../support/events.ts";
import type { Corpus, Step } from "./corpus.ts";
import type { Random } from "./random.ts";

const SPECIAL: readonly number[] = [0, 9, 10, 13, 32, 34, 36, 42, 45, 58, 127, 128, 192, 255];
const NUMERALS: readonly string[] = [
  ...["0", "-1", "-0", "+1", "00", "1e9", "0x7f", "ffffffff", "", "65536", "16777216"],
  ...["2147483647", "2147483648", "4294967295", "4294967296", "9007199254740991"],
  ...["9007199254740993", "9223372036854775807", "18446744073709551616", "9".repeat(40)],
];
/** Repeating makes at most this much of an input. */
const MAX_REPEATED = 64 << 10;

type Change = (bytes: Uint8Array, random: Random, corpus: Corpus, protocol: string) => Uint8Array;

const CHANGES: readonly Change[] = [
  (bytes, random) => patched(bytes, random.below(bytes.length), [random.pick(SPECIAL)]),
  (bytes, random) => patched(bytes, random.below(bytes.length), [random.below(256)]),
  (bytes, random) => {
    const at = random.below(bytes.length);
    return patched(bytes, at, [(bytes[at] ?? 0) ^ (1 << random.below(8))]);
  },
  (bytes, random) => {
    const [from, to] = range(bytes, random);
    return replaced(bytes, from, to, new Uint8Array(0));
  },
  (bytes, random) => bytes.slice(0, random.below(bytes.length)),
  repeated,
  (bytes, random, corpus, protocol) => {
    const at = random.below(bytes.length + 1);
    return replaced(bytes, at, at, corpus.token(random, protocol));
  },
  (bytes, random, corpus, protocol) => {
    const [from, to] = range(bytes, random);
    return replaced(bytes, from, to, corpus.token(random, protocol));
  },
  (bytes, random, corpus, protocol) => {
    const [from, to] = random.chance(0.5) ? range(bytes, random) : [bytes.length, bytes.length];
    return replaced(bytes, from, to, corpus.slice(random, protocol));
  },
  (bytes, random, corpus) => {
    const at = random.below(bytes.length + 1);
    return replaced(bytes, at, at, corpus.any(random).steps[0]?.bytes ?? random.bytes(1));
  },
  (bytes, random) => replaced(bytes, ...range(bytes, random), random.bytes(random.small(64))),
  withNumeral,
  withNumber,
  withNumber,
];

/** `bytes` with one to some changes; never the ones that were given. */
export function mutate(
  bytes: Uint8Array,
  random: Random,
  corpus: Corpus,
  protocol: string,
): Uint8Array {
  let out = bytes;
  for (let i = random.small(8); i > 0 && out.length > 0; i--) {
    out = random.pick(CHANGES)(out, random, corpus, protocol);
  }
  return out;
}

/** A conversation that goes wrong somewhere; now and then one that does not. */
export function mutateSteps(
  steps: readonly Step[],
  random: Random,
  corpus: Corpus,
  protocol: string,
): Step[] {
  const out = steps.map((step) => ({ ...step }));
  for (let i = random.small(6) - 1; i > 0 && out.length > 0; i--) {
    const at = random.below(out.length);
    const step = out[at] as Step;
    switch (random.below(8)) {
      case 0:
        out.splice(at, 1);
        break;
      case 1:
        out.splice(random.below(out.length + 1), 0, step);
        break;
      case 2:
        out[at] = { ...step, side: step.side === "request" ? "response" : "request" };
        break;
      case 3:
        out.splice(at, random.below(2), ...corpus.sample(random, protocol).steps);
        break;
      case 4:
        out.splice(at, 0, ...corpus.any(random).steps.slice(0, 2));
        break;
      default:
        out[at] = { side: step.side, bytes: mutate(step.bytes, random, corpus, protocol) };
    }
  }
  return out;
}

function patched(bytes: Uint8Array, at: number, values: readonly number[]): Uint8Array {
  const out = bytes.slice();
  values.forEach((value, i) => at + i < out.length && (out[at + i] = value));
  return out;
}

function replaced(bytes: Uint8Array, from: number, to: number, by: Uint8Array): Uint8Array {
  return concat([bytes.subarray(0, from), by, bytes.subarray(to)]);
}

function range(bytes: Uint8Array, random: Random): [number, number] {
  const from = random.below(bytes.length);
  return [from, Math.min(bytes.length, from + random.small(64))];
}

function repeated(bytes: Uint8Array, random: Random): Uint8Array {
  const [from, to] = range(bytes, random);
  const most = Math.floor(MAX_REPEATED / (to - from));
  const times = random.chance(0.02) ? random.below(most) : random.small(64);
  const part = bytes.slice(from, to);
  return replaced(bytes, to, to, concat(Array<Uint8Array>(Math.min(times, most)).fill(part)));
}

/** Another numeral in the place of one. */
function withNumeral(bytes: Uint8Array, random: Random): Uint8Array {
  const isDigit = (at: number): boolean => (bytes[at] ?? 0) >= 48 && (bytes[at] ?? 0) <= 57;
  const begin = random.below(bytes.length);
  let from = begin;
  while (from < bytes.length && !isDigit(from)) from++;
  let to = from;
  while (to < bytes.length && isDigit(to)) to++;
  if (from === to) return bytes;
  const value = Number(String.fromCharCode(...bytes.subarray(from, to)));
  const text = random.chance(0.5) ? `${value + random.below(5) - 2}` : random.pick(NUMERALS);
  return replaced(bytes, from, to, new TextEncoder().encode(text));
}

/** Another binary number in the place of one or two or four bytes, in either order. */
function withNumber(bytes: Uint8Array, random: Random): Uint8Array {
  const size = random.pick([1, 2, 2, 3, 4, 8]);
  const at = random.below(bytes.length);
  const values: number[] = [];
  const near = random.chance(0.5) ? bytes[Math.min(at + size, bytes.length) - 1] ?? 0 : null;
  let rest = near === null ? random.extreme() : (near + random.below(9) + 252) % 256;
  for (let i = 0; i < size; i++) {
    values.push(rest % 256);
    rest = Math.floor(rest / 256);
  }
  return patched(bytes, at, random.chance(0.7) ? values.reverse() : values);
}
