/**
 * `sockeye -- COMMAND` when a signal comes at any moment from its start until behind its ready line:
 * COMMAND gets it or never runs, and nothing stays behind. Needs root.
 */
import assert from "node:assert/strict";
import { Background } from "../support/process.ts";
import { SOCKEYE } from "../support/tracer.ts";

const LIMIT_MS = 30_000;

/** A process that has `word` among its words, and the file that it runs. */
function runningWith(word: string): { pid: number; program: string }[] {
  const found = [];
  for (const { name } of Deno.readDirSync("/proc")) {
    if (!/^\d+$/.test(name)) continue;
    try {
      const words = Deno.readTextFileSync(`/proc/${name}/cmdline`).split("\0");
      const program = Deno.readLinkSync(`/proc/${name}/exe`);
      if (words.includes(word)) found.push({ pid: Number(name), program });
    } catch {
      // It has ended meanwhile.
    }
  }
  return found;
}

/** Blocks for the time that a signal is to come after; timers are too coarse for it. */
function spin(ms: number): void {
  const untilMs = performance.now() + ms;
  while (performance.now() < untilMs);
}

/**
 * Runs sockeye so many times, and does `body` with each at another moment, evenly from its start until
 * well behind ready. COMMAND waits for ever: it ends by a signal only.
 */
async function atEveryMoment(
  times: number,
  body: (traced: Background, fifo: string) => Promise<void>,
): Promise<void> {
  const folder = await Deno.makeTempDir();
  const fifo = `${folder}/never-written`;
  assert.ok((await new Deno.Command("mkfifo", { args: [fifo] }).output()).success);
  const start = (): Background => new Background(SOCKEYE, ["--", "cat", fifo]);
  try {
    const fromMs = performance.now();
    const first = start();
    await first.until(() => first.stderr.includes("sockeye: ready"), "the ready line");
    const readyMs = performance.now() - fromMs;
    first.kill("SIGTERM");
    assert.equal((await first.end(LIMIT_MS)).code, 143);
    for (let i = 0; i < times; i++) {
      const traced = start();
      spin(readyMs * 1.4 * i / times);
      await body(traced, fifo);
    }
  } finally {
    for (const { pid } of runningWith(fifo)) Deno.kill(pid, "SIGKILL");
    await Deno.remove(folder, { recursive: true });
  }
}

for (
  const { signal, number, times } of [
    { signal: "SIGTERM", number: 15, times: 60 },
    { signal: "SIGINT", number: 2, times: 15 },
    { signal: "SIGHUP", number: 1, times: 15 },
  ] as const
) {
  Deno.test(`e2e command: ${signal} at any moment ends COMMAND and the trace with it`, async () => {
    await atEveryMoment(times, async (traced, fifo) => {
      traced.kill(signal);
      // end() throws when COMMAND did not get it: nothing else ends it.
      const { code } = await traced.end(LIMIT_MS);
      assert.equal(code, 128 + number);
      assert.deepEqual(runningWith(fifo), []);
    });
  });
}

/** Until no gate is left; COMMAND itself may go on, and is ended here. */
async function untilNoGate(fifo: string): Promise<void> {
  const untilMs = performance.now() + LIMIT_MS;
  for (;;) {
    const left = runningWith(fifo);
    for (const { pid, program } of left) {
      if (program.endsWith("/cat")) Deno.kill(pid, "SIGKILL");
    }
    if (left.length === 0) return;
    assert.ok(performance.now() < untilMs, JSON.stringify(left));
    await new Promise((resolve) => setTimeout(resolve, 5));
  }
}

Deno.test("e2e command: SIGKILL at any moment leaves no gate behind", async () => {
  await atEveryMoment(30, async (traced, fifo) => {
    traced.kill("SIGKILL");
    const ended = traced.end(LIMIT_MS);
    await untilNoGate(fifo);
    assert.equal((await ended).signal, "SIGKILL");
  });
});

Deno.test("e2e command: a second signal at any moment leaves nothing behind", async () => {
  await atEveryMoment(30, async (traced, fifo) => {
    traced.kill("SIGINT");
    traced.kill("SIGTERM");
    const { code } = await traced.end(LIMIT_MS);
    assert.ok([130, 143].includes(code), `${code}`);
    assert.deepEqual(runningWith(fifo), []);
  });
});

Deno.test("e2e command: signals are as the user had them: default, ignored, blocked", async () => {
  const says = ["grep", "-E", "^Sig(Blk|Ign)", "/proc/self/status"];
  const traced = [SOCKEYE, "-q", "--output-file", "/dev/null", "--", ...says];
  const changes = [
    [],
    ["--ignore-signal=HUP,QUIT,PIPE,USR1"],
    ["--block-signal=USR1,USR2,TERM"],
    ["--ignore-signal=INT,TERM", "--block-signal=USR2"],
  ];
  for (const change of changes) {
    const said = [];
    for (const command of [says, traced]) {
      const { stdout } = await new Deno.Command("env", { args: [...change, ...command] }).output();
      said.push(new TextDecoder().decode(stdout));
    }
    assert.match(said[0] ?? "", /SigBlk.*\nSigIgn/);
    assert.equal(said[1], said[0], change.join(" "));
  }
});
