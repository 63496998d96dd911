/**
 * The fuzzer (tests/fuzz/main.ts) as a process of its own, with V8's gc() exposed, so that it can
 * measure what stays on the heap. In: its arguments. Out: its exit status.
 */
import { ROOT, runVisible } from "./tools.ts";

export async function fuzz(args: readonly string[]): Promise<number> {
  const program = ["run", "-A", "--no-check", "--quiet", "--v8-flags=--expose-gc"];
  return await runVisible(Deno.execPath(), [...program, `${ROOT}tests/fuzz/main.ts`, ...args]);
}
