/** The recordings of the test suite: tests/recordings/<protocol>/<case>. */
import type { PipelineOptions } from "../../lib/pipeline.ts";
import type { Plugin } from "../../protocols/protocol.ts";
import { plugins } from "../../protocols/registry.ts";

export const RECORDINGS: string = new URL("../recordings/", import.meta.url).pathname;

/** "http/gzip" and the others, in order. */
export function recordings(): string[] {
  return folders(RECORDINGS).flatMap((protocol) =>
    folders(`${RECORDINGS}${protocol}`).map((name) => `${protocol}/${name}`)
  );
}

function folders(path: string): string[] {
  return [...Deno.readDirSync(path)].filter((entry) => entry.isDirectory)
    .map((entry) => entry.name).sort();
}

/** What a recording is replayed with, where that is not the defaults. */
interface SavedOptions extends Partial<Omit<PipelineOptions, "protocols">> {
  /** Those that there were when its golden was made: records of unknown protocols list them. */
  protocols?: string[];
}

/** Of the recording in a folder. */
export function recordingOptions(folder: string): Partial<PipelineOptions> {
  const { protocols, ...options } = savedOptions(folder);
  if (protocols === undefined) return options;
  return { ...options, protocols: protocols.map(pluginNamed) };
}

/** Pins the protocols that there are now to a recording whose golden lists them. */
export function pinProtocols(folder: string, golden: string): void {
  if (!golden.includes('"tried":')) return;
  const pinned = { ...savedOptions(folder), protocols: plugins.map(({ name }) => name) };
  Deno.writeTextFileSync(`${folder}/options.json`, `${JSON.stringify(pinned)}\n`);
}

function savedOptions(folder: string): SavedOptions {
  try {
    return JSON.parse(Deno.readTextFileSync(`${folder}/options.json`));
  } catch (error) {
    if (error instanceof Deno.errors.NotFound) return {};
    throw error;
  }
}

function pluginNamed(name: string): Plugin {
  const plugin = plugins.find((each) => each.name === name);
  if (plugin === undefined) throw new Error(`Cannot replay with protocol "${name}": there is none`);
  return plugin;
}
