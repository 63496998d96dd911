/** Everything that is fuzzed: each protocol of the registry, and what all of them stand on. */
import { plugins } from "../../protocols/registry.ts";
import { captureTarget } from "./capture_target.ts";
import { every, everyNext } from "../support/every.ts";
import { Corpus } from "./corpus.ts";
import { doctorTarget } from "./doctor_target.ts";
import { elfTarget } from "./elf_target.ts";
import { outputTarget } from "./output_target.ts";
import { pipelineTarget } from "./pipeline_target.ts";
import { pluginTarget } from "./plugin_target.ts";
import { Random } from "./random.ts";
import { recordingTarget } from "./recording_target.ts";
import { secretTarget } from "./secret_target.ts";
import type { Target } from "./target.ts";

export async function loadTargets(): Promise<Target[]> {
  const corpus = await Corpus.load();
  return [
    ...plugins.map((plugin) => pluginTarget(plugin, corpus)),
    // What no protocol here does: nested streams, names for streams, other protocols behind it.
    pluginTarget(every, corpus),
    pipelineTarget(corpus, "pipeline", plugins),
    pipelineTarget(corpus, "handover", [every, everyNext]),
    recordingTarget(corpus),
    captureTarget(corpus),
    outputTarget(),
    doctorTarget(corpus),
    secretTarget(corpus),
    elfTarget(),
  ];
}

/** Input number `turn` of a target: the same for the same seed. */
export function inputOf(target: Target, seed: number, turn: number): unknown {
  let name = 0;
  for (const character of target.name) name = Math.imul(name, 31) + character.charCodeAt(0);
  return target.make(new Random(seed, name, turn));
}
