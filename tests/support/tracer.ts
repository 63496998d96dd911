/**
 * sockeye itself as a test runs it: the built executable, its records and its summary.
 *
 * In: command-line arguments. Out: parsed records. startTracer() returns when it is attached.
 */
import { Background } from "./process.ts";

/** Columns that tests look at; the protocol's own fields are reached through request and response. */
export type Json = string | number | boolean | null | Json[] | { [key: string]: Json };
export type Fields = { [key: string]: Json };

/** One printed record. */
export interface SeenRecord {
  time: string;
  protocol: string;
  latency_ns?: number;
  pid?: number;
  comm?: string;
  fd?: number;
  role?: string;
  local?: string;
  remote?: string;
  proxy?: Fields;
  conn?: number;
  tls?: Fields;
  container?: Fields;
  request: Fields | null;
  response: Fields | null;
  request_bytes?: number;
  response_bytes?: number;
  incomplete?: string[];
  redacted?: string[];
}

const ROOT = new URL("../../", import.meta.url).pathname;
/** The executable under test; the environment may name another build. */
export const SOCKEYE: string = Deno.env.get("SOCKEYE") ?? `${ROOT}dist/sockeye`;
/** Both capture ways: every count must be exact in each. */
export const WAYS = ["socket", "syscall"] as const;

/** A running trace. */
export class Tracer implements AsyncDisposable {
  readonly process: Background;
  /** Those of whole lines. */
  readonly records: SeenRecord[] = [];
  #rest = "";

  constructor(args: string[]) {
    this.process = new Background(SOCKEYE, args, { onStdout: (text) => this.#parse(text) });
  }

  #parse(text: string): void {
    const lines = (this.#rest + text).split("\n");
    this.#rest = lines.pop() ?? "";
    for (const line of lines) this.records.push(JSON.parse(line));
  }

  /** Waits until so many records are there (that `choose` takes); they may be more. */
  async untilRecords(
    count: number,
    choose: (record: SeenRecord) => boolean = () => true,
  ): Promise<void> {
    await this.process.until(
      () => this.records.filter(choose).length >= count,
      `${count} records`,
    );
  }

  /** Ends the trace as Ctrl-C does; everything captured is printed then. */
  async stop(): Promise<{ records: SeenRecord[]; summary: string; code: number }> {
    this.process.kill("SIGINT");
    const status = await this.process.end();
    return { records: this.records, summary: this.process.stderr, code: status.code };
  }

  async [Symbol.asyncDispose](): Promise<void> {
    await this.process[Symbol.asyncDispose]();
  }
}

/**
 * Starts a trace as NDJSON and waits for its ready line. Its rings are large enough that nothing is
 * lost while it waits for its turn on a busy machine; `args` may say otherwise.
 */
export async function startTracer(...args: string[]): Promise<Tracer> {
  const tracer = new Tracer(["-o", "ndjson", "--ring-mib", "64", ...args]);
  await tracer.process.until(
    () => tracer.process.stderr.includes("sockeye: ready"),
    "the ready line",
  );
  return tracer;
}

/** Records of all that happens during `act`. Throws when the trace fails or anything was lost. */
export async function traced(
  args: string[],
  act: (tracer: Tracer) => Promise<void>,
): Promise<SeenRecord[]> {
  await using tracer = await startTracer(...args);
  await act(tracer);
  const { records, summary, code } = await tracer.stop();
  if (code !== 0 || lossIn(summary) !== "") {
    throw new Error(`Cannot count on this trace: exit ${code}\n${summary}`);
  }
  return records;
}

/**
 * What a summary says is missing; "" when that is nothing. Bytes that the kernel's filter held back
 * are of connections of no known protocol, which other processes of the host have, too.
 */
export function lossIn(summary: string): string {
  if (summary.includes("sockeye: nothing lost")) return "";
  const missing = /sockeye: missing: (.*)/.exec(summary)?.[1] ?? "no word about loss";
  return missing.split("; ").filter((part) => !/^\d+ gaps? filtered,/.test(part)).join("; ");
}

/** What both ends of the same connections said: a trace by port sees client and server. */
export function bySide(records: SeenRecord[]): { client: SeenRecord[]; server: SeenRecord[] } {
  return {
    client: records.filter((record) => record.role === "client"),
    server: records.filter((record) => record.role === "server"),
  };
}
