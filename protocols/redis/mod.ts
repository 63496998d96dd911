/**
 * Redis and Valkey: RESP2, RESP3 and inline commands (https://redis.io/docs/reference/protocol-spec).
 *
 * In: the bytes of both directions. Out: one exchange a command, and one with a null request for
 * everything that the server sends unasked. types.ts says how values look, stitch.ts how they pair.
 */
import { definePlugin, type Plugin } from "../protocol.ts";
import { abandon, findBoundary, parseFrame } from "./parse.ts";
import { probe } from "./probe.ts";
import { outline } from "./outline.ts";
import { createState, createTrace, heldBytes } from "./state.ts";
import { stitch } from "./stitch.ts";
import { summarize } from "./summarize.ts";

export const redis: Plugin = definePlugin({
  name: "redis",
  ports: [6379, 6380, 26379],
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
