/**
 * What the end-to-end tests of Redis share: its clients, and views of the records they lead to.
 * In: a server and a capture way. Out: the clients' output; words, numbers and sizes of records.
 */
import { run } from "./process.ts";
import { type Server, startRedis } from "./servers.ts";
import { type Fields, type Json, type SeenRecord, WAYS } from "./tracer.ts";

export type Way = typeof WAYS[number];

export const OK = { type: "simple_string", value: "OK" };
export const ENDS = ["client", "server"] as const;

/** One test in each capture way, with a server of its own. */
export function test(
  name: string,
  body: (server: Server, way: Way) => Promise<void>,
  ...serverArgs: string[]
): void {
  for (const way of WAYS) {
    Deno.test(`redis, ${way} way: ${name}`, async () => {
      await using server = await startRedis(...serverArgs);
      await body(server, way);
    });
  }
}

/** Both ends of every connection to the server. */
export function bothEnds(server: Server, way: Way, ...more: string[]): string[] {
  return ["--capture", way, "--protocol", "redis", "--port", `${server.port}`, ...more];
}

export async function cli(server: Server, ...args: string[]): Promise<string> {
  return (await run("redis-cli", ["-p", `${server.port}`, ...args])).stdout;
}

/** redis-cli with a session's lines on its input. */
export async function session(server: Server, lines: string[], ...args: string[]): Promise<string> {
  const stdin = lines.map((line) => `${line}\n`).join("");
  return (await run("redis-cli", ["-p", `${server.port}`, ...args], { stdin })).stdout;
}

/** Lines as a person types them; what the server sent back. */
export async function inline(server: Server, stdin: string): Promise<string> {
  const args = ["-t", "5", "-", `TCP:127.0.0.1:${server.port},shut-none`];
  return (await run("socat", args, { stdin })).stdout;
}

export async function benchmark(server: Server, args: string[]): Promise<void> {
  await run("redis-benchmark", ["-p", `${server.port}`, "-q", ...args]);
}

/** "COMMAND arg arg", and what the answer was. */
export function spoken(record: SeenRecord): [string, Json] {
  const { request, response } = record;
  const words = request === null ? [] : [request.command, ...(request.args as Json[])];
  return [words.join(" "), response];
}

export function conversations(records: SeenRecord[]): Map<number, SeenRecord[]> {
  const found = new Map<number, SeenRecord[]>();
  for (const record of records) {
    const conn = record.conn ?? -1;
    const said = found.get(conn);
    if (said === undefined) found.set(conn, [record]);
    else said.push(record);
  }
  return found;
}

export function sum(records: SeenRecord[], key: "request_bytes" | "response_bytes"): number {
  return records.reduce((total, record) => total + (record[key] ?? 0), 0);
}

/** The size of a command of these words. */
export function commandBytes(...words: string[]): number {
  return words.reduce(
    (bytes, word) => bytes + `$${word.length}\r\n${word}\r\n`.length,
    `*${words.length}\r\n`.length,
  );
}

export function bulkString(value: string): Fields {
  return { type: "bulk_string", value, value_bytes: value.length };
}

export function isWhole(record: SeenRecord): boolean {
  return record.incomplete === undefined && record.request !== null && record.response !== null;
}

/** Not a question that redis-benchmark, or redis-cli before its first line, asks by itself. */
export function isAsked(record: SeenRecord): boolean {
  const { command, args } = record.request ?? {};
  if (command === "CONFIG") {
    return JSON.stringify(args) !== '["GET","save"]' &&
      JSON.stringify(args) !== '["GET","appendonly"]';
  }
  return command !== "COMMAND" && command !== "HELLO";
}

export function argOf(request: SeenRecord["request"]): Json | undefined {
  return (request?.args as Json[] | undefined)?.[0];
}

export function numberOf(record: SeenRecord): number {
  return Number(record.response?.value);
}

export function sequence(from: number, count: number): number[] {
  return Array.from({ length: count }, (_, i) => from + i);
}

export function isRising(numbers: number[]): boolean {
  return numbers.every((number, i) => i === 0 || number > (numbers[i - 1] ?? 0));
}
