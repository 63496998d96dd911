/**
 * The public record: one exchange with the columns common to all protocols. Key order here is key
 * order in the output; common.schema.json says the same to other programs.
 */

import type { WallTime } from "../clock.ts";

/** Why something is missing from a record. */
export type IncompleteReason =
  | "gap" // bytes inside the message were not seen
  | "truncated" // cut by --snaplen, or the message is larger than what is kept of it
  | "mid_stream" // the connection was older than the trace: the other half was not seen
  | "lost_events" // a perf buffer overflowed while this message passed
  | "closed" // the connection ended first
  | "timeout" // reserved by protocols that know their own time limits
  | "one_way" // no answer is due
  | "no_response" // none came within --request-timeout
  | "late" // the whole exchange of a request that was shown as "no_response" before
  | "unbound" // plain text inside TLS whose socket is not known: no addresses
  | "trace_end"; // the trace ended first, or no more was kept of it (--memory-limit)

/** A typed half of an exchange: snake_case fields in the protocol's own words. */
export type Message = object;

/** Where a process runs, as its cgroups on the host name it. */
export interface Container {
  id: string;
  /** The Kubernetes pod that the container belongs to. */
  pod_uid?: string;
}

/** The ends of the connection that a proxy passes on, as its PROXY header names them: "10.0.0.1:80". */
export interface Proxy {
  source: string;
  destination: string;
}

/** Of plain text inside TLS: the library, and what the handshake agreed on, where that was seen. */
export interface Tls {
  library: string;
  version?: string;
  /** By its IANA name. */
  cipher?: string;
  sni?: string;
  alpn?: string;
}

/** One exchange with the columns common to all protocols; a column that is not known is absent. */
export interface TraceRecord {
  /** RFC 3339 UTC with nanoseconds: first byte of the request (of the response when there is none). */
  time: WallTime;
  protocol: string;
  /** Last byte of the response minus first byte of the request, as the traced process saw them. */
  latency_ns?: number;
  pid?: number;
  comm?: string;
  fd?: number;
  role?: "client" | "server";
  local?: string;
  remote?: string;
  proxy?: Proxy;
  conn?: number;
  tls?: Tls;
  container?: Container;
  request: Message | null;
  response: Message | null;
  request_bytes?: number;
  response_bytes?: number;
  incomplete?: IncompleteReason[];
  redacted?: string[];
}

/** One line for people, a cell for each half. */
export interface Summary {
  request: string;
  response: string;
}
