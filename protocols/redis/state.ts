/**
 * What is kept of a Redis connection between its frames: a reader for each direction, the modes that
 * its commands switch, and what the server has granted (a subscription, MONITOR, replication).
 */
import type { ProtocolOptions } from "../protocol.ts";
import { ValueReader } from "./reader.ts";

/** One direction's parser. */
export interface SideState {
  reader: ValueReader;
  /** Bytes of an unfinished inline line that were searched for its end already. */
  scanned: number;
}

/** What CLIENT REPLY asked for; "skip" holds for the next command. */
export type ReplyMode = "on" | "off" | "skip";

/** What the server has granted, which changes what it sends; only the stitcher writes it. */
export interface Granted {
  subscribed: boolean;
  monitoring: boolean;
  replica: boolean;
  /** How many confirmations of `verb` are still to come for the subscription paired last. */
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
  /** Since MULTI or the last EXEC a command asked for secrets, or was not seen. */
  queueAsks: boolean;
  /** Which side is the server is certain: a command came, or a reply that can be no command. */
  isServerKnown: boolean;
  /** The reply to a command may have secrets, or a command was not seen. */
  mayTell: boolean;
  granted: Granted;
}

export function createTrace(options: ProtocolOptions): ProtocolOptions {
  return options;
}

/** Memory of an idle connection's state and of the parts that drive its parser. */
const STATE_BYTES = 3072;

/** Bytes of the state with the values in progress. */
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
