/**
 * HTTP/1.0 and HTTP/1.1 (RFC 9110, RFC 9112), with content codings, upgrades and tunnels.
 *
 * In: a stream of messages. Out: one exchange a request. HTTP/2 is another protocol.
 */
import { definePlugin, type Plugin } from "../protocol.ts";
import { abandon, parseFrame } from "./parse.ts";
import { findBoundary, probe } from "./probe.ts";
import { outline } from "./outline.ts";
import { createState, createTrace, heldBytes } from "./state.ts";
import { stitch } from "./stitch.ts";
import { summarize } from "./summarize.ts";

export const http: Plugin = definePlugin({
  name: "http",
  ports: [80, 3000, 5000, 8000, 8008, 8080, 8081, 8888, 9090, 9200],
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
