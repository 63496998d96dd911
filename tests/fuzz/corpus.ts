/**
 * The valid conversations that fuzzing starts from: the samples of every protocol of the registry,
 * and the recordings of the test suite. A new protocol is part of it as soon as it is registered.
 */
import type { EntryFields } from "../../lib/capture/event.ts";
import { plugins } from "../../protocols/registry.ts";
import type { Sample } from "../support/contract.ts";
import { samplesOf } from "../support/protocol_files.ts";
import { every, samples as everySamples } from "../support/every.ts";
import { RECORDINGS, recordings } from "../support/recordings.ts";
import { readEntries } from "../support/saved.ts";
import type { Random } from "./random.ts";

export type Step = Sample["steps"][number];

/** Larger samples cost too much time an input. */
const MAX_SAMPLE_BYTES = 16 << 10;
/** Of long recordings, only so many entries in a row. */
const MAX_ENTRIES = 120;

export class Corpus {
  readonly #samples: ReadonlyMap<string, readonly Sample[]>;
  readonly #all: readonly Sample[];
  readonly #recordings: readonly (readonly EntryFields[])[];
  readonly #tokens = new Map<string, readonly Uint8Array[]>();

  private constructor(samples: ReadonlyMap<string, readonly Sample[]>) {
    this.#samples = samples;
    this.#all = [...samples.values()].flat();
    this.#recordings = recordings().map((name) => readEntries(`${RECORDINGS}${name}/events.rec`));
    for (const [name, list] of samples) this.#tokens.set(name, tokensOf(list));
  }

  static async load(): Promise<Corpus> {
    const samples = new Map<string, readonly Sample[]>();
    for (const { name } of plugins) {
      const { samples: own } = await samplesOf(name);
      samples.set(name, own.filter((sample) => sizeOf(sample) <= MAX_SAMPLE_BYTES));
    }
    samples.set(every.name, everySamples);
    return new Corpus(samples);
  }

  /** A conversation in that protocol. */
  sample(random: Random, protocol: string): Sample {
    return random.pick(this.#samples.get(protocol) ?? this.#all);
  }

  any(random: Random): Sample {
    return this.sample(random, random.pick(plugins).name);
  }

  /** A word of that protocol, or of any. */
  token(random: Random, protocol: string): Uint8Array {
    const name = random.chance(0.9) ? protocol : random.pick(plugins).name;
    const tokens = this.#tokens.get(name) ?? [];
    return tokens.length === 0 ? random.bytes(2) : random.pick(tokens);
  }

  /** Some bytes of a conversation in that protocol. */
  slice(random: Random, protocol: string): Uint8Array {
    const { bytes } = random.pick(this.sample(random, protocol).steps);
    const from = random.chance(0.4) ? 0 : random.below(bytes.length + 1);
    return bytes.slice(from, random.chance(0.4) ? bytes.length : from + random.small(256));
  }

  /** Entries of a real trace, in a row. */
  entries(random: Random): EntryFields[] {
    const all = random.pick(this.#recordings);
    const from = random.chance(0.5) ? 0 : random.below(all.length);
    return all.slice(from, from + MAX_ENTRIES).map((entry) => ({ ...entry }));
  }
}

function sizeOf(sample: Sample): number {
  return sample.steps.reduce((sum, { bytes }) => sum + bytes.length, 0);
}

/** Words of letters, and what stands between two of them: keys, commands, separators. */
function tokensOf(samples: readonly Sample[]): Uint8Array[] {
  const found = new Set<string>();
  for (const { steps } of samples) {
    for (const { bytes } of steps) {
      const text = String.fromCharCode(...bytes.subarray(0, 2048));
      for (const [word] of text.matchAll(/[A-Za-z_-]{2,}|[^A-Za-z0-9]{1,6}/g)) {
        if (word.length <= 32) found.add(word);
      }
    }
  }
  return [...found].map((word) => Uint8Array.from(word, (character) => character.charCodeAt(0)));
}
