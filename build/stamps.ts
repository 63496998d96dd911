/**
 * A step runs again only when something it reads has changed.
 *
 * In: a step's input files, tools and options. Out: whether it ran. The content of the inputs decides,
 * not their time of change; of tools outside the repository, size and time of change.
 */
import { DIST, exists, filesBelow } from "./tools.ts";

const STAMPS = `${DIST}stamps.json`;

export interface Step {
  readonly name: string;
  /** Files and folders, by content. */
  readonly inputs: readonly string[];
  /** Files of the machine, by size and time of change. */
  readonly tools?: readonly string[];
  /** Anything else that decides the result. */
  readonly options?: readonly string[];
  readonly outputs: readonly string[];
  run(): Promise<void>;
}

/** What every step's inputs were when it last succeeded. */
export class Stamps {
  readonly #hashes: Map<string, string>;

  constructor() {
    this.#hashes = new Map(exists(STAMPS) ? parse(Deno.readTextFileSync(STAMPS)) : []);
  }

  /** Runs the step if anything has changed since it last succeeded; true when it ran. */
  async bring(step: Step): Promise<boolean> {
    const hash = await hashOf(step);
    if (this.#hashes.get(step.name) === hash && step.outputs.every(exists)) return false;
    this.#hashes.delete(step.name);
    await step.run();
    this.#hashes.set(step.name, hash);
    this.#save();
    return true;
  }

  #save(): void {
    const temporary = `${STAMPS}.new`;
    Deno.writeTextFileSync(temporary, JSON.stringify(Object.fromEntries(this.#hashes), null, 1));
    Deno.renameSync(temporary, STAMPS);
  }
}

function parse(text: string): [string, string][] {
  try {
    return Object.entries(JSON.parse(text));
  } catch {
    return []; // cut by a crash: everything is built again
  }
}

async function hashOf(step: Step): Promise<string> {
  const parts: string[] = [...step.options ?? []];
  for (const tool of step.tools ?? []) {
    const info = exists(tool) ? Deno.statSync(tool) : undefined;
    parts.push(`${tool} ${info?.size} ${info?.mtime?.getTime()}`);
  }
  for (const file of step.inputs.flatMap(filesBelow)) {
    parts.push(`${file} ${await digest(Deno.readFileSync(file))}`);
  }
  return await digest(new TextEncoder().encode(parts.join("\n")));
}

async function digest(bytes: Uint8Array<ArrayBuffer>): Promise<string> {
  return new Uint8Array(await crypto.subtle.digest("SHA-256", bytes)).toHex();
}
