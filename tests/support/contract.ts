/**
 * What a protocol gives to the contract test (tests/contract_test.ts): tests/protocols/<p>/samples.ts
 * exports `samples: Sample[]`, whole conversations from their first byte on. And the ways in which
 * the contract test runs them: whole, chunked, cut, with bytes missing, joined late, damaged.
 */
import type { Plugin, Side } from "../../protocols/protocol.ts";
import { Conversation, type ConversationOptions, seeded, Trace } from "./events.ts";

/** One conversation of one connection; each step is one operation (a datagram: one message). */
export interface Sample {
  /** Unique within its protocol: "get with chunked body". */
  name: string;
  transport: "stream" | "datagram";
  steps: { side: Side; bytes: Uint8Array }[];
  /** Records that the whole conversation gives, once the connection is closed. */
  exchanges: number;
  /** What comes behind it is read like a connection of its own. */
  isTunnel?: true;
}

/** A place in a sample: `offset` bytes into step `step`. */
export interface Place {
  step: number;
  offset: number;
}

type Step = Sample["steps"][number];

export function conversationOf(sample: Sample, options: ConversationOptions = {}): Conversation {
  return new Conversation({ role: "server", transport: sample.transport, ...options });
}

/** Runs a conversation to its close; fails when something stays behind in memory. */
export function run(plugins: readonly Plugin[], conversation: Conversation): Trace {
  const trace = new Trace({ protocols: plugins, showUnknown: true });
  conversation.close().tick(2e8);
  trace.feedAll(conversation.entries);
  trace.finish();
  const held = trace.pipeline.heldBytes;
  if (held !== 0) throw new Error(`Cannot end cleanly: ${held} bytes are still held`);
  return trace;
}

function timeless(key: string, value: unknown): unknown {
  return key === "time" || key.endsWith("_ns") ? undefined : value;
}

/** The records without what depends on when the bytes moved: the time, and every duration. */
export function contents(trace: Trace): string[] {
  return trace.records.map((record) => JSON.stringify(record, timeless));
}

export function whole(sample: Sample): Conversation {
  return spoken(conversationOf(sample), sample.steps);
}

/** Every operation in pieces of `size` bytes, each an operation of its own. */
export function chopped(sample: Sample, size: number): Conversation {
  const conversation = conversationOf(sample);
  for (const { side, bytes } of sample.steps) {
    for (let at = 0; at < bytes.length; at += size) {
      conversation.say(side, bytes.subarray(at, at + size));
    }
  }
  return conversation;
}

/** One operation as several entries of `size` bytes. */
export function inEntries(sample: Sample, size: number): Conversation {
  const conversation = conversationOf(sample);
  for (const { side, bytes } of sample.steps) conversation.sayInChunks(side, bytes, size);
  return conversation;
}

/** One operation split in two at a place. */
export function splitAt(sample: Sample, place: Place): Conversation {
  const conversation = conversationOf(sample);
  sample.steps.forEach(({ side, bytes }, i) => {
    if (i !== place.step) return conversation.say(side, bytes);
    conversation.say(side, bytes.subarray(0, place.offset));
    conversation.say(side, bytes.subarray(place.offset));
  });
  return conversation;
}

/** Nothing comes behind a place. */
export function cutAt(sample: Sample, place: Place): Conversation {
  const conversation = spoken(conversationOf(sample), sample.steps.slice(0, place.step));
  const last = sample.steps[place.step];
  if (last !== undefined && place.offset > 0) {
    conversation.say(last.side, last.bytes.subarray(0, place.offset));
  }
  return conversation;
}

/** `length` bytes from a place on were not captured (within its step). */
export function missing(sample: Sample, place: Place, length: number): Conversation {
  const conversation = conversationOf(sample);
  sample.steps.forEach(({ side, bytes }, i) => {
    if (i !== place.step) return conversation.say(side, bytes);
    const end = Math.min(bytes.length, place.offset + length);
    if (place.offset > 0) conversation.say(side, bytes.subarray(0, place.offset));
    conversation.miss(side, end - place.offset);
    if (end < bytes.length) conversation.say(side, bytes.subarray(end));
  });
  return conversation;
}

/** The trace begins at a place; what was before is not known. */
export function joinedAt(sample: Sample, place: Place): Conversation {
  const conversation = conversationOf(sample, { fresh: false, hint: false });
  const first = sample.steps[place.step];
  if (first !== undefined && place.offset < first.bytes.length) {
    conversation.say(first.side, first.bytes.subarray(place.offset));
  }
  return spoken(conversation, sample.steps.slice(place.step + 1));
}

/** Some bytes changed, removed or repeated; the same for the same seed. */
export function mutated(sample: Sample, seed: number): Conversation {
  const random = seeded(seed);
  const below = (limit: number): number => Math.floor(random() * limit);
  const steps = sample.steps.map(({ side, bytes }) => {
    let out = bytes.slice();
    for (let i = below(4); i > 0 && out.length > 0; i--) {
      const at = below(out.length);
      const kind = below(4);
      if (kind === 0) out[at] = below(256);
      else if (kind === 1) out[at] = (out[at] as number) ^ (1 << below(8));
      else {
        const to = Math.min(out.length, at + 1 + below(16));
        const middle = kind === 2 ? [] : [...out.subarray(at, to), ...out.subarray(at, to)];
        out = Uint8Array.from([...out.subarray(0, at), ...middle, ...out.subarray(to)]);
      }
    }
    return { side, bytes: out };
  });
  return spoken(conversationOf(sample), steps.filter(({ bytes }) => bytes.length > 0));
}

/** A sample, once more with `garbage` put in at a place, and once more as it is. */
export function withGarbage(sample: Sample, place: Place, garbage: Uint8Array): Sample {
  const damaged = sample.steps.map(({ side, bytes }, i) => {
    if (i !== place.step) return { side, bytes };
    const [before, behind] = [bytes.subarray(0, place.offset), bytes.subarray(place.offset)];
    return { side, bytes: Uint8Array.from([...before, ...garbage, ...behind]) };
  });
  return { ...sample, steps: [...sample.steps, ...damaged, ...sample.steps] };
}

/**
 * What was read of either side, whatever was paired with what: the halves of the records by their
 * sizes on the wire, sorted. (What a half may show depends on the pairs made by then.)
 */
export function halves(trace: Trace): string[] {
  return trace.records.flatMap((record) => [
    ...(record.request === null ? [] : [`${record.protocol} request ${record.request_bytes}`]),
    ...(record.response === null ? [] : [`${record.protocol} response ${record.response_bytes}`]),
  ]).sort();
}

/** At most about `limit` places, evenly spread over every byte of the sample. */
export function places(sample: Sample, limit: number): Place[] {
  const total = sample.steps.reduce((sum, { bytes }) => sum + bytes.length, 0);
  const stride = Math.max(1, Math.floor(total / limit));
  const found: Place[] = [];
  let at = 0;
  sample.steps.forEach(({ bytes }, step) => {
    for (let offset = 0; offset < bytes.length; offset++, at++) {
      // Every step's first bytes, then evenly.
      if (offset < 4 || at % stride === 0) found.push({ step, offset });
    }
  });
  return found;
}

function spoken(conversation: Conversation, steps: readonly Step[]): Conversation {
  for (const { side, bytes } of steps) conversation.say(side, bytes);
  return conversation;
}
