/**
 * The recordings of the test suite: tests/recordings/<protocol>/<case>.
 *
 *     events.rec      what was recorded
 *     golden.ndjson   the records that it gives
 *     README.md       its origin and purpose
 *     options.json    options other than the defaults, if any; `protocols` are the names of those
 *                     that were known when a golden was made which says what was tried
 */
import type { PipelineOptions } from "../../lib/pipeline.ts";
import type { Plugin } from "../../protocols/protocol.ts";

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

/** What options.json says. */
export type SavedOptions = Partial<Omit<PipelineOptions, "protocols">> & { protocols?: string[] };

/** The options of a recording as they are saved; none are none. */
export function readOptions(folder: string): SavedOptions {
  try {
    return JSON.parse(Deno.readTextFileSync(`${folder}/options.json`));
  } catch (error) {
    if (error instanceof Deno.errors.NotFound) return {};
    throw error;
  }
}

/** The same for a pipeline: with the protocols that they name of those known, or all. */
export function pipelineOptions(
  { protocols, ...options }: SavedOptions,
  known: readonly Plugin[],
): Partial<PipelineOptions> {
  if (protocols === undefined) return { ...options, protocols: known };
  const chosen = protocols.map((name) => {
    const plugin = known.find((each) => each.name === name);
    if (plugin === undefined) throw new Error(`Cannot replay: no protocol is named ${name}`);
    return plugin;
  });
  return { ...options, protocols: chosen };
}
