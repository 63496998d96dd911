/**
 * Kernel rules that stand in for protocols to come (rules/), as costly as real ones. In: nothing. Out:
 * a BPF object with them and the rules there are.
 */
import { ruleNames, RULES_FOLDER } from "../../../build/infer_rules.ts";
import { compileBpf } from "../../../build/steps.ts";

const STAND_INS = new URL("rules", import.meta.url).pathname;

/** Compiles into an empty folder; how many rules the object has. */
export async function compileWithStandIns(
  folder: string,
): Promise<{ path: string; rules: number }> {
  const own = ruleNames(RULES_FOLDER), chosen = `${folder}/rules`;
  const others = ruleNames(STAND_INS).filter((name) => !own.includes(name));
  Deno.mkdirSync(chosen);
  for (const name of others) {
    Deno.copyFileSync(`${STAND_INS}/${name}.bpf.h`, `${chosen}/${name}.bpf.h`);
  }
  const path = `${folder}/more.bpf.o`;
  await compileBpf(path, `${folder}/`, [RULES_FOLDER, chosen]);
  return { path, rules: own.length + others.length };
}
