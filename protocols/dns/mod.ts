/**
 * DNS over UDP and TCP (RFC 1035), with EDNS (RFC 6891), UPDATE, NOTIFY and zone transfers; mDNS and
 * LLMNR as far as they are the same.
 *
 * In: datagrams, or a stream of length-prefixed messages. Out: one exchange a query.
 */
import { definePlugin, type Plugin } from "../protocol.ts";
import { outline } from "./outline.ts";
import { abandon, createState, createTrace, findBoundary, heldBytes, parseFrame } from "./parse.ts";
import { probe } from "./probe.ts";
import { stitch } from "./stitch.ts";
import { summarize } from "./summarize.ts";

export const dns: Plugin = definePlugin({
  name: "dns",
  ports: [53, 5353, 5355],
  transports: ["datagram", "stream"],
  requestTimeoutMs: 5000, // a resolver's usual time-out: it then sends the query again
  probe,
  createTrace,
  createState,
  heldBytes,
  parseFrame,
  findBoundary,
  abandon,
  stitch,
  outline,
  summarize,
});
