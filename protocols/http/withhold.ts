/**
 * Secrets inside a message's parts: in the request target, in field values, in form bodies.
 *
 * In: what the parser read. Out: the same without secrets, their names in `head.redacted`. lib/secrets/
 * says what is a secret; this file knows where HTTP has secrets.
 */
import { secretsInForm } from "../../lib/secrets/forms.ts";
import { mayHoldSecrets, nameSecrets, withoutSecrets } from "../../lib/secrets/text.ts";
import { latin1 } from "../../lib/wire/text.ts";
import type { Head } from "./head.ts";
import { isToken } from "./shape.ts";
import type { HeaderFields } from "./types.ts";

/** Fields whose whole value is one URL, with whatever characters. */
const URL_FIELDS: ReadonlySet<string> = new Set(["location", "referer", "content-location"]);
/** Fields that offer authentication schemes, without credentials. */
const CHALLENGES: ReadonlySet<string> = new Set(["www-authenticate", "proxy-authenticate"]);
/** Browsers can send credentials with a WebSocket only as the name of a subprotocol. */
const SUBPROTOCOL = "sec-websocket-protocol";
const CREDENTIAL_WORDS = /bearer|auth|token|jwt|secret|pass|key|credential|eyj/i;
/** Registered subprotocols have shorter names. */
const MAX_SUBPROTOCOL = 40;
const SCHEMES = ["bearer ", "basic ", "negotiate ", "ntlm "] as const;
/** A JSON Web Token begins with {" in base64. */
const JWT = "eyJ";
/** What `redacted` calls a field whose name is no token, since the name may be the secret itself. */
const ODD_NAME = "invalid_name";

/** Adds a field that is not shown to `head.redacted`. */
export function withholdField(head: Head, place: "headers" | "trailers", name: string): void {
  const withheld = `${head.side}.${place}.${isName(name) ? name : ODD_NAME}`;
  if (!head.redacted.includes(withheld)) head.redacted = [...head.redacted, withheld];
}

function isName(name: string): boolean {
  for (let i = 0; i < name.length; i++) {
    const code = name.charCodeAt(i);
    if (code > 127 || !isToken(code)) return false;
  }
  return true;
}

/** Takes the secrets out of the target of a request. */
export function withholdTarget(head: Head): void {
  const names: string[] = [];
  head.path = withoutSecrets(head.path, "target", "request.path", names);
  if (names.length > 0) head.redacted = [...names, ...head.redacted];
}

/** Takes the secrets out of the values of fields; called when all lines are read, since folded lines
 * and repeated fields are joined by then. */
export function withholdValues(
  head: Head,
  fields: HeaderFields,
  place: "headers" | "trailers",
): void {
  for (const name in fields) {
    const value = fields[name];
    if (typeof value === "string") {
      if (isCredential(name, value)) withholdWhole(head, fields, place, name);
      else if (mayHoldSecrets(value, "text")) fields[name] = shown(head, place, name, value);
    } else if (value !== undefined) {
      if (value.some((one) => isCredential(name, one))) withholdWhole(head, fields, place, name);
      else fields[name] = value.map((one) => shown(head, place, name, one));
    }
  }
}

function withholdWhole(
  head: Head,
  fields: HeaderFields,
  place: "headers" | "trailers",
  name: string,
): void {
  delete fields[name];
  withholdField(head, place, name);
}

/** Is the value a credential, whatever the field's name is? */
function isCredential(name: string, value: string): boolean {
  if (name === SUBPROTOCOL) {
    return CREDENTIAL_WORDS.test(value) ||
      value.split(",").some((one) => one.trim().length > MAX_SUBPROTOCOL);
  }
  const first = value.charCodeAt(0) | 32;
  // b, e, n
  if (first !== 0x62 && first !== 0x65 && first !== 0x6e) return false;
  if (value.startsWith(JWT)) return true;
  if (CHALLENGES.has(name)) return false;
  const start = value.slice(0, 10).toLowerCase();
  return SCHEMES.some((scheme) => start.startsWith(scheme));
}

function shown(
  head: Head,
  place: "headers" | "trailers",
  name: string,
  value: string,
): string {
  const names: string[] = [];
  const kind = URL_FIELDS.has(name) ? "target" : "text";
  const field = `${head.side}.${place}.${isName(name) ? name : ODD_NAME}`;
  const text = withoutSecrets(value, kind, field, names);
  if (names.length > 0) head.redacted = [...new Set([...head.redacted, ...names])];
  return text;
}

/** The body [start, end) of `bytes`, without the secrets of a form of the head's media type. */
export function withholdForm(
  head: Head,
  bytes: Uint8Array,
  start: number,
  end: number,
): Uint8Array | null {
  const type = head.headers["content-type"];
  const mediaType = type === undefined ? null : typeof type === "string" ? type : type.join(",");
  if (mediaType === null ? head.side === "response" : !/form|multipart/i.test(mediaType)) {
    return null;
  }
  const secrets = secretsInForm(mediaType, latin1(bytes, start, end));
  if (secrets.length === 0) return null;
  const out = new Uint8Array(end - start);
  let length = 0;
  let from = start;
  for (const secret of [...secrets, { start: end - start, end: end - start }]) {
    const kept = bytes.subarray(from, start + secret.start);
    out.set(kept, length);
    length += kept.length;
    from = start + secret.end;
  }
  const names = [...head.redacted];
  nameSecrets(secrets, `${head.side}.body`, names);
  head.redacted = names;
  return out.subarray(0, length);
}
