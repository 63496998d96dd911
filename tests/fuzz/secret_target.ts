/**
 * A secret in places where it is told by its name, in valid messages that come in any pieces, behind
 * valid conversations, before damaged ones, and beside other connections that are damaged.
 *
 * What must hold: no five characters of it stand in any output, plain, in base64 or in hexadecimal.
 */
import type { EntryFields } from "../../lib/capture/event.ts";
import { plugins } from "../../protocols/registry.ts";
import type { Side } from "../../protocols/protocol.ts";
import { Conversation } from "../support/events.ts";
import { leaksIn, outputsOf, SECRET } from "../support/secrets.ts";
import type { Corpus, Step } from "./corpus.ts";
import { mutateSteps } from "./mutate.ts";
import type { Random } from "./random.ts";
import { defineTarget, hold, type Target } from "./target.ts";

interface Said extends Step {
  chunkBytes: number;
}

interface SecretInput {
  role: "client" | "server";
  fresh: boolean;
  planted: Said[];
  others: Step[];
  otherTransport: "stream" | "datagram";
}

type Exchange = readonly [request: string, response: string];

const OK = "HTTP/1.1 200 OK\r\nContent-Length: 2\r\n\r\nok";
const get = (fields: string, target = "/", response = OK): Exchange => [
  `GET ${target} HTTP/1.1\r\nHost: a\r\n${fields}\r\n`,
  response,
];
const form = (body: string): Exchange => [
  "POST / HTTP/1.1\r\nHost: a\r\nContent-Type: application/x-www-form-urlencoded\r\n" +
  `Content-Length: ${body.length}\r\n\r\n${body}`,
  OK,
];
const command = (...words: readonly string[]): Exchange => [
  `*${words.length}\r\n${words.map((word) => `$${word.length}\r\n${word}\r\n`).join("")}`,
  "+OK\r\n",
];

const PLACES: Readonly<Record<string, readonly Exchange[]>> = {
  http: [
    get(`Authorization: Bearer ${SECRET}\r\n`),
    get(`Cookie: a=1; session=${SECRET}\r\n`),
    get(`X-Api-Key: ${SECRET}\r\n`),
    get(`Proxy-Authorization: Basic ${btoa(`user:${SECRET}`)}\r\n`),
    get(`Referer: https://user:${SECRET}@b/c\r\n`),
    get("", `/a?x=1&access_token=${SECRET}&y=2`),
    get("", "/", `HTTP/1.1 200 OK\r\nSet-Cookie: s=${SECRET}; Path=/\r\nContent-Length: 0\r\n\r\n`),
    form(`user=me&password=${SECRET}`),
  ],
  redis: [
    command("AUTH", SECRET),
    command("AUTH", "user", SECRET),
    command("HELLO", "3", "AUTH", "user", SECRET),
    command("CONFIG", "SET", "requirepass", SECRET),
    command("ACL", "SETUSER", "user", "on", `>${SECRET}`),
    command("MIGRATE", "host", "6379", "key", "0", "100", "AUTH", SECRET),
  ],
};

export function secretTarget(corpus: Corpus): Target {
  return defineTarget("secret", (random) => makeInput(corpus, random), checkSecret);
}

function makeInput(corpus: Corpus, random: Random): SecretInput {
  const protocol = random.pick(Object.keys(PLACES));
  const [request, response] = random.pick(PLACES[protocol] ?? []);
  const steps: Step[] = [];
  for (let i = random.below(3); i > 0; i--) steps.push(...validSteps(protocol));
  steps.push(step("request", request), step("response", response));
  const { steps: after } = corpus.sample(random, protocol);
  if (random.chance(0.7)) steps.push(...mutateSteps(after, random, corpus, protocol));
  const other = corpus.any(random);
  return {
    role: random.pick(["client", "server"]),
    fresh: random.chance(0.7),
    planted: steps.map((each) => ({ ...each, chunkBytes: random.pick([1, 3, 17, 64, 1 << 20]) })),
    others: mutateSteps(other.steps, random, corpus, random.pick(plugins).name),
    otherTransport: other.transport,
  };
}

function validSteps(protocol: string): Step[] {
  const [request, response] = protocol === "http" ? get("") : command("SET", "k", "v");
  return [step("request", request), step("response", response)];
}

function step(side: Side, text: string): Step {
  return { side, bytes: new TextEncoder().encode(text) };
}

function checkSecret(input: SecretInput): void {
  const { role, fresh, planted, others, otherTransport } = input;
  const conversation = new Conversation({ conn: 7, role, fresh, tcp: true });
  const lists: EntryFields[][] = [conversation.entries];
  for (const { side, bytes, chunkBytes } of planted) {
    const least = Math.ceil(bytes.length / 200);
    conversation.sayInChunks(side, bytes, Math.max(1, least, chunkBytes));
  }
  const beside = new Conversation({ conn: 8, role, transport: otherTransport, tcp: true });
  for (const { side, bytes } of others) beside.say(side, bytes);
  lists.push(beside.entries);
  const entries = lists.flat().toSorted((a, b) => (a.timeNs ?? 0) - (b.timeNs ?? 0));
  const leaks = leaksIn(outputsOf(entries));
  hold(leaks.length === 0, () => `the secret comes out\n  ${leaks.join("\n  ")}`);
}
