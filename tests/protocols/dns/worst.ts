/** What costs the DNS plug-in most, and what it is used for: see tests/support/hostile.ts. */
import { concat } from "../../support/events.ts";
import type { Load, Said } from "../../support/hostile.ts";
import { message, name, prefixed, question, record, u16 } from "./build.ts";

const TCP = { localPort: 53 };
const UDP = { localPort: 53, transport: "datagram" } as const;
const A = 1;
const AXFR = 252;

const ask = (id: number, owner = "www.example.test", type = A): Uint8Array =>
  message({ id, questions: [question(owner, type)] });
const answer = (id: number, owner = "www.example.test"): Uint8Array =>
  message({
    id,
    bits: 0x8180,
    questions: [question(owner, A)],
    answers: [record(owner, A, [127, 0, 0, 1])],
  });
/** Nobody asked for that name, or that id. */
const nameless = (id: number): Uint8Array =>
  message({ id, bits: 0x8180, answers: [record("a.test", A, [127, 0, 0, 1])] });

/** As many steps as make about `bytes`. */
function many(bytes: number, step: (nth: number) => Said[]): Said[] {
  const said: Said[] = [];
  for (let length = 0, nth = 0; length < bytes; nth++) {
    for (const each of step(nth)) {
      said.push(each);
      length += each.bytes.length;
    }
  }
  return said;
}

const from = (side: Said["side"], bytes: Uint8Array, port?: number): Said => ({
  side,
  bytes,
  port,
});
const inStream = (said: Said[]): Said[] =>
  said.map((each) => ({ ...each, bytes: prefixed(each.bytes) }));

function over(bytes: number, part: readonly number[] | Uint8Array): Uint8Array {
  const out = new Uint8Array(bytes);
  for (let at = 0; at < bytes; at += part.length) {
    out.set(Array.from(part).slice(0, bytes - at), at);
  }
  return out;
}

const turn = (nth: number): Said[] => [
  from("request", ask(nth & 65535)),
  from("response", answer(nth & 65535)),
];

export const usual: Load = {
  name: "usual",
  place: UDP,
  say: (bytes) => many(bytes, turn),
};

/** A good exchange, so that the connection is believed, and then `part` for ever. */
function believed(side: Said["side"], part: readonly number[] | Uint8Array) {
  return (bytes: number): Said[] => [
    ...inStream(turn(1)),
    from(side, over(bytes, part)),
  ];
}

/** First all that is asked, then all that is answered, in the order of `place`. */
function apart(
  bytes: number,
  reply: (nth: number) => Uint8Array,
  place: (nth: number, count: number) => number,
): Said[] {
  const count = Math.trunc(bytes / (ask(0).length + reply(0).length));
  const nths = Array.from({ length: count }, (_, nth) => nth);
  return [
    ...nths.map((nth) => from("request", ask(nth & 65535))),
    ...nths.map((nth) => from("response", reply(place(nth, count) & 65535))),
  ];
}

/** A message of `count` records whose names are one pointer each, to the longest name. */
function pointers(count: number): Uint8Array {
  const owner = name(Array.from({ length: 126 }, () => "a").join("."));
  const first = message({ bits: 0x8180, questions: [[...owner, ...u16(A), ...u16(1)]] });
  first[7] = count & 255;
  first[6] = count >> 8;
  const each = [0xc0, 12, ...u16(5), ...u16(1), 0, 0, 0, 60, ...u16(2), 0xc0, 14];
  return concat([first, over(count * each.length, each)]);
}

/** Names that lead from pointer to pointer, as far as a name may. */
function chains(count: number): Uint8Array {
  const first = message({ bits: 0x8180, questions: [question("", A)] });
  first[7] = count & 255;
  first[6] = count >> 8;
  const links: number[] = [0xc0, 12];
  const base = first.length + 12;
  for (let i = 1; i < 2000; i++) links.push(...u16(0xc000 | (base + 2 * (i - 1))));
  const data = [0xc0, 12, ...u16(99), ...u16(1), 0, 0, 0, 60, ...u16(links.length), ...links];
  const last = u16(0xc000 | (base + links.length - 2));
  const each = [...last, ...u16(A), ...u16(1), 0, 0, 0, 60, ...u16(4), 1, 2, 3, 4];
  return concat([first, Uint8Array.from(data), over((count - 1) * each.length, each)]);
}

const LONGEST = name(Array.from({ length: 126 }, () => "a").join("."));

export const worst: readonly Load[] = [
  { name: "usual, over a stream", place: TCP, say: (bytes) => inStream(many(bytes, turn)) },
  { name: "zeros", place: TCP, say: believed("request", [0]) },
  { name: "lengths", place: TCP, say: believed("request", [0, 14]) },
  { name: "long names in garbage", place: TCP, say: believed("request", [1, 0x20, 1, 0, 0, 1]) },
  {
    name: "long messages of none",
    place: TCP,
    say: believed("response", [0xff, 0xff, 0x81, 0x80, 0, 1]),
  },
  {
    name: "messages whose questions break off",
    place: TCP,
    say: believed(
      "request",
      prefixed(concat([
        Uint8Array.from([0, 1, 1, 0, 0, 200, 0, 0, 0, 0, 0, 0, ...LONGEST, 0, 1, 0, 1]),
        over(60000, [...LONGEST, 0, 1, 0, 1]).fill(0xbf, 30000),
      ])),
    ),
  },
  {
    name: "a long name in every record",
    place: TCP,
    say: believed("response", prefixed(pointers(4500))),
  },
  { name: "names in chains", place: TCP, say: believed("response", prefixed(chains(3000))) },
  { name: "answers in turn", place: UDP, say: (bytes) => apart(bytes, answer, (nth) => nth) },
  {
    name: "answers, the last first",
    place: UDP,
    say: (bytes) => apart(bytes, answer, (nth, count) => count - 1 - nth),
  },
  {
    name: "answers to other names",
    place: UDP,
    say: (bytes) => apart(bytes, nameless, (nth) => nth),
  },
  {
    name: "the same id always",
    place: UDP,
    say: (bytes) => apart(bytes, answer, () => 0),
  },
  {
    name: "zones that nobody sends",
    place: UDP,
    say: (bytes) =>
      many(bytes, (nth) => [
        from("request", ask(nth & 65535, "www.example.test", AXFR)),
        from("response", nameless((nth + 30000) & 65535)),
      ]),
  },
  {
    name: "another end each time",
    place: UDP,
    say: (bytes) => many(bytes, (nth) => [from("request", ask(nth & 65535), 1 + nth % 65000)]),
  },
  {
    name: "responses on the asking side",
    place: UDP,
    say: (bytes) =>
      many(
        bytes,
        (nth) => [from("request", nth % 2 ? answer(nth >> 1 & 65535) : ask(nth >> 1 & 65535))],
      ),
  },
];
