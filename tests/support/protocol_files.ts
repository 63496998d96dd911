/**
 * What a protocol has for the common tests, in tests/protocols/NAME/.
 *
 * In: a protocol's name. Out: what its samples.ts and worst.ts export; where one is missing, an error
 * that says which, and what it is for.
 */
import type { Sample } from "./contract.ts";
import type { Load } from "./hostile.ts";

/** What samples.ts exports. */
export interface Samples {
  samples: Sample[];
  /** Heads that the kernel's rule passes over on purpose, although the probe takes them. */
  isPastTheRule?: (head: Uint8Array, sample: Sample) => boolean;
}

/** What worst.ts exports. */
export interface Worst {
  /** What the protocol is used for; never a body that goes by. */
  usual: Load;
  worst: readonly Load[];
}

export async function samplesOf(name: string): Promise<Samples> {
  return await import(place(name, "samples.ts", "whole conversations"));
}

export async function worstOf(name: string): Promise<Worst> {
  return await import(place(name, "worst.ts", "what costs it most"));
}

function place(name: string, file: string, what: string): string {
  const url = new URL(`../protocols/${name}/${file}`, import.meta.url);
  try {
    Deno.statSync(url);
  } catch (cause) {
    if (!(cause instanceof Deno.errors.NotFound)) throw cause;
    const path = `tests/protocols/${name}/${file}`;
    const hint = `it lists ${what} (CONTRIBUTING.md, "Adding a protocol", steps 1 and 3)`;
    throw new Error(`Cannot test ${name}: ${path} is missing: ${hint}`, { cause });
  }
  return url.href;
}
