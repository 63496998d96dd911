/** Whose certificate it is, and what hostile bytes make of that. */
import { deepEqual, equal } from "node:assert/strict";
import { seeded } from "../../support/events.ts";
import { readCertificate } from "../../../protocols/tls/certificate.ts";
import { TlsReader } from "../../../protocols/tls/reader.ts";
import type { TlsCertificate } from "../../../protocols/tls/types.ts";
import { textBytes, vector } from "./build.ts";

/** A value of DER. */
function der(tag: number, ...contents: number[]): number[] {
  const size = contents.length;
  const length = size < 128 ? [size] : size < 256 ? [0x81, size] : [0x82, size >> 8, size & 255];
  return [tag, ...length, ...contents];
}

const [SEQUENCE, SET, OID, UTF8, PRINTABLE, BMP, UTC, GENERALIZED] = [
  0x30,
  0x31,
  6,
  12,
  19,
  30,
  23,
  24,
];
/** id-at, and types behind it. */
const AT = [0x55, 0x04];
const [CN, O] = [3, 10];

function part(type: number[], tag: number, text: number[]): number[] {
  return der(SEQUENCE, ...der(OID, ...type), ...der(tag, ...text));
}

function name(...levels: number[][]): number[] {
  return der(SEQUENCE, ...levels.flatMap((level) => der(SET, ...level)));
}

const EXAMPLE = name(part([...AT, CN], UTF8, textBytes("a.test")));

interface Parts {
  subject?: number[];
  issuer?: number[];
  end?: number[];
  /** The version, which those of version 1 leave out. */
  version?: number[];
}

function certificate(parts: Parts = {}): number[] {
  const { subject = EXAMPLE, issuer = EXAMPLE, end = der(UTC, ...textBytes("300102030405Z")) } =
    parts;
  const { version = der(0xa0, ...der(2, 2)) } = parts;
  const start = der(UTC, ...textBytes("200102030405Z"));
  const times = der(SEQUENCE, ...start, ...end);
  const fields = [version, der(2, 1, 2), der(SEQUENCE, ...der(OID, 1, 2)), issuer, times, subject];
  return der(SEQUENCE, ...der(SEQUENCE, ...fields.flat()), ...der(SEQUENCE));
}

function read(body: number[], maxLength = 4096): TlsCertificate | null {
  const bytes = Uint8Array.from(body);
  return readCertificate(new TlsReader(bytes, 0, bytes.length), maxLength);
}

/** The message with that certificate and one more. */
function message(first: number[]): number[] {
  return vector(3, ...vector(3, ...first), ...vector(3, 1, 2, 3));
}

const ENDS: { name: string; end: number[]; want: string | undefined }[] = [
  {
    name: "until 2049",
    end: der(UTC, ...textBytes("491231235959Z")),
    want: "2049-12-31T23:59:59Z",
  },
  {
    name: "of the last century",
    end: der(UTC, ...textBytes("500101000000Z")),
    want: "1950-01-01T00:00:00Z",
  },
  {
    name: "of four digits",
    end: der(GENERALIZED, ...textBytes("99991231235959Z")),
    want: "9999-12-31T23:59:59Z",
  },
  { name: "without a zone", end: der(UTC, ...textBytes("491231235959")), want: undefined },
  { name: "that is none", end: der(PRINTABLE, ...textBytes("491231235959Z")), want: undefined },
];
for (const { name, end, want } of ENDS) {
  Deno.test(`readCertificate() reads an end ${name}`, () => {
    equal(read(message(certificate({ end })))?.not_after, want);
  });
}

const NAMES: { name: string; subject: number[]; want: string | undefined }[] = [
  { name: "an empty name", subject: name(), want: "" },
  {
    name: "the last part first",
    subject: name(
      part([...AT, 6], PRINTABLE, textBytes("DE")),
      part([...AT, O], UTF8, textBytes("Köln, Inc.")),
      part([...AT, CN], UTF8, textBytes("a.test")),
    ),
    want: "CN=a.test,O=Köln\\, Inc.,C=DE",
  },
  {
    name: "two parts of one level",
    subject: name([
      ...part([...AT, O], UTF8, textBytes("o")),
      ...part([...AT, CN], UTF8, textBytes("c")),
    ]),
    want: "O=o+CN=c",
  },
  {
    name: "what must be escaped",
    subject: name(part([...AT, CN], UTF8, textBytes(' #"+;<>\\\n '))),
    want: 'CN=\\ #\\"\\+\\;\\<\\>\\\\\\0A\\ ',
  },
  {
    name: "a leading #",
    subject: name(part([...AT, CN], UTF8, textBytes("#1"))),
    want: "CN=\\#1",
  },
  {
    name: "characters of two bytes",
    subject: name(part([...AT, CN], BMP, [0, 0x61, 0x20, 0xac])),
    want: "CN=a€",
  },
  {
    name: "a type that nobody knows",
    subject: name(part([0x2a, 0x86, 0x48, 0x01], UTF8, [0x61])),
    want: "1.2.840.1=#0C0161",
  },
  {
    name: "text that is none",
    subject: name(part([...AT, CN], UTF8, [0xff])),
    want: "CN=#0C01FF",
  },
  { name: "no set", subject: der(SEQUENCE, ...der(SEQUENCE)), want: undefined },
  { name: "a length without end", subject: [SEQUENCE, 0x80, 0, 0], want: undefined },
];
for (const { name, subject, want } of NAMES) {
  Deno.test(`readCertificate() of ${name}`, () => {
    equal(read(message(certificate({ subject })))?.subject, want);
  });
}

Deno.test("readCertificate() reads certificates of version 1, and of a message that is cut behind", () => {
  const want = { subject: "CN=a.test", issuer: "CN=a.test", not_after: "2030-01-02T03:04:05Z" };
  const first = certificate({ version: [] });
  deepEqual(read(message(first)), want);
  deepEqual(read(message(first).slice(0, first.length + 6)), want);
  equal(read(message(first).slice(0, first.length + 5)), null);
});

Deno.test("readCertificate() shows no more of a name than --max-body", () => {
  const shown = read(message(certificate()), 4);
  deepEqual([shown?.subject, shown?.subject_truncated], ["CN=a", true]);
});

Deno.test("readCertificate() never throws on damaged bytes", () => {
  const whole = message(certificate());
  for (let length = 0; length < whole.length; length++) read(whole.slice(0, length));
  for (let seed = 0; seed < 3000; seed++) {
    const random = seeded(seed);
    const bytes = [...whole];
    for (let i = 0; i < 3; i++) {
      bytes[6 + Math.floor(random() * (bytes.length - 6))] = Math.floor(random() * 256);
    }
    read(bytes);
  }
});
