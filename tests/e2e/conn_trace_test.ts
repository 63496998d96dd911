/** Connection logs and counters of a real trace. Needs root. */
import { deepEqual, equal, match, ok } from "node:assert/strict";
import { ask, SCRIPTS, startPython } from "../support/doctor.ts";
import { run } from "../support/process.ts";
import { freePort } from "../support/servers.ts";
import { SOCKEYE, startTracer } from "../support/tracer.ts";

const GET = new TextEncoder().encode("GET /x HTTP/1.1\r\nHost: a\r\n\r\n");
const STRANGE = Uint8Array.from({ length: 40 }, (_, i) => 0xe0 + i % 8);

interface Talk {
  args: (pid: number) => string[];
  /** Said of the connection before the trace may end; its end is under way when the client has gone. */
  until?: RegExp;
  script?: string;
  request?: Uint8Array;
  times?: number;
}

/** Lines of the log, and what else the trace said, of one connection to a server. */
async function logOf(talk: Talk): Promise<{ log: string[]; stderr: string; pid: number }> {
  const port = freePort();
  await using server = await startPython(talk.script ?? SCRIPTS.http, [`${port}`]);
  await using tracer = await startTracer(...talk.args(server.pid));
  {
    using conn = await Deno.connect({ hostname: "127.0.0.1", port });
    for (let i = 0; i < (talk.times ?? 1); i++) await ask(conn, talk.request ?? GET, 40);
  }
  const { until } = talk;
  if (until) await tracer.process.until(() => until.test(tracer.process.stderr), `${until}`);
  const { summary, code } = await tracer.stop();
  equal(code, 0, summary);
  const log = summary.split("\n").filter((line) => line.startsWith("conn-trace "));
  return { log, stderr: summary, pid: server.pid };
}

const spellings: { name: string; args: (pid: number) => string[] }[] = [
  { name: "--conn-trace-pid", args: (pid) => ["--pid", `${pid}`, "--conn-trace-pid", `${pid}`] },
  {
    name: "--stirling_conn_trace_pid",
    args: (pid) => ["--pid", `${pid}`, `--stirling_conn_trace_pid=${pid}`],
  },
  {
    name: "--test_only_socket_trace_target_pid",
    args: (pid) => [`--test_only_socket_trace_target_pid=${pid}`],
  },
];
for (const { name, args } of spellings) {
  Deno.test(`${name} logs every step of the process's connections`, async () => {
    const { log, pid } = await logOf({ args, until: / to=closed / });
    for (const line of log) {
      match(line, /^conn-trace time=20\S+Z pid=\d+ fd=-?\d+ conn=\d+ \w+/);
      ok(line.includes(` pid=${pid} `), line);
    }
    const all = log.join("\n");
    match(all, / open start=seen\n/);
    match(all, / address local=127\.0\.0\.1:\d+ remote=127\.0\.0\.1:\d+\n/);
    match(all, / data direction=ingress by=recvfrom position=\d+ bytes=28 seen=28 /);
    match(all, / text="GET \/x HTTP\/1\.1\\r\\nHost: a\\r\\n\\r\\n"\n/);
    match(all, / protocol is=http role=server\n/);
    match(all, / frame side=request bytes=28\n/);
    match(all, / record protocol=http request=28 response=40 latency_ns=\d+\n/);
    match(all, / state from=parsing to=closed why=closed$/);
  });
}

Deno.test("--conn-trace-level 1 logs changes of state only", async () => {
  const { log } = await logOf({
    args: (pid) => ["--pid", `${pid}`, "--conn-trace-pid", `${pid}`, "--conn-trace-level", "1"],
  });
  const kinds = new Set(log.map((line) => line.split(" ")[5]));
  deepEqual([...kinds].sort(), ["address", "open", "protocol", "state"]);
});

const fds: { flag: string; fd: number; lines: boolean }[] = [
  { flag: "--conn-trace-fd", fd: 4, lines: true },
  { flag: "--stirling_conn_trace_fd", fd: 4, lines: true },
  { flag: "--conn-trace-fd", fd: 99, lines: false },
];
for (const { flag, fd, lines } of fds) {
  Deno.test(`${flag} ${fd} logs ${lines ? "that descriptor" : "nothing else"}`, async () => {
    const { log, stderr, pid } = await logOf({
      args: (pid) => ["--pid", `${pid}`, "--conn-trace-pid", `${pid}`, `${flag}=${fd}`],
    });
    equal(log.length > 0, lines);
    equal(stderr.includes(`sockeye: no connection of pid ${pid}, fd ${fd} to log`), !lines);
    ok(log.every((line) => line.includes(` fd=${fd} `)));
  });
}

Deno.test("--test_only_socket_trace_target_pid switches the kernel's filter off", async () => {
  const request = new Uint8Array(4000).fill(0xe1);
  const more = { script: SCRIPTS.echo, request, times: 3 };
  const filtered = await logOf({
    ...more,
    args: (pid) => ["--pid", `${pid}`, `--conn-trace-pid=${pid}`],
  });
  match(filtered.log.join("\n"), /cut=filtered/);
  const whole = await logOf({
    ...more,
    args: (pid) => [`--test_only_socket_trace_target_pid=${pid}`],
  });
  ok(!whole.log.join("\n").includes("cut=filtered"));
});

Deno.test("--conn-trace-pid tells why no protocol was found", async () => {
  const { log } = await logOf({
    script: SCRIPTS.echo,
    request: STRANGE,
    until: / to=unknown /,
    args: (pid) => ["--pid", `${pid}`, "--conn-trace-pid", `${pid}`],
  });
  match(log.join("\n"), / state from=probing to=unknown why="no protocol matches"\n/);
});

Deno.test("--log-file takes the log, mode 0600, and a replay gives the same one", async () => {
  const folder = await Deno.makeTempDir();
  const [live, again, recording] = ["live", "again", "recording"].map((name) =>
    `${folder}/${name}`
  );
  const trace = (pid: number): string[] => [`--conn-trace-pid=${pid}`, "--log-file"];
  const { log, pid } = await logOf({
    args: (pid) => ["--pid", `${pid}`, ...trace(pid), live ?? "", "-w", recording ?? ""],
  });
  equal(log.length, 0);
  equal(((await Deno.stat(live ?? "")).mode ?? 0) & 0o777, 0o600);
  const text = await Deno.readTextFile(live ?? "");
  match(text, /record protocol=http/);
  await run(SOCKEYE, ["replay", recording ?? "", ...trace(pid), again ?? ""]);
  equal(await Deno.readTextFile(again ?? ""), text);
  await Deno.remove(folder, { recursive: true });
});

Deno.test("--stats and --stats-file tell what every stage counted", async () => {
  const folder = await Deno.makeTempDir();
  const file = `${folder}/stats.json`;
  const { stderr } = await logOf({
    args: (pid) => ["--pid", `${pid}`, "--stats", "--stats-file", file],
    times: 3,
  });
  match(stderr, /^sockeye: stats\.records\.http 3$/m);
  match(stderr, /^sockeye: stats\.frames\.http 6$/m);
  const stats = JSON.parse(await Deno.readTextFile(file));
  equal(stats.records.http, 3);
  equal(stats.connections.opened, 1);
  equal(stats.kernel.data_lost, 0);
  await Deno.remove(folder, { recursive: true });
});

const refused: { args: string[]; code: number; stderr: RegExp }[] = [
  { args: ["--conn-trace-fd", "3"], code: 2, stderr: /^Cannot use --conn-trace-fd "3": no conn/ },
  { args: ["--log-file", "x"], code: 2, stderr: /^Cannot use --log-file "x": no connection/ },
  { args: ["--conn-trace-level", "3"], code: 2, stderr: /not one of 1, 2/ },
  {
    args: ["--conn-trace-pid", "1", "--log-file", "/nowhere/x"],
    code: 1,
    stderr: /^Cannot write to --log-file "\/nowhere\/x": .*\nHint: /,
  },
  {
    args: ["--stats-file", "/nowhere/x"],
    code: 1,
    stderr: /^Cannot write to --stats-file "\/nowhere\/x": .*\nHint: /,
  },
];
for (const { args, code, stderr } of refused) {
  Deno.test(`${args.join(" ")} is refused with exit ${code}`, async () => {
    const finished = await run(SOCKEYE, args, { allowFailure: true });
    equal(finished.code, code, finished.stderr);
    match(finished.stderr, stderr);
  });
}
