/**
 * Puts a record together. In: an exchange, and the facts of its connection. Out: a TraceRecord with its
 * keys in the public order, absent ones undefined. It never looks into the messages.
 */
import { type WallClock, WallTime } from "../clock.ts";
import type { Exchange, Stitched } from "../stitch/exchange.ts";
import type { IncompleteReason, Proxy, Tls, TraceRecord } from "./record.ts";

/** Columns that all records of a connection share. */
export interface RecordFacts {
  readonly protocol: string;
  readonly role: "client" | "server" | undefined;
  readonly local: string;
  readonly remote: string;
  readonly conn: number;
  /** Undefined for clear text. */
  readonly tls: Tls | undefined;
  /** The plain text's socket is not known. */
  readonly unbound: boolean;
  readonly proxy: Proxy | undefined;
}

/** The same while it is still being learnt. */
export type LiveFacts = { -readonly [K in keyof RecordFacts]: RecordFacts[K] };

/** What the facts are of. */
interface Place {
  readonly local: string;
  readonly remote: string;
  readonly id: number;
  readonly proxy?: Proxy | undefined;
  readonly isUnbound?: boolean;
  readonly handshake?: { readonly told: unknown };
}

/** Of a connection whose protocol and role are not known yet. `library`: of plain text inside TLS, else null. */
export function factsOf(place: Place, library: string | null = null): LiveFacts {
  const { local, remote, id, proxy, isUnbound: unbound = false } = place;
  const tls = library === null ? undefined : tlsOf(library, place.handshake?.told);
  return { protocol: "unknown", role: undefined, local, remote, conn: id, tls, unbound, proxy };
}

function tlsOf(library: string, told: unknown): Tls {
  const facts: { readonly [K in keyof Tls]?: unknown } = typeof told === "object" && told !== null
    ? told
    : {};
  const tls: Tls = { library };
  for (const name of ["version", "cipher", "sni", "alpn"] as const) {
    const fact = facts[name];
    if (typeof fact === "string") tls[name] = fact;
  }
  return tls;
}

/** Reasons in the order in which a record lists them. */
const ORDER: readonly IncompleteReason[] = [
  "gap",
  "truncated",
  "mid_stream",
  "lost_events",
  "closed",
  "timeout",
  "one_way",
  "no_response",
  "late",
  "unbound",
  "trace_end",
];

export function buildRecord(
  stitched: Stitched<Exchange>,
  facts: RecordFacts,
  clock: WallClock,
): TraceRecord {
  const request = stitched.request;
  const response = stitched.response;
  const isServers = stitched.initiator === "server";
  const asked = isServers ? response : request, answer = isServers ? request : response;
  const first = asked ?? answer;
  const redacted = stitched.redacted;
  return {
    time: new WallTime(clock, first === null ? 0 : first.startNs),
    protocol: stitched.protocol ?? facts.protocol,
    latency_ns: asked !== null && answer !== null
      ? Math.max(0, answer.endNs - asked.startNs)
      : undefined,
    pid: first === null || first.pid === 0 ? undefined : first.pid,
    comm: first === null || first.comm === "" ? undefined : first.comm,
    fd: first === null || first.fd < 0 ? undefined : first.fd,
    role: facts.role,
    local: facts.local === "" ? undefined : facts.local,
    remote: facts.remote === "" ? undefined : facts.remote,
    proxy: facts.proxy,
    conn: facts.conn,
    tls: facts.tls,
    container: first === null ? undefined : first.container,
    request: stitched.exchange.request,
    response: stitched.exchange.response,
    request_bytes: request === null ? undefined : request.bytes,
    response_bytes: response === null ? undefined : response.bytes,
    incomplete: inOrder(facts.unbound ? [...stitched.incomplete, "unbound"] : stitched.incomplete),
    redacted: redacted.length === 0 ? undefined : [...redacted],
  };
}

function inOrder(reasons: readonly IncompleteReason[]): IncompleteReason[] | undefined {
  if (reasons.length === 0) return undefined;
  if (reasons.length === 1) return [...reasons];
  return ORDER.filter((reason) => reasons.includes(reason));
}
