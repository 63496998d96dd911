/** Where the repository and its products are, for tests that run them. */

export const REPOSITORY: string = new URL("../../", import.meta.url).pathname;
export const EXECUTABLE = `${REPOSITORY}dist/sockeye`;
export const LIBBPF = `${REPOSITORY}dist/libbpf.so`;

export interface Outcome {
  readonly code: number;
  readonly stdout: string;
  readonly stderr: string;
}

export interface RunOptions {
  readonly cwd?: string;
  readonly env?: Record<string, string>;
  readonly clearEnv?: boolean;
}

/** Runs a program to its end, its output kept. */
export async function outcome(
  program: string,
  args: readonly string[],
  options: RunOptions = {},
): Promise<Outcome> {
  const command = new Deno.Command(program, { args: [...args], stdin: "null", ...options });
  const { code, stdout, stderr } = await command.output();
  const text = (bytes: Uint8Array): string => new TextDecoder().decode(bytes);
  return { code, stdout: text(stdout), stderr: text(stderr) };
}

/** Reads a stream until it has said `wanted`; what it said. Throws when it ends before. */
export async function readUntil(
  stream: ReadableStream<Uint8Array>,
  wanted: string,
): Promise<string> {
  const decoder = new TextDecoder();
  let said = "";
  for await (const chunk of stream.values({ preventCancel: true })) {
    said += decoder.decode(chunk, { stream: true });
    if (said.includes(wanted)) return said;
  }
  throw new Error(`ended without "${wanted}", after: ${said}`);
}
