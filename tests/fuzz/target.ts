/**
 * What is fuzzed: how an input is made, and what must hold for it.
 *
 * Inputs are plain data (objects, lists, numbers, strings, bytes), so that any of them can be saved,
 * sent to a worker and made smaller without knowing what it means: check() takes inputs with any
 * element of a list, any bytes and any number taken away.
 */
import type { Random } from "./random.ts";

export interface Target {
  readonly name: string;
  make(random: Random): unknown;
  /** Throws when something does not hold. */
  check(input: unknown): void;
}

/** A target with the type of its inputs closed over. */
export function defineTarget<I>(
  name: string,
  make: (random: Random) => I,
  check: (input: I) => void,
): Target {
  return { name, make, check: (input) => check(input as I) };
}

/** Something that was promised does not hold. */
export class Broken extends Error {
  override readonly name = "Broken";
}

export function hold(condition: boolean, promise: () => string): asserts condition {
  if (!condition) throw new Broken(promise());
}

/** Two lists of lines are the same; else shows where they part. */
export function holdSame(got: readonly string[], want: readonly string[], what: string): void {
  const length = Math.max(got.length, want.length);
  for (let i = 0; i < length; i++) {
    if (got[i] === want[i]) continue;
    throw new Broken(`${what}: differs\n  got  ${got[i] ?? "none"}\n  want ${want[i] ?? "none"}`);
  }
}

/** One word for faults that are probably the same: what was said, and where it came from. */
export function signatureOf(error: unknown): string {
  if (!(error instanceof Error)) return String(error);
  const [first = ""] = error.message.split("\n");
  const said = `${error.name}: ${first}`.replaceAll(/\d+/g, "N").slice(0, 100);
  if (error instanceof Broken) return said;
  const frame = error.stack?.split("\n").find((line) => /\/(lib|protocols)\//.test(line));
  return `${said} @ ${frame?.replace(/^.*\/(?=(lib|protocols)\/)/, "").replace(/\)$/, "") ?? "?"}`;
}
