/** The whole program as a process: exit codes, what goes to stdout and what to stderr. No root needed. */
import { deepEqual, equal, match, ok } from "node:assert/strict";
import { Direction, EntryKind, Family, Flag } from "../../lib/capture/abi.ts";
import { encodeEntry, SocketEvent } from "../../lib/capture/event.ts";
import { Recorder } from "../../lib/capture/recording/recorder.ts";
import { plugins } from "../../protocols/registry.ts";
import { keysInOrder, recordViolations } from "../support/schema.ts";

const MAIN = new URL("../../main.ts", import.meta.url).pathname;
const decoder = new TextDecoder();

interface Result {
  code: number;
  stdout: string;
  stderr: string;
}

async function sockeye(args: readonly string[], env: Record<string, string> = {}): Promise<Result> {
  const { code, stdout, stderr } = await new Deno.Command(Deno.execPath(), {
    args: ["run", "-A", "--no-check", MAIN, ...args],
    env,
  }).output();
  return { code, stdout: decoder.decode(stdout), stderr: decoder.decode(stderr) };
}

/** A recording of that many Redis commands on one connection, each answered. */
async function withRecording(count: number, use: (path: string) => Promise<void>): Promise<void> {
  const folder = await Deno.makeTempDir();
  const path = `${folder}/events.rec`;
  const base = { low: 0, high: 0 };
  const start = { base, wallSeconds: 1e9, wallNanos: 0, way: "socket", hostname: "h", kernel: "k" };
  const event = new SocketEvent();
  const positions = [0, 0];
  try {
    using recorder = new Recorder(path, start, { version: "test", filters: {} });
    for (let i = 0; i < 2 * count; i++) {
      const direction = i % 2 === 0 ? Direction.EGRESS : Direction.INGRESS;
      const text = i % 2 === 0 ? "*2\r\n$3\r\nGET\r\n$1\r\nk\r\n" : "$5\r\nvalue\r\n";
      const payload = new TextEncoder().encode(text);
      const position = positions[direction] ?? 0;
      positions[direction] = position + payload.length;
      const bytes = encodeEntry({
        kind: EntryKind.DATA,
        direction,
        position,
        payload,
        timeNs: 1000 * (i + 1),
        conn: 1,
        pid: 42,
        fd: 5,
        comm: "app",
        family: Family.INET,
        local: Uint8Array.of(127, 0, 0, 1),
        localPort: 50000,
        remote: Uint8Array.of(127, 0, 0, 1),
        remotePort: 6379,
        flags: Flag.FRESH | Flag.CLIENT | Flag.LAST_CHUNK,
      });
      event.read(new Uint32Array(bytes.buffer), bytes, 0, bytes.length, base);
      recorder.onEvent(event);
    }
    recorder.close();
    await use(path);
  } finally {
    await Deno.remove(folder, { recursive: true });
  }
}

const refused: { name: string; args: string[]; code: number; stderr: RegExp }[] = [
  {
    name: "an unknown protocol",
    args: ["--protocol", "redsi"],
    code: 2,
    stderr: /^Cannot use --protocol "redsi": did you mean "redis"\?\n$/,
  },
  { name: "a port out of range", args: ["--port", "70000"], code: 2, stderr: /--port "70000"/ },
  { name: "an unknown option", args: ["--pidd", "1"], code: 2, stderr: /did you mean "--pid"/ },
  { name: "an unknown command", args: ["chek"], code: 2, stderr: /did you mean "check"/ },
  { name: "an unknown shell", args: ["completions", "tcsh"], code: 2, stderr: /bash, zsh, fish/ },
  {
    name: "a COMMAND for check",
    args: ["check", "--", "ls"],
    code: 125,
    stderr: /takes no command/,
  },
  { name: "an empty COMMAND", args: ["--"], code: 125, stderr: /none behind/ },
  {
    name: "a usage error before COMMAND",
    args: ["--port", "x", "--", "ls"],
    code: 125,
    stderr: /--port "x"/,
  },
  {
    name: "an output file that cannot be written",
    args: ["--output-file", "/nowhere/x"],
    code: 1,
    stderr: /no such file or directory \(ENOENT\)\nHint: /,
  },
  {
    name: "a recording that is not there",
    args: ["replay", "/nowhere/x"],
    code: 1,
    stderr: /^Cannot read recording \/nowhere\/x: no such file or directory \(ENOENT\)\n$/,
  },
  {
    name: "to examine no process",
    args: ["doctor"],
    code: 2,
    stderr: /^Cannot go on: option --pid is missing\nHint: /,
  },
  {
    name: "to explain what is no command",
    args: ["help", "curl"],
    code: 2,
    stderr: /^Cannot explain "curl": no such command\nHint: /,
  },
];
for (const { name, args, code, stderr } of refused) {
  Deno.test(`sockeye refuses ${name} with exit code ${code}`, async () => {
    const result = await sockeye(args);
    match(result.stderr, stderr);
    equal(result.stdout, "");
    equal(result.code, code);
  });
}

Deno.test("sockeye --version and --help answer on stdout with exit code 0", async () => {
  const version = await sockeye(["--version"]);
  match(version.stdout, /^sockeye \d+\.\d+\.\d+\n$/);
  equal(version.code, 0);
  const help = await sockeye(["--help"]);
  match(help.stdout, /^Usage: sockeye \[trace\]/);
  match(help.stdout, /Examples:\n {2}sudo sockeye/);
  ok(!help.stdout.includes("test_only"));
  equal(help.stderr, "");
  equal(help.code, 0);
  deepEqual(await sockeye(["help"]), help);
  deepEqual(await sockeye(["help", "replay"]), await sockeye(["replay", "--help"]));
});

Deno.test("sockeye protocols lists every name of the registry, and unknown", async () => {
  const { stdout, code } = await sockeye(["protocols"]);
  for (const name of [...plugins.flatMap(({ names }) => names), "unknown"]) {
    match(stdout, new RegExp(`^${name} `, "m"));
  }
  equal(code, 0);
});

Deno.test("sockeye replay writes valid records to stdout and the summary to stderr", async () => {
  await withRecording(20, async (path) => {
    const { code, stdout, stderr } = await sockeye(["replay", path]);
    const records = stdout.trimEnd().split("\n").map((line) => JSON.parse(line));
    equal(records.length, 20);
    for (const record of records) {
      equal(recordViolations(record), null);
      ok(keysInOrder(record));
      equal(record.protocol, "redis");
      equal(record.latency_ns, 1000);
    }
    match(stderr, /^sockeye: 20 records: redis 20$/m);
    match(stderr, /^sockeye: nothing lost$/m);
    equal(code, 0);
  });
});

Deno.test("sockeye replay -q -c ends exactly there, silently; -o table works into a pipe", async () => {
  await withRecording(20, async (path) => {
    const cut = await sockeye(["replay", "-q", "-c", "7", path]);
    equal(cut.stdout.trimEnd().split("\n").length, 7);
    equal(cut.stderr, "");
    const table = await sockeye(["replay", "-q", "-o", "table", path], { COLUMNS: "100" });
    const lines = table.stdout.trimEnd().split("\n");
    equal(lines.length, 21);
    ok(lines.every((line) => line.length <= 100));
    ok(!table.stdout.includes("\x1b"));
  });
});

Deno.test("sockeye ends quietly with 0 when the reader goes away", async () => {
  await withRecording(5000, async (path) => {
    const child = new Deno.Command(Deno.execPath(), {
      args: ["run", "-A", "--no-check", MAIN, "replay", path],
      stdout: "piped",
      stderr: "piped",
    }).spawn();
    const reader = child.stdout.getReader();
    ok((await reader.read()).value);
    await reader.cancel();
    const { code } = await child.status;
    equal(decoder.decode(await new Response(child.stderr).bytes()), "");
    equal(code, 0);
  });
});

Deno.test("sockeye says what to do when it lacks privileges", async () => {
  const plain = [Deno.execPath(), "run", "-A", "--no-check", MAIN, "--duration", "1s"];
  // As the owner of the sources: nobody else need be able to reach them.
  const { uid, gid } = await Deno.stat(MAIN);
  const user = [`--reuid=${uid}`, `--regid=${gid}`, "--clear-groups"];
  const demoted = ["setpriv", ...user, "--bounding-set=-all", "--inh-caps=-all", ...plain];
  const [program = "", ...args] = Deno.uid() === 0 ? demoted : plain;
  const { code, stdout, stderr } = await new Deno.Command(program, {
    args,
    env: { DENO_NO_UPDATE_CHECK: "1" },
  }).output();
  match(decoder.decode(stderr), /^Cannot .*\(EPERM\)/);
  match(decoder.decode(stderr), /^Hint: run as root, or grant CAP_BPF/m);
  equal(stdout.length, 0);
  equal(code, 1);
});
