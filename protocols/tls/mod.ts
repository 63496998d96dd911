/**
 * TLS 1.0 to 1.3 (RFC 8446, RFC 5246): recognised by the header of a record, and not read.
 *
 * In: the bytes of both directions. Out: no exchange. At the first record it says that the bytes that
 * follow are TLS: the kernel then stops sending them, and the connection is reported as TLS.
 */
import { definePlugin, type Plugin } from "../protocol.ts";
import { findBoundary, parseFrame } from "./parse.ts";
import { probe } from "./probe.ts";

/** For functions of the contract that take an exchange: there is none, so they are never called. */
const ofNone = (exchange: never): never => exchange;

export const tls: Plugin = definePlugin<never, null, never, null>({
  name: "tls",
  givesRecords: false,
  ports: [443, 465, 636, 853, 993, 995, 5061, 5671, 6514, 8443, 8883],
  transports: ["stream"],
  probe,
  createTrace: () => null,
  createState: () => null,
  parseFrame,
  findBoundary,
  abandon: () => null,
  stitch: () => [],
  outline: ofNone,
  summarize: ofNone,
});
