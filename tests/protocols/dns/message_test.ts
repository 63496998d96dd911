import { deepEqual, equal } from "node:assert/strict";
import { decodeMessage } from "../../../protocols/dns/message.ts";
import type { DnsData, DnsMessage } from "../../../protocols/dns/types.ts";
import { ascii, message, name, question, record, u16, u32 } from "./build.ts";
import { stepsOf } from "./samples.ts";

function decode(bytes: Uint8Array, maxDataBytes = 4096): DnsMessage | null {
  return decodeMessage(bytes, 0, bytes.length, maxDataBytes);
}

/** What NSD was configured with, in the order of its transfer; LOC is not decoded. */
const zone: [owner: string, type: string, data: DnsData | null][] = [
  ["example.test", "NS", "ns1.example.test"],
  ["example.test", "NS", "ns2.example.net"],
  ["example.test", "MX", { preference: 10, exchange: "mail.example.test" }],
  ["example.test", "TXT", ["v=spf1 -all", "second string"]],
  ["example.test", "CAA", {
    critical: true,
    tag: "iodef",
    value: "mailto:security@example.test",
  }],
  ["example.test", "DS", {
    key_tag: 12345,
    algorithm: 13,
    digest_type: 2,
    digest: "49fd46e6c4b45c55d4ac69cbd3cd34ac1afe51de5fda4b8a1b2c3d4e5f607182",
  }],
  ["example.test", "DNSKEY", {
    flags: 257,
    protocol: 3,
    algorithm: 13,
    public_key:
      "mdsswUyr3DPW132mOi8V9xESWE8jTo0dxCjjnopKl+GqJxpVXckHAeF+KkxLbxILfDLUT0rAK9iUzy1L53eKGQ==",
  }],
  ["example.test", "RRSIG", {
    type_covered: "SOA",
    algorithm: 13,
    labels: 2,
    original_ttl: 3600,
    expiration: "2027-01-01T00:00:00Z",
    inception: "2026-11-01T00:00:00Z",
    key_tag: 12345,
    signer: "example.test",
    signature:
      "oJB1W6WNGv+ldvQ3WDG0MQkg5IEhjRip8WTrPYGv07h108dUKGMeDPKijVCHX3DDKdfb+v6oB9wfuh3DTJXUAfI=",
  }],
  ["example.test", "NSEC", {
    next: "ns1.example.test",
    types: ["A", "NS", "SOA", "MX", "TXT", "RRSIG", "NSEC", "DNSKEY", "CAA", "TYPE65280"],
  }],
  ["example.test", "NSEC3PARAM", { hash_algorithm: 1, flags: 0, iterations: 10, salt: "aabbccdd" }],
  ["0p9mhaveqvm6t7vbl5lop2u3t2rp3tom.example.test", "NSEC3", {
    hash_algorithm: 1,
    flags: 1,
    iterations: 12,
    salt: "aabbccdd",
    next: "2t7b4g4vsa5smi47k61mv5bv1a22bojr",
    types: ["NS", "SOA", "MX", "RRSIG", "DNSKEY", "NSEC3PARAM"],
  }],
  ["ns1.example.test", "AAAA", "2001:db8::53"],
  ["web.example.test", "A", "192.0.2.80"],
  ["www.example.test", "CNAME", "web.example.test"],
  ["svc.example.test", "HTTPS", {
    priority: 1,
    target: ".",
    params: {
      alpn: ["h2", "h3"],
      port: 8443,
      ipv4hint: ["192.0.2.1", "192.0.2.2"],
      ipv6hint: ["2001:db8::1"],
    },
  }],
  ["svc.example.test", "SVCB", { priority: 0, target: "target.example.test" }],
  ["_svc.example.test", "SVCB", {
    priority: 16,
    target: "target.example.test",
    params: {
      mandatory: ["alpn", "port"],
      alpn: ["h2"],
      "no-default-alpn": true,
      port: 853,
      key667: "aGVsbG8=",
    },
  }],
  ["_sip._tcp.example.test", "SRV", {
    priority: 10,
    weight: 60,
    port: 5060,
    target: "sip.example.test",
  }],
  ["nap.example.test", "NAPTR", {
    order: 100,
    preference: 50,
    flags: "s",
    services: "SIP+D2U",
    regexp: "!^.*$!sip:info@example.com!",
    replacement: ".",
  }],
  ["_443._tcp.example.test", "TLSA", {
    usage: 3,
    selector: 1,
    matching_type: 1,
    data: "92003ba34942dc74152e2f2c408d29eca5a520e7f2e06bb944f4dca346baf63c",
  }],
  ["ssh.example.test", "SSHFP", {
    algorithm: 4,
    fingerprint_type: 2,
    fingerprint: "123456789abcdef67890123456789abcdef67890123456789abcdef123456789",
  }],
  ["uri.example.test", "URI", { priority: 10, weight: 1, target: "https://example.test/path" }],
  ["hinfo.example.test", "HINFO", { cpu: "AMD64", os: "Linux" }],
  ["loc.example.test", "LOC", null],
  ["eui.example.test", "EUI48", "00-00-5e-00-53-2a"],
  ["odd.example.test", "TYPE65280", null],
  ["we\\.ird\\032name.example.test", "A", "192.0.2.99"],
  ["rp.example.test", "RP", { mbox: "admin.example.test", txt: "txt.example.test" }],
  ["*.wild.example.test", "A", "192.0.2.7"],
  ["dn.example.test", "DNAME", "example.net"],
];

Deno.test("decodeMessage() decodes each record type of a real zone", () => {
  const bytes = stepsOf("AXFR")[1]?.bytes ?? new Uint8Array(0);
  const answers = decode(bytes.subarray(2))?.answers ?? [];
  equal(answers.length, 41);
  for (const [owner, type, data] of zone) {
    const same = answers.filter((answer) => answer.name === owner && answer.type === type);
    const found = data === null
      ? same.some((answer) => answer.data === undefined && answer.data_base64 !== undefined)
      : same.some((answer) => JSON.stringify(answer.data) === JSON.stringify(data));
    equal(found, true, `${owner} ${type}: ${JSON.stringify(same)}`);
  }
});

Deno.test("decodeMessage() decodes EDNS options and the extended rcode", () => {
  const asked = decode(stepsOf("EDNS with options")[0]?.bytes ?? new Uint8Array(0));
  deepEqual(asked?.edns, {
    version: 0,
    udp_payload_size: 1232,
    dnssec_ok: true,
    options: [
      { code: "NSID", nsid: "" },
      {
        code: "CLIENT-SUBNET",
        family: 1,
        source_prefix: 24,
        scope_prefix: 0,
        address: "192.0.2.0",
      },
      { code: "COOKIE", client: "0102030405060708" },
    ],
  });
  const bad = decode(
    stepsOf("EDNS version that the server does not know")[1]?.bytes ?? new Uint8Array(0),
  );
  equal(bad?.rcode, 16);
});

const option = (code: number, data: number[]): number[] => [
  ...u16(code),
  ...u16(data.length),
  ...data,
];
const options = [
  { bytes: option(15, [0, 18, ...ascii("no")]), want: { info_code: 18, extra_text: "no" } },
  { bytes: option(15, [0, 18]), want: { info_code: 18 } },
  { bytes: option(11, [0, 100]), want: { timeout: 100 } },
  { bytes: option(12, [0, 0, 0]), want: { bytes: 3 } },
  { bytes: option(14, [0, 1, 0, 2]), want: { key_tags: [1, 2] } },
  { bytes: option(5, [8, 13]), want: { algorithms: [8, 13] } },
  {
    bytes: option(8, [0, 2, 32, 0, 0x20, 1, 0x0d, 0xb8]),
    want: { family: 2, source_prefix: 32, scope_prefix: 0, address: "2001:db8::" },
  },
  { bytes: option(8, [0, 1, 32, 0, 1, 2, 3, 4, 5]), want: { data_base64: "AAEgAAECAwQF" } },
  { bytes: option(8, [0, 9, 0, 0]), want: { data_base64: "AAkAAA==" } },
  { bytes: option(15, [0, 18, 0xff]), want: { data_base64: "ABL/" } },
  { bytes: option(4242, [1]), want: { data_base64: "AQ==" } },
];

Deno.test("decodeMessage() decodes each EDNS option, and keeps as base64 what does not fit", () => {
  for (const { bytes, want } of options) {
    const decoded = decode(message({ additionals: [record("", 41, bytes, 0, 1232)] }));
    const { code: _, ...fields } = decoded?.edns?.options?.[0] ?? { code: "" };
    deepEqual(fields, want);
  }
});

const opaque = [
  { name: "A of three bytes", type: 1, data: [1, 2, 3] },
  { name: "A of five bytes", type: 1, data: [1, 2, 3, 4, 5] },
  { name: "MX without a name", type: 15, data: [0, 1] },
  { name: "TXT string longer than the record", type: 16, data: [9, 97] },
  { name: "TXT that is not UTF-8", type: 16, data: [1, 0xff] },
  { name: "NSEC bitmap of 33 bytes", type: 47, data: [0, 0, 33, ...Array(33).fill(1)] },
  { name: "NSEC3 with an impossible salt length", type: 50, data: [1, 0, 0, 1, 255, 1] },
  { name: "SVCB parameter longer than the record", type: 64, data: [0, 1, 0, 0, 3, 0, 9, 1] },
  { name: "SVCB port of three bytes", type: 64, data: [0, 1, 0, 0, 3, 0, 3, 1, 1, 1] },
  { name: "TSIG signed in the year 8921556", type: 250, data: [0, ...Array(20).fill(255)] },
  { name: "SOA cut in its numbers", type: 6, data: [0, 0, ...u32(1)] },
  { name: "name that points outside", type: 5, data: [0xff, 0xff] },
];

Deno.test("decodeMessage() keeps as base64 the data that does not fit its type", () => {
  for (const { name: title, type, data } of opaque) {
    const decoded = decode(message({ bits: 0x8000, answers: [record("a", type, data)] }));
    const answer = decoded?.answers[0];
    equal(answer?.data, undefined, title);
    equal(answer?.data_base64, btoa(String.fromCharCode(...data)), title);
    equal(decoded?.malformed, null, title);
  }
});

Deno.test("decodeMessage() cuts undecoded data at --max-body and gives its true size", () => {
  const decoded = decode(message({ answers: [record("a", 65280, Array(100).fill(0))] }), 3);
  deepEqual(decoded?.answers[0], {
    name: "a",
    type: "TYPE65280",
    ttl: 60,
    data_base64: "AAAA",
    data_bytes: 100,
    data_truncated: true,
  });
});

const broken = [
  { name: "record without its fields", bytes: [...name("a"), 0, 1], want: "cut_record" },
  {
    name: "data longer than the message",
    bytes: [...name("a"), 0, 1, 0, 1, ...u32(1), 0, 9, 1],
    want: "cut_record",
  },
  { name: "owner that loops", bytes: [0xc0, 29], want: "bad_name" },
  { name: "count without a record", bytes: [], want: "bad_name" },
];

Deno.test("decodeMessage() names what is malformed and keeps what came before", () => {
  for (const { name: title, bytes, want } of broken) {
    const decoded = decode(
      message({ bits: 0x8000, answers: [record("b", 1, [1, 2, 3, 4]), bytes] }),
    );
    equal(decoded?.malformed, want, title);
    deepEqual(decoded?.answers, [{ name: "b", type: "A", ttl: 60, data: "1.2.3.4" }], title);
  }
  const longer = Uint8Array.from([...message({ questions: [question("a", 1)] }), 0]);
  equal(decode(longer)?.malformed, "trailing_bytes");
});

Deno.test("decodeMessage() marks what mDNS says in the class", () => {
  const decoded = decode(message({
    bits: 0x8400,
    questions: [question("a.local", 1, 0x8001)],
    answers: [record("a.local", 1, [10, 0, 0, 1], 120, 0x8001)],
  }));
  deepEqual(decoded?.questions, [{ name: "a.local", type: "A", unicast_response: true }]);
  deepEqual(decoded?.answers, [
    { name: "a.local", type: "A", ttl: 120, data: "10.0.0.1", cache_flush: true },
  ]);
});

Deno.test("decodeMessage() keeps 512 records, counts the rest and still finds OPT behind them", () => {
  const decoded = decode(message({
    bits: 0x8000,
    answers: Array(600).fill(record("a", 1, [1, 2, 3, 4])),
    additionals: [record("", 41, [], 0, 4096)],
  }));
  equal(decoded?.answers.length, 512);
  equal(decoded?.answerCount, 600);
  equal(decoded?.dropped, 88);
  equal(decoded?.edns?.udp_payload_size, 4096);
});

Deno.test("decodeMessage() never throws on any cut or changed byte of a real message", () => {
  const bytes = (stepsOf("AXFR")[1]?.bytes ?? new Uint8Array(0)).slice(2);
  let decoded = 0;
  for (let i = 0; i < bytes.length; i++) {
    if (decode(bytes.subarray(0, i)) !== null) decoded++;
    for (const value of [0, 0xff, 0xc0, 0x3f]) {
      const changed = bytes.slice();
      changed[i] = value;
      if (decode(changed) !== null) decoded++;
    }
  }
  equal(decoded > bytes.length * 4, true);
});
