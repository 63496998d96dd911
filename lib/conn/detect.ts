/**
 * Which protocol a connection speaks, and which end the traced process is.
 *
 * In: the first bytes of each direction, and hints. Out: protocol and role, "unsure" when more bytes
 * could tell, or "no". Probes decide; hints (connect or accept seen, ports, who spoke first) only
 * choose between answers that the probes allow. The order of the plug-ins decides nothing. It keeps
 * nothing.
 */
import type { Plugin, Probe, Side } from "../../protocols/protocol.ts";
import type { Role } from "./context.ts";

/** A head is looked at up to this size; a protocol still unsure by then is not it. */
export const PROBE_BYTES = 4096;
/** Operations without a match after which a connection, or a datagram socket's peer, is given up. */
export const MAX_MISSES = 64;

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

export interface Detected<P extends Plugin = Plugin> {
  plugin: P;
  role: Role;
}

const ROLES: readonly Role[] = ["client", "server"];

/** How well a protocol fits: the larger `score`, the better; a tie is no answer. */
interface Candidate<P extends Plugin> extends Detected<P> {
  /** Nothing contradicts it, and there is enough to say so. */
  isSure: boolean;
  score: number;
}

/** Weights of what speaks for a candidate: each is more than the sum of those behind it. */
const Weight = { YES: 32, BOTH: 16, HANDSHAKE: 8, PORT: 4, FIRST: 2 } as const;

/** Finds the protocol and role; `transport` rules out protocols of the other kind. */
export function detect<P extends Plugin>(
  plugins: readonly P[],
  transport: "stream" | "datagram",
  egress: Head,
  ingress: Head,
  hints: Hints,
): Detected<P> | "unsure" | "no" {
  let best: Candidate<P> | null = null;
  let isTied = false;
  let unsure = false;
  /** Protocols whose first request it may be, though it is too short to tell yet. */
  const mayBeAsked: P[] = [];
  for (const plugin of plugins) {
    if (!plugin.transports.includes(transport)) continue;
    for (const role of hints.role === "server" ? ROLES.toReversed() : ROLES) {
      const found = fits(plugin, role, egress, ingress, hints);
      if (found === "unsure") {
        unsure = true;
        if (role === hints.firstSpeaker) mayBeAsked.push(plugin);
      } else if (found !== "no") {
        if (best === null || found.score > best.score) {
          best = found;
          isTied = false;
        } else if (found.score === best.score && plugin !== best.plugin) {
          isTied = true;
          // Nothing tells them apart: by name, so that the plug-ins' order does not matter.
          if (plugin.name < best.plugin.name) best = found;
        }
      }
      // The role that the handshake showed holds, unless the bytes contradict it.
      if (role === hints.role && found !== "no") break;
    }
  }
  if (best === null) return unsure ? "unsure" : "no";
  const mayTell = egress.bytes.length === 0 || ingress.bytes.length === 0;
  // A response before any request may be a request that looks like a response.
  const isOdd = best.role !== (hints.firstSpeaker ?? best.role) && mayBeAsked.includes(best.plugin);
  const waits = !best.isSure || ((isTied || isOdd) && mayTell && !egress.full && !ingress.full);
  return waits ? "unsure" : { plugin: best.plugin, role: best.role };
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

function fits<P extends Plugin>(
  plugin: P,
  role: Role,
  egress: Head,
  ingress: Head,
  hints: Hints,
): Candidate<P> | "unsure" | "no" {
  const isClient = role === "client";
  const sent = ask(plugin, egress, isClient ? "request" : "response");
  if (sent === "no") return "no";
  const received = ask(plugin, ingress, isClient ? "response" : "request");
  if (received === "no") return "no";
  if (sent === "unsure" && received === "unsure") return "unsure";
  const isYes = sent === "yes" || received === "yes";
  const isBoth = sent !== "unsure" && received !== "unsure";
  const isUsualPort = plugin.ports.includes(isClient ? hints.remotePort : hints.localPort);
  const isAll = (sent === "unsure" || egress.full) && (received === "unsure" || ingress.full);
  return {
    plugin,
    role,
    // A few bytes fit by chance: "likely" of one direction needs the other's, the port, or a whole head.
    isSure: isYes || isBoth || isUsualPort || isAll,
    score: (isYes ? Weight.YES : 0) + (isBoth ? Weight.BOTH : 0) +
      (role === hints.role ? Weight.HANDSHAKE : 0) + (isUsualPort ? Weight.PORT : 0) +
      (role === hints.firstSpeaker ? Weight.FIRST : 0),
  };
}

function ask(plugin: Plugin, head: Head, side: Side): Probe {
  if (head.bytes.length === 0) return "unsure";
  const answer = plugin.probe(head.bytes, side);
  return answer === "unsure" && head.full ? "no" : answer;
}
