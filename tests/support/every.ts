/**
 * A protocol for tests that uses every ability of the contract: asks from both ends, one-way
 * messages, streams, a second name, nested streams, handovers, and memory of the whole trace.
 *
 *     unit    = type id size(2, big endian) payload
 *     "?" ask · "!" answer of the same id, from either end · "-" note, never answered
 *     "=" the payload is a word; from then on answers with this id show it, on every connection
 *     "(" the payload is a piece of nested stream `id`, upside down · ")" its last piece
 *     ">" both directions go on with the protocol `every_next`, which is told the payload
 *     "}" the same, and the ask in front of the other end is handed over with it
 *     "~" the same, but within TLS: that is what the socket's bytes are from then on; the payload "*"
 *         leaves it to the plain text what it is, and with none nothing more is to be read
 *
 * `every_next` is lines of text, each answered by one. What the client sends behind "hold" waits for
 * the server's next line.
 */
import { pairInOrder } from "../../lib/stitch/in_order.ts";
import { type Acts, pairEitherWay } from "../../lib/stitch/either_way.ts";
import { joinHalves } from "../../lib/stitch/halves.ts";
import {
  ANY,
  definePlugin,
  type Exchange,
  type Inherited,
  type ParseContext,
  type ParseResult,
  type Plugin,
  type Side,
  type StitchContext,
  type Stitched,
  type Timed,
} from "../../protocols/protocol.ts";
import type { Sample } from "./contract.ts";

const HEAD_BYTES = 4;
const MAX_PAYLOAD = 64;
const TYPES = "?!-=()>}~";
const OK = { operation: "every", target: "", outcome: "ok", attributes: {} } as const;
const CELLS = { request: "", response: "" };

interface Unit {
  type: string;
  id: number;
  text: string;
  nested: boolean;
  /** Of an answer: the word for its id, when it came. */
  word: string | undefined;
}
interface Said {
  text: string;
  nested?: true;
  word?: string;
}
interface Both extends Exchange {
  request: Said | null;
  response: Said | null;
}

/** Words by id: one for all connections of a trace. */
type Words = Map<number, string>;

function textOf(bytes: Uint8Array): string {
  return String.fromCharCode(...bytes);
}

function headSays(bytes: Uint8Array, from = 0): "yes" | "no" | "unsure" {
  const type = bytes[from];
  if (type !== undefined && !TYPES.includes(String.fromCharCode(type))) return "no";
  if (bytes.length - from < HEAD_BYTES) return "unsure";
  const size = ((bytes[from + 2] as number) << 8) | (bytes[from + 3] as number);
  return size <= MAX_PAYLOAD ? "yes" : "no";
}

function parseFrame(bytes: Uint8Array, { inner, state }: ParseContext<Words>): ParseResult<Unit> {
  const head = headSays(bytes);
  if (head === "no") return { kind: "invalid", reason: "bad_unit" };
  if (head === "unsure") return { kind: "need_more", minBytes: HEAD_BYTES };
  const length = HEAD_BYTES + (((bytes[2] as number) << 8) | (bytes[3] as number));
  if (bytes.length < length) return { kind: "need_more", minBytes: length };
  const type = String.fromCharCode(bytes[0] as number), id = bytes[1] as number;
  const payload = bytes.subarray(HEAD_BYTES, length);
  if (type === "(" || type === ")") {
    if (inner !== null) return { kind: "invalid", reason: "nested_twice" };
    const piece = payload.map((byte) => byte ^ 0xff);
    return { kind: "inner", length, bytes: piece, stream: id, isLast: type === ")" };
  }
  const text = textOf(payload), nested = inner !== null;
  if (type === "=") state.set(id, text);
  const word = type === "!" ? state.get(id) : undefined;
  const frame = { type, id, text, nested, word };
  if (type === "}") {
    return {
      kind: "frame",
      frame,
      length,
      next: { to: "every_next", handover: text, isCarrying: true },
    };
  }
  if (type === ">") return { kind: "switch", length, to: "every_next", handover: text };
  if (type === "~") {
    const to = text === "" ? null : text === ANY ? ANY : "every_next";
    return { kind: "switch", length, to, handover: text, opaque: "tls" };
  }
  return { kind: "frame", frame, length, stream: id };
}

const ACTS: Acts<Unit> = {
  act({ frame: { type } }) {
    if (type === "?") return "asks";
    return type === "!" ? "answers" : "alone";
  },
  idOf: ({ frame }) => frame.id,
};

function stitch(
  requests: Timed<Unit>[],
  responses: Timed<Unit>[],
  context: StitchContext<Words>,
): Stitched<Both>[] {
  const out: Stitched<Both>[] = [];
  pairEitherWay(requests, responses, context, ACTS, (asked, answer, reason, initiator) => {
    const isClients = initiator === "client";
    const request = isClients ? asked : answer, response = isClients ? answer : asked;
    const exchange = { request: said(request), response: said(response) };
    const one = joinHalves(exchange, request, response, reason);
    one.initiator = initiator;
    one.stream = { id: (asked ?? answer)?.stream ?? 0 };
    if (asked?.frame.type === "-") one.protocol = "every_note";
    out.push(one);
  });
  return out;
}

function said(timed: Timed<Unit> | null): Said | null {
  if (timed === null) return null;
  const { text, nested, word } = timed.frame;
  return {
    text,
    ...(nested ? { nested: true as const } : {}),
    ...(word === undefined ? {} : { word }),
  };
}

export const every: Plugin = definePlugin<Unit, Words, Both, Words>({
  name: "every",
  otherNames: ["every_note"],
  ports: [4001],
  transports: ["stream"],
  // A unit of a few bytes may be anything: both directions must look like one.
  probe: (head) => {
    const answer = headSays(head);
    return answer === "yes" ? "likely" : answer;
  },
  createTrace: () => new Map(),
  createState: (words) => words,
  heldBytes: (words) => words.size * MAX_PAYLOAD,
  parseFrame,
  findBoundary(bytes, from) {
    let at = from;
    while (at < bytes.length && headSays(bytes, at) === "no") at++;
    return at;
  },
  abandon: () => null,
  stitch,
  outline: () => OK,
  summarize: () => CELLS,
});

interface NextState {
  told: string;
  isHeld: boolean;
  inherited: Timed<unknown> | null;
}
interface Line {
  text: string;
}

const LF = 10;

function isLetter(byte: number | undefined): boolean {
  return byte !== undefined && byte >= 0x61 && byte <= 0x7a;
}

export const everyNext: Plugin = definePlugin<Line, NextState, Both, null>({
  name: "every_next",
  ports: [],
  transports: ["stream"],
  probe: () => "no", // only ever handed over to
  createTrace: () => null,
  createState(_trace, inherited: Inherited | null) {
    const told = typeof inherited?.value === "string" ? inherited.value : "";
    return { told, isHeld: false, inherited: inherited?.request ?? null };
  },
  parseFrame(bytes, { side, state }) {
    if (side === "request" && state.isHeld) return { kind: "wait" };
    if (bytes.length > 0 && !isLetter(bytes[0])) return { kind: "invalid", reason: "no_letter" };
    const end = bytes.indexOf(LF);
    if (end < 0) return { kind: "need_more", minBytes: bytes.length + 1 };
    const text = textOf(bytes.subarray(0, end));
    state.isHeld = side === "request" && text === "hold";
    return { kind: "frame", frame: { text }, length: end + 1 };
  },
  findBoundary(bytes, from) {
    let at = from;
    while (at < bytes.length && !isLetter(bytes[at])) at++;
    return at;
  },
  abandon: () => null,
  stitch(requests, responses, context) {
    const out: Stitched<Both>[] = [];
    const { state } = context;
    // What was asked in the other protocol is answered by the first line.
    const { inherited } = state;
    const first = responses[0];
    if (inherited !== null && (first !== undefined || context.ended !== null)) {
      const answer = responses.shift() ?? null;
      const exchange = { request: { text: state.told }, response: answer?.frame ?? null };
      out.push(joinHalves(exchange, inherited, answer, answer === null ? context.ended : null));
      state.inherited = null;
    }
    pairInOrder(requests, responses, context, (request, response, reason) => {
      const exchange = {
        request: request === null ? null : { text: `${state.told} ${request.frame.text}` },
        response: response === null ? null : response.frame,
      };
      out.push(joinHalves(exchange, request, response, reason));
    });
    return out;
  },
  outline: () => OK,
  summarize: () => CELLS,
});

/** One unit as bytes. */
export function unit(type: string, id: number, text: string | Uint8Array = ""): Uint8Array {
  const payload = typeof text === "string"
    ? Uint8Array.from(text, (letter) => letter.charCodeAt(0))
    : text;
  return Uint8Array.from([
    type.charCodeAt(0),
    id,
    payload.length >> 8,
    payload.length & 255,
    ...payload,
  ]);
}

/** Units of nested stream `id`, cut into pieces of `size` bytes, as units of the wire. */
export function nested(id: number, units: readonly Uint8Array[], size: number): Uint8Array {
  const inside = units.flatMap((each) => [...each]).map((byte) => byte ^ 0xff);
  const out: number[] = [];
  for (let at = 0; at < inside.length; at += size) {
    const type = at + size < inside.length ? "(" : ")";
    out.push(...unit(type, id, Uint8Array.from(inside.slice(at, at + size))));
  }
  return Uint8Array.from(out);
}

/** One text of `every_next`. */
export function line(text: string): Uint8Array {
  return new TextEncoder().encode(`${text}\n`);
}

function say(side: Side, ...parts: Uint8Array[]): Sample["steps"][number] {
  return { side, bytes: Uint8Array.from(parts.flatMap((part) => [...part])) };
}
const fromClient = (...parts: Uint8Array[]) => say("request", ...parts);
const fromServer = (...parts: Uint8Array[]) => say("response", ...parts);

export const samples: Sample[] = [
  {
    name: "both ends ask, in any order",
    transport: "stream",
    exchanges: 4,
    steps: [
      fromClient(unit("?", 1, "a"), unit("?", 2, "b")),
      fromServer(unit("!", 2, "B"), unit("?", 1, "who")),
      fromClient(unit("!", 1, "me"), unit("-", 9, "note")),
      fromServer(unit("!", 1, "A")),
    ],
  },
  {
    name: "words are remembered",
    transport: "stream",
    exchanges: 2,
    steps: [
      fromClient(unit("=", 3, "three"), unit("?", 3, "x")),
      fromServer(unit("!", 3, "X")),
    ],
  },
  {
    name: "nested streams, interleaved",
    transport: "stream",
    exchanges: 3,
    steps: [
      fromClient(nested(1, [unit("?", 1, "inside"), unit("?", 2, "too")], 3)),
      fromClient(nested(2, [unit("?", 3, "more")], 5)),
      fromServer(unit("!", 3, "1"), nested(1, [unit("!", 2, "2"), unit("!", 1, "3")], 2)),
    ],
  },
  {
    name: "handed over with a value",
    transport: "stream",
    exchanges: 3,
    steps: [
      fromClient(unit("?", 1, "a")),
      fromServer(unit("!", 1, "A"), unit(">", 0, "told")),
      fromClient(line("one"), line("two")),
      fromServer(line("eins"), line("zwei")),
    ],
  },
  {
    name: "waits for the other side",
    transport: "stream",
    exchanges: 4,
    steps: [
      fromClient(unit("?", 1, "a")),
      fromServer(unit("!", 1, "A"), unit(">", 0, "told")),
      fromClient(line("hold"), line("two"), line("three")),
      fromServer(line("go")),
      fromServer(line("zwei"), line("drei")),
    ],
  },
  {
    name: "handed over with the ask in front",
    transport: "stream",
    exchanges: 2,
    steps: [
      fromClient(unit("?", 1, "up")),
      fromServer(unit("}", 1, "told"), line("upped")),
      fromClient(line("one")),
      fromServer(line("eins")),
    ],
  },
];
