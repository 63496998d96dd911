/**
 * Every signal to dist/sockeye, at several moments of its life: none makes it listen on a socket, and
 * it either ends or goes on as if nothing had been. Needs root and python3.
 */
import assert from "node:assert/strict";
import { HttpPeer } from "../support/http_peer.ts";
import { Tracer } from "../support/tracer.ts";

const LIMIT_MS = 60_000;
/** Traces at a time. */
const AT_ONCE = 4;
/** Its event loop turns every 50 ms, and one is asked every 20: by then it has turned. */
const ALIVE_RECORDS = 8;
const SIGKILL = 9, SIGUSR1 = 10, SIGTERM = 15;
const ENDS_IN_ORDER = [1, 2, SIGTERM];
/** SIGSTOP, SIGTSTP, SIGTTIN, SIGTTOU */
const STOPS = [19, 20, 21, 22];

/** A set of signals in /proc/PID/status, the low bit being signal 1. */
function signalSet(task: string, name: "SigBlk" | "SigCgt"): bigint {
  const status = Deno.readTextFileSync(`${task}/status`);
  return BigInt(`0x${new RegExp(`^${name}:\\t(\\w+)`, "m").exec(status)?.[1]}`);
}

function contains(set: bigint, signal: number): boolean {
  return (set >> BigInt(signal - 1) & 1n) === 1n;
}

/** Addresses that the process listens on, whatever the family. */
function listening(pid: number): string[] {
  const own = new Set<string>();
  for (const { name } of Deno.readDirSync(`/proc/${pid}/fd`)) {
    try {
      const inode = /^socket:\[(\d+)\]/.exec(Deno.readLinkSync(`/proc/${pid}/fd/${name}`))?.[1];
      if (inode !== undefined) own.add(inode);
    } catch {
      // Closed meanwhile.
    }
  }
  const rows = (table: string): string[][] =>
    Deno.readTextFileSync(`/proc/${pid}/net/${table}`).split("\n").slice(1)
      .map((line) => line.trim().split(/\s+/));
  const LISTENS = "0A", ACCEPTS = "00010000";
  return [
    ...[...rows("tcp"), ...rows("tcp6")].filter((row) =>
      row[3] === LISTENS && own.has(row[9] ?? "")
    )
      .map((row) => row[1] ?? ""),
    ...rows("unix").filter((row) => row[3] === ACCEPTS && own.has(row[6] ?? ""))
      .map((row) => row[7] ?? "unnamed"),
  ];
}

/** By number: Deno knows names only, and not of the real-time ones. */
async function send(pid: number, signal: number): Promise<void> {
  const { success } = await new Deno.Command("kill", { args: [`-${signal}`, `${pid}`] }).output();
  assert.ok(success, `kill -${signal}`);
}

const MOMENTS: readonly { name: string; come: (tracer: Tracer) => Promise<void> }[] = [
  { name: "at once", come: async () => {} },
  {
    name: "once it listens for signals",
    come: (tracer) =>
      tracer.process.until(
        () => contains(signalSet(`/proc/${tracer.process.pid}`, "SigCgt"), SIGTERM),
        "its listener",
      ),
  },
  {
    name: "once the runtime listens for SIGUSR1",
    come: (tracer) =>
      tracer.process.until(
        () => contains(signalSet(`/proc/${tracer.process.pid}`, "SigCgt"), SIGUSR1),
        "the runtime's listener",
      ),
  },
];

/** One trace of the peer gets one signal. */
async function runWith(
  signal: number,
  come: (tracer: Tracer) => Promise<void>,
  peer: HttpPeer,
): Promise<void> {
  await using tracer = new Tracer(["-o", "ndjson", "-p", `${peer.pid}`]);
  const { pid } = tracer.process;
  await come(tracer);
  let ended = false;
  const status = tracer.process.end(LIMIT_MS)
    .then(({ code, signal }) => ({ code, killed: signal !== null }), codeOfUnnamedSignal)
    .finally(() => ended = true);
  await send(pid, signal);
  if (STOPS.includes(signal)) await send(pid, 18);
  // Alive it comes to see what the peer says; a socket would be open before.
  const path = `/after/${signal}`;
  const isAlive = (): boolean =>
    !ENDS_IN_ORDER.includes(signal) &&
    tracer.records.filter(({ request }) => request?.path === path).length >= ALIVE_RECORDS;
  while (!ended && !isAlive()) {
    if (tracer.process.stderr.includes("sockeye: ready")) await peer.ask(path);
    try {
      assert.deepEqual(listening(pid), []);
    } catch (error) {
      if (!(error instanceof Deno.errors.NotFound) && !ended) throw error;
    }
    await new Promise((resolve) => setTimeout(resolve, 20));
  }
  if (!ended) {
    assert.deepEqual(listening(pid), []);
    tracer.process.kill("SIGTERM");
    assert.deepEqual(await status, { code: 0, killed: false });
    return;
  }
  const { code, killed } = await status;
  if (killed) assert.equal(code, 128 + signal);
  else assert.ok(ENDS_IN_ORDER.includes(signal) && code === 0, `exit ${code}`);
}

/** Deno knows no real-time signals, and fails when one has ended a process. */
function codeOfUnnamedSignal(error: unknown): { code: number; killed: boolean } {
  const number = error instanceof Error && /^Invalid signal: (\d+)$/.exec(error.message)?.[1];
  if (!number) throw error;
  return { code: 128 + Number(number), killed: true };
}

for (const { name, come } of MOMENTS) {
  Deno.test(`sockeye listens on no socket, whatever signal it gets ${name}`, async () => {
    await using peer = await HttpPeer.start();
    const signals = Array.from({ length: 64 }, (_, i) => i + 1).filter((n) => n !== SIGKILL);
    const work = Array.from({ length: AT_ONCE }, async () => {
      for (let signal = signals.shift(); signal !== undefined; signal = signals.shift()) {
        const which = signal;
        await runWith(which, come, peer).catch((cause) => {
          throw new Error(`signal ${which}: ${cause}`, { cause });
        });
      }
    });
    await Promise.all(work);
  });
}

Deno.test("sockeye has SIGUSR1 blocked in each of its threads", async () => {
  await using peer = await HttpPeer.start();
  await using tracer = new Tracer(["-p", `${peer.pid}`]);
  const tasks = `/proc/${tracer.process.pid}/task`;
  await MOMENTS[2]?.come(tracer);
  const threads = [...Deno.readDirSync(tasks)].map(({ name }) => `${tasks}/${name}`);
  assert.ok(threads.length > 1);
  for (const thread of threads) assert.ok(contains(signalSet(thread, "SigBlk"), SIGUSR1), thread);
});
