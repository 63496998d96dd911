/**
 * The nearest miss: which protocol a connection's first bytes come closest to. In: the heads of both
 * directions and the plug-ins. Out: the protocol whose probe refused them last.
 */
import type { Plugin, Side } from "../../protocols/protocol.ts";

export interface NearMiss {
  readonly protocol: string;
  readonly side: Side;
  /** The direction whose bytes came closest. */
  readonly direction: "sent" | "received";
  /** How many first bytes could be the protocol's. */
  readonly matchedBytes: number;
  /** How many were looked at. */
  readonly ofBytes: number;
}

/** Fewer matching bytes are chance. */
const LEAST_BYTES = 2;
/** No message begins like these. A probe that lets their first bytes pass (an id, a length) would let
 * any bytes pass there. */
const MEANINGLESS = [0xff, 0xe1].map((byte) => new Uint8Array(64).fill(byte));

/** Null when no probe lets more bytes pass than it would of MEANINGLESS ones. */
export function nearestMiss(
  plugins: readonly Plugin[],
  transport: "stream" | "datagram",
  sent: Uint8Array,
  received: Uint8Array,
): NearMiss | null {
  let best: NearMiss | null = null;
  let bestScore = 0;
  for (const plugin of plugins) {
    if (!plugin.transports.includes(transport)) continue;
    for (const side of ["request", "response"] as const) {
      const anything = Math.max(...MEANINGLESS.map((head) => matching(plugin, side, head)));
      for (const direction of ["sent", "received"] as const) {
        const head = direction === "sent" ? sent : received;
        const matchedBytes = matching(plugin, side, head);
        const score = matchedBytes - anything;
        if (score < LEAST_BYTES || score <= bestScore) continue;
        bestScore = score;
        best = { protocol: plugin.name, side, direction, matchedBytes, ofBytes: head.length };
      }
    }
  }
  return best;
}

/** Length of the longest head that the probe does not refuse: once it says no, it says no to longer. */
function matching(plugin: Plugin, side: Side, head: Uint8Array): number {
  for (let length = 1; length <= head.length; length++) {
    if (plugin.probe(head.subarray(0, length), side) === "no") return length - 1;
  }
  return head.length;
}
