/**
 * What ./build.sh runs once the tools are there: one of its commands.
 */
import { bench } from "./bench.ts";
import { check } from "./check.ts";
import { EXECUTABLE, executable, howMade } from "./executable.ts";
import { Stamps } from "./stamps.ts";
import { bpfObject, bundle, libbpf, typeCheck } from "./steps.ts";
import { test } from "./test.ts";
import { asRoot, BuildError, DIST, message, OBJ, runVisible } from "./tools.ts";

/** Brings dist/sockeye up to date; one build at a time. */
export async function build(options: { readonly typeCheck: boolean }): Promise<void> {
  const began = performance.now();
  Deno.mkdirSync(OBJ, { recursive: true });
  using lock = Deno.openSync(`${DIST}.build.lock`, { write: true, create: true });
  await lock.lock(true);
  const stamps = new Stamps();
  const steps = [bpfObject(), libbpf(), bundle()];
  if (options.typeCheck) steps.push(typeCheck());
  const results = await Promise.allSettled(steps.map((step) => stamps.bring(step)));
  const failures = results.flatMap((each) => each.status === "rejected" ? [each.reason] : []);
  if (failures.length > 0) throw new BuildError(failures.map(message).join("\n"));
  const changed = results.some((each) => each.status === "fulfilled" && each.value);
  const linked = await stamps.bring(executable(stamps));

  const seconds = ((performance.now() - began) / 1000).toFixed(1);
  const mib = (Deno.statSync(EXECUTABLE).size / 2 ** 20).toFixed(1);
  const news = linked || changed ? `built in ${seconds} s` : "up to date";
  console.error(`${EXECUTABLE.slice(DIST.length - 5)}: ${news}, ${mib} MiB, ${howMade()}`);
}

async function main(args: readonly string[]): Promise<number> {
  const [command = "build", ...rest] = args;
  switch (command) {
    case "build":
      await build({ typeCheck: !rest.includes("--no-check") });
      return 0;
    case "demo":
      await build({ typeCheck: true });
      return await runVisible(...asRoot(EXECUTABLE, ["demo", ...rest]));
    case "check":
      return await check() ? 0 : 1;
    case "test":
      return await test(rest, () => build({ typeCheck: true }));
    case "bench":
      await build({ typeCheck: true });
      return await bench(rest);
    default:
      throw new BuildError(
        `Cannot run ${command}: the commands are build, demo, test, bench, check, clean`,
      );
  }
}

if (import.meta.main) {
  try {
    Deno.exit(await main(Deno.args));
  } catch (error) {
    if (!(error instanceof BuildError)) throw error;
    console.error(error.message);
    Deno.exit(1);
  }
}
