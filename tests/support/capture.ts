/**
 * A small program traced and recorded: its records, and the bytes of each direction put together
 * again from the raw events alone, so that capture is checked without the pipeline.
 *
 * In: a program that says "here", waits for a line, and goes on. Out: what was seen of it.
 */
import { Direction, EntryKind, Family, Flag, OPERATIONS } from "../../lib/capture/abi.ts";
import { openReplay } from "../../lib/capture/replay.ts";
import { Background, run } from "./process.ts";
import { type SeenRecord, startTracer } from "./tracer.ts";

const PROGRAMS = new URL("../e2e/programs/", import.meta.url).pathname;
const TWO_32 = 4294967296;

/** An operation: one or more entries. */
export interface Operation {
  conn: number;
  direction: "egress" | "ingress";
  call: string;
  pid: number;
  fd: number;
  comm: string;
  /** From the direction's first one; of a datagram 0. */
  position: number;
  total: number;
  cut: number;
  local: string;
  remote: string;
  bytes: Uint8Array;
}

/** An event without payload. */
export interface Mark {
  kind: number;
  conn: number;
  direction: "egress" | "ingress";
  pid: number;
  /** Data operations that came before it. */
  after: number;
}

/** One direction of one connection. */
export interface CapturedStream {
  conn: number;
  direction: "egress" | "ingress";
  operations: Operation[];
  /** Where no operation's payload was, there are zeros. */
  bytes: Uint8Array;
  /** Bytes known to have moved without payload: [position, length]. */
  gaps: [number, number][];
  /** Bytes that two operations claim. */
  overlaps: number;
}

export interface Captured {
  records: SeenRecord[];
  operations: Operation[];
  marks: Mark[];
  streams: CapturedStream[];
  /** What the program printed. */
  said: string;
  pid: number;
  tracerPid: number;
  /** Standard error of the trace. */
  summary: string;
}

/** Compiles programs/NAME.c into `folder`; the executable's path. */
export async function compile(name: string, folder: string, ...flags: string[]): Promise<string> {
  const out = `${folder}/${name}`;
  await run("clang-19", ["-O1", "-pthread", "-o", out, `${PROGRAMS}${name}.c`, ...flags]);
  return out;
}

/** Path of a Python program. */
export function python(name: string): string {
  return `${PROGRAMS}${name}.py`;
}

/** Traces one run of the program, by its pid, to its end. */
export async function capture(
  command: string[],
  args: string[],
  options: { allowFailure?: boolean; pid?: boolean } = {},
): Promise<Captured> {
  const folder = await Deno.makeTempDir({ prefix: "sockeye-capture-" });
  try {
    await using program = new Background(command[0] ?? "", command.slice(1), {
      stdin: "piped",
      cwd: folder,
    });
    await program.until(() => program.stdout.includes("here\n"), "the program");
    const file = `${folder}/recording`;
    const target = options.pid === false ? [] : ["--pid", `${program.pid}`];
    await using tracer = await startTracer(...target, "--record", file, ...args);
    await program.write("\n");
    const status = await program.end(120_000);
    if (!status.success && !options.allowFailure) {
      throw new Error(`Cannot run ${command.join(" ")}: exit ${status.code}\n${program.stderr}`);
    }
    if (options.pid === false) tracer.process.kill("SIGINT");
    const { success } = await tracer.process.end();
    const summary = tracer.process.stderr;
    if (!success) throw new Error(`Cannot trace ${command.join(" ")}:\n${summary}`);
    const raw = readEvents(file);
    const said = program.stdout;
    const { pid } = program;
    return { records: tracer.records, ...raw, said, pid, tracerPid: tracer.process.pid, summary };
  } finally {
    await Deno.remove(folder, { recursive: true });
  }
}

/** All data of a recording, by operation and by direction. */
export function readEvents(
  file: string,
): { operations: Operation[]; marks: Mark[]; streams: CapturedStream[] } {
  const operations: Operation[] = [];
  const marks: Mark[] = [];
  const open = new Map<string, Operation>();
  const starts = new Map<string, number>();
  using source = openReplay(file);
  while (!source.ended) {
    source.drain((event) => {
      const direction = event.direction === Direction.EGRESS ? "egress" : "ingress";
      if (event.kind !== EntryKind.DATA) {
        const { kind, conn, pid } = event;
        marks.push({ kind, conn, direction, pid, after: operations.length });
        return;
      }
      const stream = `${event.conn} ${direction}`;
      const key = `${stream} ${event.tid}`;
      let operation = open.get(key);
      if (operation === undefined || event.offset === 0) {
        const start = starts.get(stream) ?? event.position;
        starts.set(stream, start);
        const isTcp = (event.flags & Flag.TCP_POSITION) !== 0;
        const distance = event.position - start;
        operation = {
          conn: event.conn,
          direction,
          call: OPERATIONS[event.operation] ?? "",
          pid: event.pid,
          fd: event.fd,
          comm: event.comm(),
          position: event.isDatagram ? 0 : isTcp ? distance | 0 : distance,
          total: event.totalBytes,
          cut: 0,
          local: event.family === Family.UNIX ? "" : event.local(),
          remote: event.family === Family.UNIX ? "" : event.remote(),
          bytes: new Uint8Array(event.totalBytes).subarray(0, 0),
        };
        operations.push(operation);
        open.set(key, operation);
      }
      const { bytes, payloadStart, payloadLength } = event;
      const room = new Uint8Array(operation.bytes.buffer);
      room.set(bytes.subarray(payloadStart, payloadStart + payloadLength), event.offset);
      operation.bytes = room.subarray(0, event.offset + payloadLength);
      operation.cut = event.cut;
    });
  }
  if (source.failure) throw source.failure;
  return { operations, marks, streams: assemble(operations) };
}

function assemble(operations: Operation[]): CapturedStream[] {
  const streams = new Map<string, CapturedStream>();
  for (const operation of operations) {
    const { conn, direction } = operation;
    const key = `${conn} ${direction}`;
    let stream = streams.get(key);
    if (stream === undefined) {
      stream = { conn, direction, operations: [], bytes: new Uint8Array(0), gaps: [], overlaps: 0 };
      streams.set(key, stream);
    }
    stream.operations.push(operation);
  }
  for (const stream of streams.values()) place(stream);
  return [...streams.values()];
}

/** Puts operations where they say they are; datagrams one behind the other. */
function place(stream: CapturedStream): void {
  const isDatagram = stream.operations.every(({ position }) => position === 0);
  let end = 0;
  const at = stream.operations.map((operation) => {
    const start = isDatagram ? end : operation.position;
    end = Math.max(end, start + operation.total);
    return start;
  });
  const least = Math.min(...at);
  if (end - least > TWO_32 / 8) throw new Error(`Cannot place ${end - least} bytes`);
  stream.bytes = new Uint8Array(end - least);
  const moved = new Uint8Array(end - least);
  const seen = new Uint8Array(end - least);
  stream.operations.forEach(({ total, bytes }, i) => {
    const start = (at[i] ?? 0) - least;
    for (let j = start; j < start + total; j++) moved[j] = (moved[j] ?? 0) + 1;
    stream.bytes.set(bytes.subarray(0, total), start);
    seen.fill(1, start, start + Math.min(total, bytes.length));
  });
  stream.overlaps = moved.reduce((sum, count) => sum + Math.max(0, count - 1), 0);
  for (let i = 0; i < seen.length; i++) {
    if (seen[i] !== 0) continue;
    const from = i;
    while (i < seen.length && seen[i] === 0) i++;
    stream.gaps.push([from, i - from]);
  }
}

/** Byte `position` and the following of a direction, as programs/ends.h fills them. */
export function expectedBytes(tag: "up" | "down", position: number, length: number): Uint8Array {
  const bytes = new Uint8Array(length);
  const first = tag === "up" ? 2 : 3;
  for (let i = 0; i < length; i++) {
    const unit = Math.floor((position + i) / 8);
    const place = (position + i) % 8;
    bytes[i] = place === 0 ? first : 48 + Math.floor(unit / 10 ** (7 - place)) % 10;
  }
  return bytes;
}

/** A connection as the program itself counted it. */
export interface ReportedConn {
  /** Of the case, with its numbers. */
  name: string;
  /** Of the client's end, as records have it. */
  address: string;
  up: number;
  down: number;
}

/** The lines "conn CASE CLIENT up N down M" of programs/ends.h. */
export function reportedConns(said: string): ReportedConn[] {
  return Array.from(
    said.matchAll(/^conn (\S+) (\S+) up (\d+) down (\d+)$/gm),
    ([, name = "", client = "", up, down]) => {
      const address = client.replace(/^\[::ffff:([\d.]+)\]/, "$1");
      return { name, address, up: Number(up), down: Number(down) };
    },
  );
}
