/**
 * The nearest miss: which protocol the first bytes of a connection come closest to. In: the heads of
 * both directions and the plug-ins. Out: the protocol whose probe went along for longest.
 */
import type { Plugin, Side } from "../../protocols/protocol.ts";

export interface NearMiss {
  readonly protocol: string;
  readonly side: Side;
  /** Which direction's bytes it was. */
  readonly direction: "sent" | "received";
  /** So many first bytes could be the protocol's. */
  readonly matchedBytes: number;
  /** Of so many that were looked at. */
  readonly ofBytes: number;
}

/** One byte that fits says nothing. */
const LEAST_BYTES = 2;
/** No message begins like that: what a probe lets pass of it (an id, a length) says nothing either. */
const MEANINGLESS = [0xff, 0xe1].map((byte) => new Uint8Array(64).fill(byte));

/** Null when no protocol goes along for longer than it would with anything. */
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

/** The longest head to which the probe does not say no; its answer never goes back from no. */
function matching(plugin: Plugin, side: Side, head: Uint8Array): number {
  for (let length = 1; length <= head.length; length++) {
    if (plugin.probe(head.subarray(0, length), side) === "no") return length - 1;
  }
  return head.length;
}
