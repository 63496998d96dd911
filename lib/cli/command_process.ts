/**
 * `-- COMMAND [ARG…]`: a program started under the trace. In: its words. Out: a process that waits at
 * the gate (build/gate/gate.c) and becomes COMMAND once release() is called, so that its first byte
 * is seen; later its status. It has our stdin and stderr; its stdout is our stderr, unless records go
 * to a file; its environment and signals are the user's.
 *
 * The gate reads from a pipe of ours: when this process ends, however that comes, the pipe ends, so
 * does the gate, and COMMAND never runs. A running COMMAND is never ended by sockeye: it only gets the
 * signals that ended the trace.
 */
import { Libc } from "../../ffi/libc.ts";
import { readAsset } from "../assets.ts";
import { runtimeFiles } from "../system_files.ts";
import { systemReason } from "../system_reason.ts";
import { OperatorError, quote } from "./errors.ts";
import type { EndSignal } from "./signals.ts";
import { userState } from "./user_state.ts";

/** Exit codes as a shell has them: not found, and found but not executable. */
const NOT_FOUND = 127;
const NOT_EXECUTABLE = 126;

const STDOUT = 1;
const STDERR = 2;

export class CommandProcess implements Disposable {
  readonly pid: number;
  readonly #child: Deno.ChildProcess;
  readonly #exitCode: Promise<number>;
  readonly #letThrough: () => void;
  readonly #resources: DisposableStack;

  private constructor(
    child: Deno.ChildProcess,
    letThrough: () => void,
    resources: DisposableStack,
  ) {
    this.#child = child;
    this.pid = child.pid;
    this.#exitCode = child.status.then((status) => status.code, codeOfUnnamedSignal);
    this.#letThrough = letThrough;
    this.#resources = resources;
  }

  /** Starts the gate. `stdoutFree`: COMMAND may keep our stdout. */
  static hold(words: readonly string[], stdoutFree: boolean): CommandProcess {
    const name = words[0] ?? "";
    const program = findProgram(name);
    using kept = new DisposableStack();
    using inherited = new DisposableStack();
    try {
      const libc = kept.use(new Libc());
      const { environment, blockedSignals, ignoredSignals } = userState();
      const image = inherited.use(libc.programFile("gate", readAsset("gate")));
      const variables = inherited.use(libc.inheritedFile("environment", environment));
      const pipe = libc.pipe();
      inherited.use(pipe.inheritedEnd);
      kept.use(pipe.ownEnd);
      const files = [pipe.inheritedEnd.fd, variables.fd];
      const output = stdoutFree ? STDOUT : STDERR;
      const child = new Deno.Command(`/proc/self/fd/${image.fd}`, {
        args: [
          ...files.map(String),
          blockedSignals,
          ignoredSignals,
          `${output}`,
          program,
          ...words,
        ],
        clearEnv: true,
        stdin: "inherit",
        stdout: "inherit",
        stderr: "inherit",
      }).spawn();
      return new CommandProcess(child, () => libc.writeByte(pipe.ownEnd.fd), kept.move());
    } catch (error) {
      throw new OperatorError(`Cannot start ${quote(name)}: ${systemReason(error)}`, null, 125, {
        cause: error,
      });
    }
  }

  /** Lets the gate become COMMAND. */
  release(): void {
    this.#letThrough();
  }

  /** Sends COMMAND a signal that we got. Ctrl-C in a terminal reaches it without our help. */
  passOn(signal: EndSignal): void {
    if (signal === "SIGINT" && Deno.stdin.isTerminal()) return;
    try {
      this.#child.kill(signal);
    } catch {
      // It has ended already.
    }
  }

  /** Its exit status, or 128 + n when signal n ended it. */
  async exitCode(): Promise<number> {
    return await this.#exitCode;
  }

  /** Ends a gate that still waits; a COMMAND that runs is left alone. */
  cancel(): void {
    this.#resources.dispose();
  }

  [Symbol.dispose](): void {
    this.cancel();
  }
}

/** Deno rejects `status` of a process that a real-time signal ended: "Invalid signal: 34". */
function codeOfUnnamedSignal(error: unknown): number {
  const number = error instanceof TypeError && /^Invalid signal: (\d+)$/.exec(error.message)?.[1];
  if (number) return 128 + Number(number);
  throw error;
}

/** Files in which COMMAND may have TLS code: itself, and what its environment puts before the system's. */
export function expectedFiles(name: string): string[] {
  const variables = new TextDecoder().decode(userState().environment);
  const [, paths = ""] = /(?:^|\0)LD_LIBRARY_PATH=([^\0]*)/.exec(variables) ?? [];
  const folders = paths.split(/[:;]/).filter((folder) => folder !== "");
  const libraries = folders.flatMap((folder) =>
    runtimeFiles.list(folder).map((file) => `${folder}/${file}`)
  );
  return [findProgram(name), ...libraries.filter((path) => path.includes(".so"))];
}

/** Path of the program, found as a shell would; throws before anything is attached. */
function findProgram(name: string): string {
  const candidates = name.includes("/")
    ? [name]
    : (Deno.env.get("PATH") ?? "/usr/bin:/bin").split(":").map((folder) =>
      `${folder || "."}/${name}`
    );
  let found = false;
  for (const path of candidates) {
    const mode = fileMode(path);
    if (mode === null) continue;
    if ((mode & 0o111) !== 0) return path;
    found = true;
  }
  if (found) {
    throw new OperatorError(`Cannot start ${quote(name)}: not executable`, null, NOT_EXECUTABLE);
  }
  throw new OperatorError(`Cannot start ${quote(name)}: no such program`, null, NOT_FOUND);
}

function fileMode(path: string): number | null {
  try {
    const info = Deno.statSync(path);
    return info.isFile ? info.mode ?? 0 : null;
  } catch {
    return null;
  }
}
