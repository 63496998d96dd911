/**
 * How many records a second one core makes of events: entries in memory → NDJSON text.
 *
 *     deno run -A tests/bench/pipeline_bench.ts [NAME of a load] [rounds] [--quick]
 *
 * Connections speak in turn, as on a busy server; entries are laid out in batches, as the kernel
 * sends them, and read in place. Nothing is written anywhere: the bytes are counted and dropped.
 * Time is the process's own CPU time, so that a busy machine does not count.
 */
import process from "node:process";
import { encodeEntry, SocketEvent } from "../../lib/capture/event.ts";
import { NdjsonSink } from "../../lib/sink/ndjson.ts";
import { FileOutput } from "../../lib/sink/output.ts";
import { Pipeline } from "../../lib/pipeline.ts";
import { Stats } from "../../lib/stats.ts";
import { plugins } from "../../protocols/registry.ts";
import { bytesOf, concat, Conversation, START } from "../support/events.ts";
import { figure } from "./support/report.ts";

const CONNECTIONS = 32;
const EXCHANGES = 200;

interface Load {
  transport?: "stream" | "datagram";
  port: number;
  request: Uint8Array;
  /** One after the other. */
  responses: Uint8Array[];
  records: number;
}

const httpRequest = "GET /index.html?id=12345 HTTP/1.1\r\nHost: 127.0.0.1:8080\r\n" +
  "User-Agent: wrk/4.1.0\r\nAccept: */*\r\n\r\n";
const httpResponse = (body: string): string =>
  "HTTP/1.1 200 OK\r\nServer: nginx/1.22.1\r\n" +
  `Date: Sat, 21 Nov 2026 12:00:00 GMT\r\nContent-Type: text/html\r\nContent-Length: ${body.length}\r\n` +
  'Last-Modified: Sat, 21 Nov 2026 11:00:00 GMT\r\nConnection: keep-alive\r\nETag: "65"\r\n' +
  `Accept-Ranges: bytes\r\n\r\n${body}`;
const page = (bytes: number): string => "<html>".padEnd(bytes, "x");
/** A body that is another one each time. */
const json = (id: number): string =>
  `{"id":${10000 + id},"name":"item","price":9.5},`.repeat(27).slice(0, 1024);
const httpResponses = Array.from({ length: 64 }, (_, id) => httpResponse(json(id)));
const redisRequest = "*3\r\n$3\r\nSET\r\n$16\r\nkey:000000001234\r\n$5\r\nhello\r\n";
const redisResponse = "+OK\r\n";

function load(port: number, request: string, responses: string[], depth: number): Load {
  const repeated = (text: string): Uint8Array => bytesOf(text.repeat(depth));
  return { port, request: repeated(request), responses: responses.map(repeated), records: depth };
}

const dnsName = [..."\x03www\x07example\x03com\x00\x00\x01\x00\x01"].map((char) =>
  char.charCodeAt(0)
);
/** A query for an address, and its answer. */
const dns: Load = {
  transport: "datagram",
  port: 53,
  request: new Uint8Array([0x12, 0x34, 1, 0, 0, 1, 0, 0, 0, 0, 0, 0, ...dnsName]),
  responses: [
    new Uint8Array([
      ...[0x12, 0x34, 0x81, 0x80, 0, 1, 0, 1, 0, 0, 0, 0, ...dnsName],
      ...[0xc0, 12, 0, 1, 0, 1, 0, 0, 1, 44, 0, 4, 10, 1, 2, 3],
    ]),
  ],
  records: 1,
};

const LOADS: Record<string, Load> = {
  http: load(8080, httpRequest, [httpResponse(page(128))], 1),
  "http-1k": load(8080, httpRequest, [httpResponse(page(1024))], 1),
  "http-1k-json": load(8080, httpRequest, httpResponses, 1),
  redis: load(6379, redisRequest, [redisResponse], 1),
  "redis-pipelined": load(6379, redisRequest, [redisResponse], 16),
  dns,
};

/** All entries of a load, one behind the other. */
function entriesOf({ port, transport = "stream", request, responses }: Load): Uint8Array {
  const all: Conversation[] = [];
  for (let i = 0; i < CONNECTIONS; i++) {
    const place = { conn: i + 1, fd: i + 8, localPort: port, remotePort: 40000 + i, transport };
    all.push(new Conversation({ ...place, startNs: 1e6 + i * 10, stepNs: 10_000 }));
  }
  const parts: Uint8Array[] = [];
  for (let n = 0; n < EXCHANGES; n++) {
    for (const conversation of all) conversation.say("request", request);
    all.forEach((conversation, i) => {
      conversation.say("response", responses[(n * CONNECTIONS + i) % responses.length] ?? request);
    });
  }
  for (let at = 0; at < EXCHANGES * 2; at++) {
    for (const { entries } of all) {
      const fields = entries[at];
      if (fields !== undefined) parts.push(encodeEntry(fields));
    }
  }
  return concat(parts);
}

/** One run over all entries; seconds of it, and what came out. */
function once(bytes: Uint8Array): { seconds: number; records: number; events: number } {
  let records = 0;
  let textBytes = 0;
  const output = new FileOutput({
    writeSync: (piece) => {
      textBytes += piece.length;
      return piece.length;
    },
  });
  const sink = new NdjsonSink(output, false);
  const pipeline = new Pipeline(
    START,
    {
      protocols: plugins,
      showUnknown: false,
      maxBodyBytes: 4096,
      showSecrets: false,
      requestTimeoutMs: null,
      memoryLimitBytes: 256 << 20,
      summaries: false,
    },
    new Stats(),
    (record) => {
      records++;
      sink.write(record);
    },
  );
  const words = new Uint32Array(bytes.buffer, bytes.byteOffset, bytes.length >>> 2);
  const event = new SocketEvent();
  const started = process.cpuUsage();
  let events = 0;
  for (let at = 0; at < bytes.length; at += event.entrySize) {
    if (!event.read(words, bytes, at, bytes.length, START.base)) {
      throw new Error(`Cannot read entry at ${at}`);
    }
    pipeline.onEvent(event);
    events++;
  }
  const used = process.cpuUsage(started);
  const seconds = (used.user + used.system) / 1e6;
  pipeline.finish();
  output.flush();
  if (textBytes === 0) throw new Error("Cannot measure: no records came out");
  return { seconds, records, events };
}

if (import.meta.main) {
  const quick = Deno.args.includes("--quick");
  const [only, times] = Deno.args.filter((arg) => !arg.startsWith("--"));
  const names = only === undefined ? Object.keys(LOADS) : [only];
  const rounds = Number(times ?? (quick ? 10 : 40));
  for (const name of names) {
    const chosen = LOADS[name];
    if (chosen === undefined) throw new Error(`Cannot bench "${name}": no such load`);
    const bytes = entriesOf(chosen);
    const want = CONNECTIONS * EXCHANGES * chosen.records;
    const rates: number[] = [];
    for (let round = 0; round < rounds; round++) {
      const { seconds, records } = once(bytes);
      if (records !== want) throw new Error(`Cannot count ${name}: ${records} of ${want} records`);
      rates.push(records / seconds);
    }
    rates.sort((a, b) => b - a);
    const best = rates[0] ?? 0;
    const median = rates[rates.length >> 1] ?? 0;
    const thousand = (rate: number): string => `${Math.round(rate / 1000)} k`;
    figure(
      `pipeline, ${name}`,
      `${thousand(median)} records/s (best ${thousand(best)})`,
      "≥ 400 k records/s a core",
    );
  }
}
