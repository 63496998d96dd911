/** A connection in memory: steps of bytes in, exchanges out; bytes may be cut anywhere. */
import type {
  IncompleteReason,
  ParseContext,
  Side,
  Stitched,
  Timed,
} from "../../../protocols/protocol.ts";
import { abandon, findBoundary, parseFrame } from "../../../protocols/redis/parse.ts";
import { stitch } from "../../../protocols/redis/stitch.ts";
import { createState, type RedisState } from "../../../protocols/redis/state.ts";
import type { RedisExchange, RedisFrame } from "../../../protocols/redis/types.ts";

import { Pairing } from "../../../lib/stitch/pairing.ts";
import { parseContext, stitchContext, timedFrame } from "../../support/contexts.ts";

const encoder = new TextEncoder();

/** One byte a character up to U+00FF: what the tests write is what is on the wire. */
export function raw(text: string): Uint8Array {
  return Uint8Array.from(text, (character) => character.charCodeAt(0));
}

export function utf8Bytes(text: string): Uint8Array {
  return encoder.encode(text);
}

export function concat(...parts: Uint8Array[]): Uint8Array {
  const out = new Uint8Array(parts.reduce((sum, part) => sum + part.length, 0));
  let at = 0;
  for (const part of parts) {
    out.set(part, at);
    at += part.length;
  }
  return out;
}

/** A command as clients send it. */
export function command(...parts: string[]): Uint8Array {
  const strings = parts.map((part) => `$${utf8Bytes(part).length}\r\n${part}\r\n`);
  return utf8Bytes(`*${parts.length}\r\n${strings.join("")}`);
}

class Direction {
  readonly frames: Timed<RedisFrame>[] = [];
  readonly invalid: string[] = [];
  calls = 0;
  private held: Uint8Array = new Uint8Array(0);
  private skip = 0;
  private begun = false;
  private bytes = 0;
  private startNs = 0;
  private resyncFrom = -1;

  constructor(
    readonly side: Side,
    readonly state: RedisState,
    readonly pairing: Pairing,
  ) {}

  push(bytes: Uint8Array, nowNs: number, gapBytes = 0, ended = false): void {
    const passed = Math.min(this.skip, bytes.length);
    this.skip -= passed;
    this.held = concat(this.held, bytes.subarray(passed));
    const { side, state, pairing } = this;
    const context = parseContext({ side, state, pairing, ended, gapBytes });
    for (;;) {
      if (this.skip > 0) break;
      if (this.resyncFrom >= 0 && !this.resync(context)) break;
      if (this.held.length === 0 && !this.begun) break;
      if (!this.step(context, nowNs)) break;
    }
    if (gapBytes > 0 && this.skip > 0) this.skip = Math.max(0, this.skip - gapBytes);
    if (ended && (this.begun || this.held.length > 0)) this.close(context, nowNs);
  }

  private resync(context: ParseContext<RedisState>): boolean {
    if (this.held.length === 0) return false;
    const from = Math.min(this.resyncFrom, this.held.length);
    if (this.side === "response") this.pairing.mayBeInside = true;
    const at = findBoundary(this.held, from, context);
    this.resyncFrom = at < this.held.length ? -1 : 0;
    this.held = this.held.slice(at);
    return this.resyncFrom < 0;
  }

  private step(context: ParseContext<RedisState>, nowNs: number): boolean {
    this.calls++;
    const result = parseFrame(this.held, context);
    switch (result.kind) {
      case "frame":
        this.begin(nowNs);
        this.take(result.length);
        this.queue(result.frame, nowNs, result.redacted ?? []);
        return true;
      case "skip": {
        if (!(result.length > 0)) throw new Error("a skip of nothing");
        this.begin(nowNs);
        this.bytes += Math.max(0, result.length - this.held.length);
        this.skip = Math.max(0, result.length - this.held.length);
        this.take(Math.min(result.length, this.held.length));
        return true;
      }
      case "invalid": {
        this.invalid.push(result.reason);
        const half = abandon(context);
        if (half !== null) this.queue(half.frame, nowNs, half.redacted ?? []);
        this.begun = false;
        this.resyncFrom = 1;
        return true;
      }
      case "need_more":
        if (result.minBytes <= this.held.length) throw new Error("asks for what is there");
        return false;
      case "switch":
      case "inner":
        throw new Error("redis does not switch, nor nest");
    }
  }

  private close(context: ParseContext<RedisState>, nowNs: number): void {
    const half = abandon(context);
    if (half !== null) this.queue(half.frame, nowNs, half.redacted ?? [], ["closed"]);
  }

  private begin(nowNs: number): void {
    if (this.begun) return;
    this.begun = true;
    this.bytes = 0;
    this.startNs = nowNs;
  }

  private take(length: number): void {
    if (length > this.held.length) throw new Error("a frame beyond what is shown");
    this.bytes += length;
    this.held = this.held.slice(length);
  }

  private queue(
    frame: RedisFrame,
    nowNs: number,
    redacted: readonly string[],
    incomplete: IncompleteReason[] = [],
  ): void {
    const span = { endNs: nowNs, bytes: this.bytes };
    this.frames.push(timedFrame(frame, this.startNs, { ...span, incomplete, redacted }));
    this.begun = false;
  }
}

export interface Step {
  side: Side;
  bytes: Uint8Array;
}

export interface Options {
  /** Bytes a call; all of a step at once when absent. */
  chunk?: number;
  maxBodyBytes?: number;
  showSecrets?: boolean;
  midStream?: boolean;
  /** Stitch only at the end, with every request known. */
  late?: boolean;
}

export class Connection {
  readonly state: RedisState;
  readonly pairing: Pairing;
  readonly request: Direction;
  readonly response: Direction;
  readonly out: Stitched<RedisExchange>[] = [];
  nowNs = 0;

  constructor(readonly options: Options = {}) {
    this.state = createState({
      maxBodyBytes: options.maxBodyBytes ?? 4096,
      showSecrets: options.showSecrets ?? false,
    });
    this.pairing = new Pairing(options.midStream === true ? "untold" : "seen");
    this.request = new Direction("request", this.state, this.pairing);
    this.response = new Direction("response", this.state, this.pairing);
  }

  send(side: Side, bytes: Uint8Array): this {
    const size = this.options.chunk ?? Math.max(1, bytes.length);
    for (let at = 0; at < bytes.length; at += size) {
      this.nowNs += 1000;
      this[side].push(bytes.subarray(at, at + size), this.nowNs);
      if (!this.options.late) this.stitch(null);
    }
    return this;
  }

  stitch(ended: "closed" | "trace_end" | null): void {
    const { state, nowNs, pairing } = this;
    const context = stitchContext({ state, nowNs, pairing, ended });
    this.out.push(...stitch(this.request.frames, this.response.frames, context));
  }

  end(): Stitched<RedisExchange>[] {
    const nothing = new Uint8Array(0);
    this.request.push(nothing, this.nowNs, 0, true);
    this.response.push(nothing, this.nowNs, 0, true);
    this.stitch("closed");
    return this.out;
  }
}

export function converse(steps: Step[], options: Options = {}): Stitched<RedisExchange>[] {
  const connection = new Connection(options);
  for (const step of steps) connection.send(step.side, step.bytes);
  return connection.end();
}

export const ask = (bytes: Uint8Array): Step => ({ side: "request", bytes });
export const reply = (text: string): Step => ({ side: "response", bytes: raw(text) });
