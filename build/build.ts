/**
 * What ./build.sh runs once the tools are installed. In: a command and its words. Out: an exit status.
 * Each command's code is loaded when it runs, so that a plain build needs nothing of the tests.
 */
import { EXECUTABLE, executable, howMade } from "./executable.ts";
import { recordSchema } from "./schema.ts";
import { Stamps } from "./stamps.ts";
import { bpfObject, bundle, gate, libbpf, threads, typeCheck } from "./steps.ts";
import { asRoot, BuildError, DIST, message, OBJ, runVisible } from "./tools.ts";

/** Brings dist/sockeye up to date; one build at a time. */
export async function build(options: { readonly typeCheck: boolean }): Promise<void> {
  const began = performance.now();
  Deno.mkdirSync(OBJ, { recursive: true });
  using lock = Deno.openSync(`${DIST}.build.lock`, { write: true, create: true });
  await lock.lock(true);
  const stamps = new Stamps();
  const steps = [bpfObject(), libbpf(), gate(), threads(), recordSchema(), bundle()];
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
    case "check": {
      const { check } = await import("./check.ts");
      return await check() ? 0 : 1;
    }
    case "test": {
      const { test } = await import("./test.ts");
      return await test(rest, () => build({ typeCheck: true }));
    }
    case "bench": {
      await build({ typeCheck: true });
      const { bench } = await import("./bench.ts");
      return await bench(rest);
    }
    case "fuzz": {
      const { fuzz } = await import("./fuzz.ts");
      return await fuzz(rest);
    }
    case "new-protocol":
      return await makeProtocol(rest);
    default:
      throw new BuildError(
        `Cannot run ${command}: the commands are build, demo, test, bench, fuzz, check, new-protocol, clean`,
      );
  }
}

async function makeProtocol(names: readonly string[]): Promise<number> {
  const [name] = names;
  if (name === undefined || names.length > 1) throw new BuildError("usage: new-protocol NAME");
  const { newProtocol, nextSteps } = await import("./new_protocol.ts");
  console.log((await newProtocol(name)).join("\n"));
  console.log(`\n${nextSteps(name)}`);
  return 0;
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
