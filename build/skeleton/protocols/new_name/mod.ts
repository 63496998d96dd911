/**
 * TODO: the protocol, its versions and its specification, in one sentence.
 *
 *     request   "new_name> " text "\n"
 *     response  "new_name< " text "\n", or "new_name! " text "\n" for an error; in the order of the
 *               requests
 *
 * In: the bytes of both directions. Out: one exchange a request.
 */
import { definePlugin, type Plugin } from "../protocol.ts";
import { outline } from "./outline.ts";
import { abandon, findBoundary, parseFrame } from "./parse.ts";
import { probe } from "./probe.ts";
import { createState, createTrace, heldBytes } from "./state.ts";
import { stitch } from "./stitch.ts";
import { summarize } from "./summarize.ts";

export const new_name: Plugin = definePlugin({
  name: "new_name",
  ports: [], // TODO: the server's usual ones
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
