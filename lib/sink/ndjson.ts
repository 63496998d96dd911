/**
 * Records as NDJSON, one object a line, keys in the record's order.
 * In: records. Out: lines in the batch of an Output. It never changes a value; towards a terminal,
 * characters that a terminal could obey are written as \uNNNN, which means the same to a JSON parser.
 *
 * Where and by whom was spoken seldom differs between two records of a connection: the bytes of
 * those columns are kept.
 */
import type { TraceRecord } from "../record/record.ts";
import { JsonBuffer } from "../wire/json.ts";
import { escapeJson } from "./escape.ts";
import type { Output } from "./output.ts";
import type { Sink } from "./sink.ts";

/** Columns with what stands before their values. */
const KEYS = {
  time: key("time", "{"),
  protocol: key("protocol"),
  latency_ns: key("latency_ns"),
  pid: key("pid"),
  comm: key("comm"),
  fd: key("fd"),
  role: key("role"),
  local: key("local"),
  remote: key("remote"),
  conn: key("conn"),
  tls: key("tls"),
  container: key("container"),
  request: key("request"),
  response: key("response"),
  request_bytes: key("request_bytes"),
  response_bytes: key("response_bytes"),
  incomplete: key("incomplete"),
  redacted: key("redacted"),
} satisfies Record<keyof TraceRecord, Uint8Array>;

function key(name: keyof TraceRecord, before = ","): Uint8Array {
  return new TextEncoder().encode(`${before}"${name}":`);
}

const LINE_END = new Uint8Array([0x7d, 0x0a]);
/** Connections whose columns are kept; one that comes again takes the place of another. */
const SLOTS = 1024;

type PlaceColumns = Pick<
  TraceRecord,
  "protocol" | "pid" | "comm" | "fd" | "role" | "local" | "remote" | "conn"
>;

/** Columns as bytes: those before and behind the latency. */
interface Place {
  readonly of: PlaceColumns;
  readonly protocol: Uint8Array;
  readonly rest: Uint8Array;
}

export class NdjsonSink implements Sink {
  readonly output: Output;
  readonly #toTerminal: boolean;
  readonly #places: (Place | undefined)[] = new Array<undefined>(SLOTS).fill(undefined);

  constructor(output: Output, toTerminal: boolean) {
    this.output = output;
    this.#toTerminal = toTerminal;
  }

  write(record: TraceRecord): void {
    if (this.#toTerminal) this.output.write(`${escapeJson(JSON.stringify(record))}\n`, 1);
    else {
      this.#writeLine(this.output.batch, record);
      this.output.written(1);
    }
  }

  #writeLine(out: JsonBuffer, record: TraceRecord): void {
    const place = this.#place(record);
    out.raw(KEYS.time);
    out.string(record.time);
    out.raw(place.protocol);
    number(out, KEYS.latency_ns, record.latency_ns);
    out.raw(place.rest);
    object(out, KEYS.tls, record.tls);
    object(out, KEYS.container, record.container);
    object(out, KEYS.request, record.request);
    object(out, KEYS.response, record.response);
    number(out, KEYS.request_bytes, record.request_bytes);
    number(out, KEYS.response_bytes, record.response_bytes);
    object(out, KEYS.incomplete, record.incomplete);
    object(out, KEYS.redacted, record.redacted);
    out.raw(LINE_END);
  }

  #place(record: TraceRecord): Place {
    const slot = (record.conn ?? 0) & (SLOTS - 1);
    const known = this.#places[slot];
    return known !== undefined && isSamePlace(known.of, record)
      ? known
      : this.#places[slot] = placeOf(record);
  }
}

function placeOf(record: PlaceColumns): Place {
  const { protocol, pid, comm, fd, role, local, remote, conn } = record;
  const out = new JsonBuffer(256);
  string(out, KEYS.protocol, protocol);
  const protocolEnd = out.length;
  number(out, KEYS.pid, pid);
  string(out, KEYS.comm, comm);
  number(out, KEYS.fd, fd);
  string(out, KEYS.role, role);
  string(out, KEYS.local, local);
  string(out, KEYS.remote, remote);
  number(out, KEYS.conn, conn);
  return {
    of: { protocol, pid, comm, fd, role, local, remote, conn },
    protocol: out.bytes.slice(0, protocolEnd),
    rest: out.bytes.slice(protocolEnd, out.length),
  };
}

function isSamePlace(a: PlaceColumns, b: PlaceColumns): boolean {
  return a.conn === b.conn && a.pid === b.pid && a.fd === b.fd && a.comm === b.comm &&
    a.role === b.role && a.local === b.local && a.remote === b.remote && a.protocol === b.protocol;
}

function number(out: JsonBuffer, key: Uint8Array, value: number | undefined): void {
  if (value === undefined) return;
  out.raw(key);
  out.number(value);
}

function string(out: JsonBuffer, key: Uint8Array, value: string | undefined): void {
  if (value === undefined) return;
  out.raw(key);
  out.string(value);
}

function object(out: JsonBuffer, key: Uint8Array, value: object | null | undefined): void {
  if (value === undefined) return;
  out.raw(key);
  out.value(value);
}
