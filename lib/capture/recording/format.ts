/**
 * The format of a recording: the saved events of a trace, append-only, readable up to its last
 * whole block however the writer ended. This module encodes and decodes; it opens no file.
 *
 * All numbers are little endian. A recording is a head and then blocks, back to back:
 *
 *     head   0  8  "SOCKEYE\0"
 *            8  4  format version (FORMAT_VERSION)
 *           12  4  length of the facts
 *           16  4  CRC-32 of the facts
 *           20  4  0
 *           24     facts: a JSON object in UTF-8 (RecordingFacts and the trace's start)
 *
 *     block  0  4  "BLK\n"
 *            4  1  type: 1 events, 2 end
 *            5  1  compression of the stored bytes: 0 none, 1 gzip, 2 zstd
 *            6  2  0
 *            8  4  raw length: bytes after decompression, at most MAX_BLOCK_BYTES
 *           12  4  stored length: bytes that follow this block head, at most MAX_BLOCK_BYTES
 *           16  4  events in the block
 *           20  4  CRC-32 of the stored bytes, started with the CRC-32 of the other 28 head bytes
 *           24  8  time_ns of the first event (CLOCK_MONOTONIC)
 *           32     stored bytes
 *
 * The raw bytes of an events block are the entries that the pipeline saw, in that order: those of
 * bpf/abi.h (facts.abi is its version), ticks and losses included, and those of user_entries.ts. The
 * end block holds a JSON object (RecordingEnd); without one the recording was not closed. A reader
 * refuses a newer format or ABI version, and skips block types and kinds of entries that it does not
 * know.
 */
import { ABI_VERSION } from "../abi.ts";
import type { BufferLoss, TraceStart } from "../source.ts";

export const FORMAT_VERSION = 1;
export const FILE_HEAD_BYTES = 24;
export const BLOCK_HEAD_BYTES = 32;
export const MAX_FACTS_BYTES = 1 << 20;
export const MAX_BLOCK_BYTES = 1 << 24;
export const FILE_MAGIC = new Uint8Array([83, 79, 67, 75, 69, 89, 69, 0]);
const BLOCK_MAGIC = 0x0a4b4c42;
const CHECKSUM_OFFSET = 20;

export const BlockType = { EVENTS: 1, END: 2 } as const;

/** How blocks are stored; the index is the number in the block head. */
export const COMPRESSIONS = ["none", "gzip", "zstd"] as const;
export type Compression = typeof COMPRESSIONS[number];

/** Facts about the trace that its recording has besides the start. */
export interface RecordingFacts {
  /** Version of sockeye that wrote it. */
  readonly version: string;
  /** The trace's filters by their flags' names; a replay only asks whether processes or ports were chosen. */
  readonly filters: Readonly<Record<string, unknown>>;
  /** By chosen process, its descendants when the trace began; later ones have ENTRY_START. */
  readonly children?: Readonly<Record<string, readonly number[]>>;
}

/** What the end block says. */
export interface RecordingEnd {
  /** Events in the recording. */
  readonly events: number;
  readonly losses: readonly BufferLoss[];
}

/** Head of one block, decoded. */
export interface BlockHead {
  type: number;
  compression: number;
  rawLength: number;
  storedLength: number;
  events: number;
  checksum: number;
}

/** A recording or packet capture cannot be read or written, from `offset` (bytes) on. */
export class RecordingError extends Error {
  override readonly name = "RecordingError";
  readonly hint: string | null;
  constructor(
    readonly action: "read" | "write",
    readonly path: string,
    readonly reason: string,
    readonly offset: number | null = null,
    options?: ErrorOptions,
  ) {
    super(`Cannot ${action} recording ${path}: ${reason}`, options);
    this.hint = action === "write" && offset === null
      ? "name a file that you may write, in a folder that exists"
      : null;
  }
}

interface Zlib {
  crc32(data: Uint8Array, start?: number): number;
  gzipSync(data: Uint8Array, options: { level: number }): Uint8Array;
  gunzipSync(data: Uint8Array, options: { maxOutputLength: number }): Uint8Array;
  zstdCompressSync(data: Uint8Array): Uint8Array;
  zstdDecompressSync(data: Uint8Array, options: { maxOutputLength: number }): Uint8Array;
}

// Loaded with the first block: loading it takes 10 ms, which runs without recordings save.
function zlib(): Zlib {
  return process.getBuiltinModule("node:zlib");
}

/** CRC-32 (IEEE 802.3), continued from `start`. */
export function crc32(data: Uint8Array, start = 0): number {
  return zlib().crc32(data, start);
}

/** The stored form of `data`. */
export function compress(data: Uint8Array, compression: Compression): Uint8Array {
  if (compression === "gzip") return zlib().gzipSync(data, { level: 1 });
  if (compression === "zstd") return zlib().zstdCompressSync(data);
  return data;
}

/** The raw bytes of a block; null when they are damaged or more than `rawLength`. */
export function decompress(
  stored: Uint8Array,
  compression: number,
  rawLength: number,
): Uint8Array | null {
  const options = { maxOutputLength: Math.max(rawLength, 1) };
  try {
    if (compression === 1) return zlib().gunzipSync(stored, options);
    if (compression === 2) return zlib().zstdDecompressSync(stored, options);
  } catch {
    return null;
  }
  return compression === 0 ? stored : null;
}

/** The compression of blocks, by file name: ".gz", ".zst" (the file itself is no gzip or zstd file). */
export function compressionOf(path: string): Compression {
  if (path.endsWith(".gz")) return "gzip";
  return path.endsWith(".zst") ? "zstd" : "none";
}

/** The head of a recording's file. */
export function encodeFileHead(start: TraceStart, facts: RecordingFacts): Uint8Array {
  const json = new TextEncoder().encode(JSON.stringify({ abi: ABI_VERSION, ...facts, start }));
  const out = new Uint8Array(FILE_HEAD_BYTES + json.length);
  const view = new DataView(out.buffer);
  out.set(FILE_MAGIC);
  view.setUint32(8, FORMAT_VERSION, true);
  view.setUint32(12, json.length, true);
  view.setUint32(16, crc32(json), true);
  out.set(json, FILE_HEAD_BYTES);
  return out;
}

/** Writes a block's head, checksum included, into `out`; `time` are the entry's two time words. */
export function encodeBlockHead(
  out: Uint8Array,
  head: Omit<BlockHead, "checksum">,
  time: { low: number; high: number },
  stored: Uint8Array,
): void {
  const view = new DataView(out.buffer, out.byteOffset, BLOCK_HEAD_BYTES);
  view.setUint32(0, BLOCK_MAGIC, true);
  out[4] = head.type;
  out[5] = head.compression;
  view.setUint16(6, 0, true);
  view.setUint32(8, head.rawLength, true);
  view.setUint32(12, head.storedLength, true);
  view.setUint32(16, head.events, true);
  view.setUint32(24, time.low, true);
  view.setUint32(28, time.high, true);
  view.setUint32(CHECKSUM_OFFSET, blockChecksum(out, stored), true);
}

/** CRC-32 over a block: its head without the checksum, then its stored bytes. */
export function blockChecksum(head: Uint8Array, stored: Uint8Array): number {
  const first = crc32(head.subarray(0, CHECKSUM_OFFSET));
  const second = crc32(head.subarray(CHECKSUM_OFFSET + 4, BLOCK_HEAD_BYTES), first);
  return crc32(stored, second);
}

/** Reads a block's head (BLOCK_HEAD_BYTES at `at`); null when it is none, or implausible. */
export function decodeBlockHead(bytes: Uint8Array, at: number): BlockHead | null {
  const view = new DataView(bytes.buffer, bytes.byteOffset + at, BLOCK_HEAD_BYTES);
  if (view.getUint32(0, true) !== BLOCK_MAGIC) return null;
  const head: BlockHead = {
    type: view.getUint8(4),
    compression: view.getUint8(5),
    rawLength: view.getUint32(8, true),
    storedLength: view.getUint32(12, true),
    events: view.getUint32(16, true),
    checksum: view.getUint32(CHECKSUM_OFFSET, true),
  };
  const plausible = head.rawLength <= MAX_BLOCK_BYTES && head.storedLength <= MAX_BLOCK_BYTES;
  return plausible ? head : null;
}

/** Decodes the facts; a string says why they cannot be used. */
export function decodeFacts(
  json: Uint8Array,
): { start: TraceStart; facts: RecordingFacts } | string {
  const object = parseObject(json);
  const start = asObject(object?.start);
  const base = asObject(start?.base);
  if (!object || !start || !base) return "its facts are damaged";
  const abi = wholeNumber(object.abi, 2 ** 32);
  if (abi === null) return "its facts are damaged";
  if (abi > ABI_VERSION) {
    return `its events have version ${abi}, this is version ${ABI_VERSION}: use a newer sockeye`;
  }
  const low = wholeNumber(base.low, 2 ** 32);
  const high = wholeNumber(base.high, 2 ** 32);
  const wallSeconds = wholeNumber(start.wallSeconds, 2 ** 33);
  const wallNanos = wholeNumber(start.wallNanos, 1e9);
  if (low === null || high === null || wallSeconds === null || wallNanos === null) {
    return "the times in its facts are damaged";
  }
  return {
    start: {
      base: { low, high },
      wallSeconds,
      wallNanos,
      way: text(start.way),
      hostname: text(start.hostname),
      kernel: text(start.kernel),
    },
    facts: {
      version: text(object.version),
      filters: asObject(object.filters) ?? {},
      children: pidLists(asObject(object.children) ?? {}),
    },
  };
}

function pidLists(lists: Readonly<Record<string, unknown>>): Record<string, number[]> {
  const isPid = (value: unknown): value is number => wholeNumber(value, 2 ** 32) !== null;
  return Object.fromEntries(
    Object.entries(lists).map((
      [pid, list],
    ) => [pid, Array.isArray(list) ? list.filter(isPid) : []]),
  );
}

/** Decodes the end block; a damaged field counts as 0 or as empty. */
export function decodeEnd(json: Uint8Array): RecordingEnd {
  const object = parseObject(json);
  const losses: BufferLoss[] = [];
  const list: unknown[] = Array.isArray(object?.losses) ? object.losses : [];
  for (const item of list) {
    const loss = asObject(item);
    const cpu = wholeNumber(loss?.cpu, 2 ** 32);
    const events = wholeNumber(loss?.events, 2 ** 53);
    const buffer = loss?.buffer;
    if (cpu === null || events === null) continue;
    if (isBuffer(buffer)) losses.push({ buffer, cpu, events });
  }
  return { events: wholeNumber(object?.events, 2 ** 53) ?? 0, losses };
}

function isBuffer(name: unknown): name is BufferLoss["buffer"] {
  return name === "data_events" || name === "conn_events" || name === "tls_events";
}

function parseObject(json: Uint8Array): Record<string, unknown> | null {
  try {
    return asObject(JSON.parse(new TextDecoder().decode(json)));
  } catch {
    return null;
  }
}

function asObject(value: unknown): Record<string, unknown> | null {
  if (typeof value !== "object" || value === null) return null;
  return { ...value };
}

function wholeNumber(value: unknown, below: number): number | null {
  if (typeof value !== "number" || !Number.isInteger(value)) return null;
  return value >= 0 && value < below ? value : null;
}

function text(value: unknown): string {
  return typeof value === "string" ? value.slice(0, 256) : "";
}
