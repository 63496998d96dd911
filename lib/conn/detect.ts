/**
 * Which protocol a connection speaks, and which end the traced process is.
 *
 * In: the first bytes of each direction, and hints. Out: protocol and role, "unsure" when more bytes
 * could tell, or "no". Probes decide; hints (connect or accept seen, ports, who spoke first) only
 * choose between answers that the probes allow. It keeps nothing.
 */
import type { Plugin, Side } from "../../protocols/protocol.ts";
import type { Role } from "./context.ts";

/** A head is looked at up to this size; a protocol still unsure by then is not it. */
export const PROBE_BYTES = 4096;

/** First bytes of one direction. */
export interface Head {
  bytes: Uint8Array;
  /** No more bytes can join these: "unsure" then means "no". */
  full: boolean;
}

export interface Hints {
  /** connect() or accept() was seen. */
  role: Role | null;
  localPort: number;
  remotePort: number;
  /** Who sent the first byte, on a connection seen from its start. */
  firstSpeaker: Role | null;
}

export interface Detected {
  plugin: Plugin;
  role: Role;
}

type Answer = "yes" | "no" | "unsure";

const ROLES: readonly Role[] = ["client", "server"];

/** `transport` rules out protocols of the other kind. */
export function detect(
  plugins: readonly Plugin[],
  transport: "stream" | "datagram",
  egress: Head,
  ingress: Head,
  hints: Hints,
): Detected | "unsure" | "no" {
  let best: Detected | null = null;
  let bestScore = -1;
  let unsure = false;
  for (const plugin of plugins) {
    if (!plugin.transports.includes(transport)) continue;
    for (const role of hints.role === "server" ? ROLES.toReversed() : ROLES) {
      const answer = fits(plugin, role, egress, ingress);
      if (answer === "yes") {
        const score = scoreOf(plugin, role, hints);
        if (score > bestScore) {
          best = { plugin, role };
          bestScore = score;
        }
      } else if (answer === "unsure") unsure = true;
      // What was seen of the handshake holds until the bytes contradict it.
      if (role === hints.role && answer !== "no") break;
    }
  }
  return best ?? (unsure ? "unsure" : "no");
}

/** Could this direction alone be any protocol's, on either side? */
export function fitsAny(
  plugins: readonly Plugin[],
  transport: "stream" | "datagram",
  head: Head,
): boolean {
  return plugins.some((plugin) =>
    plugin.transports.includes(transport) &&
    (ask(plugin, head, "request") !== "no" || ask(plugin, head, "response") !== "no")
  );
}

/** Do these bytes begin with a TLS record header (RFC 8446 section 5.1)? */
export function looksLikeTls(bytes: Uint8Array): boolean {
  const type = bytes[0];
  if (bytes.length < 5 || type === undefined || type < 20 || type > 23) return false;
  const length = ((bytes[3] as number) << 8) | (bytes[4] as number);
  return bytes[1] === 3 && (bytes[2] as number) <= 4 && length > 0 && length <= 16384 + 256;
}

function fits(plugin: Plugin, role: Role, egress: Head, ingress: Head): Answer {
  const client = role === "client";
  const sent = ask(plugin, egress, client ? "request" : "response");
  if (sent === "no") return "no";
  const received = ask(plugin, ingress, client ? "response" : "request");
  if (received === "no") return "no";
  return sent === "yes" || received === "yes" ? "yes" : "unsure";
}

function ask(plugin: Plugin, head: Head, side: Side): Answer {
  if (head.bytes.length === 0) return "unsure";
  const answer = plugin.probe(head.bytes, side);
  return answer === "unsure" && head.full ? "no" : answer;
}

function scoreOf(plugin: Plugin, role: Role, hints: Hints): number {
  let score = role === hints.role ? 4 : 0;
  if (plugin.ports.includes(role === "client" ? hints.remotePort : hints.localPort)) score += 2;
  if (role === hints.firstSpeaker) score += 1;
  return score;
}
