/**
 * What the worst inputs of a plug-in cost, beside its usual traffic.
 *
 * In: loads, each made in any size. Out: CPU time, bytes, operations and records of a run through the
 * pipeline. tests/protocols/NAME/worst.ts holds a plug-in's loads; the bench and the test of linear
 * work go by them. It judges nothing.
 */
import process from "node:process";
import { encodeEntry, SocketEvent } from "../../lib/capture/event.ts";
import { Pipeline } from "../../lib/pipeline.ts";
import { Stats } from "../../lib/stats.ts";
import { plugins } from "../../protocols/registry.ts";
import type { Plugin, Side } from "../../protocols/protocol.ts";
import { concat, Conversation, type ConversationOptions, START } from "./events.ts";

/** Bytes that move in one direction, in operations of the size that is asked for. */
export interface Said {
  readonly side: Side;
  readonly bytes: Uint8Array;
  /** They lie this many bytes behind where they should. */
  readonly shift?: number;
  /** The remote end, of a datagram socket that has many. */
  readonly port?: number;
}

/** An input in any size. */
export interface Load {
  readonly name: string;
  readonly place?: ConversationOptions;
  /** About `bytes` of it. */
  say(bytes: number): Said[];
}

const encoder = new TextEncoder();

/** `part` over and over, up to about `bytes`; a function is told how often it was asked. */
export function over(bytes: number, part: string | ((nth: number) => string)): Uint8Array {
  if (typeof part === "string") {
    return encoder.encode(part.repeat(Math.max(1, Math.trunc(bytes / part.length))));
  }
  const parts: string[] = [];
  for (let length = 0, nth = 0; length < bytes; nth++) {
    const next = part(nth);
    parts.push(next);
    length += next.length;
  }
  return encoder.encode(parts.join(""));
}

/** One side says `part` over and over. */
export function says(
  side: Side,
  part: string | ((nth: number) => string),
  first: string = "",
): (bytes: number) => Said[] {
  return (bytes: number): Said[] => [{
    side,
    bytes: concat([encoder.encode(first), over(bytes, part)]),
  }];
}

/** Every question is answered. */
export function turns(bytes: number, ask: string, answer: string): Said[] {
  const [question, reply] = [encoder.encode(ask), encoder.encode(answer)];
  const said: Said[] = [];
  const each = question.length + reply.length;
  for (let length = 0; length < bytes; length += each) {
    said.push({ side: "request", bytes: question }, { side: "response", bytes: reply });
  }
  return said;
}

/** The entries of a load, cut into operations of at most `operationBytes`. */
export function entriesOf(load: Load, bytes: number, operationBytes: number): Uint8Array {
  const conversation = new Conversation({ stepNs: 1000, ...load.place });
  const parts: Uint8Array[] = [];
  const isWhole = load.place?.transport === "datagram";
  for (const { side, bytes: content, shift = 0, port } of load.say(bytes)) {
    const step = isWhole ? content.length : operationBytes;
    for (let at = 0; at < content.length; at += step) {
      conversation.say(side, content.subarray(at, at + step));
      const fields = conversation.entries.pop();
      if (fields === undefined) continue;
      const position = (fields.position ?? 0) + shift;
      parts.push(encodeEntry({ ...fields, position, remotePort: port ?? fields.remotePort }));
    }
  }
  return concat(parts);
}

/** What one run cost and gave. */
export interface Cost {
  readonly ms: number;
  readonly bytes: number;
  readonly events: number;
  readonly records: number;
  /** Longest time of one event, or of the end, milliseconds on the wall. */
  readonly longestMs: number;
}

/** One run of entries through a new pipeline; CPU time, so that a busy machine does not count. */
export function costOf(entries: Uint8Array, protocols: readonly Plugin[] = plugins): Cost {
  let records = 0;
  const pipeline = new Pipeline(
    START,
    {
      protocols,
      showUnknown: true,
      maxBodyBytes: 4096,
      showSecrets: false,
      requestTimeoutMs: null,
      memoryLimitBytes: 256 << 20,
      summaries: false,
    },
    new Stats(),
    () => records++,
  );
  const words = new Uint32Array(entries.buffer, entries.byteOffset, entries.length >>> 2);
  const event = new SocketEvent();
  let [bytes, events, longestMs] = [0, 0, 0];
  const started = process.cpuUsage();
  let before = performance.now();
  const lap = (): void => {
    const now = performance.now();
    longestMs = Math.max(longestMs, now - before);
    before = now;
  };
  for (let at = 0; at < entries.length; at += event.entrySize) {
    if (!event.read(words, entries, at, entries.length, START.base)) {
      throw new Error(`Cannot read entry at ${at}`);
    }
    pipeline.onEvent(event);
    bytes += event.payloadLength;
    events++;
    lap();
  }
  pipeline.finish();
  lap();
  const used = process.cpuUsage(started);
  return { ms: (used.user + used.system) / 1000, bytes, events, records, longestMs };
}

/** The cheapest of several runs: what else the machine did counts least there. */
export function cheapest(entries: Uint8Array, rounds: number): Cost {
  let best = costOf(entries);
  for (let round = 1; round < rounds; round++) {
    const next = costOf(entries);
    if (next.ms < best.ms) best = next;
  }
  return best;
}

/**
 * How many times as much as usual traffic: of as many bytes in operations of that size, or of as many
 * records, whichever is more. A record costs what it costs, however few bytes ask for it.
 */
export function ratioOf(cost: Cost, usual: Cost): number {
  const expected = Math.max(
    usual.ms / usual.bytes * cost.bytes,
    usual.ms / usual.records * cost.records,
  );
  return cost.ms / expected;
}
