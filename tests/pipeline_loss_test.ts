/**
 * What is lost of a connection may cost records, and never pairs wrongly: conversations of real
 * bytes through the whole pipeline, entries taken away. Every response repeats the name that its
 * request asked for.
 */
import assert from "node:assert/strict";
import { EntryKind } from "../lib/capture/abi.ts";
import type { EntryFields } from "../lib/capture/event.ts";
import type { TraceRecord } from "../lib/record/record.ts";
import { http } from "../protocols/http/mod.ts";
import type { Plugin } from "../protocols/protocol.ts";
import { redis } from "../protocols/redis/mod.ts";
import { Conversation, seeded, Trace } from "./support/events.ts";

const MS = 1e6;

interface Language {
  plugin: Plugin;
  port: number;
  request(name: string): string;
  response(name: string): string;
  /** The names in a record; null for a half that is missing. */
  names(record: TraceRecord): [string | null, string | null];
}

function field(message: object | null, name: string): unknown {
  return message === null ? undefined : new Map<string, unknown>(Object.entries(message)).get(name);
}

const LANGUAGES: Language[] = [
  {
    plugin: http,
    port: 8080,
    request: (name) => `GET /${name} HTTP/1.1\r\nHost: a\r\n\r\n`,
    response: (name) => `HTTP/1.1 200 OK\r\nContent-Length: ${name.length}\r\n\r\n${name}`,
    names: ({ request, response }) => [
      request === null ? null : String(field(request, "path")).slice(1),
      response === null ? null : String(field(response, "body")),
    ],
  },
  {
    plugin: redis,
    port: 6379,
    request: (name) => `*2\r\n$3\r\nGET\r\n$${name.length}\r\n${name}\r\n`,
    response: (name) => `$${name.length}\r\n${name}\r\n`,
    names: ({ request, response }) => {
      const args = field(request, "args");
      return [
        Array.isArray(args) ? String(args[0]) : null,
        response === null ? null : String(field(response, "value")),
      ];
    },
  },
];

/** Turns of up to `most` requests; now and then the answers come in two operations. */
function inTurns(language: Language, random: () => number, most: number): EntryFields[] {
  const talk = new Conversation({ localPort: language.port, stepNs: MS }).open();
  let name = 1000;
  for (let turn = 0; turn < 30; turn++) {
    const names = Array.from({ length: 1 + Math.floor(random() * most) }, () => `${++name}`);
    talk.say("request", names.map(language.request).join(""));
    const cut = random() < 0.3 ? Math.floor(random() * names.length) : 0;
    for (const part of [names.slice(0, cut), names.slice(cut)]) {
      if (part.length > 0) talk.say("response", part.map(language.response).join(""));
    }
    if (random() < 0.2) talk.tick(200 * MS);
  }
  return talk.close().entries;
}

/** A client that sends on while answers are due. */
function overlapping(language: Language, random: () => number): EntryFields[] {
  const talk = new Conversation({ localPort: language.port, stepNs: MS, role: "client" }).open();
  let [sent, answered] = [1000, 1000];
  while (answered < 1060) {
    if (sent < 1060 && sent - answered < 4 && (sent < 1004 || random() < 0.5)) {
      talk.say("request", language.request(`${++sent}`));
    } else if (sent > answered) talk.say("response", language.response(`${++answered}`));
  }
  return talk.close().entries;
}

/** Runs of entries are lost, as a ring that overflows loses them; the first ones never. */
function lose(entries: readonly EntryFields[], random: () => number, from: number): EntryFields[] {
  const left: (EntryFields | null)[] = [...entries];
  for (let loss = 0; loss < 3; loss++) {
    const first = from + Math.floor(random() * (entries.length - from - 1));
    const count = 1 + Math.floor(random() * 6);
    for (let i = first; i < Math.min(first + count, entries.length - 1); i++) left[i] = null;
    const { timeNs } = entries[first] ?? {};
    left[first] = { kind: EntryKind.LOST, timeNs, total: count };
  }
  return left.filter((fields) => fields !== null);
}

/** The number of whole pairs; fails at a wrong one. */
function checkPairs(language: Language, entries: readonly EntryFields[], what: string): number {
  const of = new Trace({ protocols: [language.plugin] });
  of.feedAll(entries).finish();
  let pairs = 0;
  const requests: string[] = [];
  for (const record of of.records) {
    const [request, response] = language.names(record);
    if (request !== null) requests.push(request);
    // One of which a part was lost has not all of its name.
    if (request === null || response === null || record.incomplete !== undefined) continue;
    pairs++;
    assert.equal(response, request, what);
  }
  assert.deepEqual(requests, [...new Set(requests)], `${what}: each request once`);
  return pairs;
}

for (const language of LANGUAGES) {
  const { name } = language.plugin;
  for (const most of [1, 8]) {
    Deno.test(`lost events pair nothing wrongly: ${name}, up to ${most} requests at once`, () => {
      let [pairs, whole] = [0, 0];
      for (let seed = 1; seed <= 150; seed++) {
        const random = seeded(seed);
        const entries = inTurns(language, random, most);
        whole += checkPairs(language, entries, `seed ${seed}, whole`);
        pairs += checkPairs(language, lose(entries, random, 8), `seed ${seed}`);
      }
      // Three losses of up to 6 operations, of about 60; behind each the doubt takes four turns.
      assert.ok(pairs / whole > 0.52 && pairs < whole, `${pairs} of ${whole}`);
    });
  }
  Deno.test(`lost events pair nothing wrongly: ${name}, a client that sends on`, () => {
    let pairs = 0;
    for (let seed = 1; seed <= 150; seed++) {
      const random = seeded(seed);
      pairs += checkPairs(
        language,
        lose(overlapping(language, random), random, 20),
        `seed ${seed}`,
      );
    }
    assert.ok(pairs > 150 * 5, `${pairs}`);
  });
}
