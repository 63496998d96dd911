/**
 * Records as NDJSON, one object a line, keys in the record's order.
 * In: records. Out: lines in the batch of an Output. It never changes a value; for a terminal,
 * characters that it could obey are written as \uNNNN, which means the same to a JSON parser.
 *
 * Two records of a connection seldom differ in their columns about process and addresses, so the
 * bytes of these columns are kept for the next record.
 */
import type { TraceRecord } from "../record/record.ts";
import { JsonBuffer } from "../wire/json.ts";
import { Slots } from "../wire/slots.ts";
import { escapeJson } from "../wire/escape.ts";
import type { Output } from "./output.ts";
import { LineSink } from "./sink.ts";

/** Every column but the first. */
type ColumnName = Exclude<keyof TraceRecord, "time">;

/** The bytes before each column's value: `,"protocol":`. */
const KEYS = {
  protocol: key("protocol"),
  latency_ns: key("latency_ns"),
  pid: key("pid"),
  comm: key("comm"),
  fd: key("fd"),
  role: key("role"),
  local: key("local"),
  remote: key("remote"),
  proxy: key("proxy"),
  conn: key("conn"),
  tls: key("tls"),
  container: key("container"),
  request: key("request"),
  response: key("response"),
  request_bytes: key("request_bytes"),
  response_bytes: key("response_bytes"),
  incomplete: key("incomplete"),
  redacted: key("redacted"),
} satisfies Record<ColumnName, Uint8Array>;

function key(name: ColumnName): Uint8Array {
  return new TextEncoder().encode(`,"${name}":`);
}

const TIME = new TextEncoder().encode('{"time":"');
const LINE_END = new Uint8Array([0x7d, 0x0a]);

/** The bytes of the columns that seldom differ between two records of a connection. */
interface Place {
  /** The record that these bytes were made of. */
  readonly of: TraceRecord;
  /** From the time's last quote up to the latency, if there is one. */
  readonly beforeLatency: Uint8Array;
  /** From there up to the request. */
  readonly beforeRequest: Uint8Array;
  readonly end: End;
}

/** The sizes of the last record, and the bytes of all behind its response once they came twice. */
interface End {
  request: number | undefined;
  response: number | undefined;
  bytes: Uint8Array | null;
}

export class NdjsonSink extends LineSink {
  readonly #toTerminal: boolean;
  readonly #places = new Slots<Place>();

  constructor(output: Output, toTerminal: boolean) {
    super(output);
    this.#toTerminal = toTerminal;
  }

  override write(record: TraceRecord): void {
    if (this.#toTerminal) this.output.write(`${escapeJson(JSON.stringify(record))}\n`, 1);
    else {
      this.#writeLine(this.output.batch, record);
      this.output.written(1);
    }
  }

  #writeLine(out: JsonBuffer, record: TraceRecord): void {
    const place = this.#place(record);
    out.raw(TIME);
    record.time.write(out);
    out.raw(place.beforeLatency);
    if (record.latency_ns !== undefined) out.number(record.latency_ns);
    out.raw(place.beforeRequest);
    out.value(record.request);
    out.raw(KEYS.response);
    out.value(record.response);
    const { end } = place;
    const isSame = isSameEnd(end, record);
    if (isSame && end.bytes !== null) return out.raw(end.bytes);
    const start = out.length;
    column(out, KEYS.request_bytes, record.request_bytes);
    column(out, KEYS.response_bytes, record.response_bytes);
    column(out, KEYS.incomplete, record.incomplete);
    column(out, KEYS.redacted, record.redacted);
    out.raw(LINE_END);
    end.bytes = isSame ? out.bytes.slice(start, out.length) : null;
    end.request = record.request_bytes;
    end.response = record.response_bytes;
  }

  #place(record: TraceRecord): Place {
    const { conn = 0 } = record;
    const known = this.#places.get(conn);
    if (known !== undefined && isSamePlace(known.of, record)) return known;
    const place = placeOf(record);
    this.#places.set(conn, place);
    return place;
  }
}

function placeOf(record: TraceRecord): Place {
  const of = { ...record, request: null, response: null };
  return {
    of,
    beforeLatency: bytesOf((out) => {
      out.byte(0x22);
      column(out, KEYS.protocol, of.protocol);
      if (of.latency_ns !== undefined) out.raw(KEYS.latency_ns);
    }),
    beforeRequest: bytesOf((out) => {
      column(out, KEYS.pid, of.pid);
      column(out, KEYS.comm, of.comm);
      column(out, KEYS.fd, of.fd);
      column(out, KEYS.role, of.role);
      column(out, KEYS.local, of.local);
      column(out, KEYS.remote, of.remote);
      column(out, KEYS.proxy, of.proxy);
      column(out, KEYS.conn, of.conn);
      column(out, KEYS.tls, of.tls);
      column(out, KEYS.container, of.container);
      out.raw(KEYS.request);
    }),
    end: { request: undefined, response: undefined, bytes: null },
  };
}

/** Are all columns equal that a Place has bytes of? */
function isSamePlace(a: TraceRecord, b: TraceRecord): boolean {
  return a.conn === b.conn && a.pid === b.pid && a.fd === b.fd && a.comm === b.comm &&
    a.role === b.role && a.local === b.local && a.remote === b.remote &&
    a.protocol === b.protocol && (a.latency_ns === undefined) === (b.latency_ns === undefined) &&
    a.container === b.container && a.proxy === b.proxy && a.tls === b.tls;
}

/** The same sizes, and nothing else to say? */
function isSameEnd({ request, response }: End, record: TraceRecord): boolean {
  return record.request_bytes === request && record.response_bytes === response &&
    record.incomplete === undefined && record.redacted === undefined;
}

function column(out: JsonBuffer, key: Uint8Array, value: unknown): void {
  if (value === undefined) return;
  out.raw(key);
  out.value(value);
}

function bytesOf(write: (out: JsonBuffer) => void): Uint8Array {
  const out = new JsonBuffer(256);
  write(out);
  return out.bytes.slice(0, out.length);
}
