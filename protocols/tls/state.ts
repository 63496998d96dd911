/**
 * What the plug-in remembers: for a run, its options; for a connection, what both ends have said of
 * their handshake so far. It reads no bytes.
 */
import { weigh } from "../../lib/wire/weight.ts";
import type { ProtocolOptions, Role, Side } from "../protocol.ts";
import { Messages } from "./messages.ts";
import { Version } from "./names.ts";
import type { TlsAlert, TlsCertificate, TlsFacts, TlsRequest, TlsServerHello } from "./types.ts";

export interface TlsTrace {
  options: ProtocolOptions;
}

/** Handshakes are over long before, also those cut into small records and with much early data. */
const MAX_RECORDS = 1000;

/** What was read of the handshake. */
export interface Handshake {
  request: TlsRequest | null;
  response: TlsServerHello | null;
  retry: { group?: string } | null;
  certificate: TlsCertificate | null;
  alert: TlsAlert | null;
}

export class TlsState {
  readonly options: ProtocolOptions;
  readonly handshake: Handshake = {
    request: null,
    response: null,
    retry: null,
    certificate: null,
    alert: null,
  };
  readonly messages: Readonly<Record<Side, Messages>> = {
    request: new Messages(),
    response: new Messages(),
  };
  /** From here on that side's records are encrypted. */
  readonly isProtected: Record<Side, boolean> = { request: false, response: false };
  /** What the ServerHello says; 0 before. Drafts of 1.3 count as 1.3. */
  version = 0;
  /** The session that the client names, in hexadecimal digits. */
  sessionId = "";
  /** A HelloRetryRequest came, and the second ClientHello did not yet. */
  awaitsRetry = false;
  /** In 1.3: all that the client sent encrypted is too short for a Finished: an alert, if no more comes. */
  maySayNo = false;
  /** The server has said all that it says before the client goes on. */
  isAnswered = false;
  /** Records that passed. */
  records = 0;
  /** Nothing more can be read. */
  isOver = false;
  /** The record was handed over. */
  isTold = false;
  #weight = 0;

  constructor(options: ProtocolOptions) {
    this.options = options;
  }

  /** A hello was read: this is a handshake, not the middle of a connection. */
  get hasHello(): boolean {
    const { request, response, retry } = this.handshake;
    return request !== null || response !== null || retry !== null;
  }

  /** The ends agreed on 1.3, where a ServerHello is the last message in clear. */
  get isLatest(): boolean {
    return this.version >= Version.TLS_1_3;
  }

  get heldBytes(): number {
    return this.#weight + this.messages.request.heldBytes + this.messages.response.heldBytes;
  }

  /** The handshake has grown: weighs it. */
  grew(): void {
    this.#weight = weigh(this.handshake);
  }

  /** All that comes from that side is encrypted; with the other's, nothing is left to be read. */
  protect(side: Side): void {
    this.isProtected[side] = true;
    if (this.isProtected.request && this.isProtected.response) this.isOver = true;
  }

  /** Counts one more record. */
  passed(): void {
    if (++this.records >= MAX_RECORDS) this.isOver = true;
  }

  /** So much passed that it is no handshake any more. */
  get isEndless(): boolean {
    return this.records >= MAX_RECORDS;
  }

  /** `by` sent an alert. A fatal one ends the handshake; of others the first is shown. */
  alerted(level: string, description: string, by: Role): void {
    const isFatal = level === "fatal";
    if (isFatal || this.handshake.alert === null) this.handshake.alert = { level, description, by };
    if (isFatal) this.isOver = true;
  }

  /** The connection ended behind what may be an alert of the client: then it was one. */
  ended(): void {
    if (this.maySayNo) this.handshake.alert ??= { encrypted: true, by: "client" };
  }

  /** What the plain text behind the handshake is to know; null without a ServerHello. */
  get facts(): TlsFacts | null {
    const { request, response } = this.handshake;
    if (response === null) return null;
    const { version, cipher, alpn } = response;
    return { version, cipher, sni: request?.sni, alpn };
  }
}

export function createTrace(options: ProtocolOptions): TlsTrace {
  return { options };
}

export function createState({ options }: TlsTrace): TlsState {
  return new TlsState(options);
}

export function heldBytes(state: TlsState): number {
  return state.heldBytes;
}
