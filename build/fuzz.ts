/**
 * The fuzzer (tests/fuzz/main.ts), as a process of its own with V8's collector at hand, so that what is
 * left on the heap can be measured. In: its arguments. Out: its exit status.
 */
import { ROOT, runVisible } from "./tools.ts";

export async function fuzz(args: readonly string[]): Promise<number> {
  const program = ["run", "-A", "--no-check", "--quiet", "--v8-flags=--expose-gc"];
  return await runVisible(Deno.execPath(), [...program, `${ROOT}tests/fuzz/main.ts`, ...args]);
}
