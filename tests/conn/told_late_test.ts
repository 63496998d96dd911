/** Losses that are told late, batches of which a part was lost, overflows, and what is older. */
import { deepEqual, equal, ok } from "node:assert/strict";
import type { EntryFields } from "../../lib/capture/event.ts";
import { ageEntry } from "../../lib/capture/user_entries.ts";
import { Family, Flag } from "../../lib/capture/abi.ts";
import type { TraceRecord } from "../../lib/record/record.ts";
import { plugins } from "../../protocols/registry.ts";
import { Conversation, Trace, type TraceOptions } from "../support/events.ts";

interface Language {
  name: string;
  port: number;
  request(name: string): string;
  response(name: string): string;
}

const LANGUAGES: Language[] = [
  {
    name: "http",
    port: 8080,
    request: (name) => `GET /${name} HTTP/1.1\r\nHost: a\r\n\r\n`,
    response: (name) => `HTTP/1.1 200 OK\r\nContent-Length: ${name.length}\r\n\r\n${name}`,
  },
  {
    name: "redis",
    port: 6379,
    request: (name) => `*2\r\n$3\r\nGET\r\n$${name.length}\r\n${name}\r\n`,
    response: (name) => `$${name.length}\r\n${name}\r\n`,
  },
];
const MS = 1e6;

/** "aa-aa", "-bb lost_events" … */
function said({ request, response, incomplete = [] }: TraceRecord): string {
  const path = request !== null && "path" in request ? String(request.path).slice(1) : "";
  const args = request !== null && "args" in request ? String(request.args) : "";
  const body = response !== null && "body" in response ? String(response.body) : "";
  const value = response !== null && "value" in response ? String(response.value) : "";
  return [`${path}${args}-${body}${value}`, ...incomplete].join(" ");
}

function run(entries: readonly EntryFields[], more: Partial<TraceOptions> = {}): string[] {
  const trace = new Trace({ protocols: plugins, ...more });
  return trace.feedAll(entries).finish().map(said);
}

/** A pair that is wrong must say why it may be. */
function checkMarks(lines: readonly string[]): void {
  for (const line of lines) {
    const [request = "", response = ""] = (line.split(" ", 1)[0] ?? "").split("-");
    if (request === "" || response === "" || line.includes(" ")) continue;
    equal(response, request);
  }
}

for (const language of LANGUAGES) {
  for (const role of ["server", "client"] as const) {
    const begin = (): Conversation => {
      const port = role === "server" ? { localPort: language.port } : { remotePort: language.port };
      return new Conversation({ role, ...port, startNs: 1e9 }).open();
    };
    const { request, response } = language;
    const exchange = (on: Conversation, name: string): Conversation =>
      on.say("request", request(name)).say("response", response(name));
    const title = `${language.name}, ${role}`;

    Deno.test(`a loss that is told late pairs nothing wrongly (${title})`, () => {
      const on = exchange(exchange(begin(), "aa"), "bb").say("request", request("cc"));
      on.miss("response", response("cc").length).miss("request", request("dd").length);
      on.say("response", response("dd")).tick(300 * MS).lost(2);
      exchange(exchange(on, "ee"), "ff");
      deepEqual(run(on.close().entries), [
        ...["aa-aa", "bb-bb", "cc- gap", "-dd gap", "ee-ee lost_events", "ff-ff lost_events"],
      ]);
    });

    Deno.test(`a second answer in a turn proves that one more was asked (${title})`, () => {
      const on = exchange(exchange(begin(), "aa"), "bb");
      on.lost(1).miss("request", request("cc").length).say("request", request("dd"));
      on.say("response", response("cc")).say("response", response("dd"));
      exchange(exchange(on, "ee"), "ff");
      const lines = run(on.close().entries);
      checkMarks(lines);
      ok(!lines.some((line) => line.startsWith("dd-cc")), lines.join("\n"));
    });

    Deno.test(`a response without a request on a connection that lost nothing is one_way (${title})`, () => {
      const on = exchange(begin(), "aa").say("response", response("bb")).tick(2e9);
      deepEqual(run(on.close().entries), ["aa-aa", "-bb one_way"]);
    });

    Deno.test(`a response whose request was lost says lost_events (${title})`, () => {
      const on = exchange(begin(), "aa").miss("request", request("bb").length).lost(1);
      on.say("response", response("bb"));
      exchange(on, "cc");
      const lines = run(on.close().entries);
      deepEqual(lines.slice(0, 2), ["aa-aa", "-bb lost_events"]);
    });

    for (const both of [false, true]) {
      Deno.test(`batches go on behind one that was lost ${both ? "on both sides" : "in part"} (${title})`, () => {
        const on = begin();
        let next = 0;
        const batch = (): string[] => Array.from({ length: 16 }, () => `n${++next}`);
        const turn = (names: string[]): Conversation =>
          on.say("request", names.map(request).join(""))
            .say("response", names.map(response).join(""));
        for (let i = 0; i < 20; i++) turn(batch());
        const gone = batch();
        const asked = gone.map(request).join("");
        if (both) on.miss("request", asked.length);
        else on.say("request", asked);
        on.miss("response", gone.map(response).join("").length);
        for (let i = 0; i < 668; i++) turn(batch());
        on.lost(1);
        for (let i = 0; i < 1500; i++) turn(batch());
        const lines = run(on.close().entries, { memoryLimitBytes: 64 << 20 });
        checkMarks(lines);
        const last = lines.slice(-1000 * 16);
        ok(last.every((line) => /^(n\d+)-\1$/.test(line)), last.find((line) => line.includes(" ")));
        ok(!lines.some((line) => /no_response|timeout|mid_stream/.test(line)));
      });
    }
  }
}

/** A unix socket's entries; `isOlder` as the live part tells it. */
function onUnix(isOlder: boolean | null): string[] {
  const on = new Conversation({ tcp: false, fresh: false, localPort: 0, remotePort: 0 });
  const flags: number = Flag.LAST_CHUNK | Flag.SERVER;
  on.open();
  // A window of three is kept under way, longer than a response waits: two were asked before.
  const [http] = LANGUAGES as [Language];
  on.say("request", http.request("n2"));
  for (let i = 0; i < 15; i++) {
    on.say("response", http.response(`n${i}`)).say("request", http.request(`n${i + 3}`));
    on.tick(100 * MS);
  }
  const entries = on.entries.map((fields) => ({ ...fields, flags, family: Family.UNIX }));
  const age = isOlder === null ? [] : [{ ...ageEntry(7, 100, isOlder), timeNs: 1_000_000 }];
  return run([...age, ...entries]);
}

Deno.test("a unix socket that is older than the trace pairs nothing unmarked before it is at rest", () => {
  checkMarks(onUnix(true));
});

Deno.test("a unix socket that is not older is paired from its first byte", () => {
  const on = new Conversation({ tcp: false, fresh: false }).open();
  const [http] = LANGUAGES as [Language];
  on.say("request", http.request("aa")).say("response", http.response("aa"));
  const entries = on.entries.map((fields) => ({ ...fields, family: Family.UNIX }));
  const trace = new Trace({ protocols: plugins });
  trace.feed({ ...ageEntry(7, 100, false), timeNs: 1_000_000 });
  deepEqual(trace.feedAll(entries).records.map(said), ["aa-aa"]);
});
