/** What the parser makes of records, by who sends them, and when nothing more can be read. */
import { deepEqual, equal } from "node:assert/strict";
import type { Side } from "../../../protocols/protocol.ts";
import { abandon, parseFrame } from "../../../protocols/tls/parse.ts";
import { Type } from "../../../protocols/tls/probe.ts";
import type { TlsState } from "../../../protocols/tls/state.ts";
import {
  clientHello,
  extension,
  message,
  record,
  serverHello,
  textBytes,
  vector,
  words,
} from "./build.ts";
import { contextOf, type Result, stateOf } from "./drive.ts";

const LATEST = extension(43, ...vector(1, ...words(0x0304)));
const SNI = extension(0, ...vector(2, 0, ...vector(2, ...textBytes("a.test"))));
const HELLO = record(Type.HANDSHAKE, message(1, clientHello({ extensions: [LATEST, SNI] })), 1);
const ANSWER = record(Type.HANDSHAKE, message(2, serverHello()));
const OLDER = record(Type.HANDSHAKE, message(2, serverHello({ version: 0x0303, suite: 0x2f })));
const RETRY = record(Type.HANDSHAKE, message(2, serverHello({ isRetry: true })));
const DONE = record(Type.HANDSHAKE, message(14, []));
const KEYS = record(Type.HANDSHAKE, message(16, [1, 2, 3]));
const CHANGE = record(Type.CHANGE_CIPHER_SPEC, [1]);
const DATA = record(Type.APPLICATION, Array(60).fill(1));
const SHORT_DATA = record(Type.APPLICATION, Array(19).fill(1));
const FATAL = record(Type.ALERT, [2, 48]);
const WARNING = record(Type.ALERT, [1, 112]);
const ENCRYPTED_ALERT = record(Type.ALERT, Array(26).fill(2));

type Said = [Side, Uint8Array];
const ask = (bytes: Uint8Array): Said => ["request", bytes];
const answer = (bytes: Uint8Array): Said => ["response", bytes];

/** The state behind these records, and the result of the last. */
function drive(said: Said[]): { state: TlsState; last: Result | undefined } {
  const state = stateOf();
  let last: Result | undefined;
  for (const [side, bytes] of said) last = parseFrame(bytes, contextOf(side, state));
  return { state, last };
}

const cases: { name: string; said: Said[]; isOver: boolean; alert?: string }[] = [
  { name: "1.3: both hellos", said: [ask(HELLO), answer(ANSWER)], isOver: false },
  {
    name: "1.3: the server's encrypted records",
    said: [ask(HELLO), answer(ANSWER), answer(CHANGE), answer(DATA)],
    isOver: false,
  },
  {
    name: "1.3: the client's answer",
    said: [ask(HELLO), answer(ANSWER), ask(CHANGE), ask(DATA)],
    isOver: true,
  },
  {
    name: "1.3: the client refuses in clear",
    said: [ask(HELLO), answer(ANSWER), ask(FATAL)],
    isOver: true,
    alert: "unknown_ca by client",
  },
  {
    name: "1.3: a first record that is too short for a Finished",
    said: [ask(HELLO), answer(ANSWER), ask(SHORT_DATA)],
    isOver: false,
  },
  {
    name: "1.3: more behind that",
    said: [ask(HELLO), answer(ANSWER), ask(SHORT_DATA), ask(SHORT_DATA)],
    isOver: true,
  },
  {
    name: "1.3: early data",
    said: [ask(HELLO), ask(CHANGE), ask(DATA), answer(ANSWER)],
    isOver: true,
  },
  {
    name: "1.3: early data of a hello that is asked for again",
    said: [
      ask(HELLO),
      ask(DATA),
      answer(RETRY),
      answer(CHANGE),
      ask(DATA),
      ask(HELLO),
      answer(ANSWER),
    ],
    isOver: false,
  },
  {
    name: "1.2: up to ServerHelloDone",
    said: [ask(HELLO), answer(OLDER), answer(DONE)],
    isOver: false,
  },
  {
    name: "1.2: the client's part",
    said: [ask(HELLO), answer(OLDER), answer(DONE), ask(KEYS), ask(CHANGE), ask(KEYS), ask(DATA)],
    isOver: false,
  },
  {
    name: "1.2: both have changed ciphers",
    said: [ask(HELLO), answer(OLDER), answer(DONE), ask(KEYS), ask(CHANGE), answer(CHANGE)],
    isOver: true,
  },
  {
    name: "1.2: resumed",
    said: [ask(HELLO), answer(OLDER), answer(CHANGE), ask(CHANGE)],
    isOver: true,
  },
  {
    name: "1.2: the server refuses the client's certificate",
    said: [ask(HELLO), answer(OLDER), answer(DONE), ask(KEYS), ask(CHANGE), answer(FATAL)],
    isOver: true,
    alert: "unknown_ca by server",
  },
  {
    name: "1.2: an encrypted alert says nothing",
    said: [ask(HELLO), answer(OLDER), answer(DONE), ask(CHANGE), ask(ENCRYPTED_ALERT)],
    isOver: false,
  },
  {
    name: "refused at once",
    said: [ask(HELLO), answer(FATAL)],
    isOver: true,
    alert: "unknown_ca by server",
  },
  {
    name: "a warning does not end it",
    said: [ask(HELLO), answer(WARNING), answer(ANSWER)],
    isOver: false,
    alert: "unrecognized_name by server",
  },
  {
    name: "a fatal alert hides a warning",
    said: [ask(HELLO), answer(WARNING), answer(FATAL)],
    isOver: true,
    alert: "unknown_ca by server",
  },
  {
    name: "the ServerHello was not seen",
    said: [ask(HELLO), answer(DATA), ask(DATA)],
    isOver: true,
  },
];

for (const { name, said, isOver, alert } of cases) {
  Deno.test(`parseFrame() knows what is left to be read: ${name}`, () => {
    const { state, last } = drive(said);
    equal(state.isOver, isOver);
    const of = state.handshake.alert;
    equal(of === null ? undefined : `${of.description} by ${of.by}`, alert);
    equal(last?.kind, "frame");
    equal(last?.kind === "frame" && last.next !== undefined, isOver);
  });
}

Deno.test("parseFrame() hands over what the plain text behind a handshake is to know", () => {
  const { last } = drive([ask(HELLO), answer(ANSWER), ask(DATA)]);
  deepEqual(last?.kind === "frame" ? last.next : null, {
    to: null,
    opaque: "tls",
    handover: { version: "1.3", cipher: "TLS_AES_128_GCM_SHA256", sni: "a.test", alpn: undefined },
  });
  const refused = drive([ask(HELLO), answer(FATAL)]).last;
  deepEqual(refused?.kind === "frame" ? refused.next : null, {
    to: null,
    opaque: "tls",
    handover: null,
  });
});

Deno.test("parseFrame() says of a connection without a hello that nobody reads what follows", () => {
  const opaque = { kind: "switch", to: null, opaque: "tls", handover: null };
  const heads = [
    { name: "data", bytes: DATA.subarray(0, 6), length: 5 },
    { name: "an alert", bytes: FATAL, length: 5 },
    { name: "a message that is no hello", bytes: DONE.subarray(0, 6), length: 5 },
    { name: "a hello of the other side", bytes: ANSWER, length: 5 },
    {
      name: "a hello that is none",
      bytes: record(Type.HANDSHAKE, message(1, [3, 3])),
      length: 11,
    },
  ];
  for (const { name, bytes, length } of heads) {
    const result = parseFrame(bytes, contextOf("request"));
    deepEqual(result, { ...opaque, length }, name);
  }
});

Deno.test("parseFrame() asks for the bytes that it needs, and refuses what is no record", () => {
  const needs = (bytes: number[]): Result =>
    parseFrame(Uint8Array.from(bytes), contextOf("request"));
  deepEqual(needs([22, 3]), { kind: "need_more", minBytes: 6 });
  deepEqual(needs([22, 3, 1, 0, 80]), { kind: "need_more", minBytes: 6 });
  deepEqual(needs([22, 3, 1, 0, 80, 1]), { kind: "need_more", minBytes: 85 });
  deepEqual(needs([23, 4, 3, 0, 1]), { kind: "invalid", reason: "bad_record_header" });
  deepEqual(needs([0x80, 46, 1]), { kind: "need_more", minBytes: 11 });
});

Deno.test("parseFrame() passes over records in which no message ends, and abandon() forgets them", () => {
  const context = contextOf("request");
  const whole = message(1, clientHello());
  const first = record(Type.HANDSHAKE, whole.subarray(0, 20));
  const second = record(Type.HANDSHAKE, whole.subarray(20));
  deepEqual(parseFrame(first, context), { kind: "skip", length: 25 });
  equal(parseFrame(second, context).kind, "frame");
  const other = contextOf("request");
  parseFrame(first, other);
  equal(abandon(other), null);
  equal(parseFrame(HELLO, other).kind, "frame");
  equal(other.state.handshake.request?.sni, "a.test");
});
