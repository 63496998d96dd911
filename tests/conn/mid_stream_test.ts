/** What is found of a connection that was joined in the middle, or that lost bytes on both sides. */
import { deepEqual } from "node:assert/strict";
import type { TraceRecord } from "../../lib/record/record.ts";
import { plugins } from "../../protocols/registry.ts";
import { Conversation, type ConversationOptions, Trace } from "../support/events.ts";

const OLDER = { fresh: false, hint: false };
/** The rest of a body, which could be the beginning of a request line: "half /GET /x HTTP/1.1". */
const REST = "half of a body that has no line end ";
const GET = "GET /x HTTP/1.1\r\nHost: a\r\n\r\n";
const OK = "HTTP/1.1 200 OK\r\nContent-Length: 0\r\n\r\n";

type Seen = [path: unknown, status: unknown, incomplete: unknown];

function seen({ request, response, incomplete }: TraceRecord): Seen {
  const path = request !== null && "path" in request ? request.path : null;
  const status = response !== null && "status" in response ? response.status : null;
  return [path, status, incomplete];
}

function records(options: ConversationOptions, talk: (on: Conversation) => void): Seen[] {
  const trace = new Trace({ protocols: plugins });
  const conversation = new Conversation(options);
  talk(conversation);
  trace.feedAll(conversation.close().tick(2e8).entries);
  return trace.finish().map(seen);
}

for (const role of ["server", "client"] as const) {
  Deno.test(`a ${role} joined in a body begins with the next request`, () => {
    const got = records({ ...OLDER, role }, (on) => {
      on.say("request", REST).say("request", GET).say("response", OK);
    });
    deepEqual(got, [["/x", 200, undefined]]);
  });

  Deno.test(`a ${role} joined in a body does not take it for the request of its answer`, () => {
    const got = records({ ...OLDER, role }, (on) => {
      on.say("request", REST).say("response", OK).say("request", GET).say("response", OK);
    });
    deepEqual(got, [[null, 200, ["mid_stream"]], ["/x", 200, undefined]]);
  });

  Deno.test(`a ${role} joined in the middle of a batch pairs from its end on`, () => {
    const requests = (...paths: string[]): string =>
      paths.map((path) => GET.replace("/x", path)).join("");
    const got = records({ ...OLDER, role }, (on) => {
      // "/a" and "/b" were sent before.
      on.say("request", requests("/c", "/d"));
      for (let i = 0; i < 4; i++) on.say("response", OK);
      on.say("request", requests("/e", "/f")).say("response", OK).say("response", OK);
    });
    deepEqual(got, [
      [null, 200, ["mid_stream"]],
      [null, 200, ["mid_stream"]],
      ["/c", 200, undefined],
      ["/d", 200, undefined],
      ["/e", 200, undefined],
      ["/f", 200, undefined],
    ]);
  });

  Deno.test(`a ${role} joined in a request of a batch takes no answer for that of the next`, () => {
    const got = records({ ...OLDER, role }, (on) => {
      on.say("request", `ost: a\r\n\r\n${GET.replace("/x", "/b")}GET /c HTT`);
      on.say("response", OK).say("response", OK);
      on.say("request", `P/1.1\r\nHost: a\r\n\r\n${GET}`).say("response", OK).say("response", OK);
      on.say("request", GET.replace("/x", "/y")).say("response", OK);
    });
    deepEqual(got, [
      [null, 200, ["mid_stream"]],
      [null, 200, ["mid_stream"]],
      [null, 200, ["mid_stream"]],
      ["/x", 200, undefined],
      ["/y", 200, undefined],
    ]);
  });

  const PART = "GET /b HTTP/1.1\r\nHo";
  for (const [what, rest] of [["a line", "ost: a\r\n\r\n"], ["a line end", "\r\n"]] as const) {
    Deno.test(`a ${role} joined in a request, by ${what}, takes its answer for nobody's`, () => {
      const got = records({ ...OLDER, role }, (on) => {
        on.say("response", OK).say("request", rest + PART).say("response", OK);
        on.say("request", "st: a\r\n\r\n").say("response", OK);
        on.say("request", GET).say("response", OK);
      });
      deepEqual(got, [
        [null, 200, ["mid_stream"]],
        [null, 200, ["mid_stream"]],
        ["/b", 200, undefined],
        ["/x", 200, undefined],
      ]);
    });
  }

  Deno.test(`a ${role} that lost the end of a request knows not when it was whole`, () => {
    const POST = "POST /c HTTP/1.1\r\nHost: a\r\nContent-Length: 10\r\n\r\n12345";
    const got = records({ role }, (on) => {
      on.open().say("request", GET).say("response", OK);
      on.say("request", GET.replace("/x", "/b") + POST);
      on.miss("response", OK.length).miss("request", 45).lost(2).say("response", OK);
      on.say("request", GET.replace("/x", "/y")).say("response", OK);
    });
    deepEqual(got, [
      ["/x", 200, undefined],
      ["/b", null, ["lost_events"]],
      ["/c", null, ["lost_events"]],
      [null, 200, ["lost_events"]],
      ["/y", 200, undefined],
    ]);
  });

  Deno.test(`a ${role} that lost both sides pairs nothing behind what it could not read`, () => {
    const CHUNKED = "HTTP/1.1 200 OK\r\nTransfer-Encoding: chunked\r\n\r\n3\r\nabc\r\n0\r\n\r\n";
    const got = records({ role }, (on) => {
      on.open().say("request", GET).say("response", OK);
      on.say("request", GET.replace("GET", "HEAD"));
      on.miss("response", OK.length).miss("request", 30).lost(2).say("response", CHUNKED);
      on.miss("request", 30).lost(1).say("response", CHUNKED);
    });
    deepEqual(got, [
      ["/x", 200, undefined],
      [null, 200, ["lost_events"]],
      ["/x", null, ["lost_events"]],
      [null, 200, ["lost_events"]],
    ]);
  });

  Deno.test(`a ${role} joined behind a HEAD takes the next response for no short body`, () => {
    const got = records({ ...OLDER, role }, (on) => {
      on.say("response", OK.replace("0\r\n", "3\r\n")).say("response", OK);
      on.say("request", GET).say("response", OK);
    });
    deepEqual(got, [
      [null, 200, ["mid_stream"]],
      [null, 200, ["mid_stream"]],
      ["/x", 200, undefined],
    ]);
  });

  Deno.test(`a ${role} joined at the end of a head takes no answer for that of the next`, () => {
    const got = records({ ...OLDER, role }, (on) => {
      on.say("request", `\r\n${GET}`).say("response", OK).say("response", OK);
      on.say("request", GET.replace("/x", "/y")).say("response", OK);
    });
    deepEqual(got, [
      [null, 200, ["mid_stream"]],
      ["/x", 200, undefined],
      ["/y", 200, undefined],
    ]);
  });

  Deno.test(`a ${role} joined where each operation ends one request and begins the next`, () => {
    const got = records({ ...OLDER, role }, (on) => {
      on.say("request", "\r\n\r\nGET /a").say("response", OK);
      on.say("request", " HTTP/1.1\r\n\r\nGET /b").say("response", OK);
      on.say("request", " HTTP/1.1\r\n\r\n").say("response", OK);
      on.say("request", GET).say("response", OK);
    });
    deepEqual(got, [
      [null, 200, ["mid_stream"]],
      ["/a", 200, undefined],
      ["/b", 200, undefined],
      ["/x", 200, undefined],
    ]);
  });

  Deno.test(`a ${role} joined between exchanges waits a second for the next, not longer`, () => {
    const trace = new Trace({ protocols: plugins });
    const on = new Conversation({ ...OLDER, role });
    on.say("request", GET).say("response", OK).tick(0.9e9);
    trace.feedAll(on.entries.splice(0));
    deepEqual(trace.records, []);
    trace.feedAll(on.tick(0.2e9).entries);
    deepEqual(trace.records.map(seen), [["/x", 200, undefined]]);
  });

  Deno.test(`a ${role} that lost both sides pairs nothing across the loss`, () => {
    const got = records({ role }, (on) => {
      on.open().say("request", GET.replace("/x", "/unanswered"));
      on.lost(2).miss("response", 1000).miss("request", 100);
      for (const path of ["/x", "/y", "/z"]) {
        on.say("request", GET.replace("/x", path)).say("response", OK).tick(2e9);
      }
    });
    deepEqual(got, [
      ["/unanswered", null, ["lost_events"]],
      ["/x", 200, ["lost_events"]],
      ["/y", 200, undefined],
      ["/z", 200, undefined],
    ]);
  });

  Deno.test(`a ${role} that lost both sides pairs the last response, too, once it ended`, () => {
    const talk = (on: Conversation): void => {
      on.open().say("request", GET.replace("/x", "/unanswered"));
      on.lost(2).miss("response", 1000).miss("request", 100);
      on.say("request", GET).say("response", OK);
    };
    deepEqual(records({ role }, talk), [
      ["/unanswered", null, ["lost_events"]],
      ["/x", 200, undefined],
    ]);
    // A request behind the last one was lost as well: the response may be its.
    deepEqual(
      records({ role }, (on) => {
        talk(on);
        on.miss("request", 100);
      }),
      [
        ["/unanswered", null, ["lost_events"]],
        ["/x", null, ["lost_events"]],
        [null, 200, ["lost_events"]],
      ],
    );
  });
}
