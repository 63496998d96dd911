/** What statistics say of a handshake: who was asked for, what was agreed on. In: an exchange. */
import type { Outline } from "../protocol.ts";
import type { TlsExchange } from "./types.ts";

export function outline({ request, response }: TlsExchange): Outline {
  const alert = response?.alert;
  const attributes: Record<string, string | boolean> = {};
  if (request?.sni !== undefined) attributes["tls.client.server_name"] = request.sni;
  if (request?.ja4 !== undefined) attributes["tls.client.ja4"] = request.ja4;
  if (response?.type === "server_hello") {
    attributes["tls.protocol.version"] = response.version;
    attributes["tls.cipher"] = response.cipher;
    if (typeof response.alpn === "string") attributes["tls.next_protocol"] = response.alpn;
    if (response.resumed === true) attributes["tls.resumed"] = true;
  }
  return {
    operation: "handshake",
    target: request?.sni ?? "",
    outcome: alert !== undefined && alert.level !== "warning" ? "error" : "ok",
    status: alert?.description,
    attributes,
  };
}
