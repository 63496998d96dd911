/**
 * Names of header fields without an allocation: usual names, in whatever case they came, map to one
 * lower-case string each. In: a range of bytes. Out: an index into NAMES, or -1.
 */

import { isSecretName } from "../../lib/secrets/names.ts";

/** The parser acts on these; their indices are the bits of Head.seen. */
export const Name = {
  CONTENT_LENGTH: 0,
  TRANSFER_ENCODING: 1,
  CONTENT_ENCODING: 2,
  UPGRADE: 3,
  HOST: 4,
} as const;

/** Names below this are acted on. */
export const SPECIAL_NAMES = 5;

export const NAMES: readonly string[] = [
  "content-length transfer-encoding content-encoding upgrade host",
  "authorization proxy-authorization cookie set-cookie authentication-info x-auth-token",
  "accept accept-charset accept-encoding accept-language accept-ranges age allow alt-svc",
  "access-control-allow-credentials access-control-allow-headers access-control-allow-methods",
  "access-control-allow-origin access-control-expose-headers access-control-max-age",
  "access-control-request-headers access-control-request-method baggage b3 cache-control",
  "cdn-cache-control cf-cache-status cf-ray connection content-disposition content-language",
  "content-location content-md5 content-range content-security-policy content-type",
  "cross-origin-opener-policy cross-origin-resource-policy date dnt etag expect expires forwarded",
  "from if-match if-modified-since if-none-match if-range if-unmodified-since keep-alive",
  "last-modified link location max-forwards nel origin permissions-policy pragma priority",
  "proxy-authenticate proxy-connection range referer referrer-policy report-to retry-after",
  "sec-ch-ua sec-ch-ua-mobile sec-ch-ua-platform sec-fetch-dest sec-fetch-mode sec-fetch-site",
  "sec-fetch-user sec-websocket-accept sec-websocket-extensions sec-websocket-key",
  "sec-websocket-protocol sec-websocket-version server server-timing soapaction",
  "strict-transport-security te timing-allow-origin trace traceparent tracestate trailer",
  "upgrade-insecure-requests user-agent vary via warning www-authenticate",
  "x-amz-request-id x-amzn-trace-id x-api-key x-b3-parentspanid x-b3-sampled x-b3-spanid",
  "x-b3-traceid x-cache x-content-type-options x-correlation-id x-envoy-attempt-count",
  "x-envoy-upstream-service-time x-forwarded-for x-forwarded-host x-forwarded-port",
  "x-forwarded-proto x-frame-options x-powered-by x-real-ip x-request-id x-requested-with",
  "x-trace-id x-xss-protection",
].join(" ").split(" ");

/** By index into NAMES: is the value a secret? */
export const SECRET: readonly boolean[] = NAMES.map(isSecretName);

const SLOTS = 1024;
/** Index into NAMES + 1, by hash; collisions go to the next slot. */
const slots = new Uint8Array(SLOTS);
const spelled: readonly Uint8Array[] = NAMES.map((name) => new TextEncoder().encode(name));

for (const [index, name] of spelled.entries()) {
  let slot = hash(name, 0, name.length);
  while (slots[slot] !== 0) slot = (slot + 1) & (SLOTS - 1);
  slots[slot] = index + 1;
}

/** A hash of the name's length and its first, middle and last letters, whatever their case. */
function hash(bytes: Uint8Array, start: number, end: number): number {
  const length = end - start;
  const first = (bytes[start] as number) | 32;
  const middle = (bytes[start + (length >> 1)] as number) | 32;
  const late = (bytes[end - 1 - (length >> 2)] as number) | 32;
  const last = (bytes[end - 1] as number) | 32;
  return (length * 167 + first * 31 + middle * 97 + late * 13 + last * 5) & (SLOTS - 1);
}

/** Index into NAMES of the name in [start, end); -1 when it is not a usual one. */
export function knownName(bytes: Uint8Array, start: number, end: number): number {
  if (end <= start) return -1;
  let slot = hash(bytes, start, end);
  while (true) {
    const index = slots[slot] as number;
    if (index === 0) return -1;
    if (isSame(bytes, start, end, spelled[index - 1] as Uint8Array)) return index - 1;
    slot = (slot + 1) & (SLOTS - 1);
  }
}

function isSame(bytes: Uint8Array, start: number, end: number, name: Uint8Array): boolean {
  const length = end - start;
  if (name.length !== length) return false;
  for (let i = 0; i < length; i++) {
    const byte = bytes[start + i] as number;
    const want = name[i] as number;
    if (byte !== want && (want < 0x61 || (byte | 32) !== want)) return false;
  }
  return true;
}
