/**
 * `-- COMMAND [ARG…]`: a program started under the trace. In: its words. Out: a stopped process,
 * which runs COMMAND once resume() is called, so that its first byte is seen; later its status.
 * It has our stdin and stderr; its stdout is our stderr, unless records go to a file.
 *
 * It is never ended by sockeye: signals that ended the trace are passed on, nothing else.
 */
import { systemReason } from "../system_reason.ts";
import { OperatorError, quote } from "./errors.ts";
import type { EndSignal } from "./signals.ts";

/** As a shell answers: not found, and found but not to be run. */
const NOT_FOUND = 127;
const NOT_EXECUTABLE = 126;
/** The gate: the shell stops itself and, once continued, becomes COMMAND without changing its pid. */
const GATE = 'kill -STOP $$; exec "$@"';

/** The gate stops within milliseconds, later on a busy node; where that is not seen, nothing helps. */
const HOLD_MS = 15_000;

export class CommandProcess {
  readonly pid: number;
  readonly #child: Deno.ChildProcess;
  #resumed = false;
  readonly #status: Promise<Deno.CommandStatus>;

  private constructor(child: Deno.ChildProcess) {
    this.#child = child;
    this.pid = child.pid;
    this.#status = child.status;
  }

  /** Starts the gate and resolves when it has stopped. `stdoutFree`: COMMAND may keep our stdout. */
  static async hold(words: readonly string[], stdoutFree: boolean): Promise<CommandProcess> {
    findProgram(words[0] ?? "");
    const gate = stdoutFree ? GATE : `${GATE} >&2`;
    const command = new Deno.Command("/bin/sh", {
      args: ["-c", gate, "sh", ...words],
      stdin: "inherit",
      stdout: "inherit",
      stderr: "inherit",
    });
    const held = new CommandProcess(spawn(command));
    let over = false;
    void held.#status.then(() => over = true);
    const untilMs = performance.now() + HOLD_MS;
    try {
      while (!over && processState(held.pid) !== "T") {
        if (performance.now() >= untilMs) throw new Error("its state is not told");
        await new Promise((resolve) => setTimeout(resolve, 1));
      }
    } catch (error) {
      held.cancel();
      throw notHeld(words[0] ?? "", held.pid, error);
    }
    return held;
  }

  resume(): void {
    this.#resumed = true;
    this.#send("SIGCONT");
  }

  /** Tells COMMAND what we were told. Ctrl-C in a terminal reaches it without our help. */
  passOn(signal: EndSignal): void {
    if (signal === "SIGINT" && Deno.stdin.isTerminal()) return;
    this.#send(signal);
  }

  /** Removes the gate when the trace did not come about; once COMMAND runs it is left alone. */
  cancel(): void {
    if (!this.#resumed) this.#send("SIGKILL");
  }

  /** Its exit status, or 128 + n when signal n ended it. */
  async exitCode(): Promise<number> {
    const status = await this.#status;
    return status.code;
  }

  #send(signal: Deno.Signal): void {
    try {
      this.#child.kill(signal);
    } catch {
      // It has ended already.
    }
  }
}

function spawn(command: Deno.Command): Deno.ChildProcess {
  try {
    return command.spawn();
  } catch (error) {
    throw new OperatorError(
      `Cannot start a command: /bin/sh: ${systemReason(error)}`,
      "commands are started through /bin/sh",
      125,
      { cause: error },
    );
  }
}

function notHeld(name: string, pid: number, cause: unknown): OperatorError {
  return new OperatorError(
    `Cannot start ${quote(name)}: its process ${pid} was not seen to stop before it runs`,
    `/proc/${pid}/stat must be readable: is /proc mounted, and without hidepid?`,
    125,
    { cause },
  );
}

/** Says what a shell would, before anything is attached. */
function findProgram(name: string): void {
  const candidates = name.includes("/")
    ? [name]
    : (Deno.env.get("PATH") ?? "/usr/bin:/bin").split(":").map((folder) =>
      `${folder || "."}/${name}`
    );
  let found = false;
  for (const path of candidates) {
    const mode = fileMode(path);
    if (mode === null) continue;
    if ((mode & 0o111) !== 0) return;
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

/** The letter in /proc/PID/stat behind the name (it may hold spaces and brackets); null without one. */
function processState(pid: number): string | null {
  try {
    const stat = Deno.readTextFileSync(`/proc/${pid}/stat`);
    return stat[stat.lastIndexOf(")") + 2] ?? null;
  } catch (error) {
    if (error instanceof Deno.errors.NotFound) return null;
    throw error;
  }
}
