/**
 * What commander uses of node:process, on Deno's own API: the real module costs 10 ms at start. Only
 * bundles have this in its place; `deno run main.ts` uses the real one.
 */

const encoder = new TextEncoder();

interface Output {
  writeSync(bytes: Uint8Array): number;
  isTerminal(): boolean;
}

function stream(output: Output) {
  return {
    write(text: string): boolean {
      let bytes = encoder.encode(text);
      try {
        while (bytes.length > 0) bytes = bytes.subarray(output.writeSync(bytes));
      } catch (error) {
        // The reader of a help text may be gone (`| head`); that is no fault.
        if (!(error instanceof Deno.errors.BrokenPipe)) throw error;
      }
      return true;
    },
    get isTTY(): boolean {
      return output.isTerminal();
    },
    get columns(): number | undefined {
      try {
        return Deno.consoleSize().columns;
      } catch {
        return undefined;
      }
    },
    hasColors(): boolean {
      return !Deno.noColor;
    },
  };
}

const environment = new Proxy<Record<string, string | undefined>>({}, {
  get: (_target, name) => typeof name === "string" ? Deno.env.get(name) : undefined,
  has: (_target, name) => typeof name === "string" && Deno.env.has(name),
});

export default {
  env: environment,
  execArgv: [],
  platform: Deno.build.os,
  stdout: stream(Deno.stdout),
  stderr: stream(Deno.stderr),
  get argv(): string[] {
    return [Deno.execPath(), "sockeye", ...Deno.args];
  },
  get exitCode(): number {
    return Deno.exitCode;
  },
  exit(code?: number): never {
    Deno.exit(code);
  },
};
