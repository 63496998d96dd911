/**
 * Connection logs (--conn-trace-*): what the trackers tell, as lines for people and grep.
 *
 * In: calls of the trackers. Out: one line an entry, `key=value` throughout, whom it is about first:
 *
 *     conn-trace time=… pid=… fd=… conn=… state from=probing to=parsing why=http
 *
 * Bytes and names of the traffic are escaped and cut. It decides nothing and keeps nothing but the
 * process it is about.
 */
import type { Side } from "../../protocols/protocol.ts";
import { CUTS, Direction, OPERATIONS, SOURCES } from "../capture/abi.ts";
import type { SocketEvent } from "../capture/event.ts";
import type { WallClock } from "../clock.ts";
import type { TraceRecord } from "../record/record.ts";
import { escapeText } from "../wire/escape.ts";
import type { ConnTrace, TraceSubject } from "./trace.ts";

/** Bytes shown of a payload. */
const HEAD_BYTES = 48;
/** Characters shown of a name. */
const NAME_CHARS = 200;
const BARE = /^[\x21\x23-\x3c\x3e-\x5b\x5d-\x7e]+$/;

export interface TraceLogOptions {
  /** Null: every process. */
  readonly pid: number | null;
  /** Null: every descriptor. */
  readonly fd: number | null;
  readonly level: 1 | 2;
}

export class TraceLog implements ConnTrace {
  readonly level: 1 | 2;
  readonly #pid: number | null;
  readonly #fd: number | null;
  readonly #clock: WallClock;
  readonly #write: (line: string) => void;

  /** `write` takes whole lines, newline included. */
  constructor(options: TraceLogOptions, clock: WallClock, write: (line: string) => void) {
    this.level = options.level;
    this.#pid = options.pid;
    this.#fd = options.fd;
    this.#clock = clock;
    this.#write = write;
  }

  wants(pid: number, fd: number): boolean {
    return (this.#pid === null || this.#pid === pid) && (this.#fd === null || this.#fd === fd);
  }

  opened(on: TraceSubject, fresh: boolean | null): void {
    this.#line(on, `open start=${fresh === null ? "unknown" : fresh ? "seen" : "mid_stream"}`);
  }

  addressLearnt(on: TraceSubject, local: string, remote: string): void {
    this.#line(on, `address local=${value(local)} remote=${value(remote)}`);
  }

  stateChanged(on: TraceSubject, from: string, to: string, why: string): void {
    this.#line(on, `state from=${from} to=${to} why=${value(why)}`);
  }

  protocolDecided(on: TraceSubject, protocol: string, role: "client" | "server"): void {
    this.#line(on, `protocol is=${protocol} role=${role}`);
  }

  protocolRefused(on: TraceSubject, protocol: string, why: string): void {
    this.#line(on, `protocol not=${protocol} why=${value(why)}`);
  }

  tlsSeen(on: TraceSubject): void {
    this.#line(on, "tls");
  }

  disabled(on: TraceSubject, why: string): void {
    this.#line(on, `disabled why=${value(why)}`);
  }

  data(on: TraceSubject, event: SocketEvent): void {
    if (this.level < 2) return;
    const direction = event.direction === Direction.EGRESS ? "egress" : "ingress";
    let text = `data direction=${direction} by=${name(OPERATIONS, event.operation)}` +
      ` position=${event.position} bytes=${event.totalBytes}`;
    if (event.offset > 0) text += ` offset=${event.offset}`;
    text += ` seen=${event.payloadLength}`;
    if (event.cut !== 0) text += ` cut=${name(CUTS, event.cut)}`;
    if (event.suspect !== 0) text += " suspect";
    if (event.source !== 0) text += ` source=${name(SOURCES, event.source)}`;
    const end = event.payloadStart + Math.min(event.payloadLength, HEAD_BYTES);
    this.#line(on, text + dump(event.bytes.subarray(event.payloadStart, end)));
  }

  frame(on: TraceSubject, side: Side, bytes: number): void {
    if (this.level < 2) return;
    this.#line(on, `frame side=${side} bytes=${bytes}`);
  }

  gap(on: TraceSubject, side: Side, bytes: number, reason: string): void {
    if (this.level < 2) return;
    this.#line(on, `gap side=${side} bytes=${bytes} why=${value(reason)}`);
  }

  invalid(on: TraceSubject, side: Side, reason: string, bytes: Uint8Array, position: number): void {
    if (this.level < 2) return;
    const head = bytes.subarray(0, HEAD_BYTES);
    this.#line(on, `invalid side=${side} why=${value(reason)} position=${position}${dump(head)}`);
  }

  resync(on: TraceSubject, side: Side, droppedBytes: number): void {
    if (this.level < 2) return;
    this.#line(on, `resync side=${side} dropped=${droppedBytes}`);
  }

  evicted(on: TraceSubject, why: string): void {
    this.#line(on, `evicted why=${value(why)}`);
  }

  stitched(on: TraceSubject, exchanges: number, requestsLeft: number, responsesLeft: number): void {
    if (this.level < 2) return;
    this.#line(
      on,
      `stitch exchanges=${exchanges} requests_left=${requestsLeft} responses_left=${responsesLeft}`,
    );
  }

  record(on: TraceSubject, record: TraceRecord, stream?: number): void {
    if (this.level < 2) return;
    let text = `record protocol=${record.protocol} request=${record.request_bytes ?? "none"}` +
      ` response=${record.response_bytes ?? "none"}`;
    if (stream !== undefined) text += ` stream=${stream}`;
    if (record.latency_ns !== undefined) text += ` latency_ns=${record.latency_ns}`;
    if (record.incomplete !== undefined) text += ` incomplete=${record.incomplete.join(",")}`;
    this.#line(on, text);
  }

  #line(on: TraceSubject, text: string): void {
    const time = this.#clock.format(on.lastNs);
    this.#write(`conn-trace time=${time} pid=${on.pid} fd=${on.fd} conn=${on.id} ${text}\n`);
  }
}

/** A value as one word: bare where that is safe, else in quotes. */
function value(text: string): string {
  const cut = text.length > NAME_CHARS ? `${text.slice(0, NAME_CHARS)}…` : text;
  return BARE.test(cut) ? cut : quoted(escapeText(cut));
}

/** Escaped text in quotes; an escape of escapeText() keeps its backslash. */
function quoted(escaped: string): string {
  return `"${escaped.replaceAll('"', "\\x22")}"`;
}

function name(of: readonly string[], index: number): string {
  return of[index] ?? `${index}`;
}

/** Bytes in hexadecimal and as text, one character a byte. */
function dump(bytes: Uint8Array): string {
  if (bytes.length === 0) return "";
  let hex = "";
  let text = "";
  for (const byte of bytes) {
    hex += byte.toString(16).padStart(2, "0");
    const plain = byte >= 32 && byte < 127 && byte !== 92;
    text += plain ? String.fromCharCode(byte) : byte === 92 ? "\\\\" : escapeByte(byte);
  }
  return ` hex=${hex} text=${quoted(text)}`;
}

function escapeByte(byte: number): string {
  if (byte === 10) return "\\n";
  if (byte === 13) return "\\r";
  return byte === 9 ? "\\t" : `\\x${byte.toString(16).padStart(2, "0")}`;
}
