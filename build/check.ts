/** Formatting, lint and types of everything in the repository. */
import { ROOT, runVisible } from "./tools.ts";

/** What is checked, by name. */
export const CHECKS: ReadonlyMap<string, readonly string[]> = new Map([
  ["deno fmt --check", ["fmt", "--check", "--quiet"]],
  ["deno lint", ["lint", "--quiet"]],
  ["deno check", ["check", "--quiet", "."]],
]);

/** Runs them all; true when nothing is wrong. */
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
  return await runVisible(Deno.execPath(), CHECKS.get(name) ?? [], { cwd: ROOT }) === 0;
}
