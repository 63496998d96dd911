/**
 * Secrets in the fields of HTML forms. In: a body with a character for each byte, and its media type.
 * Out: the ranges that are secret. Pure; a body that is cut is searched as far as it goes.
 */
import { isSecretName } from "./names.ts";
import { type Secret, secretsIn } from "./text.ts";

/** A body without a media type is taken for a form: "password=x" in it is withheld. */
export function secretsInForm(mediaType: string | null, body: string): Secret[] {
  if (mediaType === null) return secretsIn(body, "form");
  const type = mediaType.toLowerCase();
  if (type.includes("form-urlencoded")) return secretsIn(body, "form");
  return type.includes("multipart/") ? secretsInParts(body) : [];
}

/**
 * The parts of multipart/form-data (RFC 7578). The delimiter is taken from the body's first line, not
 * from the header, which may say another.
 */
function secretsInParts(body: string): Secret[] {
  const found: Secret[] = [];
  const first = body.indexOf("--");
  if (first < 0) return found;
  const delimiter = body.substring(first, lineEnd(body, first));
  if (delimiter.length <= 2) return found;
  for (let part = first; part >= 0;) {
    const next = body.indexOf(delimiter, part + delimiter.length);
    const end = next < 0 ? body.length : next;
    const head = headEnd(body, part, end);
    const name = nameOf(body.substring(part, head));
    if (isSecretName(name)) {
      const last = next < 0 ? end : beforeLineEnd(body, end);
      if (last > head) found.push({ start: head, end: last, name: `?${name.slice(0, 64)}` });
    }
    part = next;
  }
  return found;
}

function lineEnd(body: string, from: number): number {
  let at = from;
  while (at < body.length && body[at] !== "\r" && body[at] !== "\n") at++;
  return at;
}

/** Where a part ends: before the line end that belongs to the next delimiter. */
function beforeLineEnd(body: string, at: number): number {
  if (body[at - 1] !== "\n") return at;
  return body[at - 2] === "\r" ? at - 2 : at - 1;
}

/** Where a part's content begins; `end` when its head does not end before that. */
function headEnd(body: string, from: number, end: number): number {
  for (let at = body.indexOf("\n", from); at >= 0 && at < end; at = body.indexOf("\n", at + 1)) {
    if (body[at + 1] === "\n") return at + 2;
    if (body[at + 1] === "\r" && body[at + 2] === "\n") return at + 3;
  }
  return end;
}

/** The parameter `name` of Content-Disposition; empty when there is none. */
function nameOf(head: string): string {
  const lower = head.toLowerCase();
  for (let at = lower.indexOf("name"); at >= 0; at = lower.indexOf("name", at + 4)) {
    if (!" \t;".includes(lower[at - 1] ?? "\n")) continue;
    let from = at + 4;
    if (lower[from] === "*") from++;
    while (lower[from] === " " || lower[from] === "\t") from++;
    if (lower[from] !== "=") continue;
    const rest = head.substring(from + 1, lineEnd(head, from)).trimStart();
    const quote = rest[0] === '"' ? '"' : ";";
    const start = quote === '"' ? 1 : 0;
    const close = rest.indexOf(quote, start);
    return rest.substring(start, close < 0 ? rest.length : close);
  }
  return "";
}
