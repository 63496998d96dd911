/**
 * Where inputs are tried: a thread that can be ended when one of them never comes back.
 *
 * In: a Job, or one input to Try. Out: faults as they are found, the turn under way in shared memory,
 * and what a job came to. It judges nothing.
 */
/// <reference lib="deno.worker" />
import { signatureOf, type Target } from "./target.ts";
import { inputOf, loadTargets } from "./targets.ts";

/** Turns `from`, `from + step` … of one target, until `seconds` are over or `turns` were had. */
export interface Job {
  kind: "job";
  target: string;
  seed: number;
  from: number;
  step: number;
  seconds: number;
  turns: number;
  /** [0] the turn under way. */
  progress: Int32Array;
}

export interface Try {
  kind: "try";
  target: string;
  input: unknown;
}

export type Reply =
  | { kind: "ready" }
  | { kind: "fault"; turn: number; signature: string; text: string }
  | { kind: "tried"; signature: string | null; text: string; ms: number }
  | { kind: "done"; next: number; turns: number; seconds: number; heapGrowth: number };

/** Caches are warm by then. */
const WARM_TURNS = 1000;

/** Most inputs take a millisecond; the largest are a hundred thousand messages, several times over. */
const SLOW_MS = 5000;

const targets = new Map<string, Target>(
  (await loadTargets()).map((target) => [target.name, target]),
);

self.onmessage = ({ data }: MessageEvent<Job | Try>): void => {
  const target = targets.get(data.target);
  if (target === undefined) throw new Error(`no target ${data.target}`);
  if (data.kind === "job") work(target, data);
  else {
    const began = performance.now();
    const fault = timedFaultOf(target, data.input);
    reply({ kind: "tried", ...fault, ms: performance.now() - began });
  }
};
reply({ kind: "ready" });

function reply(message: Reply): void {
  self.postMessage(message);
}

function faultOf(target: Target, input: unknown): { signature: string | null; text: string } {
  try {
    target.check(input);
    return { signature: null, text: "" };
  } catch (error) {
    const text = error instanceof Error ? error.stack ?? error.message : String(error);
    return { signature: signatureOf(error), text };
  }
}

/** An input that takes long is tried again; while the machine does other things, no time counts. */
function timedFaultOf(target: Target, input: unknown): ReturnType<typeof faultOf> {
  let least = Infinity;
  for (let i = 0; i < 3; i++) {
    const began = performance.now(), usedBefore = process.cpuUsage();
    const fault = faultOf(target, input);
    const { user, system } = process.cpuUsage(usedBefore);
    least = Math.min(least, performance.now() - began, (user + system) / 1000);
    if (fault.signature !== null || least < SLOW_MS) return fault;
  }
  return { signature: "slow", text: `it takes ${Math.round(least)} ms` };
}

function work(target: Target, job: Job): void {
  const began = performance.now();
  const end = began + job.seconds * 1000;
  let turn = job.from;
  let turns = 0;
  let heapBefore = 0;
  for (; turns < job.turns && performance.now() < end; turn += job.step, turns++) {
    Atomics.store(job.progress, 0, turn);
    if (turns === WARM_TURNS) heapBefore = heapUsed();
    const input = inputOf(target, job.seed, turn);
    const { signature, text } = timedFaultOf(target, input);
    if (signature !== null) reply({ kind: "fault", turn, signature, text });
  }
  const heapGrowth = turns > 2 * WARM_TURNS ? heapUsed() - heapBefore : 0;
  const seconds = (performance.now() - began) / 1000;
  reply({ kind: "done", next: turn, turns, seconds, heapGrowth });
}

/** What is left behind the collector, where it can be asked to come by (--expose-gc). */
function heapUsed(): number {
  const collect: unknown = Reflect.get(globalThis, "gc");
  if (typeof collect === "function") collect();
  return Deno.memoryUsage().heapUsed;
}
