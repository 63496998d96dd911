/**
 * What is left of root while hostile bytes are read: the status of every thread, what cannot be done
 * any more, and all that still can. Needs root.
 */
import assert from "node:assert/strict";
import { Background, run } from "../support/process.ts";
import { freePort } from "../support/servers.ts";
import { SOCKEYE, startTracer } from "../support/tracer.ts";

const PROGRAM = new URL("programs/confined.ts", import.meta.url).pathname;
const INSIDE = new URL("programs/inside.ts", import.meta.url).pathname;
const MAIN = new URL("../../main.ts", import.meta.url).pathname;
const CAP_KILL = 1n << 5n;
const CAP_SYS_PTRACE = 1n << 19n;
const CAP_DAC_READ_SEARCH = 1n << 2n;
const CAP_PERFMON = 1n << 38n;
const CAP_BPF = 1n << 39n;
const CAP_CHECKPOINT_RESTORE = 1n << 40n;
/** To probe libraries that are loaded later. */
const OF_TLS = CAP_BPF | CAP_PERFMON | CAP_SYS_PTRACE | CAP_DAC_READ_SEARCH |
  CAP_CHECKPOINT_RESTORE;
const EPERM = 1;
const EACCES = 13;

/** Every thread has these capabilities and no others, and can get none again. */
function assertConfined(pid: number, capabilities: bigint): void {
  const hex = capabilities.toString(16).padStart(16, "0");
  let threads = 0;
  for (const { name } of Deno.readDirSync(`/proc/${pid}/task`)) {
    const status = Deno.readTextFileSync(`/proc/${pid}/task/${name}/status`);
    const field = (key: string): string =>
      new RegExp(`^${key}:\\t(\\S+)$`, "m").exec(status)?.[1] ?? "";
    for (const set of ["CapPrm", "CapEff", "CapBnd"]) {
      assert.equal(field(set), hex, `${set} of thread ${name}`);
    }
    for (const set of ["CapInh", "CapAmb"]) assert.match(field(set), /^0+$/, set);
    assert.equal(field("NoNewPrivs"), "1");
    assert.equal(field("Seccomp"), "2");
    threads++;
  }
  assert.ok(threads > 1, `${threads} threads`);
  assert.match(Deno.readTextFileSync(`/proc/${pid}/limits`), /^Max core file size +0 +0 /m);
}

interface Attempts {
  steps: { name: string; done: boolean; detail: string }[];
  refused: Record<string, number>;
  reads: Record<string, number>;
}

async function confined(
  needs: readonly string[],
  look: (said: Attempts, pid: number, victim: string) => void,
): Promise<void> {
  const folder = await Deno.makeTempDir();
  const victim = `${folder}/victim`;
  await Deno.writeTextFile(victim, "keep");
  try {
    const args = ["run", "-A", "--no-check", PROGRAM, victim, ...needs];
    await using program = new Background(Deno.execPath(), args, { stdin: "piped" });
    await program.until(() => program.stdout.endsWith("}\n"), "the attempts");
    look(JSON.parse(program.stdout), program.pid, victim);
    await program.closeInput();
    assert.equal((await program.end()).code, 0, program.stderr);
  } finally {
    await Deno.remove(folder, { recursive: true });
  }
}

const PROFILES = [
  {
    name: "a trace without TLS",
    needs: ["output", "events", "processes"],
    keeps: CAP_BPF,
    landlock: true,
  },
  {
    name: "a trace",
    needs: ["output", "events", "processes", "libraries"],
    keeps: OF_TLS,
    landlock: false,
  },
  {
    name: "a doctor",
    needs: ["events", "processes", "examination"],
    keeps: CAP_BPF | CAP_SYS_PTRACE | CAP_DAC_READ_SEARCH,
    landlock: false,
  },
];

for (const { name, needs, keeps, landlock } of PROFILES) {
  Deno.test(`dropPrivileges() leaves ${name} nothing to harm with, on any thread`, async () => {
    await confined(needs, ({ steps, refused, reads }, pid, victim) => {
      assertConfined(pid, keeps);
      for (const [what, errno] of Object.entries(refused)) assert.equal(errno, EPERM, what);
      assert.equal(Deno.readTextFileSync(victim), "keep");
      assert.equal(reads.proc, 0);
      const step = steps.find((one) => one.name === "Landlock");
      if (landlock && step?.done === false) assert.equal(step.detail, "not in this kernel");
      else assert.equal(step?.done, landlock);
      if (step?.done) {
        for (const path of ["other", "victim", "descriptors"]) assert.equal(reads[path], EACCES);
      }
    });
  });
}

/** A server that answers once a connection, as root has it. */
const SERVER = `
import http.server, sys
class H(http.server.BaseHTTPRequestHandler):
    def do_GET(self):
        self.send_response(200); self.send_header("Content-Length", "2"); self.end_headers()
        self.wfile.write(b"ok")
    def log_message(self, *a): pass
http.server.HTTPServer(("127.0.0.1", int(sys.argv[1])), H).serve_forever()
`;

async function get(port: number): Promise<void> {
  const code = `
import urllib.request, time, sys
for i in range(100):
    try: urllib.request.urlopen("http://127.0.0.1:%s/" % sys.argv[1]).read(); break
    except OSError: time.sleep(0.05)`;
  await run("python3", ["-c", code, `${port}`]);
}

/** sockeye with code of ours inside: what that is let do by the runtime, asked while it works. */
async function assertRuntimeRefuses(words: readonly string[], code: number): Promise<void> {
  const args = ["run", "-A", "--no-check", "--no-prompt", "--preload", INSIDE, MAIN, ...words];
  await using sockeye = new Background(Deno.execPath(), args, { stdin: "piped" });
  const isReady = (): boolean => /sockeye: (ready|given up: runtime)/.test(sockeye.stderr);
  await sockeye.until(isReady, "the ready line");
  sockeye.kill("SIGUSR2");
  await sockeye.until(() => /^\{.*\}$/m.test(sockeye.stderr), "the attempts");
  const outcomes: unknown = JSON.parse(/^\{.*\}$/m.exec(sockeye.stderr)?.[0] ?? "");
  assert.ok(outcomes !== null && typeof outcomes === "object");
  assert.ok(Object.keys(outcomes).length >= 10);
  for (const [attempt, outcome] of Object.entries(outcomes)) {
    assert.equal(outcome, "NotCapable", attempt);
  }
  sockeye.kill("SIGINT");
  assert.equal((await sockeye.end()).code, code, sockeye.stderr);
}

Deno.test("the runtime refuses code inside a trace: net, run, write, env, and all else", async () => {
  await assertRuntimeRefuses(["--comm", "nobody"], 0);
});

Deno.test("the runtime refuses code inside a trace of a command", async () => {
  await assertRuntimeRefuses(["--stats", "--", "sleep", "60"], 128 + 2);
});

Deno.test("the runtime refuses code inside a doctor", async () => {
  await using idle = new Background("sleep", ["60"]);
  await assertRuntimeRefuses(["doctor", "--pid", `${idle.pid}`, "--duration", "60s"], 3);
});

Deno.test("a trace without its privileges sees new processes of a name, and ends in order", async () => {
  const port = freePort();
  await using tracer = await startTracer("--comm", "python3", "--port", `${port}`);
  assertConfined(tracer.process.pid, OF_TLS);
  await using _server = new Background("python3", ["-c", SERVER, `${port}`]);
  await get(port);
  await tracer.untilRecords(2);
  const { records, summary, code } = await tracer.stop();
  assert.deepEqual(records.map((record) => record.role).sort(), ["client", "server"]);
  assert.match(summary, /nothing lost/);
  assert.equal(code, 0);
});

Deno.test("a trace of a command keeps what signals to it take, writes its files, and passes SIGTERM on", async () => {
  const folder = await Deno.makeTempDir();
  const port = freePort();
  try {
    const [records, recording, stats] = ["a.ndjson", "a.rec", "a.json"].map((it) =>
      `${folder}/${it}`
    );
    // COMMAND becomes another user: only a capability lets a signal reach it then.
    const shell = `trap 'echo told; exit 7' TERM; echo begun; while :; do sleep 0.1; done`;
    const words = [
      "setpriv",
      "--reuid=65534",
      "--regid=65534",
      "--clear-groups",
      "sh",
      "-c",
      shell,
    ];
    await using trace = new Background(SOCKEYE, [
      ...["--output-file", records ?? "", "-w", recording ?? "", "--stats-file", stats ?? ""],
      ...["--", ...words],
    ]);
    await trace.until(() => trace.stdout.includes("begun"), "COMMAND");
    await using _server = new Background("python3", ["-c", SERVER, `${port}`]);
    assertConfined(trace.pid, OF_TLS | CAP_KILL);
    trace.kill("SIGTERM");
    const { code } = await trace.end();
    assert.equal(code, 7, trace.stderr);
    assert.match(trace.stdout, /told/);
    assert.equal(JSON.parse(await Deno.readTextFile(stats ?? "")).kernel.data_lost ?? 0, 0);
    assert.ok((await Deno.stat(recording ?? "")).size > 100);
  } finally {
    await Deno.remove(folder, { recursive: true });
  }
});

Deno.test("COMMAND has all that its caller had: a set-user-id program works", async () => {
  const { stderr } = await run(SOCKEYE, ["-q", "--", "cat", "/proc/self/status"]);
  const own = Deno.readTextFileSync("/proc/self/status");
  for (const key of ["CapPrm", "CapEff", "CapBnd", "NoNewPrivs", "Seccomp"]) {
    const line = new RegExp(`^${key}:.*$`, "m").exec(own)?.[0] ?? "";
    assert.ok(stderr.includes(`${line}\n`), `${line}\n${stderr}`);
  }
});

Deno.test("replay keeps nothing before it reads its first byte", async () => {
  await using replay = new Background(SOCKEYE, ["replay", "-v", "-"], { stdin: "piped" });
  await replay.until(() => replay.stderr.includes("runtime permissions"), "the last step");
  assertConfined(replay.pid, 0n);
  assert.doesNotMatch(replay.stderr, /not given up/);
  await replay.closeInput();
  assert.equal((await replay.end()).code, 1);
});

Deno.test("doctor keeps what its second look takes", async () => {
  const port = freePort();
  await using server = new Background("python3", ["-c", SERVER, `${port}`]);
  await using doctor = new Background(SOCKEYE, ["doctor", "--pid", `${server.pid}`, "-o", "json"]);
  await doctor.until(() => doctor.stderr.includes("sockeye: ready"), "the doctor");
  assertConfined(doctor.pid, CAP_BPF | CAP_SYS_PTRACE | CAP_DAC_READ_SEARCH);
  await get(port);
  doctor.kill("SIGINT");
  assert.equal((await doctor.end()).code, 0, doctor.stderr);
  assert.equal(JSON.parse(doctor.stdout).kernel_bytes.unseen, 0);
});

Deno.test("the end of a unix connection in another network namespace is seen without ptrace", async () => {
  const folder = await Deno.makeTempDir();
  const script = `
import socket, sys
a = socket.socket(socket.AF_UNIX); a.bind(sys.argv[1]); a.listen()
b = socket.socket(socket.AF_UNIX); b.connect(sys.argv[1]); c, _ = a.accept()
b.sendall(b"hello"); c.recv(5); print("sent", flush=True)
sys.stdin.readline(); b.close(); c.close(); print("closed", flush=True); sys.stdin.readline()
`;
  try {
    await using process = new Background("unshare", [
      ...["-n", "python3", "-c", `import sys; sys.stdin.readline()\n${script}`, `${folder}/s`],
    ], { stdin: "piped" });
    await using tracer = await startTracer("--pid", `${process.pid}`);
    await process.write("\n");
    await process.until(() => process.stdout.includes("sent"), "the message");
    await process.write("\n");
    await process.until(() => process.stdout.includes("closed"), "the end");
    await tracer.untilRecords(2);
    const { records } = await tracer.stop();
    for (const record of records) assert.equal(record.incomplete, undefined);
  } finally {
    await Deno.remove(folder, { recursive: true });
  }
});

Deno.test("options that name files take descriptors, pipes and devices as they are", async () => {
  const folder = await Deno.makeTempDir();
  const recording = `${folder}/a.rec`;
  const replay = `"${SOCKEYE}" replay -q "${recording}" --output-file`;
  const shell = async (script: string): Promise<string> =>
    (await run("bash", ["-c", script], { limitMs: 20_000 })).stdout;
  try {
    const port = freePort();
    await using _server = new Background("python3", ["-c", SERVER, `${port}`]);
    await run(SOCKEYE, [
      "-q",
      "-w",
      recording,
      "--",
      "python3",
      "-c",
      `
import urllib.request, time
for i in range(100):
    try: urllib.request.urlopen("http://127.0.0.1:${port}/").read(); break
    except OSError: time.sleep(0.05)`,
    ]);
    const want = await shell(`"${SOCKEYE}" replay -q "${recording}"`);
    assert.match(want, /"http"/);
    assert.equal(await shell(`${replay} /dev/stdout`), want);
    assert.equal(await shell(`${replay} /dev/stdout | cat`), want);
    assert.equal(await shell(`${replay} /proc/self/fd/3 3>&1 | cat`), want);
    assert.equal(await shell(`${replay} /dev/null`), "");
    assert.equal(await shell(`${replay} >(cat); wait $!`), want);
    const file = `${folder}/out`;
    await shell(`echo before >"${file}"; ${replay} /dev/stdout >>"${file}"`);
    assert.equal(await Deno.readTextFile(file), `before\n${want}`);
    const fifo = `${folder}/fifo`;
    const both = `mkfifo "${fifo}"; cat "${fifo}" & ${replay} "${fifo}"; wait`;
    assert.equal(await shell(both), want);
  } finally {
    await Deno.remove(folder, { recursive: true });
  }
});

Deno.test("every option that names a file refuses a link in a shared folder, and empties nothing in vain", async () => {
  const folder = await Deno.makeTempDir();
  try {
    await Deno.chmod(folder, 0o1777);
    await Deno.writeTextFile(`${folder}/victim`, "keep");
    await Deno.symlink("victim", `${folder}/link`);
    const trace = ["--conn-trace-pid", "1", "--log-file"];
    for (const option of [["--output-file"], ["--record"], ["--stats-file"], trace]) {
      for (const name of ["link", "victim"]) {
        // The trace itself cannot work: there is no such process.
        const args = [...option, `${folder}/${name}`, "--pid", name === "link" ? "1" : "4194304"];
        const { code, stderr } = await run(SOCKEYE, [...args, "--duration", "1ms"], {
          allowFailure: true,
        });
        assert.equal(code, 1);
        const says = name === "link" ? /is a symbolic link, and others can write to/ : /4194304/;
        assert.match(stderr, says);
        assert.equal(await Deno.readTextFile(`${folder}/victim`), "keep");
      }
    }
  } finally {
    await Deno.remove(folder, { recursive: true });
  }
});
