/**
 * Connection logs (--conn-trace-*): what the trackers tell, as lines for people and grep.
 *
 * In: calls of the trackers. Out: one line an entry, `key=value` throughout, the connection first:
 *
 *     conn-trace time=… pid=… fd=… conn=… state from=probing to=parsing why=http
 *
 * Bytes and names from traffic are escaped and cut; bytes that may be a secret are only counted
 * (`withheld=n`). For that it keeps some state of each open connection.
 */
import type { Side } from "../../protocols/protocol.ts";
import { CUTS, Direction, Flag, OPERATIONS, SOURCES } from "../capture/abi.ts";
import type { SocketEvent } from "../capture/event.ts";
import type { WallClock } from "../clock.ts";
import type { TraceRecord } from "../record/record.ts";
import { harmlessHead, SecretWatch } from "../secrets/raw.ts";
import { escapeText } from "../wire/escape.ts";
import type { Positions } from "./open_names.ts";
import { byDirection, rawBytesOf } from "./raw_bytes.ts";
import type { ConnLog, LogSubject } from "./conn_log.ts";

/** Bytes shown of a payload. */
const HEAD_BYTES = 48;
/** Characters shown of a name. */
const NAME_CHARS = 200;
const BARE = /^[\x21\x23-\x3c\x3e-\x5b\x5d-\x7e]+$/;

export interface ConnLogOptions {
  /** Null: every process. */
  readonly pid: number | null;
  /** Null: every descriptor. */
  readonly fd: number | null;
  readonly level: 1 | 2;
  /** Nothing is withheld (--show-secrets). */
  readonly showSecrets?: boolean;
}

/** The SecretWatch of a socket's own bytes, and of each plain-text stream inside it. */
class ConnWatches {
  readonly #fromStart: boolean;
  readonly #starts: [number, number] | null;
  readonly #streams = new Map<number, SecretWatch>();

  constructor(fromStart: boolean, starts: Positions | null) {
    this.#fromStart = fromStart;
    this.#starts = starts === null ? null : byDirection(starts);
  }

  of(plaintext: number): SecretWatch {
    let watch = this.#streams.get(plaintext);
    if (watch === undefined) {
      // The starts are positions of the socket's own bytes.
      watch = new SecretWatch(this.#fromStart, plaintext === 0 ? this.#starts : null);
      this.#streams.set(plaintext, watch);
    }
    return watch;
  }

  harmless(bytes: Uint8Array): number {
    return Math.min(...[...this.#streams.values()].map((watch) => watch.harmless(bytes)));
  }
}

export class ConnLogLines implements ConnLog {
  readonly level: 1 | 2;
  readonly #pid: number | null;
  readonly #fd: number | null;
  readonly #clock: WallClock;
  readonly #write: (line: string) => void;
  /** By connection; null with --show-secrets. */
  readonly #watches: Map<number, ConnWatches> | null;

  /** `write` takes whole lines, newline included. */
  constructor(options: ConnLogOptions, clock: WallClock, write: (line: string) => void) {
    this.level = options.level;
    this.#pid = options.pid;
    this.#fd = options.fd;
    this.#clock = clock;
    this.#write = write;
    this.#watches = options.showSecrets === true ? null : new Map();
  }

  wants(pid: number, fd: number): boolean {
    return (this.#pid === null || this.#pid === pid) && (this.#fd === null || this.#fd === fd);
  }

  opened(on: LogSubject, fresh: boolean | null, starts: Positions | null): void {
    this.#line(on, `open start=${fresh === null ? "unknown" : fresh ? "seen" : "mid_stream"}`);
    this.#watches?.set(on.id, new ConnWatches(fresh === true, starts));
  }

  joined(on: LogSubject): void {
    this.#watches?.set(on.id, new ConnWatches(false, null));
  }

  addressLearnt(on: LogSubject, local: string, remote: string): void {
    this.#line(on, `address local=${value(local)} remote=${value(remote)}`);
  }

  stateChanged(on: LogSubject, from: string, to: string, why: string): void {
    this.#line(on, `state from=${from} to=${to} why=${value(why)}`);
    if (to === "closed") this.#watches?.delete(on.id);
  }

  protocolDecided(on: LogSubject, protocol: string, role: "client" | "server"): void {
    this.#line(on, `protocol is=${protocol} role=${role}`);
  }

  protocolRefused(on: LogSubject, protocol: string, why: string): void {
    this.#line(on, `protocol not=${protocol} why=${value(why)}`);
  }

  tlsSeen(on: LogSubject): void {
    this.#line(on, "tls");
  }

  disabled(on: LogSubject, why: string): void {
    this.#line(on, `disabled why=${value(why)}`);
  }

  data(on: LogSubject, event: SocketEvent): void {
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
    const shown = this.#shown(on, event);
    this.#line(on, text + shownText(event.bytes.subarray(event.payloadStart, end), shown));
  }

  frame(on: LogSubject, side: Side, bytes: number): void {
    if (this.level < 2) return;
    this.#line(on, `frame side=${side} bytes=${bytes}`);
  }

  gap(on: LogSubject, side: Side, bytes: number, reason: string): void {
    if (this.level < 2) return;
    this.#line(on, `gap side=${side} bytes=${bytes} why=${value(reason)}`);
  }

  invalid(on: LogSubject, side: Side, reason: string, bytes: Uint8Array, position: number): void {
    if (this.level < 2) return;
    const head = bytes.subarray(0, HEAD_BYTES);
    const shown = this.#harmless(on, head);
    this.#line(
      on,
      `invalid side=${side} why=${value(reason)} position=${position}${shownText(head, shown)}`,
    );
  }

  resync(on: LogSubject, side: Side, droppedBytes: number): void {
    if (this.level < 2) return;
    this.#line(on, `resync side=${side} dropped=${droppedBytes}`);
  }

  evicted(on: LogSubject, why: string): void {
    this.#line(on, `evicted why=${value(why)}`);
  }

  stitched(on: LogSubject, exchanges: number, requestsLeft: number, responsesLeft: number): void {
    if (this.level < 2) return;
    this.#line(
      on,
      `stitch exchanges=${exchanges} requests_left=${requestsLeft} responses_left=${responsesLeft}`,
    );
  }

  record(on: LogSubject, record: TraceRecord, stream?: number): void {
    if (this.level < 2) return;
    let text = `record protocol=${record.protocol} request=${record.request_bytes ?? "none"}` +
      ` response=${record.response_bytes ?? "none"}`;
    if (stream !== undefined) text += ` stream=${stream}`;
    if (record.latency_ns !== undefined) text += ` latency_ns=${record.latency_ns}`;
    if (record.incomplete !== undefined) text += ` incomplete=${record.incomplete.join(",")}`;
    this.#line(on, text);
  }

  /** How many bytes of an operation can be shown; undefined: all. */
  #shown(on: LogSubject, event: SocketEvent): number | undefined {
    if (this.#watches === null) return undefined;
    const raw = rawBytesOf(event);
    // Each datagram is judged by itself.
    if (raw.isDatagram) return harmlessHead(raw.bytes.subarray(raw.start, raw.end));
    let watches = this.#watches.get(on.id);
    if (watches === undefined) {
      watches = new ConnWatches((event.flags & Flag.FRESH) !== 0, null);
      this.#watches.set(on.id, watches);
    }
    return watches.of(event.plaintext).take(raw);
  }

  /** How many of these bytes can be shown, from anywhere in the connection; undefined: all. */
  #harmless(on: LogSubject, bytes: Uint8Array): number | undefined {
    if (this.#watches === null) return undefined;
    return this.#watches.get(on.id)?.harmless(bytes) ?? harmlessHead(bytes);
  }

  #line(on: LogSubject, text: string): void {
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

/** Bytes in hexadecimal and as text, one character a byte; those behind `shown` are only counted. */
function shownText(bytes: Uint8Array, shown: number = bytes.length): string {
  if (bytes.length === 0) return "";
  let hex = "";
  let text = "";
  for (const byte of bytes.subarray(0, shown)) {
    hex += byte.toString(16).padStart(2, "0");
    const plain = byte >= 32 && byte < 127 && byte !== 92;
    text += plain ? String.fromCharCode(byte) : byte === 92 ? "\\\\" : escapeByte(byte);
  }
  const withheld = Math.max(0, bytes.length - shown);
  return ` hex=${hex} text=${quoted(text)}${withheld > 0 ? ` withheld=${withheld}` : ""}`;
}

function escapeByte(byte: number): string {
  if (byte === 10) return "\\n";
  if (byte === 13) return "\\r";
  return byte === 9 ? "\\t" : `\\x${byte.toString(16).padStart(2, "0")}`;
}
