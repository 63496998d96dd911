/**
 * A worker, watched. In: jobs and inputs. Out: their replies, or "hang" when an input takes too long:
 * then the worker is ended, and the next one begins behind that input.
 */
import type { Job, Reply, Try } from "./worker.ts";

/** An input takes milliseconds; a machine under load may take its time. */
export const HANG_MS = 30_000;
const LOOK_MS = 250;

export type Tried = Extract<Reply, { kind: "tried" }>;
export type Fault = Extract<Reply, { kind: "fault" }>;
export type Done = Extract<Reply, { kind: "done" }>;

export class Bench implements Disposable {
  readonly #url: URL;
  readonly #hangMs: number;
  #worker: Worker | null = null;

  constructor(url: URL = new URL("./worker.ts", import.meta.url), hangMs: number = HANG_MS) {
    this.#url = url;
    this.#hangMs = hangMs;
  }

  /** One input; "hang" when it did not come back. */
  async try(
    target: string,
    input: unknown,
    limitMs: number = this.#hangMs,
  ): Promise<Tried | "hang"> {
    const worker = await this.#open();
    const message: Try = { kind: "try", target, input };
    return await new Promise((resolve, reject) => {
      const timer = setTimeout(() => {
        this[Symbol.dispose]();
        resolve("hang");
      }, limitMs);
      listen(worker, (reply) => {
        clearTimeout(timer);
        if (reply.kind === "tried") resolve(reply);
      }, reject);
      worker.postMessage(message);
    });
  }

  /** A job to its end; `onFault` hears of each fault, hangs included. */
  async run(
    job: Omit<Job, "kind" | "progress">,
    onFault: (fault: Fault) => void,
  ): Promise<Done> {
    const end = performance.now() + job.seconds * 1000;
    const progress = new Int32Array(new SharedArrayBuffer(4));
    const total: Done = { kind: "done", next: job.from, turns: 0, seconds: 0, heapGrowth: 0 };
    while (true) {
      const seconds = (end - performance.now()) / 1000;
      const turns = job.turns - total.turns;
      const part = { ...job, kind: "job" as const, from: total.next, seconds, turns, progress };
      const done = await this.#runPart(part, onFault);
      if (done === "hang") {
        const turn = Atomics.load(progress, 0);
        // Once more and alone: the whole machine may have stood still.
        const alone = { ...part, from: turn, turns: 1, seconds: Infinity };
        if (await this.#runPart(alone, onFault) === "hang") {
          onFault({ kind: "fault", turn, signature: "hang", text: "it does not come back" });
        }
        total.turns += (turn - total.next) / job.step + 1;
        total.next = turn + job.step;
        continue;
      }
      total.turns += done.turns;
      total.next = done.next;
      total.heapGrowth = Math.max(total.heapGrowth, done.heapGrowth);
      total.seconds = job.seconds - (end - performance.now()) / 1000;
      return total;
    }
  }

  async #runPart(job: Job, onFault: (fault: Fault) => void): Promise<Done | "hang"> {
    const worker = await this.#open();
    Atomics.store(job.progress, 0, job.from);
    return await new Promise((resolve, reject) => {
      let seen = -1;
      let sinceMs = performance.now();
      const timer = setInterval(() => {
        const turn = Atomics.load(job.progress, 0);
        if (turn !== seen) sinceMs = performance.now();
        seen = turn;
        if (performance.now() - sinceMs < this.#hangMs) return;
        clearInterval(timer);
        this[Symbol.dispose]();
        resolve("hang");
      }, LOOK_MS);
      listen(worker, (reply) => {
        if (reply.kind === "fault") onFault(reply);
        if (reply.kind !== "done") return;
        clearInterval(timer);
        resolve(reply);
      }, reject);
      worker.postMessage(job);
    });
  }

  async #open(): Promise<Worker> {
    if (this.#worker !== null) return this.#worker;
    const worker = new Worker(this.#url, { type: "module" });
    this.#worker = worker;
    await new Promise<void>((resolve, reject) => listen(worker, () => resolve(), reject));
    return worker;
  }

  [Symbol.dispose](): void {
    this.#worker?.terminate();
    this.#worker = null;
  }
}

function listen(
  worker: Worker,
  onReply: (reply: Reply) => void,
  onError: (error: Error) => void,
): void {
  worker.onmessage = ({ data }: MessageEvent<Reply>): void => onReply(data);
  worker.onerror = (event): void => {
    event.preventDefault();
    onError(new Error(`Cannot fuzz: ${event.message}`));
  };
}
