/**
 * The benchmarks: every tests/bench/*_bench.ts is a program of its own, run as root, one after another.
 * In: parts of names, to pick some. Out: what they print; 1 when one of them failed.
 */
import { asRoot, filesBelow, ROOT, runVisible } from "./tools.ts";

export async function bench(names: readonly string[]): Promise<number> {
  const all = filesBelow(`${ROOT}tests/bench`).filter((file) => file.endsWith("_bench.ts"));
  const chosen = all.filter((file) => names.length === 0 || names.some((n) => file.includes(n)));
  let status = 0;
  for (const file of chosen) {
    console.log(`\n${file.slice(ROOT.length)}`);
    const failed = await runVisible(...asRoot(Deno.execPath(), ["run", "-A", "--no-check", file]));
    if (failed !== 0) status = 1;
  }
  if (chosen.length === 0) console.error("no benchmark of that name");
  return status;
}
