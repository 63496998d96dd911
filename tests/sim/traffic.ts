/**
 * Conversations for the simulation of loss: who says what, when, in how many operations. In: a
 * pattern and a source of numbers. Out: operations in the order of their times. Every exchange has a
 * name, which its request and its response repeat, so that a wrong pair shows.
 */
import type { Side } from "../../protocols/protocol.ts";

export const PATTERNS = ["one", "batch", "batches", "depth", "bursts", "mixed"] as const;

/**
 *     one      the next request follows the last answer
 *     batch    turns of several requests, by one operation each
 *     batches  turns of several requests, by several operations
 *     depth    a window of requests is kept under way: one for each answer
 *     bursts   requests follow each other while answers come; then all is answered
 *     mixed    mostly one, seldom a burst
 */
export type Pattern = typeof PATTERNS[number];

/** Messages that one operation moved, from byte to byte of what they are together. */
export interface Operation {
  timeNs: number;
  side: Side;
  bytes: Uint8Array;
  /** Requests that begin in it. */
  asks: number;
}

/** How a protocol says it. */
export interface Language {
  request(name: string): string;
  response(name: string): string;
}

interface Said {
  timeNs: number;
  side: Side;
  text: string;
  asks: number;
}

const MS = 1e6;
const US = 1e3;
const encoder = new TextEncoder();

/** One connection's operations: about `count` exchanges, named `prefix` and a number. */
export function converse(
  pattern: Pattern,
  count: number,
  prefix: string,
  language: Language,
  random: () => number,
): Operation[] {
  const talk = new Talk(count, prefix, language, random);
  switch (pattern) {
    case "one":
      while (talk.left > 0) talk.turn(1, 1);
      break;
    case "batch":
      while (talk.left > 0) talk.turn(talk.upTo(8), 1);
      break;
    case "batches":
      while (talk.left > 0) talk.turn(talk.upTo(6), 3);
      break;
    case "depth":
      talk.window(2 + talk.upTo(6), random() < 0.5);
      break;
    case "bursts":
      while (talk.left > 0) talk.burst(1 + talk.upTo(8));
      break;
    case "mixed":
      while (talk.left > 0) {
        if (random() < 0.03) talk.burst(1 + talk.upTo(8));
        else talk.turn(1, 1);
      }
      break;
  }
  return talk.operations();
}

/** What is said, step by step. */
class Talk {
  left: number;
  #nowNs: number;
  #next = 0;
  readonly #said: Said[] = [];
  readonly #prefix: string;
  readonly #language: Language;
  readonly #random: () => number;
  /** Some are quick to answer, some slow; some clients work long between two turns. */
  readonly #serviceNs: number;
  readonly #thinkNs: number;

  constructor(count: number, prefix: string, language: Language, random: () => number) {
    this.left = count;
    this.#prefix = prefix;
    this.#language = language;
    this.#random = random;
    this.#nowNs = random() * 20 * MS;
    this.#serviceNs = 20 * US * 10 ** (random() * 2);
    this.#thinkNs = 10 * US * 10 ** (random() * 2.5);
  }

  upTo(most: number): number {
    return Math.min(this.left, 1 + Math.floor(this.#random() * most));
  }

  /** So many requests by up to `operations`, then their answers. */
  turn(size: number, operations: number): void {
    const names = this.#names(size);
    for (const part of this.#parts(names, operations)) this.#ask(part, 5 * US);
    this.#wait(this.#serviceNs);
    for (const part of this.#parts(names, this.#random() < 0.3 ? 3 : 1)) this.#answer(part);
    this.#rest();
  }

  /** `isRegular`: each answer is followed by a request at once; else both go their own ways. */
  window(depth: number, isRegular: boolean): void {
    const due: string[] = [];
    while (this.left > 0 || due.length > 0) {
      const mayAsk = this.left > 0 && due.length < depth;
      if (mayAsk && (isRegular || due.length === 0 || this.#random() < 0.5)) {
        const [name = ""] = this.#names(1);
        due.push(name);
        this.#ask([name], 2 * US);
      } else if (due.length > 0) {
        this.#wait(this.#serviceNs);
        const isMany = this.#random() < 0.05;
        this.#answer(due.splice(0, isMany ? 1 + Math.floor(this.#random() * due.length) : 1));
      }
    }
  }

  /** Requests at their own pace while the server answers at its own. */
  burst(size: number): void {
    const names = this.#names(size);
    const due: string[] = [];
    while (names.length > 0 || due.length > 0) {
      if (names.length > 0 && (due.length === 0 || this.#random() < 0.6)) {
        const part = names.splice(0, this.#random() < 0.2 ? 2 : 1);
        due.push(...part);
        this.#ask(part, 5 * US);
      } else {
        this.#wait(this.#serviceNs);
        this.#answer(due.splice(0, this.#random() < 0.2 ? 2 : 1));
      }
    }
    this.#rest();
  }

  /** What was said, some of it cut into several operations. */
  operations(): Operation[] {
    const out: Operation[] = [];
    for (const { timeNs, side, text, asks } of this.#said) {
      const bytes = encoder.encode(text);
      const isCut = bytes.length > 4 && this.#random() < 0.04;
      const at = isCut ? 1 + Math.floor(this.#random() * (bytes.length - 2)) : bytes.length;
      out.push({ timeNs, side, asks, bytes: bytes.subarray(0, at) });
      const rest = { timeNs: timeNs + 1, side, asks: 0 };
      if (at < bytes.length) out.push({ ...rest, bytes: bytes.subarray(at) });
    }
    return out;
  }

  #names(count: number): string[] {
    const size = Math.min(this.left, count);
    this.left -= size;
    return Array.from({ length: size }, () => `${this.#prefix}${this.#next++}`);
  }

  #parts(names: readonly string[], most: number): string[][] {
    const parts: string[][] = [];
    for (const [i, name] of names.entries()) {
      const last = parts[parts.length - 1];
      const mayCut = parts.length < most && this.#random() < 0.5;
      if (last === undefined || (mayCut && i > 0)) parts.push([name]);
      else last.push(name);
    }
    return parts;
  }

  #wait(meanNs: number): void {
    this.#nowNs += 3 + Math.floor(meanNs * (0.2 + 1.6 * this.#random() ** 3));
  }

  #rest(): void {
    this.#wait(this.#thinkNs);
    const some = this.#random();
    if (some < 0.02) this.#nowNs += some < 0.004 ? 1500 * MS : 50 * MS;
  }

  #ask(names: readonly string[], afterNs: number): void {
    this.#say("request", names, afterNs, (name) => this.#language.request(name));
  }

  #answer(names: readonly string[]): void {
    this.#say("response", names, 5 * US, (name) => this.#language.response(name));
  }

  #say(
    side: Side,
    names: readonly string[],
    afterNs: number,
    text: (name: string) => string,
  ): void {
    if (names.length === 0) return;
    this.#wait(afterNs);
    const asks = side === "request" ? names.length : 0;
    this.#said.push({ timeNs: this.#nowNs, side, text: names.map(text).join(""), asks });
  }
}
