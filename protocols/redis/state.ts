/**
 * What is kept of a Redis connection between its frames: a reader for each direction, the modes that
 * its commands switch, and what was granted on it.
 */
import type { ProtocolOptions } from "../protocol.ts";
import { ValueReader } from "./reader.ts";

/** One direction's parser. */
export interface SideState {
  reader: ValueReader;
  /** Bytes of an unfinished line that were already looked at. */
  scanned: number;
}

/** What CLIENT REPLY asked for; "skip" holds for the next command. */
export type ReplyMode = "on" | "off" | "skip";

/** What was granted on a connection and changes what its replies are; only the stitcher writes it. */
export interface Granted {
  subscribed: boolean;
  monitoring: boolean;
  replica: boolean;
  /** Confirmations of `verb` still to come for the subscription paired last. */
  due: number;
  verb: string;
}

/**
 * What is known of which reply is whose is Pairing's (lib/stitch/pairing.ts). `mayTell`, `queueAsks` and
 * `isServerKnown` are about what commands mean, seen or lost: what a reply that nobody can place may
 * hold.
 */
export interface RedisState {
  options: ProtocolOptions;
  request: SideState;
  response: SideState;
  replyMode: ReplyMode;
  inMulti: boolean;
  /** Since MULTI, or the last EXEC, a command asked for secrets, or was not seen. */
  queueAsks: boolean;
  /** One side sent what only it can send: a command, or a reply that is none. */
  isServerKnown: boolean;
  /** A command that was seen may tell secrets, or one was not seen. */
  mayTell: boolean;
  granted: Granted;
}

export function createTrace(options: ProtocolOptions): ProtocolOptions {
  return options;
}

/** Memory of a connection that is idle, with the parts that drive its parser. */
const STATE_BYTES = 3072;

/** Values in progress, too. */
export function heldBytes({ request, response }: RedisState): number {
  return STATE_BYTES + request.reader.heldBytes + response.reader.heldBytes;
}

export function createState(options: ProtocolOptions): RedisState {
  return {
    options,
    request: { reader: new ValueReader(options.maxBodyBytes, true), scanned: 0 },
    response: { reader: new ValueReader(options.maxBodyBytes, false), scanned: 0 },
    replyMode: "on",
    inMulti: false,
    queueAsks: false,
    isServerKnown: false,
    mayTell: false,
    granted: { subscribed: false, monitoring: false, replica: false, due: 0, verb: "" },
  };
}
