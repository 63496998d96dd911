/** The sinks, with records of any shape and any characters; see outputs.ts for what must hold. */
import { WallClock, WallTime } from "../../lib/clock.ts";
import type { TraceRecord } from "../../lib/record/record.ts";
import { START } from "../support/events.ts";
import { checkOutputs, type Written } from "./outputs.ts";
import type { Random } from "./random.ts";
import { defineTarget, type Target } from "./target.ts";

interface OutputInput {
  records: {
    timeNs: number;
    columns: Omit<TraceRecord, "time" | "request" | "response">;
    request: unknown;
    response: unknown;
    cells: [string, string];
  }[];
  width: number;
}

/** First code points of what terminals, JSON or UTF-8 treat in a way of their own. */
const CODES: readonly number[] = [
  ...[0, 7, 8, 9, 10, 13, 27, 31, 34, 92, 127, 128, 0x9b, 0x9f, 0xad, 0x300, 0x600, 0x61c, 0x115f],
  ...[0x200b, 0x200d, 0x200f, 0x2028, 0x202e, 0x2066, 0x3042, 0xd800, 0xdc00, 0xe000, 0xfeff],
  ...[0xfff9, 0xfffd, 0xffff, 0x1f600, 0x1f468, 0xe0001, 0xe0100, 0xf0000, 0x10fffe],
];
const NUMBERS: readonly number[] = [0, -1, 0.1, 1e21, -1e-7, 2 ** 31, 2 ** 53, 4294967296.5];
const NAMES: readonly string[] = ["path", "headers", "__proto__", "toJSON", "constructor", "0", ""];
const DEPTH = 6;

export function outputTarget(): Target {
  return defineTarget("output", makeInput, checkOutput);
}

function makeInput(random: Random): OutputInput {
  const records = Array.from({ length: random.small(8) }, () => ({
    timeNs: random.chance(0.8) ? random.below(1e12) : random.pick([-1, 2 ** 52, -(2 ** 47)]),
    columns: {
      protocol: random.pick(["http", "redis", text(random)]),
      latency_ns: random.chance(0.5) ? random.extreme() : undefined,
      pid: random.below(3),
      comm: random.chance(0.5) ? "nginx" : text(random),
      fd: random.below(3),
      remote: random.chance(0.5) ? "10.0.0.1:80" : text(random),
      conn: random.below(3),
    },
    request: message(random),
    response: message(random),
    cells: [text(random), text(random)] satisfies [string, string],
  }));
  return { records, width: random.pick([20, 21, 40, 80, 160, 1000]) };
}

function message(random: Random): unknown {
  return random.chance(0.1) ? null : Object.fromEntries(
    Array.from({ length: random.small(8) }, () => [name(random), value(random, 0)]),
  );
}

function value(random: Random, depth: number): unknown {
  switch (random.below(depth < DEPTH ? 9 : 6)) {
    case 0:
      return random.pick(NUMBERS);
    case 1:
      return random.extreme();
    case 2:
      return random.pick([true, false, null]);
    case 6:
      return Array.from({ length: random.small(8) }, () => value(random, depth + 1));
    case 7:
    case 8:
      return Object.fromEntries(
        Array.from({ length: random.small(4) }, () => [name(random), value(random, depth + 1)]),
      );
    default:
      return text(random);
  }
}

function name(random: Random): string {
  return random.chance(0.7) ? random.pick(NAMES) : text(random);
}

function text(random: Random): string {
  let out = "";
  for (let i = random.small(300); i > 0; i--) {
    out += String.fromCodePoint(
      random.chance(0.7) ? 32 + random.below(95) : random.pick(CODES) + random.below(2),
    );
  }
  return random.chance(0.02) ? out.repeat(200) : out;
}

function checkOutput(input: OutputInput): void {
  const clock = new WallClock(START);
  const written = input.records.map(({ timeNs, columns, request, response, cells }): Written => {
    const { protocol, latency_ns, pid, comm, fd, remote, conn } = columns;
    const [asked = "", answered = ""] = cells;
    const time = new WallTime(clock, timeNs);
    const known = { protocol, latency_ns, pid, comm, fd, remote, conn };
    return [
      { time, ...known, request: object(request), response: object(response) },
      { request: asked.slice(0, 500), response: answered.slice(0, 500) },
    ];
  });
  checkOutputs(written, Math.max(20, input.width), false);
}

function object(value: unknown): object | null {
  return typeof value === "object" ? value : null;
}
