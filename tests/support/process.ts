/**
 * Processes that tests start: run to their end with a time limit, or kept as servers and ended when
 * the test is over. In: commands. Out: their output and exit status. Ends only what it started.
 */

/** What a finished command left. */
export interface Finished {
  code: number;
  stdout: string;
  stderr: string;
}

/** Nothing takes so long that goes right, however busy the machine is. */
const LIMIT_MS = 120_000;

/** Runs a command to its end; throws when it takes longer than `limitMs` or, unless allowed, fails. */
export async function run(
  command: string,
  args: string[],
  options: { stdin?: string | Uint8Array; limitMs?: number; allowFailure?: boolean; cwd?: string } =
    {},
): Promise<Finished> {
  const child = new Deno.Command(command, {
    args,
    cwd: options.cwd,
    stdin: options.stdin === undefined ? "null" : "piped",
    stdout: "piped",
    stderr: "piped",
    env: { LC_ALL: "C" },
  }).spawn();
  let written = Promise.resolve();
  if (options.stdin !== undefined) {
    const bytes = typeof options.stdin === "string"
      ? new TextEncoder().encode(options.stdin)
      : options.stdin;
    const writer = child.stdin.getWriter();
    written = writer.write(new Uint8Array(bytes)).then(() => writer.close()).catch(() => {});
  }
  let late = false;
  const timer = setTimeout(() => {
    late = true;
    child.kill("SIGKILL");
  }, options.limitMs ?? LIMIT_MS);
  const output = await child.output();
  await written;
  clearTimeout(timer);
  const text = new TextDecoder();
  const finished = {
    code: output.code,
    stdout: text.decode(output.stdout),
    stderr: text.decode(output.stderr),
  };
  if (late) throw new Error(`Cannot finish ${command} ${args.join(" ")}: out of time`);
  if (output.code !== 0 && !options.allowFailure) {
    throw new Error(
      `Cannot run ${command} ${args.join(" ")}: exit ${output.code}\n${finished.stderr}`,
    );
  }
  return finished;
}

/** A process that goes on until it is disposed of; its output is kept. */
export class Background implements AsyncDisposable {
  readonly pid: number;
  readonly #child: Deno.ChildProcess;
  readonly #readers: Promise<void>[];
  #stdout = "";
  #stderr = "";
  #ended = false;
  #changed: () => void = () => {};

  /** `onStdout` is given each piece of the output, which is then not kept. */
  constructor(
    command: string,
    args: string[],
    options: { cwd?: string; stdin?: "piped"; onStdout?: (text: string) => void } = {},
  ) {
    this.#child = new Deno.Command(command, {
      args,
      cwd: options.cwd,
      stdin: options.stdin ?? "null",
      stdout: "piped",
      stderr: "piped",
      env: { LC_ALL: "C" },
    }).spawn();
    this.pid = this.#child.pid;
    this.#readers = [
      this.#read(this.#child.stdout, options.onStdout ?? ((text) => this.#stdout += text)),
      this.#read(this.#child.stderr, (text) => this.#stderr += text),
    ];
    // The status of what a real-time signal ended cannot be had: end() says so.
    this.#child.status.then(() => {}, () => {}).then(() => {
      this.#ended = true;
      this.#changed();
    });
  }

  /** Writes to its standard input, which must be "piped". */
  async write(text: string): Promise<void> {
    const writer = this.#child.stdin.getWriter();
    await writer.write(new TextEncoder().encode(text));
    writer.releaseLock();
  }

  async closeInput(): Promise<void> {
    await this.#child.stdin.close();
  }

  get stdout(): string {
    return this.#stdout;
  }

  get stderr(): string {
    return this.#stderr;
  }

  /** Resolves when `test` holds; it is asked again whenever there is output, and every 20 ms. */
  async until(
    test: () => boolean | Promise<boolean>,
    what: string,
    limitMs = LIMIT_MS,
  ): Promise<void> {
    const deadline = Date.now() + limitMs;
    while (!(await test())) {
      if (this.#ended && !(await test())) {
        throw new Error(`Cannot wait for ${what}: the process ended\n${this.#stderr}`);
      }
      if (Date.now() > deadline) {
        throw new Error(`Cannot wait for ${what}: out of time\n${this.#stderr}`);
      }
      await new Promise<void>((resolve) => {
        const timer = setTimeout(resolve, 20);
        this.#changed = () => {
          clearTimeout(timer);
          resolve();
        };
      });
    }
  }

  kill(signal: Deno.Signal): void {
    if (!this.#ended) this.#child.kill(signal);
  }

  /** Waits for the end, all output read. */
  async end(limitMs = LIMIT_MS): Promise<Deno.CommandStatus> {
    let late = false;
    const timer = setTimeout(() => {
      late = true;
      this.kill("SIGKILL");
    }, limitMs);
    const status = await this.#child.status;
    await Promise.all(this.#readers);
    clearTimeout(timer);
    if (late) throw new Error(`Cannot end process ${this.pid}: out of time\n${this.#stderr}`);
    return status;
  }

  async [Symbol.asyncDispose](): Promise<void> {
    this.kill("SIGTERM");
    try {
      await this.end(30_000);
    } catch {
      // Killed then; a test that cares about the end calls end() itself.
    }
  }

  async #read(stream: ReadableStream<Uint8Array>, keep: (text: string) => void): Promise<void> {
    const text = new TextDecoder();
    for await (const chunk of stream) {
      keep(text.decode(chunk, { stream: true }));
      this.#changed();
    }
  }
}
