/**
 * How much memory a replay takes. In: a file, and a limit. Out: the most that the kernel saw (VmHWM). For
 * the bench of memory and end-to-end tests; it leaves nothing behind.
 */
import { SOCKEYE } from "./tracer.ts";

/** Most memory that a replay of that file ever took, MiB. */
export async function peakOf(path: string, limitMib: number): Promise<number> {
  const script =
    `"$0" replay --quiet --memory-limit ${limitMib}M "$1" --output ndjson >/dev/null & ` +
    'p=$!; m=0; while v=$(grep -s VmHWM /proc/$p/status) && [ -n "$v" ]; do m=$v; sleep 0.02; done; echo "$m"';
  const { stdout } = await new Deno.Command("bash", {
    args: ["-c", script, SOCKEYE, path],
    stderr: "inherit",
  }).output();
  const kib = /\d+/.exec(new TextDecoder().decode(stdout))?.[0];
  if (kib === undefined) throw new Error(`Cannot read the peak of a replay of ${path}`);
  return Number(kib) / 1024;
}
