/**
 * Where things are and how tools are run. In: names and arguments. Out: an exit status or BuildError.
 */

/** A build step that failed, its reason in words; no stack trace is wanted. */
export class BuildError extends Error {}

export const ROOT: string = new URL("..", import.meta.url).pathname;
export const DIST: string = `${ROOT}dist/`;
/** Intermediate files. */
export const OBJ: string = `${DIST}obj/`;

export const IS_ROOT: boolean = Deno.uid() === 0;

interface Platform {
  /** Rust's target triple, which denort's file names have. */
  readonly target: string;
  /** Debian's library folder. */
  readonly multiarch: string;
  /** Ending of __TARGET_ARCH_, by which <bpf/bpf_tracing.h> knows the machine. */
  readonly bpfArch: string;
  readonly esbuild: string;
}

const PLATFORMS: Readonly<Record<string, Platform>> = {
  x86_64: {
    target: "x86_64-unknown-linux-gnu",
    multiarch: "x86_64-linux-gnu",
    bpfArch: "x86",
    esbuild: "linux-x64",
  },
  aarch64: {
    target: "aarch64-unknown-linux-gnu",
    multiarch: "aarch64-linux-gnu",
    bpfArch: "arm64",
    esbuild: "linux-arm64",
  },
};

export function platform(): Platform {
  const found = PLATFORMS[Deno.build.arch];
  if (!found) throw new BuildError(`Cannot build on ${Deno.build.arch}: not ported`);
  return found;
}

export interface RunOptions {
  readonly cwd?: string;
  readonly env?: Record<string, string>;
  readonly timeoutMs?: number;
}

/** Runs a program to its end, its output kept; throws BuildError with that output when it fails. */
export async function run(
  program: string,
  args: readonly string[],
  options: RunOptions = {},
): Promise<string> {
  const signal = options.timeoutMs ? AbortSignal.timeout(options.timeoutMs) : undefined;
  const command = new Deno.Command(program, {
    args: [...args],
    cwd: options.cwd ?? ROOT,
    env: options.env,
    stdin: "null",
    signal,
  });
  let result: Deno.CommandOutput;
  try {
    result = await command.output();
  } catch (cause) {
    throw new BuildError(`Cannot run ${program}: ${message(cause)}`, { cause });
  }
  const text = new TextDecoder().decode(result.stdout) + new TextDecoder().decode(result.stderr);
  if (!result.success) {
    throw new BuildError(`${program} failed (${result.code})\n${text.trimEnd()}`);
  }
  return text;
}

/** Runs a program on this terminal; its exit status. */
export async function runVisible(
  program: string,
  args: readonly string[],
  options: RunOptions = {},
): Promise<number> {
  const signal = options.timeoutMs ? AbortSignal.timeout(options.timeoutMs) : undefined;
  const child = new Deno.Command(program, {
    args: [...args],
    cwd: options.cwd ?? ROOT,
    env: options.env,
    signal,
  }).spawn();
  return (await child.status).code;
}

/** `program args`, as root: with sudo when this is not root. */
export function asRoot(program: string, args: readonly string[]): [string, string[]] {
  return IS_ROOT ? [program, [...args]] : ["sudo", ["-E", program, ...args]];
}

export function message(error: unknown): string {
  return error instanceof Error ? error.message : String(error);
}

export function exists(path: string): boolean {
  try {
    Deno.statSync(path);
    return true;
  } catch {
    return false;
  }
}

/** Paths of all files below a folder, sorted; a file is itself; a missing one is nothing. */
export function filesBelow(path: string): string[] {
  const files: string[] = [];
  const walk = (at: string): void => {
    if (!exists(at)) return;
    if (!Deno.statSync(at).isDirectory) {
      files.push(at);
      return;
    }
    for (const entry of Deno.readDirSync(at)) walk(`${at.replace(/\/$/, "")}/${entry.name}`);
  };
  walk(path);
  return files.sort();
}

/** Writes pieces one after another into a new executable file. */
export function writeExecutable(path: string, pieces: readonly Uint8Array[]): void {
  using file = Deno.openSync(path, { write: true, create: true, truncate: true, mode: 0o755 });
  for (const piece of pieces) {
    for (let done = 0; done < piece.length;) done += file.writeSync(piece.subarray(done));
  }
  Deno.chmodSync(path, 0o755);
}
