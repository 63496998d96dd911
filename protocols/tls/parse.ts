/**
 * Takes the records of a handshake, as far as they are in clear.
 *
 * In: bytes from where a record should start. Out: a frame a record (or for the records that carry one
 * message), and what they say, in the state; then that the connection's rest cannot be read. It does
 * not read what is encrypted.
 *
 *     a side is encrypted from      up to 1.2: its ChangeCipherSpec; in 1.3, the server: its ServerHello,
 *                                   the client: its first application_data (a ChangeCipherSpec says nothing)
 *     the handshake ends with       both sides encrypted; a fatal alert
 *
 * A client that refuses a certificate of 1.3 may say so in clear (OpenSSL does), so its first record
 * behind the ServerHello is waited for. If that is too short for a Finished and nothing else comes, it
 * is an alert, for a reason that cannot be read. Bytes without any hello are the middle of an older connection.
 */
import type { Frame, Handover, ParseContext, ParseResult, Side } from "../protocol.ts";
import { type ClientHello, readClientHello, readSslv2Hello } from "./client_hello.ts";
import { readCertificate } from "./certificate.ts";
import { Kind } from "./messages.ts";
import { alertName, levelName, Version } from "./names.ts";
import {
  HEADER_BYTES,
  headerAt,
  lengthAt,
  SSLV2_HEAD_BYTES,
  SSLV2_HEADER_BYTES,
  SSLV2_START,
  sslv2At,
  Type,
} from "./probe.ts";
import { TlsReader } from "./reader.ts";
import { readServerHello } from "./server_hello.ts";
import type { TlsState } from "./state.ts";
import type { TlsFrame } from "./types.ts";

type Context = ParseContext<TlsState>;
type Result = ParseResult<TlsFrame>;

const ALERT_BYTES = 2;
/** Of a record with a Finished, at least: head, hash, content type, the tag of CCM_8. */
const FINISHED_BYTES = 4 + 32 + 1 + 8;
/** Where the minor version stands in a record's header. */
const MINOR = 2;
/** The first ClientHello's record may say 3.1; that of a second one says 3.3 (RFC 8446 section 5.1). */
const INITIAL_MINOR = 1;

export function parseFrame(bytes: Uint8Array, context: Context): Result {
  const { side, state } = context;
  if (state.isOver) return { kind: "switch", length: 0, ...handover(state) };
  if (side === "request" && !state.hasHello && bytes[0] === SSLV2_START) {
    return parseSslv2(bytes, state);
  }
  const header = headerAt(bytes, 0);
  if (header === "no") return { kind: "invalid", reason: "bad_record_header" };
  if (header === "unsure" || (!state.hasHello && bytes.length === HEADER_BYTES)) {
    return { kind: "need_more", minBytes: HEADER_BYTES + 1 };
  }
  if (!state.hasHello && !mayBeHello(bytes, state, side)) {
    return notRead(HEADER_BYTES, state);
  }
  const length = HEADER_BYTES + lengthAt(bytes, 0);
  if (bytes.length < length) return { kind: "need_more", minBytes: length };
  state.passed();
  return parseRecord(bytes, length, context);
}

/** Does this record begin a hello, or go on with one? */
function mayBeHello(bytes: Uint8Array, { messages }: TlsState, side: Side): boolean {
  if (bytes[0] !== Type.HANDSHAKE) return false;
  if (messages[side].isWithin) return true;
  const kind = bytes[HEADER_BYTES];
  return kind === (side === "request" ? Kind.CLIENT_HELLO : Kind.SERVER_HELLO);
}

function parseRecord(bytes: Uint8Array, length: number, context: Context): Result {
  const { side, state } = context;
  const isClear = !state.isProtected[side];
  switch (bytes[0]) {
    case Type.HANDSHAKE:
      if (isClear) return parseHandshake(bytes, length, context);
      break;
    case Type.ALERT:
      if (isClear) return parseAlert(bytes, length, context);
      break;
    case Type.CHANGE_CIPHER_SPEC:
      if (!isForMiddleboxes(side, state)) state.protect(side);
      break;
    default:
      if (side === "response") state.protect(side);
      else takeEncrypted(length - HEADER_BYTES, state);
  }
  return frameOf(length, false, state);
}

/** A record of application_data from the client, of that size. */
function takeEncrypted(sizeBytes: number, state: TlsState): void {
  // A client that awaits a second hello may still send early data of the first.
  if (state.awaitsRetry) return;
  const isFirst = state.isLatest && !state.maySayNo;
  state.maySayNo = isFirst && sizeBytes < FINISHED_BYTES;
  if (!state.maySayNo) state.protect("request");
}

/** A ChangeCipherSpec of 1.3, which says nothing. Before the ServerHello it can be no other. */
function isForMiddleboxes(side: Side, { version, isLatest, handshake }: TlsState): boolean {
  return version === 0 ? side === "request" || handshake.retry !== null : isLatest;
}

function parseHandshake(bytes: Uint8Array, length: number, { side, state }: Context): Result {
  const messages = state.messages[side];
  const isShown = side === "request" ? state.version === 0 : !state.isAnswered;
  let taken = 0;
  let isCut = false;
  messages.add(bytes, HEADER_BYTES, length, (kind, body) => {
    taken++;
    if (side === "response") takeFromServer(kind, body, state);
    else if (kind === Kind.CLIENT_HELLO) isCut ||= takeClientHello(body, state);
  });
  if (taken === 0 && !state.isOver) return { kind: "skip", length };
  if (!state.hasHello) return notRead(length, state);
  state.grew();
  const frame = frameOf(length, isShown, state, isInitial(bytes, state));
  if (isCut) frame.incomplete = "truncated";
  return frame;
}

/** Can the client's hello in this record be no second one? */
function isInitial(bytes: Uint8Array, { handshake: { request, retry } }: TlsState): boolean {
  if (request === null || !request.versions.includes("1.3")) return true;
  return retry === null && bytes[MINOR] === INITIAL_MINOR;
}

/** True when not all of it is shown. Of a second one, the first is: what the client would rather have. */
function takeClientHello(body: TlsReader, state: TlsState): boolean {
  state.awaitsRetry = false;
  if (state.handshake.request !== null) return false;
  return takeHello(readClientHello(body, state.options.maxBodyBytes), state);
}

function takeHello(hello: ClientHello | null, state: TlsState): boolean {
  if (hello === null) return false;
  state.handshake.request = hello.shown;
  state.sessionId = hello.sessionId;
  return hello.isCut;
}

function takeFromServer(kind: number, body: TlsReader, state: TlsState): void {
  const { handshake } = state;
  if (kind === Kind.SERVER_HELLO) takeServerHello(body, state);
  else if (kind === Kind.SERVER_HELLO_DONE) state.isAnswered = true;
  else if (kind === Kind.CERTIFICATE && handshake.response !== null && !state.isLatest) {
    handshake.certificate ??= readCertificate(body, state.options.maxBodyBytes);
  }
}

function takeServerHello(body: TlsReader, state: TlsState): void {
  const { handshake } = state;
  const hello = readServerHello(body, state.sessionId);
  if (hello === null || handshake.response !== null) return;
  if (hello.isRetry) {
    handshake.retry = { group: hello.group };
    state.awaitsRetry = true;
    state.isProtected.request = false;
    return;
  }
  handshake.response = hello.shown;
  state.version = hello.version;
  if (hello.version < Version.TLS_1_3) return;
  state.isAnswered = true;
  state.protect("response");
}

function parseAlert(bytes: Uint8Array, length: number, { side, state }: Context): Result {
  const level = levelName(bytes[HEADER_BYTES] ?? 0);
  if (length !== HEADER_BYTES + ALERT_BYTES || level === "") {
    state.protect(side);
    return frameOf(length, false, state);
  }
  const description = alertName(bytes[HEADER_BYTES + 1] ?? 0);
  state.alerted(level, description, side === "request" ? "client" : "server");
  state.grew();
  return frameOf(length, side === "response", state);
}

function parseSslv2(bytes: Uint8Array, state: TlsState): Result {
  const length = sslv2At(bytes);
  if (length === "no") return { kind: "invalid", reason: "bad_record_header" };
  if (length === "unsure") return { kind: "need_more", minBytes: SSLV2_HEAD_BYTES };
  if (bytes.length < length) return { kind: "need_more", minBytes: length };
  takeHello(readSslv2Hello(new TlsReader(bytes, SSLV2_HEADER_BYTES, length)), state);
  if (!state.hasHello) return notRead(length, state);
  state.grew();
  return frameOf(length, true, state, true);
}

/** No handshake begins here: nothing can be read. */
function notRead(length: number, state: TlsState): Result {
  state.isOver = true;
  return { kind: "switch", length, ...handover(state) };
}

function frameOf(
  length: number,
  isShown: boolean,
  state: TlsState,
  isInitial = false,
): Frame<TlsFrame> {
  const frame: Frame<TlsFrame> = { kind: "frame", length, frame: { isShown, isInitial } };
  return state.isOver ? { ...frame, next: handover(state) } : frame;
}

function handover({ facts }: TlsState): Handover {
  return { to: null, opaque: "tls", handover: facts };
}

/** Where a record starts, or may start once more bytes are there. */
export function findBoundary(bytes: Uint8Array, from: number, context: Context): number {
  abandon(context);
  let at = from;
  while (at < bytes.length && headerAt(bytes, at) === "no") at++;
  return at;
}

/** What is missing may be the rest of a message, and the beginning of the next. */
export function abandon({ side, state }: Context): null {
  state.messages[side].reset();
  return null;
}
