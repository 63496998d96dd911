/**
 * Makes dist/sockeye of the bundle and the assets: by `deno compile` where a denort can be had, else
 * packed (packed/pack.ts). The new executable is started once before it replaces the old one.
 *
 * A denort (Deno without its tools, the base of `deno compile`) is looked for in DENORT_BIN, in
 * Deno's cache, and at Deno's download host, which gets a few seconds to answer.
 * SOCKEYE_EXECUTABLE=compiled or =packed decides instead.
 */
import { V8_FLAGS } from "./packed/environment.ts";
import { pack } from "./packed/pack.ts";
import { Stamps, type Step } from "./stamps.ts";
import {
  BPF_OBJECT,
  BUNDLE,
  GATE,
  LIBBPF,
  PACKED_LOADER,
  PACKED_PROGRAM,
  packedLoader,
  packedProgram,
  STUB,
  stub,
  SYSTEM_CALLS,
  THREADS,
} from "./steps.ts";
import {
  BuildError,
  DIST,
  exists,
  message,
  OBJ,
  platform,
  ROOT,
  run,
  writeExecutable,
} from "./tools.ts";

export const EXECUTABLE = `${DIST}sockeye`;
/** One line: how the executable was made. */
const MADE = `${DIST}made.txt`;
const PROBE_MS = 3000;
const COMPILE_MS = 180_000;
const START_MS = 20_000;

/** How dist/sockeye was made, in words. */
export function howMade(): string {
  return Deno.readTextFileSync(MADE).trim();
}

export function executable(stamps: Stamps): Step {
  const wanted = Deno.env.get("SOCKEYE_EXECUTABLE") ?? "";
  return {
    name: "executable",
    inputs: [
      BPF_OBJECT,
      LIBBPF,
      GATE,
      THREADS,
      BUNDLE,
      `${ROOT}build/packed`,
      SYSTEM_CALLS,
      `${ROOT}build/executable.ts`,
      `${ROOT}lib/assets.ts`,
    ],
    tools: [Deno.execPath()],
    options: [wanted, localDenort()],
    outputs: [EXECUTABLE, MADE],
    async run() {
      if (!["", "compiled", "packed"].includes(wanted)) {
        throw new BuildError(`Cannot use SOCKEYE_EXECUTABLE=${wanted}: not compiled or packed`);
      }
      const why = wanted === "packed" ? "asked for" : await compileReason(wanted === "compiled");
      const how = why === "" ? "deno compile" : `packed single file (${why})`;
      if (why !== "") await packed(stamps);
      Deno.writeTextFileSync(MADE, `${how}\n`);
    },
  };
}

/** Tries `deno compile`; empty when that worked, else why not. */
async function compileReason(must: boolean): Promise<string> {
  try {
    if (localDenort() === "") await probeDownload();
    await compiled();
    return "";
  } catch (error) {
    if (must) throw error;
    return `no denort: ${message(error).split("\n")[0]}`;
  }
}

function denortName(): string {
  return `denort-${platform().target}.zip`;
}

/** A denort on this machine, or nothing. */
function localDenort(): string {
  const given = Deno.env.get("DENORT_BIN");
  if (given) return given;
  const home = Deno.env.get("XDG_CACHE_HOME") ?? `${Deno.env.get("HOME") ?? ""}/.cache`;
  const cache = Deno.env.get("DENO_DIR") ?? `${home}/deno`;
  const zip = `${cache}/dl/release/v${Deno.version.deno}/${denortName()}`;
  return exists(zip) ? zip : "";
}

async function probeDownload(): Promise<void> {
  const url = `https://dl.deno.land/release/v${Deno.version.deno}/${denortName()}`;
  let response: Response;
  try {
    response = await fetch(url, { method: "HEAD", signal: AbortSignal.timeout(PROBE_MS) });
  } catch (cause) {
    throw new BuildError("dl.deno.land does not answer", { cause });
  }
  await response.body?.cancel();
  if (!response.ok) throw new BuildError(`dl.deno.land answers ${response.status}`);
}

/** By `deno compile`, in a folder that holds only what is to be embedded: nothing else can slip in. */
async function compiled(): Promise<void> {
  const folder = `${OBJ}compile/`;
  Deno.mkdirSync(folder, { recursive: true });
  for (const file of [BUNDLE, BPF_OBJECT, LIBBPF, GATE, THREADS]) {
    Deno.copyFileSync(file, folder + file.slice(DIST.length));
  }
  const args = ["compile", "--quiet", "--allow-all", "--no-prompt", "--no-config", "--no-lock"];
  args.push("--no-remote", "--no-npm", "--no-check", "--no-code-cache", V8_FLAGS);
  for (const asset of ["sockeye.bpf.o", "libbpf.so", "gate", "threads.so"]) {
    args.push("--include", asset);
  }
  const options = { cwd: folder, env: { DENO_NO_PACKAGE_JSON: "1" }, timeoutMs: COMPILE_MS };
  await putInPlace((output) =>
    run(Deno.execPath(), [...args, "--output", output, "sockeye.js"], options)
  );
}

/** On a base that is no denort `deno compile` succeeds too, but what it makes does not run sockeye. */
async function mustStart(executable: string): Promise<void> {
  const said = await run(executable, ["--version"], { timeoutMs: START_MS });
  if (!said.startsWith("sockeye ")) throw new BuildError("what it makes does not start as sockeye");
}

/** Puts what `make` wrote into place, if it starts; else nothing is left of it. */
async function putInPlace(make: (output: string) => Promise<unknown> | void): Promise<void> {
  const output = `${DIST}sockeye.new`;
  try {
    await make(output);
    await mustStart(output);
    Deno.renameSync(output, EXECUTABLE);
  } finally {
    if (exists(output)) Deno.removeSync(output);
  }
}

async function packed(stamps: Stamps): Promise<void> {
  await Promise.all([stub(), packedLoader(), packedProgram()].map((step) => stamps.bring(step)));
  const pieces = pack({
    name: "sockeye",
    deno: Deno.readFileSync(Deno.execPath()),
    stub: Deno.readFileSync(STUB),
    loader: Deno.readFileSync(PACKED_LOADER),
    assets: new Map([
      ["sockeye.js", Deno.readFileSync(PACKED_PROGRAM)],
      ["sockeye.bpf.o", Deno.readFileSync(BPF_OBJECT)],
      ["libbpf.so", Deno.readFileSync(LIBBPF)],
      ["gate", Deno.readFileSync(GATE)],
      ["threads.so", Deno.readFileSync(THREADS)],
    ]),
  });
  await putInPlace((output) => writeExecutable(output, pieces));
}
