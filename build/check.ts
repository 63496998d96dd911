/** Formatting, lint, types and structure of everything in the repository. */
import { structureFaults } from "./structure.ts";
import { ROOT, runVisible } from "./tools.ts";

/** Each check by the name that is printed; false when something is wrong. */
export const CHECKS: ReadonlyMap<string, () => Promise<boolean>> = new Map([
  ["deno fmt --check", () => runDeno("fmt", "--check", "--quiet")],
  ["deno lint", () => runDeno("lint", "--quiet")],
  ["deno check", () => runDeno("check", "--quiet", ".")],
  ["structure", checkStructure],
]);

/** Runs all checks; true when nothing is wrong. */
export async function check(): Promise<boolean> {
  let right = true;
  for (const name of CHECKS.keys()) {
    const passed = await runCheck(name);
    console.error(`${name}: ${passed ? "ok" : "FAILED"}`);
    right &&= passed;
  }
  return right;
}

export async function runCheck(name: string): Promise<boolean> {
  return await CHECKS.get(name)?.() ?? false;
}

async function runDeno(...args: string[]): Promise<boolean> {
  return await runVisible(Deno.execPath(), args, { cwd: ROOT }) === 0;
}

function checkStructure(): Promise<boolean> {
  const faults = structureFaults();
  for (const fault of faults) console.error(fault);
  return Promise.resolve(faults.length === 0);
}
