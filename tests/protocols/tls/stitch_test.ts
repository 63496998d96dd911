/** What becomes of handshakes that stall, break off, or begin before the trace, on the whole way. */
import { deepEqual, equal, match } from "node:assert/strict";
import { Type } from "../../../protocols/tls/probe.ts";
import type { TlsRequest, TlsResponse } from "../../../protocols/tls/types.ts";
import { plugins } from "../../../protocols/registry.ts";
import { Conversation, type ConversationOptions, Trace } from "../../support/events.ts";
import { clientHello, extension, message, record, serverHello, vector, words } from "./build.ts";

const SECOND = 1e9;
const LATEST = extension(43, ...vector(1, ...words(0x0304)));
const HELLO = record(Type.HANDSHAKE, message(1, clientHello({ extensions: [LATEST] })), 1);
const SECOND_HELLO = record(Type.HANDSHAKE, message(1, clientHello({ extensions: [LATEST] })));
const ANSWER = record(Type.HANDSHAKE, message(2, serverHello()));
const RETRY = record(Type.HANDSHAKE, message(2, serverHello({ isRetry: true, group: 24 })));
const DATA = record(Type.APPLICATION, Array(60).fill(1));
const WARNING = record(Type.ALERT, [1, 112]);
const NO = record(Type.APPLICATION, Array(19).fill(1));

interface Case {
  name: string;
  place?: ConversationOptions;
  talk: (with_: Conversation) => Conversation;
  /** "request type>response type" of each record, its alert, and its reasons. */
  want: string[];
}

const cases: Case[] = [
  {
    name: "a handshake is one record, told when the client goes on",
    talk: (it) => it.say("request", HELLO).say("response", ANSWER).say("request", DATA),
    want: ["client_hello>server_hello"],
  },
  {
    name: "a handshake whose end was not seen says why",
    talk: (it) => it.say("request", HELLO).say("response", ANSWER),
    want: ["client_hello>server_hello trace_end"],
  },
  {
    name: "a connection that closes behind both hellos says so",
    talk: (it) => it.say("request", HELLO).say("response", ANSWER).close().tick(SECOND),
    want: ["client_hello>server_hello closed"],
  },
  {
    name: "a client that sends too little for a Finished, and closes, gave up",
    talk: (it) =>
      it.say("request", HELLO).say("response", ANSWER).say("request", NO).close().tick(SECOND),
    want: ["client_hello>server_hello encrypted alert by client"],
  },
  {
    name: "while the connection is open that is not known",
    talk: (it) => it.say("request", HELLO).say("response", ANSWER).say("request", NO),
    want: ["client_hello>server_hello trace_end"],
  },
  {
    name: "where the end of the connection was lost, neither",
    talk: (it) =>
      it.say("request", HELLO).say("response", ANSWER).say("request", NO).miss("request", 9).close()
        .tick(SECOND),
    want: ["client_hello>server_hello closed"],
  },
  {
    name: "a hello that is not answered is shown after the time for it, and once",
    talk: (it) => it.say("request", HELLO).tick(31 * SECOND).tick(SECOND).close().tick(SECOND),
    want: ["client_hello>- no_response"],
  },
  {
    name: "a late answer shows the handshake once more",
    talk: (it) =>
      it.say("request", HELLO).tick(31 * SECOND).say("response", ANSWER).say("request", DATA),
    want: ["client_hello>- no_response", "client_hello>server_hello late"],
  },
  {
    name: "a client that does not go on is not waited for without end",
    talk: (it) =>
      it.say("request", HELLO).say("response", ANSWER).tick(31 * SECOND).say("request", DATA),
    want: ["client_hello>server_hello timeout"],
  },
  {
    name: "a trace that begins behind the hello shows the answer",
    place: { fresh: false, hint: false },
    talk: (it) => it.say("response", ANSWER).say("request", DATA),
    want: ["->server_hello mid_stream"],
  },
  {
    name: "a hello that was lost is missing",
    talk: (it) =>
      it.open().miss("request", HELLO.length).say("response", ANSWER).say("request", DATA).tick(
        SECOND,
      ),
    want: ["->server_hello gap"],
  },
  {
    name: "an answer that was lost is missing",
    talk: (it) =>
      it.say("request", HELLO).miss("response", ANSWER.length).say("response", DATA).say(
        "request",
        DATA,
      )
        .tick(SECOND).close().tick(SECOND),
    want: ["client_hello>- gap"],
  },
  {
    name: "a second hello shows what the first one said",
    talk: (it) =>
      it.say("request", HELLO).say("response", RETRY).say("request", SECOND_HELLO)
        .say("response", ANSWER).say("request", DATA),
    want: ["client_hello>server_hello"],
  },
  {
    name: "a hello of a connection joined late may be a second one",
    place: { fresh: false, hint: false },
    talk: (it) => it.say("request", SECOND_HELLO).say("response", ANSWER).say("request", DATA),
    want: ["client_hello>server_hello mid_stream"],
  },
  {
    name: "a first hello behind clear text is known by its version",
    place: { fresh: false, hint: false },
    talk: (it) => it.say("request", HELLO).say("response", ANSWER).say("request", DATA),
    want: ["client_hello>server_hello"],
  },
  {
    name: "a handshake of more than a thousand records is cut off",
    talk: (it) => {
      it.say("request", HELLO);
      for (let i = 0; i < 1000; i++) it.say("response", WARNING);
      return it.say("response", ANSWER);
    },
    want: ["client_hello>alert truncated"],
  },
  {
    name: "an answer that is no TLS is none",
    talk: (it) =>
      it.say("request", HELLO).say("response", "HTTP/1.1 400 Bad Request\r\n\r\n").close().tick(
        SECOND,
      ),
    want: ["client_hello>- closed"],
  },
];

for (const { name, place, talk, want } of cases) {
  Deno.test(`stitch(): ${name}`, () => {
    const trace = new Trace({ protocols: plugins, showUnknown: true });
    trace.feedAll(talk(new Conversation(place)).entries);
    const shown = trace.finish().map(({ protocol, request, response, incomplete = [] }) => {
      if (protocol !== "tls") return protocol;
      const asked = request as TlsRequest | null, answered = response as TlsResponse | null;
      const alert = answered?.alert?.encrypted === true
        ? [`encrypted alert by ${answered.alert.by}`]
        : [];
      const halves = `${asked?.type ?? "-"}>${answered?.type ?? "-"}`;
      return [halves, ...alert, ...incomplete].join(" ");
    });
    deepEqual(shown, want);
    equal(trace.pipeline.heldBytes, 0);
  });
}

Deno.test("stitch(): sizes and times are those of the hellos", () => {
  const trace = new Trace({ protocols: plugins });
  const talk = new Conversation().say("request", HELLO).say("response", RETRY)
    .say("request", SECOND_HELLO).say("response", ANSWER).say("response", DATA).say(
      "request",
      DATA,
    );
  const [of, ...more] = trace.feedAll(talk.entries).finish();
  equal(more.length, 0);
  equal(of?.request_bytes, HELLO.length + SECOND_HELLO.length);
  equal(of?.response_bytes, RETRY.length + ANSWER.length);
  equal(of?.latency_ns, 3000);
  deepEqual((of?.response as TlsResponse).hello_retry_request, { group: "secp384r1" });
});

Deno.test("behind a handshake the kernel sends nothing more, and no unknown record comes", () => {
  const talk = new Conversation().say("request", HELLO).say("response", ANSWER).say("request", DATA)
    .say("response", DATA).close().tick(SECOND);
  const trace = new Trace({ protocols: plugins, showUnknown: true });
  trace.feedAll(talk.entries);
  deepEqual(trace.finish().map(({ protocol }) => protocol), ["tls"]);
  deepEqual(trace.verdicts, [[7, "keep"], [7, "stop"]]);
  deepEqual(trace.stats.toJSON().records, { tls: 1 });
});

Deno.test("showEncrypted tells the totals of a connection beside its handshake", () => {
  const steps: { name: string; talk: Conversation }[] = [
    {
      name: "whole",
      talk: new Conversation().say("request", HELLO).say("response", ANSWER).say("request", DATA),
    },
    { name: "unfinished", talk: new Conversation().say("request", HELLO).say("response", ANSWER) },
    { name: "a hello alone", talk: new Conversation().say("request", HELLO) },
  ];
  for (const { name, talk } of steps) {
    const trace = new Trace({ protocols: plugins, showUnknown: true, showEncrypted: true });
    trace.feedAll(talk.close().tick(SECOND).entries);
    const records = trace.finish();
    deepEqual(records.map(({ protocol }) => protocol).sort(), ["tls", "unknown"], name);
    const totals = records.find(({ protocol }) => protocol === "unknown");
    match(JSON.stringify(totals?.request), /"tls":"encrypted/, name);
  }
});

Deno.test("a connection joined behind its handshake gives no record of TLS", () => {
  for (const side of ["request", "response"] as const) {
    const talk = new Conversation({ fresh: false, hint: false }).say(side, DATA).say(side, DATA);
    const trace = new Trace({ protocols: plugins, showUnknown: true });
    const [of, ...more] = trace.feedAll(talk.entries).finish();
    equal(more.length, 0);
    equal(of?.protocol, "unknown");
    match(JSON.stringify(of?.request ?? of?.response), /"tls":"encrypted/);
  }
});
