/**
 * What pairing by order costs where messages were lost, counted in looks at queued messages: linear in
 * their number, whatever the order of requests, responses and losses.
 */
import assert from "node:assert/strict";
import type { Loss, Timed } from "../../protocols/protocol.ts";
import { pairInOrder } from "../../lib/stitch/in_order.ts";
import { Pairing } from "../../lib/stitch/pairing.ts";
import { stitchContext, timedFrame } from "../support/contexts.ts";

/** Looks at a message that one message may cost, over a whole conversation. */
const MAX_LOOKS = 60;

const LOSS: Loss = {
  reason: "lost_events",
  behindRest: false,
  mayBeBoth: false,
  isWhole: true,
  isJoin: false,
};
const JOIN: Loss = { ...LOSS, reason: "mid_stream", isJoin: true };

type Queue = Timed<string>[];
const at = (ns: number, loss: Loss | null = null): Timed<string> => timedFrame("x", ns, { loss });
const many = (count: number, one: (nth: number) => Timed<string>): Queue =>
  Array.from({ length: count }, (_, nth) => one(nth));

interface Case {
  name: string;
  /** Both queues, of about `count` messages each. */
  of(count: number): [Queue, Queue];
  pairing?: () => Pairing;
}

const overlapping = (): Pairing => {
  const pairing = new Pairing();
  pairing.habit.overlaps = true;
  return pairing;
};

const CASES: Case[] = [
  {
    name: "one request behind a loss, more answers than it is due, and another turn",
    of: (n) => [
      [at(10, LOSS), at(1e6)],
      [...many(n, (i) => at(20 + i)), at(2e6)],
    ],
  },
  {
    name: "the same, of many requests",
    of: (n) => [
      [...many(n / 2, (i) => at(10, i === 0 ? LOSS : null)), at(1e6)],
      [...many(n, (i) => at(20 + i)), at(2e6)],
    ],
  },
  {
    name: "a batch, and a loss before each answer",
    of: (n) => [many(n, () => at(10)), many(n, (i) => at(20 + i, LOSS))],
  },
  {
    name: "a batch, a loss before each answer, and events of both sides may be lost",
    of: (n) => [
      [...many(n, () => at(10)), at(1e6)],
      many(n, (i) => at(20 + i, { ...LOSS, mayBeBoth: true })),
    ],
  },
  {
    name: "turns of one request, and a loss before each answer",
    of: (n) => [many(n, (i) => at(10 * i)), many(n, (i) => at(10 * i + 5, LOSS))],
  },
  {
    name: "turns of one request, and a loss before each of both",
    of: (n) => [many(n, (i) => at(10 * i, LOSS)), many(n, (i) => at(10 * i + 5, LOSS))],
  },
  {
    name: "requests that overlap, and a loss before each answer",
    of: (n) => [many(n, (i) => at(10 * i)), many(n, (i) => at(10 * i + 500, LOSS))],
    pairing: overlapping,
  },
  {
    name: "a batch with a loss, whose answers did not all come",
    of: (n) => [many(n, (i) => at(10, i === 0 ? LOSS : null)), many(n - 1, (i) => at(20 + i))],
  },
  {
    name: "joined with all under way",
    of: (
      n,
    ) => [many(n, (i) => at(10 * i, i === 0 ? JOIN : null)), many(n, (i) => at(10 * i + 500))],
    pairing: () => new Pairing("joined"),
  },
];

/** The queue, each look at a message of which is counted. */
function counted(queue: Queue, look: () => void): Queue {
  return new Proxy(queue, {
    get(target, key, receiver): unknown {
      if (typeof key === "string" && key >= "0" && key <= "9~") look();
      return Reflect.get(target, key, receiver);
    },
  });
}

function looksAt({ of, pairing }: Case, count: number): number {
  const [requests, responses] = of(count);
  const total = requests.length + responses.length;
  let looks = 0, handedOver = 0;
  const look = (): void => void looks++;
  const context = stitchContext({ state: null, pairing: pairing?.() ?? new Pairing(), nowNs: 5e9 });
  const emit = (request: unknown, response: unknown): void => {
    handedOver += Number(request !== null) + Number(response !== null);
  };
  pairInOrder(counted(requests, look), counted(responses, look), context, emit);
  context.ended = "closed";
  pairInOrder(counted(requests, look), counted(responses, look), context, emit);
  assert.ok(handedOver >= total, `${handedOver} of ${total} messages were handed over`);
  return looks / total;
}

for (const each of CASES) {
  Deno.test(`pairInOrder() looks at a message a bounded number of times: ${each.name}`, () => {
    const [few, more] = [looksAt(each, 500), looksAt(each, 4000)];
    const said = `${few.toFixed(1)} looks at each of 500, ${more.toFixed(1)} at each of 4,000`;
    assert.ok(more <= MAX_LOOKS, said);
  });
}
