/**
 * TLS, and SSL 3.0: the handshake, as far as it is in clear (RFC 8446, RFC 5246).
 *
 * In: the bytes of both directions. Out: one exchange a handshake: what the client offered, what the
 * server chose, who gave up and why. Then it says that the bytes that follow are TLS: the kernel stops
 * sending them. Of a connection that is joined later it only says that. It decrypts nothing.
 */
import { definePlugin, type Plugin } from "../protocol.ts";
import { outline } from "./outline.ts";
import { abandon, findBoundary, parseFrame } from "./parse.ts";
import { probe } from "./probe.ts";
import { createState, createTrace, heldBytes } from "./state.ts";
import { stitch } from "./stitch.ts";
import { summarize } from "./summarize.ts";

export const tls: Plugin = definePlugin({
  name: "tls",
  isAlwaysTried: true,
  ports: [443, 465, 636, 853, 993, 995, 5061, 5671, 6514, 8443, 8883],
  transports: ["stream"],
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
