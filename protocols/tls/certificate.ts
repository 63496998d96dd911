/**
 * Whose certificate a server showed (RFC 5280), as far as it is in clear: up to TLS 1.2.
 *
 * In: the Certificate message, of which the end may be missing. Out: subject, issuer and end of the
 * first certificate; null where these cannot be read. It proves nothing of it.
 *
 *     message     = list<24> of certificate<24>                                    RFC 5246 section 7.4.2
 *     certificate = { { [0]? serial algorithm issuer { start end } subject … } … }
 */
import { DerReader, Tag } from "./der.ts";
import { nameText } from "./distinguished_name.ts";
import type { TlsReader } from "./reader.ts";
import type { TlsCertificate } from "./types.ts";

/** [0], explicit: the version. */
const VERSION = 0xa0;

/** `maxLength`: so many characters of a name are shown. */
export function readCertificate(message: TlsReader, maxLength: number): TlsCertificate | null {
  message.u24();
  const length = message.u24();
  const bytes = message.part(length).rest();
  if (message.failed) return null;
  const outer = new DerReader(bytes, 0, bytes.length);
  outer.expect(Tag.SEQUENCE);
  const whole = outer.inside();
  whole.expect(Tag.SEQUENCE);
  const fields = whole.inside();
  if (fields.next() && fields.tag === VERSION) fields.next();
  fields.expect(Tag.SEQUENCE);
  fields.expect(Tag.SEQUENCE);
  const issuer = fields.failed ? null : nameText(fields);
  fields.expect(Tag.SEQUENCE);
  const times = fields.inside();
  times.next();
  const end = times.next() ? timeText(times) : null;
  fields.expect(Tag.SEQUENCE);
  const subject = fields.failed ? null : nameText(fields);
  if (issuer === null || end === null || subject === null) return null;
  const certificate: TlsCertificate = { subject, issuer, not_after: end };
  for (const name of ["subject", "issuer"] as const) {
    if (certificate[name].length <= maxLength) continue;
    certificate[name] = certificate[name].slice(0, maxLength);
    certificate[`${name}_truncated`] = true;
  }
  return certificate;
}

/** RFC 5280 section 4.1.2.5: YYMMDDHHMMSSZ until 2049, then YYYYMMDDHHMMSSZ. */
function timeText({ tag, bytes, from, to }: DerReader): string | null {
  const digits = String.fromCharCode(...bytes.subarray(from, Math.min(to, from + 16)));
  const isShort = tag === Tag.UTC_TIME;
  if (!isShort && tag !== Tag.GENERALIZED_TIME) return null;
  const full = isShort ? (digits < "5" ? "20" : "19") + digits : digits;
  const parts = /^(\d{4})(\d\d)(\d\d)(\d\d)(\d\d)(\d\d)Z$/.exec(full);
  if (parts === null) return null;
  const [, year, month, day, hour, minute, second] = parts;
  return `${year}-${month}-${day}T${hour}:${minute}:${second}Z`;
}
