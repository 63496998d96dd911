/**
 * Makes frames of messages. In: a head, and the reader that took it off the stream. Out: the frame, and
 * the protocol that a head hands over to.
 */
import type { Head } from "./head.ts";
import { Name } from "./names.ts";
import type { Reader } from "./state.ts";
import type { HttpFrame, HttpRequest, HttpResponse } from "./types.ts";

export function startMessage(head: Head): HttpRequest | HttpResponse {
  const { headers, version } = head;
  const message: HttpRequest | HttpResponse = head.side === "request"
    ? { method: head.method, path: head.path, version, headers, body_bytes: 0 }
    : { status: head.status, reason: head.reason, version, headers, body_bytes: 0 };
  if (head.trailers !== null) message.trailers = head.trailers;
  return message;
}

export function toFrame(
  head: Head,
  message: HttpRequest | HttpResponse,
  reader: Reader,
  wireBytes: number,
  shownBytes: number,
  complete: boolean,
): HttpFrame {
  if (head.anomalies !== null) message.anomalies = head.anomalies;
  if ("method" in message) return { side: "request", message, complete, wireBytes, shownBytes };
  if (reader.interim !== null) message.interim = reader.interim;
  return { side: "response", message, complete, wireBytes, shownBytes };
}

/** The protocol that a 101 response agrees to; null when none of ours. */
export function upgradedTo(head: Head): string | null {
  const upgrade = head.has(Name.UPGRADE) ? head.headers["upgrade"] : undefined;
  return typeof upgrade === "string" && upgrade.toLowerCase() === "websocket" ? "websocket" : null;
}
