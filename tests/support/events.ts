/**
 * Events for tests, without a kernel: a Conversation makes the entries that one connection would
 * give, with positions, times and addresses, and a Trace runs them through a Pipeline.
 */
import { WallClock, WallTime } from "../../lib/clock.ts";
import { Cut, Direction, EntryKind, Family, Flag } from "../../lib/capture/abi.ts";
import { encodeEntry, type EntryFields, SocketEvent } from "../../lib/capture/event.ts";
import type { Passing, TraceStart } from "../../lib/capture/source.ts";
import { Pipeline, type PipelineOptions } from "../../lib/pipeline.ts";
import type { TraceRecord } from "../../lib/record/record.ts";
import { Stats } from "../../lib/stats.ts";
import type { Plugin, Side } from "../../protocols/protocol.ts";

const BASE = { low: 0, high: 0 };
const encoder = new TextEncoder();

/** 2026-11-21T12:00:00Z. */
export const START: TraceStart = {
  base: BASE,
  wallSeconds: Date.UTC(2026, 10, 21, 12) / 1000,
  wallNanos: 0,
  way: "socket",
  hostname: "test",
  kernel: "test",
};

/** That moment (RFC 3339, UTC) of a record. */
export function timeAt(text: string): WallTime {
  const [upToSeconds = "", nanos = "0Z"] = text.split(".");
  const wallSeconds = Date.parse(`${upToSeconds}Z`) / 1000;
  return new WallTime(new WallClock({ wallSeconds, wallNanos: Number(nanos.slice(0, -1)) }), 0);
}

export function bytesOf(text: string | Uint8Array): Uint8Array {
  return typeof text === "string" ? encoder.encode(text) : text;
}

/** Many byte arrays as one. */
export function concat(parts: readonly Uint8Array[]): Uint8Array {
  const out = new Uint8Array(parts.reduce((sum, part) => sum + part.length, 0));
  let at = 0;
  for (const part of parts) {
    out.set(part, at);
    at += part.length;
  }
  return out;
}

/** One entry as the event that the pipeline sees. */
export function eventOf(fields: EntryFields): SocketEvent {
  const bytes = encodeEntry(fields);
  const event = new SocketEvent();
  const words = new Uint32Array(bytes.buffer);
  if (!event.read(words, bytes, 0, bytes.length, BASE)) throw new Error("Cannot read entry");
  return event;
}

/** Numbers that depend on nothing but the seed (mulberry32): in [0, 1). */
export function seeded(seed: number): () => number {
  let state = seed >>> 0;
  return () => {
    state = (state + 0x6d2b79f5) >>> 0;
    let mixed = Math.imul(state ^ (state >>> 15), state | 1);
    mixed ^= mixed + Math.imul(mixed ^ (mixed >>> 7), mixed | 61);
    return ((mixed ^ (mixed >>> 14)) >>> 0) / 4294967296;
  };
}

export interface TraceOptions extends Partial<PipelineOptions> {
  protocols: readonly Plugin[];
}

/** A pipeline whose records are kept. */
export class Trace {
  readonly stats = new Stats();
  readonly records: TraceRecord[] = [];
  readonly verdicts: [number, string][] = [];
  readonly passings: Passing[] = [];
  readonly pipeline: Pipeline;

  constructor(options: TraceOptions) {
    this.pipeline = new Pipeline(
      START,
      {
        showUnknown: false,
        maxBodyBytes: 4096,
        showSecrets: false,
        requestTimeoutMs: null,
        memoryLimitBytes: 64 << 20,
        summaries: false,
        verdict: (conn, verdict, passing): void => {
          if (passing === undefined) this.verdicts.push([conn, verdict]);
          else this.passings.push(passing);
        },
        ...options,
      },
      this.stats,
      (record) => this.records.push(record),
    );
  }

  feed(fields: EntryFields): void {
    this.pipeline.onEvent(eventOf(fields));
  }

  feedAll(entries: readonly EntryFields[]): this {
    for (const fields of entries) this.feed(fields);
    return this;
  }

  finish(): TraceRecord[] {
    this.pipeline.finish();
    return this.records;
  }

  /** The records as they are printed. */
  json(): string[] {
    return this.records.map((record) => JSON.stringify(record));
  }
}

export interface ConversationOptions {
  conn?: number;
  role?: "client" | "server";
  transport?: "stream" | "datagram";
  tcp?: boolean;
  fresh?: boolean;
  /** Say by flags which role the traced process has. */
  hint?: boolean;
  pid?: number;
  fd?: number;
  comm?: string;
  localPort?: number;
  remotePort?: number;
  egressStart?: number;
  ingressStart?: number;
  startNs?: number;
  stepNs?: number;
}

/** The entries of one connection, made step by step. */
export class Conversation {
  readonly entries: EntryFields[] = [];
  timeNs: number;
  readonly #options: Required<ConversationOptions>;
  readonly #next: [number, number];

  constructor(options: ConversationOptions = {}) {
    this.#options = {
      conn: 7,
      role: "server",
      transport: "stream",
      tcp: true,
      fresh: true,
      hint: true,
      pid: 100,
      fd: 5,
      comm: "server",
      localPort: 8080,
      remotePort: 40000,
      egressStart: 1000,
      ingressStart: 2000,
      startNs: 1_000_000,
      stepNs: 1000,
      ...options,
    };
    this.timeNs = this.#options.startNs;
    this.#next = [this.#options.egressStart, this.#options.ingressStart];
  }

  /** One operation, whole. */
  say(side: Side, content: string | Uint8Array, more: Partial<EntryFields> = {}): this {
    const payload = bytesOf(content);
    this.entries.push({ ...this.#operation(side, payload.length), payload, ...more });
    return this;
  }

  /** One operation in entries of at most `size` bytes. */
  sayInChunks(side: Side, content: string | Uint8Array, size: number): this {
    const payload = bytesOf(content);
    const whole = this.#operation(side, payload.length);
    for (let offset = 0; offset < payload.length; offset += size) {
      const part = payload.subarray(offset, offset + size);
      const last = offset + size >= payload.length;
      const flags = (whole.flags ?? 0) & (last ? 255 : ~Flag.LAST_CHUNK);
      this.entries.push({ ...whole, payload: part, offset, total: payload.length, flags });
    }
    return this;
  }

  /** One operation of which only the first bytes were captured. */
  sayCut(side: Side, content: string | Uint8Array, total: number, cut: number = Cut.SNAPLEN): this {
    const payload = bytesOf(content);
    this.entries.push({ ...this.#operation(side, total), payload, total, cut });
    return this;
  }

  /** An operation that nobody saw. */
  miss(side: Side, length: number): this {
    this.#operation(side, length);
    return this;
  }

  open(): this {
    const payload = new Uint8Array(240);
    const view = new DataView(payload.buffer);
    view.setBigUint64(0, BigInt(this.#next[0]), true);
    view.setBigUint64(8, BigInt(this.#next[1]), true);
    this.entries.push({ ...this.#common(EntryKind.OPEN), payload });
    return this;
  }

  close(): this {
    const payload = new Uint8Array(32);
    const view = new DataView(payload.buffer);
    const fin = this.#options.tcp ? 1 : 0; // only our own counts
    view.setBigUint64(0, BigInt(this.#next[0] + fin), true);
    view.setBigUint64(8, BigInt(this.#next[1]), true);
    view.setBigUint64(16, BigInt(this.#next[0] - this.#options.egressStart), true);
    view.setBigUint64(24, BigInt(this.#next[1] - this.#options.ingressStart), true);
    this.entries.push({ ...this.#common(EntryKind.CLOSE), payload, total: 0 });
    return this;
  }

  /** That side ended its direction. */
  eof(side: Side): this {
    const direction = this.#directionOf(side);
    const position = this.#next[direction] as number;
    this.entries.push({ ...this.#common(EntryKind.EOF), direction, position });
    return this;
  }

  tick(afterNs: number): this {
    this.timeNs += afterNs;
    this.entries.push({ kind: EntryKind.TICK, timeNs: this.timeNs });
    return this;
  }

  lost(entries: number): this {
    this.entries.push({ kind: EntryKind.LOST, timeNs: this.timeNs, total: entries });
    return this;
  }

  exit(pid: number = this.#options.pid): this {
    this.entries.push({ kind: EntryKind.EXIT, timeNs: this.timeNs, pid });
    return this;
  }

  #directionOf(side: Side): 0 | 1 {
    const sends = (side === "request") === (this.#options.role === "client");
    return sends ? Direction.EGRESS : Direction.INGRESS;
  }

  #operation(side: Side, length: number): EntryFields {
    const direction = this.#directionOf(side);
    const position = this.#next[direction] as number;
    this.#next[direction] = position + length;
    const fields = this.#common(EntryKind.DATA);
    return { ...fields, direction, position: this.#options.tcp ? position % 2 ** 32 : position };
  }

  #common(kind: number): EntryFields {
    const options = this.#options;
    this.timeNs += options.stepNs;
    let flags: number = Flag.LAST_CHUNK;
    if (options.transport === "datagram") flags |= Flag.DATAGRAM;
    else if (options.tcp) flags |= Flag.TCP_POSITION;
    if (options.fresh) flags |= Flag.FRESH;
    if (options.hint) flags |= options.role === "client" ? Flag.CLIENT : Flag.SERVER;
    const { conn, pid, fd, comm, localPort, remotePort } = options;
    const family = Family.INET;
    const local = new Uint8Array([127, 0, 0, 1]);
    const remote = new Uint8Array([10, 0, 0, 9]);
    const timeNs = this.timeNs;
    return {
      kind,
      flags,
      timeNs,
      conn,
      pid,
      fd,
      comm,
      localPort,
      remotePort,
      family,
      local,
      remote,
    };
  }
}
