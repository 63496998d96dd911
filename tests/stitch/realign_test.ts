/**
 * Pairing by order where messages were lost. The model: a connection whose requests are "1", "2" …
 * and whose responses are of the same names, so that a wrong pair shows, whatever is taken away.
 */
import assert from "node:assert/strict";
import { pairInOrder } from "../../lib/stitch/in_order.ts";
import { Pairing } from "../../lib/stitch/pairing.ts";
import type { IncompleteReason, Side, StitchContext, Timed } from "../../protocols/protocol.ts";
import { stitchContext, timedFrame } from "../support/contexts.ts";
import { seeded } from "../support/events.ts";

const MS = 1e6;

/** One message; a hidden one was lost. */
interface Message {
  side: Side;
  name: string;
  ns: number;
  hidden?: boolean;
  reason?: IncompleteReason;
}

interface Outcome {
  /** "name-name", or "name- reason" and "-name reason". */
  said: string[];
  left: number;
}

/** Runs messages as they come, stitching after each operation. */
function run(
  messages: readonly Message[],
  ended: StitchContext<null>["ended"] = "closed",
): Outcome {
  const queues: Record<Side, Timed<string>[]> = { request: [], response: [] };
  const lost: Record<Side, IncompleteReason | null> = { request: null, response: null };
  const pairing = new Pairing("untold");
  const said: string[] = [];
  const stitch = (nowNs: number, at: StitchContext<null>["ended"]): void => {
    const context = stitchContext({ state: null, nowNs, pairing, ended: at });
    pairInOrder(queues.request, queues.response, context, (request, response, reason) => {
      const pair = `${request?.frame ?? ""}-${response?.frame ?? ""}`;
      said.push(reason === null ? pair : `${pair} ${reason}`);
    });
  };
  let nowNs = 0;
  for (const [i, { side, name, ns, hidden, reason }] of messages.entries()) {
    nowNs = ns;
    if (hidden === true) {
      lost[side] = reason ?? "gap";
      continue;
    }
    const gone = lost[side];
    const loss = gone === null ? null : {
      reason: gone,
      behindRest: false,
      mayBeBoth: gone === "lost_events",
      isWhole: true,
      isJoin: gone === "mid_stream",
    };
    queues[side].push(timedFrame(name, ns, { loss }));
    lost[side] = null;
    const next = messages[i + 1];
    if (next?.ns !== ns || next.side !== side) stitch(ns, null);
  }
  if (ended !== null) stitch(nowNs, ended);
  return { said, left: queues.request.length + queues.response.length };
}

/** "?1 ?2 !1 !2", an operation a word list in brackets: "[?1 ?2] [!1 !2]"; "~" before what was lost. */
function talk(text: string, stepNs = MS): Message[] {
  const messages: Message[] = [];
  let ns = 0;
  for (const operation of text.match(/\[[^\]]*\]|\S+/g) ?? []) {
    if (/^\d+s$/.test(operation)) {
      ns += parseInt(operation) * 1e9;
      continue;
    }
    ns += stepNs;
    for (const word of operation.replace(/[[\]]/g, "").split(" ")) {
      const hidden = word.startsWith("~");
      const rest = hidden ? word.slice(1) : word;
      const side = rest.startsWith("?") ? "request" : "response";
      messages.push({ side, name: rest.slice(1), ns, hidden });
    }
  }
  return messages;
}

const cases: { name: string; text: string; want: string[]; ended?: null }[] = [
  {
    name: "without pipelining the newest request is answered",
    text: "?1 ~!1 ?2 !2 ?3 !3",
    want: ["1- gap", "2-2", "3-3"],
  },
  {
    name: "all responses of a turn are there: theirs",
    text: "[?1 ?2] [~!1 ~!2] [?3 ?4] [!3 !4]",
    want: ["1- gap", "2- gap", "3-3", "4-4"],
  },
  {
    name: "the first of a turn was lost: the next turn tells that these were the last ones",
    text: "[?1 ?2 ?3] [~!1 !2 !3] [?4 ?5] [!4 !5]",
    want: ["1- gap", "2-2", "3-3", "4-4", "5-5"],
  },
  {
    name: "the middle of a turn was lost",
    text: "[?1 ?2 ?3 ?4] [!1 ~!2 ~!3 !4] ?5 !5",
    want: ["1-1", "2- gap", "3- gap", "4-4", "5-5"],
  },
  {
    name: "until then they wait",
    text: "[?1 ?2 ?3] [~!1 !2 !3]",
    ended: null,
    want: [],
  },
  {
    name: "and at the end nobody knows whose they are",
    text: "[?1 ?2 ?3] [~!1 !2 !3]",
    want: ["1- gap", "2- gap", "3- gap", "-2 gap", "-3 gap"],
  },
  {
    name: "two losses in a turn: between them nobody's, behind them the last ones",
    text: "[?1 ?2 ?3 ?4] [~!1 !2 ~!3 !4] ?5 !5",
    want: ["-2 gap", "1- gap", "2- gap", "3- gap", "4-4", "5-5"],
  },
  {
    name: "more than were asked for: parts of a torn response are among them, nobody knows which",
    text: "[?1 ?2] [~!1 !1a !1b !2] ?3 !3",
    want: ["1- gap", "2- gap", "-1a gap", "-1b gap", "-2 gap", "3-3"],
  },
  {
    name: "requests of a turn were lost, answers and all the rest were not",
    text: "[?1 ?2] [!1 !2] [~?3 ?4] [!3 !4] ?5 !5",
    want: ["1-1", "2-2", "-3 gap", "4-4", "5-5"],
  },
  {
    name: "requests and answers of a turn were lost: the next turn is whole",
    text: "[?1 ?2] [!1 !2] [~?3 ?4 ?5] [~!3 ~!4 !5] [?6 ?7] [!6 !7] ?8 !8",
    want: ["1-1", "2-2", "4- gap", "5- gap", "-5 gap", "6-6", "7-7", "8-8"],
  },
  {
    name: "a whole turn was lost, both sides",
    text: "[?1 ?2] [!1 !2] [~?3 ~?4] [~!3 ~!4] [?5 ?6] [!5 !6] ?7 !7",
    want: ["1-1", "2-2", "5-5", "6-6", "7-7"],
  },
  {
    name: "a client that sends on while answers are due tells nothing: all is given up",
    text: "?1 ?2 !1 ?3 ~!2 !3 ?4 !4 ?5 !5",
    want: ["1-1", "2- gap", "3- gap", "-3 gap", "4- gap", "-4 gap", "5- gap", "-5 gap"],
  },
  {
    name: "until all answers that may be due have come",
    text: "?1 ?2 !1 ?3 !2 ~!3 ?4 ?5 !4 !5 ?6 !6",
    want: ["1-1", "2-2", "3- gap", "4- gap", "5- gap", "-4 gap", "-5 gap", "6- gap", "-6 gap"],
  },
  {
    name: "or a request comes out of silence",
    text: "?1 ?2 !1 ?3 ~!2 !3 2s ?4 !4 ?5 !5",
    want: ["1-1", "2- gap", "3- gap", "-3 gap", "4-4", "5-5"],
  },
  {
    name: "such a client with one request on its way is no riddle",
    text: "?1 ?2 !1 !2 ?3 ~!3",
    want: ["1-1", "2-2", "3- closed"],
  },
];

for (const { name, text, want, ended } of cases) {
  Deno.test(`pairInOrder() behind a loss: ${name}`, () => {
    assert.deepEqual(run(talk(text), ended === null ? null : "closed").said, want);
  });
}

Deno.test("pairInOrder() names the reason of the loss", () => {
  const messages = talk("?1 ~!1 ?2 !2 ?3 !3").map((each): Message => ({
    ...each,
    reason: "lost_events",
  }));
  assert.deepEqual(run(messages).said, ["1- lost_events", "2-2", "3-3"]);
  const overlapping = talk("?1 ?2 !1 ?3 ~!2 !3").map((each): Message => ({
    ...each,
    reason: "lost_events",
  }));
  assert.deepEqual(run(overlapping).said.slice(1), [
    "2- lost_events",
    "3- lost_events",
    "-3 lost_events",
  ]);
});

/** A connection of `turns` turns, each of at most `most` requests, answered in one operation or more. */
function inTurns(random: () => number, turns: number, most: number): Message[] {
  const messages: Message[] = [];
  let [ns, name] = [0, 0];
  for (let turn = 0; turn < turns; turn++) {
    ns += 1 + Math.floor(random() * 20 * MS);
    const names = Array.from({ length: 1 + Math.floor(random() * most) }, () => `${++name}`);
    for (const each of names) messages.push({ side: "request", name: each, ns });
    for (const each of names) {
      if (each === names[0] || random() < 0.2) ns += 1 + Math.floor(random() * 20 * MS);
      messages.push({ side: "response", name: each, ns });
    }
  }
  return messages;
}

/** A client that keeps up to `window` requests on their way, and at first fills it. */
function overlapping(random: () => number, count: number, window: number): Message[] {
  const messages: Message[] = [];
  let [ns, sent, answered] = [0, 0, 0];
  while (answered < count) {
    ns += 1 + Math.floor(random() * 20 * MS);
    const room = Math.min(window, count - answered) - (sent - answered);
    if (room > 0 && sent < count && (sent < window || random() < 0.5)) {
      messages.push({ side: "request", name: `${++sent}`, ns });
    } else if (sent > answered) messages.push({ side: "response", name: `${++answered}`, ns });
  }
  return messages;
}

/** Takes away runs of messages: events of one side or of both, or of responses what nobody could see. */
function withLosses(random: () => number, messages: Message[], from: number): Message[] {
  const out = messages.map((message) => ({ ...message }));
  const isUnseen = random() < 0.3;
  for (let loss = 0; loss < 3; loss++) {
    const first = from + Math.floor(random() * (messages.length - from));
    const last = first + Math.floor(random() * 12);
    const some = random();
    const side = isUnseen || some < 0.4 ? "response" : some < 0.6 ? "request" : null;
    for (const message of out.slice(first, last)) {
      if (side !== null && message.side !== side) continue;
      message.hidden = true;
      message.reason = isUnseen ? "gap" : "lost_events";
    }
  }
  return out;
}

/** Every message that was seen is told once, and no pair is wrong; the number of pairs. */
function checkTruth(messages: readonly Message[], what: string): number {
  const { said, left } = run(messages);
  assert.equal(left, 0, what);
  let pairs = 0;
  const told: Record<Side, string[]> = { request: [], response: [] };
  for (const line of said) {
    const [request = "", response = ""] = line.split(" ", 1)[0]?.split("-") ?? [];
    if (request !== "" && response !== "") {
      pairs++;
      assert.equal(request, response, `${what}: ${said.join(", ")}`);
    }
    if (request !== "") told.request.push(request);
    if (response !== "") told.response.push(response);
  }
  for (const side of ["request", "response"] as const) {
    const seen = messages.filter((each) => each.side === side && each.hidden !== true);
    assert.deepEqual(told[side], seen.map(({ name }) => name), what);
  }
  return pairs;
}

/** Pairs of which both halves were seen. */
function possiblePairs(messages: readonly Message[]): number {
  const seen = messages.filter(({ hidden }) => hidden !== true);
  const requests = new Set(seen.flatMap((it) => it.side === "request" ? [it.name] : []));
  return seen.filter(({ side, name }) => side === "response" && requests.has(name)).length;
}

const shapes: { name: string; most: number; least: number }[] = [
  { name: "without pipelining", most: 1, least: 0.97 },
  { name: "in batches of up to 16", most: 16, least: 0.9 },
];
for (const { name, most, least } of shapes) {
  Deno.test(`pairInOrder() never pairs wrongly, whatever is lost of a connection ${name}`, () => {
    let [paired, possible] = [0, 0];
    for (let seed = 1; seed <= 500; seed++) {
      const random = seeded(seed);
      const messages = withLosses(random, inTurns(random, 30, most), 4);
      paired += checkTruth(messages, `seed ${seed}`);
      possible += possiblePairs(messages);
    }
    assert.ok(paired / possible > least, `${paired} of ${possible} pairs`);
  });
}

Deno.test("pairInOrder() never pairs wrongly, whatever is lost of a client that sends on", () => {
  let paired = 0;
  for (let seed = 1; seed <= 500; seed++) {
    const random = seeded(seed);
    const messages = overlapping(random, 60, 2 + Math.floor(random() * 6));
    // Its habit shows in the first turns, before anything is lost.
    paired += checkTruth(withLosses(random, messages, 30), `seed ${seed}`);
  }
  assert.ok(paired > 500 * 10);
});

/** The connection as it is seen when what came before `from` was not. */
function joinedAt(messages: readonly Message[], from: number): Message[] {
  const sides: readonly Side[] = ["request", "response"];
  const before = sides.map((side): Message => ({ side, name: "", ns: 0 }));
  const hidden = [...before, ...messages.slice(0, from)].map((each): Message => ({
    ...each,
    hidden: true,
    reason: "mid_stream",
  }));
  return [...hidden, ...messages.slice(from)];
}

const joins: { name: string; text: string; want: string[]; ended?: null }[] = [
  {
    name: "between two exchanges",
    text: "| ?1 !1 ?2 !2",
    want: ["1-1", "2-2"],
  },
  {
    name: "in an exchange",
    text: "?1 | !1 ?2 !2 ?3 !3",
    want: ["-1 mid_stream", "2-2", "3-3"],
  },
  {
    name: "in a batch asked by several operations: the oldest answers are others'",
    text: "?1 ?2 | ?3 ?4 !1 !2 !3 !4 ?5 !5",
    want: ["-1 mid_stream", "-2 mid_stream", "3-3", "4-4", "5-5"],
  },
  {
    name: "before the last one of a batch",
    text: "?1 ?2 | ?3 !1 !2 !3 ?4 ?5 !4 !5",
    want: ["-1 mid_stream", "-2 mid_stream", "3-3", "4-4", "5-5"],
  },
  {
    name: "in a batch that is still asked when it is answered",
    text: "?1 | [?2 ?3] !1 ?4 !2 !3 !4 ?5 !5",
    want: ["-1 mid_stream", "2-2", "3-3", "4-4", "5-5"],
  },
  {
    name: "until the next one comes they wait",
    text: "?1 | ?2 !1 !2",
    ended: null,
    want: [],
  },
];

for (const { name, text, want, ended } of joins) {
  Deno.test(`pairInOrder() joined ${name}`, () => {
    const [before = "", after = ""] = text.split("|");
    const messages = joinedAt(talk(before + after), talk(before).length);
    assert.deepEqual(run(messages, ended === null ? null : "closed").said, want);
  });
}

/** As inTurns(), but a turn may be asked by several operations. */
function inBatches(random: () => number, turns: number, most: number): Message[] {
  const messages = inTurns(random, turns, most);
  let shift = 0;
  for (const [i, message] of messages.entries()) {
    const before = messages[i - 1];
    const isNext = message.side === "request" && before?.side === "request";
    if (isNext && random() < 0.5) shift++;
    message.ns += shift;
  }
  return messages;
}

Deno.test("pairInOrder() never pairs wrongly, wherever batches are joined", () => {
  let [paired, possible] = [0, 0];
  for (let seed = 1; seed <= 500; seed++) {
    const random = seeded(seed);
    const batches = inBatches(random, 12, 1 + (seed % 8));
    const messages = joinedAt(batches, Math.floor(random() * batches.length));
    paired += checkTruth(messages, `seed ${seed}`);
    possible += possiblePairs(messages);
  }
  assert.ok(paired / possible > 0.99, `${paired} of ${possible} pairs`);
});
