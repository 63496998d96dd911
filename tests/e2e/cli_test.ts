/**
 * How a trace begins and ends, as a shell sees it: exit status, stdout, stderr.
 * Needs root, nginx, curl and python3.
 */
import assert from "node:assert/strict";
import { HttpPeer } from "../support/http_peer.ts";
import { Background, type Finished, run } from "../support/process.ts";
import { startNginx } from "../support/servers.ts";
import { type SeenRecord, SOCKEYE, startTracer, Tracer, WAYS } from "../support/tracer.ts";

/** None of these may take longer, on a busy machine either; most take half a second. */
const LIMIT_MS = 60_000;
const CURL = "curl --silent --output /dev/null";

async function sockeye(...args: string[]): Promise<Finished> {
  return await run(SOCKEYE, args, { allowFailure: true, limitMs: LIMIT_MS });
}

/** What bash makes of it; `$SOCKEYE` is the executable. */
async function shell(script: string): Promise<Finished> {
  const line = `SOCKEYE=${SOCKEYE}\n${script}`;
  return await run("bash", ["-c", line], { allowFailure: true, limitMs: LIMIT_MS });
}

function recordsOf(stdout: string): SeenRecord[] {
  return stdout.split("\n").filter((line) => line !== "").map((line) => JSON.parse(line));
}

for (const way of WAYS) {
  const capture = ["--capture", way];

  Deno.test(`e2e cli: --duration ends a trace with status 0 (${way} way)`, async () => {
    await using peer = await HttpPeer.start();
    const fromMs = Date.now();
    const ended = await sockeye(...capture, "-p", `${peer.pid}`, "--duration", "300ms");
    assert.equal(ended.code, 0, ended.stderr);
    assert.ok(Date.now() - fromMs >= 300);
    assert.match(ended.stderr, /^sockeye: ready/m);
    assert.match(ended.stderr, /^sockeye: 0 records$/m);
    assert.equal(ended.stdout, "");
  });

  Deno.test(`e2e cli: --max-records ends a trace with so many records (${way} way)`, async () => {
    await using peer = await HttpPeer.start();
    await using tracer = await startTracer(...capture, "-p", `${peer.pid}`, "-c", "3");
    for (let i = 0; i < 5; i++) await peer.ask(`/${i}`);
    const status = await tracer.process.end(LIMIT_MS);
    assert.equal(status.code, 0);
    assert.deepEqual(tracer.records.map(({ request }) => request?.path), ["/0", "/1", "/2"]);
    assert.match(tracer.process.stderr, /^sockeye: 3 records: http 3$/m);
  });

  for (const signal of ["SIGINT", "SIGTERM", "SIGHUP"] as const) {
    Deno.test(`e2e cli: ${signal} ends a trace with status 0 and all that was captured (${way} way)`, async () => {
      await using peer = await HttpPeer.start();
      await using tracer = await startTracer(...capture, "-p", `${peer.pid}`);
      for (let i = 0; i < 20; i++) await peer.ask(`/${i}`);
      // At once: what is still in the kernel's batches has to come out.
      tracer.process.kill(signal);
      const status = await tracer.process.end(LIMIT_MS);
      assert.deepEqual([status.code, status.signal], [0, null]);
      assert.equal(tracer.records.length, 20);
      assert.match(tracer.process.stderr, /^sockeye: 20 records: http 20$/m);
      assert.match(tracer.process.stderr, /^sockeye: nothing lost$/m);
    });
  }

  Deno.test(`e2e cli: a trace ends with its last target, however it ends (${way} way)`, async () => {
    for (const signal of ["SIGKILL", "SIGTERM", "SIGKILL", "SIGINT", "SIGKILL"] as const) {
      await using peer = await HttpPeer.start();
      await using other = await HttpPeer.start();
      const pids = ["-p", `${peer.pid}`, "-p", `${other.pid}`];
      await using tracer = await startTracer(...capture, ...pids);
      await peer.ask("/one");
      Deno.kill(peer.pid, signal);
      // The trace goes on for the second one.
      await other.ask("/two");
      await tracer.untilRecords(2);
      Deno.kill(other.pid, signal);
      const status = await tracer.process.end(LIMIT_MS);
      assert.equal(status.code, 0, tracer.process.stderr);
      assert.deepEqual(tracer.records.map(({ request }) => request?.path), ["/one", "/two"]);
    }
  });

  Deno.test(`e2e cli: a target that is killed under load ends the trace (${way} way)`, async () => {
    for (let i = 0; i < 3; i++) {
      await using nginx = await startNginx({ workers: 2 });
      await using tracer = await startTracer(...capture, "-p", `${nginx.pid}`);
      const url = `http://127.0.0.1:${nginx.port}/`;
      await using load = new Background("wrk", ["-t", "1", "-c", "8", "-d", "30s", url]);
      await tracer.untilRecords(1000);
      // The workers notice that their master is gone only when they are told.
      for (const pid of [nginx.pid, ...nginx.workers]) Deno.kill(pid, "SIGKILL");
      const status = await tracer.process.end(LIMIT_MS);
      assert.equal(status.code, 0, tracer.process.stderr);
      load.kill("SIGKILL");
    }
  });

  Deno.test(`e2e cli: a reader that leaves ends the trace quietly (${way} way)`, async () => {
    await using nginx = await startNginx();
    const load = `while kill -0 $1 2>/dev/null; do ${CURL} http://127.0.0.1:${nginx.port}/; done`;
    const { stdout, stderr } = await shell(`
      loop() { ${load}; }
      { $SOCKEYE --capture ${way} -p ${nginx.pid} & echo $! >&3; loop $! ; wait $!; echo "status $?" >&2; } 3>/dev/null | head -1
    `);
    assert.equal(recordsOf(stdout).length, 1);
    assert.match(stderr, /status 0/);
    assert.doesNotMatch(stderr, /Cannot|error|EPIPE/i);
  });

  Deno.test(`e2e cli: with COMMAND the exit status is COMMAND's (${way} way)`, async () => {
    const cases = [
      { command: "true", want: 0 },
      { command: "exit 3", want: 3 },
      { command: "kill -TERM $$", want: 128 + 15 },
      { command: "kill -KILL $$", want: 128 + 9 },
      { command: "(sleep 0.1; exit 5) & wait $!", want: 5 },
    ];
    for (const { command, want } of cases) {
      const { code, stderr } = await sockeye(...capture, "--", "sh", "-c", command);
      assert.equal(code, want, `${command}: ${stderr}`);
    }
  });
}

Deno.test("e2e cli: a COMMAND that cannot be started, or traced, has a status of its own", async () => {
  const folder = await Deno.makeTempDir();
  await Deno.writeTextFile(`${folder}/text`, "no program");
  const cases = [
    {
      args: ["--", "no-such-program"],
      want: 127,
      says: /^Cannot start "no-such-program": no such/m,
    },
    { args: ["--", `${folder}/text`], want: 126, says: /not executable/ },
    { args: ["--protocol", "redsi", "--", "true"], want: 125, says: /did you mean "redis"\?/ },
    { args: ["--output-file", `${folder}/none/x`, "--", "true"], want: 125, says: /Cannot write/ },
  ];
  for (const { args, want, says } of cases) {
    const { code, stderr } = await sockeye(...args);
    assert.equal(code, want, stderr);
    assert.match(stderr, says);
  }
  await Deno.remove(folder, { recursive: true });
});

Deno.test("e2e cli: COMMAND's own output goes to stderr, or to stdout when records go to a file", async () => {
  const folder = await Deno.makeTempDir();
  const file = `${folder}/records.ndjson`;
  const command = ["--", "sh", "-c", "echo said; echo complained >&2"];
  const piped = await sockeye("-o", "ndjson", ...command);
  assert.equal(piped.stdout, "");
  assert.match(piped.stderr, /^said$/m);
  const filed = await sockeye("-q", "--output-file", file, ...command);
  assert.equal(filed.stdout, "said\n");
  assert.equal(filed.stderr, "complained\n");
  assert.equal(((await Deno.stat(file)).mode ?? 0) & 0o777, 0o600);
  await Deno.remove(folder, { recursive: true });
});

Deno.test("e2e cli: what cannot work is said in one message, with its own status", async () => {
  const gone = new Background("true", []);
  await gone.end();
  const cases = [
    {
      args: ["--pid", `${gone.pid}`],
      want: 1,
      says: new RegExp(`Cannot trace pid ${gone.pid}: no such process`),
    },
    { args: ["--output-file", "/no/such/folder/x"], want: 1, says: /Cannot write .*\(ENOENT\)/ },
    {
      args: ["--record", "/no/such/folder/x"],
      want: 1,
      says: /^Cannot write recording .*\(ENOENT\)\nHint: /,
    },
    { args: ["--protocol", "redsi"], want: 2, says: /"redsi": did you mean "redis"\?/ },
    { args: ["--port", "65536"], want: 2, says: /Cannot use --port "65536"/ },
    { args: ["--pid", "x"], want: 2, says: /Cannot use --pid "x"/ },
    { args: ["--capture", "magic"], want: 2, says: /Cannot use --capture "magic"/ },
    { args: ["--duration", "soon"], want: 2, says: /Cannot use --duration "soon"/ },
    { args: ["chekc"], want: 2, says: /did you mean "check"\?/ },
    { args: ["--no-such"], want: 2, says: /"--no-such"/ },
    {
      args: ["--libbpf", "/dev/null", "--duration", "1s"],
      want: 1,
      says: /^Cannot load \/dev\/null: .*\nHint: libbpf/,
    },
  ];
  for (const { args, want, says } of cases) {
    const { code, stdout, stderr } = await sockeye(...args);
    assert.equal(code, want, `${args.join(" ")}: ${stderr}`);
    assert.match(stderr, says);
    assert.equal(stdout, "");
    assert.doesNotMatch(stderr, /internal error|^\s+at /m);
    assert.ok(stderr.trimEnd().split("\n").length <= 2, stderr);
  }
});

Deno.test("e2e cli: records that cannot be written end the trace with status 1", async () => {
  await using peer = await HttpPeer.start();
  await using tracer = new Tracer(["-p", `${peer.pid}`, "--output-file", "/dev/full"]);
  await tracer.process.until(() => tracer.process.stderr.includes("ready"), "the ready line");
  await peer.ask("/one");
  const status = await tracer.process.end(LIMIT_MS);
  assert.equal(status.code, 1);
  assert.match(tracer.process.stderr, /Cannot write .*\/dev\/full.*\(ENOSPC\)/);
});

Deno.test("e2e cli: a stdout that nobody reads is no error, a closed one is", async () => {
  for (const [ending, status] of [["| true", 0], [">&-", 1]]) {
    const { stderr } = await shell(`
      set -o pipefail
      $SOCKEYE -o ndjson --duration 500ms --port 1 ${ending}
      echo "status $?" >&2
    `);
    assert.match(stderr, new RegExp(`status ${status}`), `${ending}: ${stderr}`);
    if (status !== 0) assert.match(stderr, /^Cannot write records to stdout: it is closed\nHint: /);
  }
});

Deno.test("e2e cli: an answer that cannot be written is an error, one that nobody reads is none", async () => {
  for (const command of ["--help", "help replay", "--version", "protocols", "completions bash"]) {
    for (const [ending, status] of [[">&-", 1], ["> /dev/full", 1], ["| true", 0]]) {
      const { stderr } = await shell(`
        set -o pipefail
        $SOCKEYE ${command} ${ending}
        echo "status $?" >&2
      `);
      assert.match(stderr, new RegExp(`status ${status}`), `${command} ${ending}: ${stderr}`);
      if (status !== 0) assert.match(stderr, /^Cannot write to stdout: .*(closed|\(ENOSPC\))\n/);
    }
  }
});

Deno.test("e2e cli: without root it says what is missing and how to get it", async () => {
  const folder = await Deno.makeTempDir({ prefix: "sockeye-user-" });
  await Deno.copyFile(SOCKEYE, `${folder}/sockeye`);
  await Deno.chmod(folder, 0o755);
  const asNobody = async (...args: string[]): Promise<Finished> =>
    await run("setpriv", [
      ...["--reuid=65534", "--regid=65534", "--clear-groups", `${folder}/sockeye`],
      ...args,
    ], { allowFailure: true, limitMs: LIMIT_MS, cwd: "/" });
  for (const way of WAYS) {
    const traced = await asNobody("--capture", way, "--duration", "1s");
    assert.equal(traced.code, 1, traced.stderr);
    assert.match(traced.stderr, /^Cannot .*\(EPERM\)$/m);
    assert.match(traced.stderr, /^Hint: .*root/m);
    assert.doesNotMatch(traced.stderr, /internal error|libbpf:/);
  }
  const checked = await asNobody("check");
  assert.equal(checked.code, 1);
  assert.match(checked.stdout, /FAIL/);
  assert.match(checked.stdout, /root/);
  assert.equal((await asNobody("protocols")).code, 0);
  assert.equal((await asNobody("--help")).code, 0);
  await Deno.remove(folder, { recursive: true });
});

Deno.test("e2e cli: what the machine lacks is said in one message, by a trace and by check", async () => {
  const some = "+bpf,+perfmon";
  const cases = [
    {
      lacks: "CAP_NET_ADMIN",
      by: [
        ...["setpriv", "--reuid=65534", "--regid=65534", "--clear-groups"],
        ...["--inh-caps", some, "--ambient-caps", some],
      ],
      args: ["--port", "1"],
      says: /^Cannot load .*\(EPERM\)\nHint: .*CAP_NET_ADMIN\n$/,
      check: /^FAIL +privileges +missing CAP_NET_ADMIN$/m,
    },
    {
      lacks: "BTF",
      by: ["unshare", "--mount", "sh", "-c", 'mount -t tmpfs none /sys/kernel && "$@"', "sh"],
      args: ["--port", "1"],
      says: /^Cannot read the kernel's BTF: .*\n(libbpf: .*\n)?Hint: .*CONFIG_DEBUG_INFO_BTF/,
      check: /^FAIL +BTF +.* is missing$/m,
    },
    {
      lacks: "the host's pids",
      by: ["unshare", "--pid", "--fork", "--mount-proc"],
      args: ["--pid", "1"],
      says: /^Cannot trace pid 1: this is a pid namespace of its own, .*\nHint: /,
      check: /^ok +pid namespace +not the host's\n +→ /m,
    },
  ];
  const folder = await Deno.makeTempDir({ prefix: "sockeye-user-" });
  await Deno.copyFile(SOCKEYE, `${folder}/sockeye`);
  await Deno.chmod(folder, 0o755);
  for (const { lacks, by, args, says, check } of cases) {
    const [program = "", ...before] = [...by, `${folder}/sockeye`];
    const options = { allowFailure: true, limitMs: LIMIT_MS, cwd: "/" };
    const traced = await run(program, [...before, ...args, "--duration", "1s"], options);
    assert.match(traced.stderr, says, lacks);
    assert.deepEqual([traced.code, traced.stdout], [1, ""], lacks);
    const checked = await run(program, [...before, "check"], options);
    assert.match(checked.stdout, check, lacks);
    assert.equal(checked.code, check.source.startsWith("^FAIL") ? 1 : 0, lacks);
    assert.doesNotMatch(checked.stdout, /\\n/, lacks);
  }
  await Deno.remove(folder, { recursive: true });
});

Deno.test("e2e cli: check finds that this kernel can trace, and which way", async () => {
  const { code, stdout, stderr } = await sockeye("check");
  assert.equal(code, 0, stdout + stderr);
  assert.match(stdout, /^ok /m);
  assert.doesNotMatch(stdout, /FAIL/);
  assert.match(stdout, /socket|syscall/);
  assert.equal(stderr, "");
});

Deno.test("e2e cli: demo shows its own traffic and ends with status 0", async () => {
  const { code, stdout, stderr } = await sockeye("demo", "-o", "ndjson");
  assert.equal(code, 0, stderr);
  const records = recordsOf(stdout);
  assert.match(stderr, /sockeye: nothing lost/);
  // Two clients with twelve requests each, seen from both ends.
  assert.equal(records.filter((record) => record.role === "server").length, 24);
  assert.equal(records.filter((record) => record.role === "client").length, 24);
  assert.deepEqual(new Set(records.map((record) => record.protocol)), new Set(["http"]));
  for (const status of [200, 201, 301, 404, 500]) {
    assert.ok(records.some((record) => record.response?.status === status), `no ${status}`);
  }
  const table = await sockeye("demo", "-o", "table", "-c", "3");
  assert.equal(table.code, 0, table.stderr);
  assert.match(table.stdout, /GET/);
});
