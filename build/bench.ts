/**
 * The benchmarks: every tests/bench/*_bench.ts is a program of its own, run as root, one after another.
 * In: parts of names, to pick some, and --quick. Out: what they print, and one Markdown table of it all
 * at the end; 1 when one of them failed: a missing record is a failure, slowness is not.
 */
import {
  describeMachine,
  markdown,
  readRows,
  REPORT_VARIABLE,
} from "../tests/bench/support/report.ts";
import { asRoot, filesBelow, ROOT, runVisible } from "./tools.ts";

const FOLDER = `${ROOT}tests/bench/`;
/** A program that hangs is ended then; all together take about seven minutes, with --quick two. */
const TIMEOUT_MS = 8 * 60_000;

export async function bench(args: readonly string[]): Promise<number> {
  const flags = args.filter((arg) => arg.startsWith("--"));
  const names = args.filter((arg) => !arg.startsWith("--"));
  const all = filesBelow(FOLDER).map((file) => file.slice(FOLDER.length))
    .filter((file) => file.endsWith("_bench.ts"));
  const chosen = all.filter((file) => names.length === 0 || names.some((n) => file.includes(n)));
  if (chosen.length === 0) console.error(`no such benchmark; there are ${all.join(", ")}`);
  const machine = describeMachine();
  const path = Deno.makeTempFileSync({ prefix: "sockeye-bench-" });
  const options = { env: { [REPORT_VARIABLE]: path }, timeoutMs: TIMEOUT_MS };
  let status = 0;
  try {
    for (const file of chosen) {
      console.log(`\n${file}`);
      const program = ["run", "-A", "--no-check", `${FOLDER}${file}`, ...flags];
      const failed = await runVisible(...asRoot(Deno.execPath(), program), options);
      if (failed !== 0) status = 1;
    }
    console.log(`\n${markdown(readRows(path), machine)}`);
  } finally {
    Deno.removeSync(path);
  }
  return status;
}
