/** One line for people. In: an exchange. Out: short cells; the sink escapes them. */
import type { Summary } from "../protocol.ts";
import type { TlsExchange, TlsName, TlsRequest, TlsResponse } from "./types.ts";

const MAX_CELL = 200;

export function summarize({ request, response }: TlsExchange): Summary {
  return {
    request: request === null ? "" : cut(asked(request)),
    response: response === null ? "" : cut(answered(response)),
  };
}

/** "example.test h2,http/1.1 1.3" */
function asked({ sni, alpn = [], version }: TlsRequest): string {
  return [sni ?? "(no name)", alpn.map(nameOf).join(","), version].filter(isSaid).join(" ");
}

/** "1.2 TLS_… h2 resumed", "unknown_ca by client" */
function answered(response: TlsResponse): string {
  const { alert } = response;
  const gaveUp = alert === undefined
    ? ""
    : `${alert.description ?? "encrypted alert"} by ${alert.by}`;
  if (response.type === "alert") return gaveUp;
  const { version, cipher, alpn, resumed } = response;
  const protocol = alpn === undefined ? "" : nameOf(alpn);
  return [version, cipher, protocol, resumed ? "resumed" : "", gaveUp].filter(isSaid).join(" ");
}

function nameOf(name: TlsName): string {
  return typeof name === "string" ? name : "(binary)";
}

function isSaid(text: string): boolean {
  return text !== "";
}

function cut(text: string): string {
  return text.length <= MAX_CELL ? text : `${text.slice(0, MAX_CELL - 1)}…`;
}
