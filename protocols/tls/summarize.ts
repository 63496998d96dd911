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

/** "example.test TLS 1.3 h2,http/1.1" */
function asked({ sni, alpn = [], version }: TlsRequest): string {
  return [sni ?? "(no name)", versionOf(version), alpn.map(nameOf).join(",")].filter(isSaid).join(
    " ",
  );
}

/** "TLS 1.2 resumed h2 TLS_…", "unknown_ca by client": what does not fit is cut off, so that is first. */
function answered(response: TlsResponse): string {
  const { alert } = response;
  const gaveUp = alert === undefined
    ? ""
    : `${alert.description ?? "encrypted alert"} by ${alert.by}`;
  if (response.type === "alert") return gaveUp;
  const { version, cipher, alpn, resumed } = response;
  const protocol = alpn === undefined ? "" : nameOf(alpn);
  const agreed = [versionOf(version), resumed ? "resumed" : "", protocol, cipher];
  return [gaveUp, ...agreed].filter(isSaid).join(" ");
}

/** "TLS 1.3", but "SSL 3.0". */
function versionOf(version: string): string {
  return /^1\./.test(version) ? `TLS ${version}` : version;
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
