import { deepEqual, equal } from "node:assert/strict";
import { summarize } from "../../../protocols/dns/summarize.ts";
import { message, question, record, soa } from "./build.ts";
import { Conversation, type Step, STEP_NS, TIMEOUT_NS } from "./converse.ts";
import { stepsOf } from "./samples.ts";

const SOA = 6;
const IXFR = 251;
const AXFR = 252;
const ask = (bytes: Uint8Array): Step => ({ side: "request", bytes });
const answer = (bytes: Uint8Array): Step => ({ side: "response", bytes });
const query = (id: number, name: string, type = 1): Step =>
  ask(message({ id, questions: [question(name, type)] }));
const reply = (id: number, name: string, type = 1, answers: number[][] = []): Step =>
  answer(message({ id, bits: 0x8180, questions: [question(name, type)], answers }));

/** "request name > first answer or rcode, reasons" of each exchange. */
function run(steps: readonly Step[]): string[] {
  return new Conversation("datagram").run(steps).end().map(line);
}

function line({ exchange, incomplete }: ReturnType<Conversation["end"]>[number]): string {
  const { request, response } = summarize(exchange);
  return [request || "-", response || "-", ...incomplete].join(" > ");
}

Deno.test("stitch() gives a record the fields of request and response in their order", () => {
  const [pair] = new Conversation("datagram").run(stepsOf("mixed case")).end();
  equal(pair?.exchange.request?.questions[0]?.name, "wEb.ExAmPlE.tEsT");
  deepEqual(Object.keys(pair?.exchange.request ?? {}), [
    "id",
    "opcode",
    "recursion_desired",
    "authentic_data",
    "questions",
  ]);
  deepEqual(Object.keys(pair?.exchange.response ?? {}), [
    "id",
    "rcode",
    "authoritative",
    "recursion_desired",
    "answers",
    "authorities",
    "additionals",
  ]);
});

Deno.test("stitch() names the sections of UPDATE in their own words", () => {
  const [pair] = new Conversation("datagram").run(stepsOf("UPDATE")).end();
  const { request, response } = pair?.exchange ?? {};
  equal(request?.opcode, "UPDATE");
  deepEqual(request?.prerequisites, [
    { name: "new.example.test", type: "ANY", class: "NONE", ttl: 0 },
  ]);
  deepEqual(request?.updates, [
    { name: "new.example.test", type: "A", ttl: 60, data: "192.0.2.9" },
    { name: "old.example.test", type: "ANY", class: "ANY", ttl: 0 },
  ]);
  deepEqual([request?.answers, request?.authorities], [undefined, undefined]);
  deepEqual([response?.opcode, response?.rcode], ["UPDATE", "NOTIMP"]);
});

Deno.test("stitch() never prints the code of TSIG", () => {
  const steps = stepsOf("UPDATE with TSIG");
  const [pair] = new Conversation("datagram").run(steps).end();
  deepEqual(pair?.exchange.request?.additionals?.[0]?.data, {
    algorithm: "hmac-sha256",
    time_signed: "2026-11-21T12:14:30Z",
    fudge: 300,
    mac_bytes: 32,
    original_id: pair?.exchange.request?.id,
    error: 0,
  });
});

const pairings: { name: string; steps: Step[]; want: string[] }[] = [
  {
    name: "responses out of order",
    steps: [query(1, "a"), query(2, "b"), reply(2, "b"), reply(1, "a")],
    want: ["A b > NOERROR", "A a > NOERROR"],
  },
  {
    name: "an id used again with another question",
    steps: [query(1, "a"), query(1, "b"), reply(1, "b")],
    want: ["A b > NOERROR", "A a > - > closed"],
  },
  {
    name: "the same name with another type",
    steps: [query(1, "a", 1), query(1, "a", 28), reply(1, "a", 28), reply(1, "a", 1)],
    want: ["AAAA a > NOERROR", "A a > NOERROR"],
  },
  {
    name: "a response that changed the name's case",
    steps: [query(1, "a.Test"), reply(1, "A.tEST")],
    want: ["A a.Test > NOERROR"],
  },
  {
    name: "an error without the question",
    steps: [query(1, "a"), answer(message({ id: 1, bits: 0x8181 }))],
    want: ["A a > FORMERR"],
  },
  {
    name: "an mDNS answer to one of two questions with id 0",
    steps: [
      query(0, "a.local"),
      query(0, "b.local"),
      answer(message({ id: 0, bits: 0x8400, answers: [record("b.local", 1, [10, 0, 0, 2])] })),
    ],
    want: ["A b.local > NOERROR 10.0.0.2", "A a.local > - > closed"],
  },
  {
    name: "an mDNS announcement",
    steps: [ask(message({ id: 0, bits: 0x8400, answers: [record("b.local", 1, [10, 0, 0, 2])] }))],
    want: ["- > NOERROR 10.0.0.2 > mid_stream"],
  },
  {
    name: "peers that ask each other on one socket",
    steps: [
      query(1, "a"),
      answer(message({ id: 2, questions: [question("b", 1)] })),
      ask(message({ id: 2, bits: 0x8180, questions: [question("b", 1)] })),
      reply(1, "a"),
    ],
    want: ["A b > NOERROR", "A a > NOERROR"],
  },
  {
    name: "a response alone",
    steps: [reply(9, "late", 1, [record("late", 1, [10, 0, 0, 3])])],
    want: ["- > NOERROR 10.0.0.3 > mid_stream"],
  },
];

Deno.test("stitch() pairs by id and question", () => {
  for (const { name, steps, want } of pairings) deepEqual(run(steps), want, name);
});

Deno.test("stitch() shows the question of a response whose request was not seen", () => {
  const [alone] = new Conversation("datagram").run([reply(9, "late")]).end();
  deepEqual(alone?.exchange.response?.questions, [{ name: "late", type: "A" }]);
});

Deno.test("stitch() reports a query as unanswered at its time limit, not before", () => {
  const conversation = new Conversation("datagram").run(stepsOf("unanswered query"));
  conversation.nowNs += TIMEOUT_NS - 1;
  equal(conversation.stitch(null).out.length, 0);
  conversation.nowNs += 1;
  deepEqual(conversation.stitch(null).out.map(line), ["A nobody.test > - > no_response"]);
  equal(conversation.out[0]?.exchange.response, null);
});

const serials = (...list: number[]): number[][] => list.map((serial) => soa("z", serial));
const host = record("h.z", 1, [10, 0, 0, 1]);
const more = (answers: number[][], bits = 0x8400): Step =>
  answer(message({ id: 5, bits, answers }));

const transfers: { name: string; steps: Step[]; messages: number | undefined; answers: number }[] =
  [
    {
      name: "AXFR in one message",
      steps: [query(5, "z", AXFR), reply(5, "z", AXFR, [...serials(3), host, ...serials(3)])],
      messages: undefined,
      answers: 3,
    },
    {
      name: "AXFR, one record a message, the question only in the first",
      steps: [query(5, "z", AXFR), reply(5, "z", AXFR, serials(3)), more([host]), more(serials(3))],
      messages: 3,
      answers: 3,
    },
    {
      name: "IXFR, incremental: the newest SOA comes three times",
      steps: [
        query(5, "z", IXFR),
        reply(5, "z", IXFR, serials(3, 2)),
        more([host, ...serials(3), host]),
        more(serials(3)),
      ],
      messages: 3,
      answers: 6,
    },
    {
      name: "AXFR that fails half way",
      steps: [query(5, "z", AXFR), reply(5, "z", AXFR, [...serials(3), host]), more([], 0x8402)],
      messages: 2,
      answers: 2,
    },
  ];

Deno.test("stitch() gathers the messages of a zone transfer into one response", () => {
  for (const { name, steps, messages, answers } of transfers) {
    const conversation = new Conversation("datagram").run(steps);
    equal(conversation.out.length, 1, name);
    const [pair] = conversation.end();
    equal(pair?.exchange.response?.messages, messages, name);
    equal(pair?.exchange.response?.answers.length, answers, name);
    equal(pair?.response?.endNs, STEP_NS * steps.length, name);
    deepEqual(pair?.incomplete, [], name);
    equal(conversation.out.length, 1, name);
  }
});

Deno.test("stitch() keeps 512 records of a transfer and says how many there were", () => {
  const hosts = Array<number[]>(300).fill(host);
  const steps = [
    query(5, "z", AXFR),
    reply(5, "z", AXFR, [...serials(3), ...hosts]),
    more(hosts),
    more([...hosts, ...serials(3)]),
  ];
  const [pair] = new Conversation("datagram").run(steps).out;
  equal(pair?.exchange.response?.answers.length, 512);
  equal(pair?.exchange.response?.answer_count, 902);
  deepEqual(pair?.incomplete, ["truncated"]);
});

Deno.test("stitch() hands over a transfer that stalls or is cut off", () => {
  const steps = [query(5, "z", AXFR), reply(5, "z", AXFR, [...serials(3), host])];
  const stalled = new Conversation("datagram").run(steps);
  equal(stalled.out.length, 0);
  stalled.nowNs += TIMEOUT_NS;
  deepEqual(stalled.stitch(null).out.map(({ incomplete }) => incomplete), [["timeout"]]);
  const cut = new Conversation("datagram").run(steps).end();
  deepEqual(cut.map(({ incomplete }) => incomplete), [["closed"]]);
});

Deno.test("stitch() does not wait for more after a lone SOA that says up to date", () => {
  const request = message({
    id: 5,
    questions: [question("z", IXFR)],
    authorities: serials(3),
  });
  const conversation = new Conversation("datagram");
  conversation.run([ask(request), reply(5, "z", IXFR, serials(3))]);
  equal(conversation.out.length, 1);
  equal(conversation.out[0]?.exchange.request?.authorities?.[0]?.type, "SOA");
});

Deno.test("stitch() pairs a refused transfer, and an SOA query beside a transfer", () => {
  const steps = [
    query(5, "z", AXFR),
    reply(5, "z", AXFR, serials(3)),
    query(5, "z", SOA),
    reply(5, "z", SOA, serials(3)),
    more(serials(3)),
    query(6, "z", AXFR),
    answer(message({ id: 6, bits: 0x8405, questions: [question("z", AXFR)] })),
  ];
  const want = ["SOA z > NOERROR ns admin 3 0 0 0 0", "AXFR z > NOERROR ns admin 3 0 0 0 0 (+1)"];
  deepEqual(run(steps), [...want, "AXFR z > REFUSED"]);
});

Deno.test("summarize() keeps cells short", () => {
  const text = [...Array(255)].flatMap(() => [97]);
  const long = reply(1, "a", 16, [record("a", 16, [255, ...text])]);
  const [pair] = new Conversation("datagram").run([query(1, "a", 16), long]).end();
  equal(pair && summarize(pair.exchange).response.length, 100);
});

const again = (steps: readonly Step[], transport: "datagram" | "stream" = "datagram"): unknown[] =>
  new Conversation(transport).run(steps).end().map(({ exchange, incomplete }) => [
    exchange.request?.id,
    exchange.request?.retransmitted,
    exchange.response?.rcode,
    ...incomplete,
  ]);

Deno.test("stitch() makes one record of a query that was sent again and answered once", () => {
  const sent = query(7, "a.test");
  deepEqual(again([sent, sent, sent, reply(7, "a.test")]), [[7, 2, "NOERROR"]]);
  deepEqual(again([sent, query(8, "a.test"), sent, reply(8, "a.test"), reply(7, "a.test")]), [
    [8, undefined, "NOERROR"],
    [7, 1, "NOERROR"],
  ]);
});

Deno.test("stitch() makes an exchange of each answer to a query that was sent again", () => {
  const sent = query(7, "a.test");
  deepEqual(again([sent, sent, reply(7, "a.test"), reply(7, "a.test")]), [
    [7, 1, "NOERROR"],
    [7, undefined, "NOERROR"],
  ]);
  // The second came with the first one's answer still to come: asked and answered twice.
  deepEqual(again([sent, reply(7, "a.test"), sent, reply(7, "a.test")]), [
    [7, undefined, "NOERROR"],
    [7, undefined, "NOERROR"],
  ]);
});

Deno.test("stitch() says of each query that it was not answered, if none was", () => {
  const sent = query(7, "a.test");
  deepEqual(again([sent, sent]), [[7, undefined, undefined, "closed"], [
    7,
    undefined,
    undefined,
    "closed",
  ]]);
});

Deno.test("stitch() shows Z where it is set", () => {
  const [pair] = new Conversation("datagram").run([
    ask(message({ id: 7, bits: 0x0140, questions: [question("a.test", 1)] })),
    answer(message({ id: 7, bits: 0x81c0, questions: [question("a.test", 1)] })),
  ]).end();
  deepEqual([pair?.exchange.request?.reserved, pair?.exchange.response?.reserved], [true, true]);
});
