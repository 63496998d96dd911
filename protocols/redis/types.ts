/**
 * What a Redis or Valkey connection says, as records show it.
 *
 * Inside arrays, maps and arguments the common values are plain JSON: a whole UTF-8 string is a
 * string, a safe integer a number, a boolean a boolean, a whole array a list. Every other value, and
 * the reply itself, is an object whose `type` says what the server sent. One thing is lost: a plain
 * string may have been a simple string or a bulk string.
 */
import type { Exchange } from "../protocol.ts";

/** A value inside an array, map or attribute; null where it was withheld. */
export type Value = string | number | boolean | null | Value[] | RedisReply;

/** Strings: `value` for UTF-8, else `value_base64`; `value_bytes` is the true size on the wire. */
export interface StringReply {
  type: "simple_string" | "bulk_string" | "verbatim_string";
  /** The three letters of a verbatim string, "txt" or "mkd". */
  format?: string;
  value?: string | null;
  value_base64?: string;
  value_bytes?: number;
  value_truncated?: true;
  attributes?: [Value, Value][];
}
/** `-CODE message` and bulk errors. MOVED and ASK tell where the slot is. */
export interface ErrorReply {
  type: "error";
  code?: string;
  message: string;
  message_truncated?: true;
  slot?: number;
  target?: string;
  attributes?: [Value, Value][];
}
/** Scalars. An integer beyond 2^53, a big number and "inf", "-inf", "nan" are strings. */
export interface ScalarReply {
  type: "integer" | "double" | "boolean" | "big_number";
  value: number | string | boolean;
  attributes?: [Value, Value][];
}
/** The null of RESP3, and the null bulk string and null array of RESP2. */
export interface NilReply {
  type: "nil";
  attributes?: [Value, Value][];
}
/** Aggregates. A map's value is a list of [key, value] pairs. `count` is there when the list was cut. */
export interface ListReply {
  type: "array" | "set" | "push" | "map";
  value: Value[] | [Value, Value][] | null;
  count?: number;
  value_truncated?: true;
  attributes?: [Value, Value][];
}
/** The database file that a primary sends to a replica: its size only. */
export interface RdbReply {
  type: "rdb";
  value_bytes: number;
  attributes?: [Value, Value][];
}
/** A command of the replication stream, sent by the primary. */
export interface CommandReply extends RedisRequest {
  type: "command";
  attributes?: [Value, Value][];
}
export type RedisReply =
  | StringReply
  | ErrorReply
  | ScalarReply
  | NilReply
  | ListReply
  | RdbReply
  | CommandReply;

/** One command. `command` is upper case; a subcommand is `args[0]`. A withheld argument is null. */
export interface RedisRequest {
  command: string;
  /** The name is cut, so it is not known what the arguments are. */
  command_truncated?: true;
  args: Value[];
  /** How many arguments were sent, when `args` shows fewer. */
  args_count?: number;
  args_truncated?: true;
}

/** What a frame is to the stitcher. */
export enum Kind {
  /** Nothing was said: an empty line or empty command. */
  Nothing,
  /** A command answered by one reply. */
  Command,
  /** A command that is never answered. */
  OneWay,
  /** SUBSCRIBE and its kin: answered once for each channel. */
  Subscription,
  /** A reply to a command. */
  Reply,
  /** Answers a Subscription. */
  Confirmation,
  /** Shaped like a published message, but as an array: a push in RESP2. */
  Published,
  /** A push of RESP3: certainly sent unasked. */
  Push,
  /** Shaped like a line of MONITOR. */
  MonitorLine,
  /** Database file. */
  Rdb,
}

export interface RedisFrame {
  kind: Kind;
  request: RedisRequest | null;
  reply: RedisReply | null;
  /** The frame is an EXEC, and a command of its queue asks for secrets. */
  queueAsks?: true;
}

export interface RedisExchange extends Exchange {
  request: RedisRequest | null;
  response: RedisReply | null;
}
