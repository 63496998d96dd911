/**
 * Loads that would have a tracer keep all they can: what a stranger sends to fill its memory, or to
 * keep it busy.
 *
 * In: how much of it. Out: the entries, one by one, as a kernel would tell them. The bench of memory
 * writes them into recordings, the tests of turns feed them to a pipeline. It measures nothing.
 */
import { brotliCompressSync, gzipSync, zstdCompressSync } from "node:zlib";
import { Flag } from "../../lib/capture/abi.ts";
import { encodeEntry } from "../../lib/capture/event.ts";
import type { Side } from "../../protocols/protocol.ts";
import { concat, Conversation, type ConversationOptions } from "./events.ts";

export type Entries = Generator<Uint8Array>;

/** A load of `amount` units; what a unit is, its name says. */
export interface GreedyLoad {
  readonly name: string;
  readonly amount: number;
  entries(amount: number): Entries;
}

/** What the kernel copies at once. */
const CHUNK_BYTES = 30 * 1024;

/** Connections that speak in turn, on one clock. */
class Crowd {
  readonly #talks: Conversation[] = [];
  #nowNs = 1e6;

  constructor(count: number, options: ConversationOptions = {}) {
    for (let i = 0; i < count; i++) {
      const conn = i + 1, remotePort = 1024 + i % 60_000;
      this.#talks.push(new Conversation({ conn, remotePort, ...options }));
    }
  }

  get size(): number {
    return this.#talks.length;
  }

  /** One operation of connection `nth`; `shift`: it lies so many bytes behind where it should. */
  *say(nth: number, side: Side, content: string | Uint8Array, shift = 0, stepNs = 1000): Entries {
    const talk = this.#talks[nth % this.#talks.length];
    if (talk === undefined) return;
    this.#nowNs += stepNs;
    talk.timeNs = this.#nowNs;
    talk.sayInChunks(side, content, CHUNK_BYTES);
    for (const fields of talk.entries.splice(0)) {
      yield encodeEntry({ ...fields, position: (fields.position ?? 0) + shift });
    }
  }

  /** One datagram to or from that remote end. */
  *datagram(nth: number, side: Side, content: Uint8Array, port: number): Entries {
    const talk = this.#talks[nth % this.#talks.length];
    if (talk === undefined) return;
    this.#nowNs += 1000;
    talk.timeNs = this.#nowNs;
    talk.say(side, content);
    const flags = Flag.LAST_CHUNK | Flag.DATAGRAM;
    for (const fields of talk.entries.splice(0)) {
      yield encodeEntry({ ...fields, flags: (fields.flags ?? 0) | flags, remotePort: port });
    }
  }
}

const HEAD = "GET / HTTP/1.1\r\nHost: a\r\n";
const SMALL = `${HEAD}\r\n`;
const OK = "HTTP/1.1 200 OK\r\nContent-Length: 0\r\n\r\n";

/** A head of that size, in fields of 8 KiB. */
function largeHead(bytes: number, nth: number): string {
  let head = `${HEAD}X-Nth: ${nth}\r\n`;
  for (let i = 0; head.length < bytes; i++) head += `X-${i}: ${`${nth} `.padEnd(8000, "x")}\r\n`;
  return `${head}\r\n`;
}

/** A head of that size, in fields of as few bytes as can be. */
function tinyFields(bytes: number): string {
  let head = HEAD;
  for (let i = 0; head.length < bytes; i++) head += `${i.toString(36)}:\r\n`;
  return `${head}\r\n`;
}

function* heads(connections: number, amount: number, of: (nth: number) => string): Entries {
  const crowd = new Crowd(connections);
  for (let i = 0; i < amount; i++) yield* crowd.say(i, "request", of(i));
}

function* small(connections: number, amount: number, one: string, localPort = 8080): Entries {
  const crowd = new Crowd(connections, { localPort });
  const many = one.repeat(500);
  for (let i = 0; i < amount; i += 500) yield* crowd.say(i / 500, "request", many);
}

function* unasked(amount: number): Entries {
  const crowd = new Crowd(8);
  for (let i = 0; i < 8; i++) yield* crowd.say(i, "response", OK);
  for (let i = 0; i < amount; i += 500) yield* crowd.say(i / 500, "response", OK.repeat(500));
}

/** Bodies that unfold a thousand times, of answers to requests. */
function* bodies(amount: number, coding: string, pack: (bytes: Uint8Array) => Uint8Array): Entries {
  const crowd = new Crowd(500);
  const packed = pack(new Uint8Array(4 << 20).fill(0x61));
  const head = `HTTP/1.1 200 OK\r\nContent-Encoding: ${coding}\r\n` +
    `Content-Type: text/plain\r\nContent-Length: ${packed.length}\r\n\r\n`;
  const body = concat([new TextEncoder().encode(head), packed]);
  // Half of each first, so that all decoders are at work at once.
  for (let i = 0; i < amount; i += crowd.size) {
    for (let nth = 0; nth < crowd.size; nth++) yield* crowd.say(nth, "request", SMALL);
    const half = body.length - 8;
    for (let nth = 0; nth < crowd.size; nth++) {
      yield* crowd.say(nth, "response", body.subarray(0, half));
    }
    for (let nth = 0; nth < crowd.size; nth++) {
      yield* crowd.say(nth, "response", body.subarray(half));
    }
  }
}

/** Each sends half of a form, and then nothing any more. */
function* stopped(connections: number): Entries {
  const crowd = new Crowd(connections);
  const head =
    "POST /f HTTP/1.1\r\nHost: a\r\nContent-Type: text/plain\r\nContent-Length: 65536\r\n\r\n";
  for (let nth = 0; nth < connections; nth++) {
    yield* crowd.say(nth, "request", head + "x".repeat(4000 + nth % 1000));
  }
}

/** Each sends half of a head, 3 KiB in operations of 16 bytes. */
function* halfHeads(connections: number): Entries {
  const crowd = new Crowd(connections);
  for (let nth = 0; nth < connections; nth++) yield* crowd.say(nth, "request", HEAD);
  for (let part = 0; part < 190; part++) {
    for (let nth = 0; nth < connections; nth++) {
      yield* crowd.say(nth, "request", "X-1234: 678901\r\n");
    }
  }
}

function* idle(connections: number): Entries {
  const crowd = new Crowd(connections);
  for (let nth = 0; nth < connections; nth++) yield* crowd.say(nth, "request", SMALL);
  for (let nth = 0; nth < connections; nth++) yield* crowd.say(nth, "response", OK);
}

/** One exchange of each, which then ends; that late events may come keeps it for a while. */
function* ended(connections: number): Entries {
  for (let conn = 1; conn <= connections; conn++) {
    const remotePort = 1024 + conn % 60_000;
    const talk = new Conversation({ conn, remotePort, startNs: 1e6 + conn * 1000, stepNs: 100 });
    talk.open().say("request", SMALL).say("response", OK).close();
    for (const fields of talk.entries) yield encodeEntry(fields);
  }
}

/** Single bytes, each behind one that never comes. */
function* disordered(connections: number): Entries {
  const crowd = new Crowd(connections);
  for (let nth = 0; nth < connections; nth++) yield* crowd.say(nth, "request", SMALL);
  for (let piece = 1; piece < 4000; piece++) {
    for (let nth = 0; nth < connections; nth++) {
      yield* crowd.say(nth, "request", "G", piece, 1);
    }
  }
}

/** A megabyte of small requests waits behind one byte, which comes last. */
function* heldUp(amount: number, one: string, localPort = 8080): Entries {
  const crowd = new Crowd(amount, { localPort });
  const many = one.repeat(Math.floor(100_000 / one.length));
  for (let nth = 0; nth < amount; nth++) {
    yield* crowd.say(nth, "request", one);
    const late = one.slice(0, 2);
    for (let part = 0; part < 10; part++) yield* crowd.say(nth, "request", many, late.length, 10);
    yield* crowd.say(nth, "request", late, -10 * many.length, 10);
  }
}

/** A DNS question; its name is the number's. */
function question(id: number): Uint8Array {
  const label = new TextEncoder().encode(`n${id}`.padEnd(12, "x"));
  return new Uint8Array([
    id >>> 8 & 255,
    id & 255,
    ...[1, 0, 0, 1, 0, 0, 0, 0, 0, 0],
    label.length,
    ...label,
    ...[3, 99, 111, 109, 0, 0, 1, 0, 1],
  ]);
}

function* peers(sockets: number): Entries {
  const crowd = new Crowd(sockets, { transport: "datagram", tcp: false, localPort: 53 });
  for (let port = 1024; port < 1024 + 4096; port++) {
    for (let nth = 0; nth < sockets; nth++) {
      yield* crowd.datagram(nth, "request", question(port), port);
    }
  }
}

const list = (parts: number): string => `*${parts}\r\n${"$0\r\n\r\n".repeat(parts)}`;

export const greedyLoads: readonly GreedyLoad[] = [
  {
    name: "heads of 200 KB, 1 connection",
    amount: 1500,
    entries: (n) => heads(1, n, (i) => largeHead(200_000, i)),
  },
  {
    name: "heads of 200 KB, a connection each",
    amount: 1500,
    entries: (n) => heads(n, n, (i) => largeHead(200_000, i)),
  },
  {
    name: "heads of tiny fields, 8 connections",
    amount: 1500,
    entries: (n) => heads(8, n, () => tinyFields(100_000)),
  },
  {
    name: "heads of tiny fields, a connection each",
    amount: 1500,
    entries: (n) => heads(n, n, () => tinyFields(100_000)),
  },
  { name: "small requests, 1 connection", amount: 1_000_000, entries: (n) => small(1, n, SMALL) },
  {
    name: "small requests, 1,000 connections",
    amount: 1_000_000,
    entries: (n) => small(1000, n, SMALL),
  },
  {
    name: "Redis commands, 8 connections",
    amount: 1_000_000,
    entries: (n) => small(8, n, "*1\r\n$4\r\nPING\r\n", 6379),
  },
  {
    name: "Redis commands of 20,000 arguments, 8 connections",
    amount: 1500,
    entries: (n) => heads(8, n, () => list(20_000)),
  },
  { name: "answers that nobody asked for, 8 connections", amount: 1_000_000, entries: unasked },
  {
    name: "bodies of gzip, 500 connections",
    amount: 1500,
    entries: (n) => bodies(n, "gzip", gzipSync),
  },
  {
    name: "bodies of brotli, 500 connections",
    amount: 1500,
    entries: (n) => bodies(n, "br", brotliCompressSync),
  },
  {
    name: "bodies of zstd, 500 connections",
    amount: 1500,
    entries: (n) => bodies(n, "zstd", zstdCompressSync),
  },
  { name: "uploads that stop, a connection each", amount: 50_000, entries: stopped },
  {
    name: "halves of heads in small pieces, a connection each",
    amount: 10_000,
    entries: halfHeads,
  },
  { name: "idle connections", amount: 150_000, entries: idle },
  { name: "connections that ended", amount: 150_000, entries: ended },
  { name: "single bytes out of order, a connection each 4,000", amount: 100, entries: disordered },
  { name: "requests behind a byte that comes last", amount: 50, entries: (n) => heldUp(n, SMALL) },
  {
    name: "Redis commands behind a byte that comes last",
    amount: 50,
    entries: (n) => heldUp(n, "*1\r\n$4\r\nPING\r\n", 6379),
  },
  { name: "UDP sockets of 4,096 remote ends", amount: 60, entries: peers },
];
