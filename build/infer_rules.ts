/**
 * The list of the kernel's rules, made of a folder's file names, so that adding a rule is adding a file.
 *
 * In: folders of NAME.bpf.h (bpf/infer/, and what a test adds). Out: infer_rules.h, which
 * bpf/infer/infer.bpf.h includes. It does not read the rules.
 */
import { BuildError, ROOT } from "./tools.ts";

export const RULES_FOLDER: string = `${ROOT}bpf/infer`;
/** infer.bpf.h is no rule: it is what the rules have in common, and includes the list. */
const COMMON = "infer";
const SUFFIX = ".bpf.h";
/** An entry of the table infer_starts has a bit for each rule. */
const MAX_RULES = 32;

/** Writes `folder`/infer_rules.h. */
export function writeInferRules(
  folder: string,
  ruleFolders: readonly string[] = [RULES_FOLDER],
): void {
  Deno.mkdirSync(folder, { recursive: true });
  Deno.writeTextFileSync(`${folder}/infer_rules.h`, inferRules(ruleFolders));
}

/** Names of the rules in a folder, sorted. */
export function ruleNames(folder: string): string[] {
  return [...Deno.readDirSync(folder)].map(({ name }) => name)
    .filter((name) => name.endsWith(SUFFIX)).map((name) => name.slice(0, -SUFFIX.length))
    .filter((name) => name !== COMMON).sort();
}

function inferRules(folders: readonly string[]): string {
  const rules = folders.flatMap((folder) =>
    ruleNames(folder).map((name) => ({ name, path: `${folder}/${name}${SUFFIX}` }))
  );
  if (rules.length > MAX_RULES) {
    throw new BuildError(`Cannot build ${rules.length} rules: infer_starts has ${MAX_RULES} bits`);
  }
  return [
    "/* Made by the build of the files in bpf/infer/. */",
    ...rules.map(({ path }) => `#include "${path}"`),
    "",
    defined("INFER_RULES(RULE)", rules.map(({ name }, i) => `RULE(${i}, ${name})`)),
    defined(
      "INFER_STARTS(byte, is_datagram)",
      rules.map(({ name }, i) =>
        `${i > 0 ? "| " : ""}(${name.toUpperCase()}_STARTS(byte, is_datagram) ? 1U << ${i} : 0)`
      ),
    ),
    "",
  ].join("\n");
}

function defined(macro: string, lines: readonly string[]): string {
  return [`#define ${macro}`, ...lines.map((line) => `\t${line}`)].join(" \\\n");
}
