/**
 * Which part of its environment reaches the runtime in dist/sockeye (a few names), and which COMMAND
 * (all of it, as it was). Needs python3.
 */
import assert from "node:assert/strict";
import { V8_FLAGS } from "../../build/packed/environment.ts";
import { MAX_MEMORY_LIMIT } from "../../lib/cli/values.ts";
import { EXECUTABLE, type Outcome, outcome } from "../support/build_paths.ts";
import { freePort } from "../support/servers.ts";

const LIMIT_S = 20;

/** A run that ends by itself, in a pid namespace: whatever it starts ends with it. */
async function contained(env: Record<string, string>, args: readonly string[]): Promise<Outcome> {
  const own = ["--pid", "--fork", "--kill-child", "timeout", `${LIMIT_S}`, EXECUTABLE];
  return await outcome("unshare", [...own, ...args], { env });
}

async function inFolder(body: (folder: string) => Promise<void>): Promise<void> {
  const folder = await Deno.makeTempDir();
  try {
    await body(folder);
  } finally {
    await Deno.remove(folder, { recursive: true });
  }
}

const HARMFUL: readonly { name: string; value: string }[] = [
  { name: "NODE_OPTIONS", value: "--require FOLDER/evil.js" },
  { name: "DENO_CONNECTED", value: "1" },
  { name: "DENO_V8_FLAGS", value: "--no-such-flag" },
  { name: "DENO_V8_FLAGS", value: "--help" },
  { name: "NODE_CHANNEL_FD", value: "9" },
  { name: "NODE_CHANNEL_FD", value: "x" },
  { name: "DENO_COVERAGE_DIR", value: "FOLDER/written" },
  { name: "DENO_AUDIT_PERMISSIONS", value: "FOLDER/written" },
  { name: "DENO_TOKIO_EVENT_INTERVAL", value: "x" },
  { name: "DENO_UNSTABLE_CONTROL_SOCK", value: "unix:FOLDER/written" },
  { name: "DENO_LOG", value: "trace" },
  { name: "RUST_LOG", value: "trace" },
  { name: "RUST_MIN_STACK", value: "1" },
];

for (const { name, value } of HARMFUL) {
  Deno.test(`sockeye does not heed ${name}=${value}`, async () => {
    await inFolder(async (folder) => {
      const evil = `require("fs").writeFileSync("${folder}/written", "")`;
      await Deno.writeTextFile(`${folder}/evil.js`, evil);
      const env = { [name]: value.replace("FOLDER", folder) };
      const result = await contained(env, ["replay", "/dev/null"]);
      assert.deepEqual(result, await contained({}, ["replay", "/dev/null"]));
      assert.match(result.stderr, /^Cannot read recording "?\/dev\/null/);
      await assert.rejects(Deno.stat(`${folder}/written`), Deno.errors.NotFound);
    });
  });
}

Deno.test("sockeye starts nothing for DENO_CONNECTED", async () => {
  // Each copy would say its version as well, and the first would not end.
  const { code, stdout } = await contained({ DENO_CONNECTED: "1" }, ["--version"]);
  assert.equal(code, 0);
  assert.match(stdout, /^sockeye \S+\n$/);
});

Deno.test("sockeye reads nothing in HOME", async () => {
  await inFolder(async (folder) => {
    // Who opens it would wait for ever.
    assert.equal((await outcome("mkfifo", [`${folder}/.npmrc`])).code, 0);
    const { code } = await contained({ HOME: folder }, ["--version"]);
    assert.equal(code, 0);
  });
});

Deno.test("sockeye connects nowhere for OTEL_DENO", async () => {
  const port = freePort();
  const listener = Deno.listen({ hostname: "127.0.0.1", port });
  let connections = 0;
  const accepting = (async () => {
    for await (const connection of listener) {
      connections++;
      connection.close();
    }
  })();
  const env = {
    OTEL_DENO: "true",
    OTEL_EXPORTER_OTLP_ENDPOINT: `http://127.0.0.1:${port}`,
    OTEL_METRIC_EXPORT_INTERVAL: "50",
  };
  // In our own pid namespace, so that there is something to trace; it may try for as long as it likes.
  const traced = [`${LIMIT_S}`, EXECUTABLE, "--pid", `${Deno.pid}`, "--duration", "500ms"];
  const { code, stderr } = await outcome("timeout", traced, { env });
  assert.equal(code, 0, stderr);
  listener.close();
  await accepting;
  assert.equal(connections, 0);
});

/** What the runtime might look up: every word in the executable that could be a variable's name. */
async function namesInExecutable(): Promise<string[]> {
  const text = new TextDecoder("latin1").decode(await Deno.readFile(EXECUTABLE));
  const families = "DENO|NODE|OTEL|V8|RUST|TOKIO|RAYON|NPM_CONFIG|npm_config|UV|SSL|XDG|LD|MALLOC";
  const pattern = new RegExp(`(?=((?:${families})_[A-Za-z0-9_]{1,40}))`, "g");
  const names = new Set<string>();
  for (const [, longest = ""] of text.matchAll(pattern)) {
    // Strings may follow one another without an end: every beginning counts as well.
    for (let length = longest.indexOf("_") + 2; length <= longest.length; length++) {
      names.add(longest.slice(0, length));
    }
  }
  for (const name of ["HOME", "TMPDIR", "TZ", "LANG", "CI", "FORCE_COLOR", "SSL_CERT_FILE"]) {
    names.add(name);
  }
  for (const name of ["http_proxy", "HTTP_PROXY", "HTTPS_PROXY", "ALL_PROXY", "NO_PROXY"]) {
    names.add(name);
  }
  return [...names].filter((name) => !name.startsWith("LD_"));
}

async function firstChildOf(pid: number): Promise<number> {
  const untilMs = performance.now() + LIMIT_S * 1000;
  while (performance.now() < untilMs) {
    const children = await Deno.readTextFile(`/proc/${pid}/task/${pid}/children`);
    const [first] = children.trim().split(" ");
    // What it is before exec has our environment, not the one it is given.
    if (first && /demo-peer\0client/.test(await Deno.readTextFile(`/proc/${first}/cmdline`))) {
      return Number(first);
    }
    await new Promise((resolve) => setTimeout(resolve, 5));
  }
  throw new Error(`Cannot find a child of ${pid}: out of time`);
}

Deno.test("sockeye's runtime sees none of the variables that its executable names", async () => {
  const names = await namesInExecutable();
  assert.ok(names.includes("DENO_CONNECTED") && names.includes("NODE_OPTIONS"), `${names.length}`);
  const env = Object.fromEntries(names.map((name) => [name, "from-the-user"]));
  // A demo's server starts clients with the environment that its own runtime has.
  const server = new Deno.Command(EXECUTABLE, {
    args: ["demo-peer", "server"],
    env: { ...env, PATH: "/usr/bin:/bin", TERM: "dumb", COLUMNS: "80", NO_COLOR: "1" },
    clearEnv: true,
    stdin: "null",
  }).spawn();
  try {
    const seen = await Deno.readTextFile(`/proc/${await firstChildOf(server.pid)}/environ`);
    assert.doesNotMatch(seen, /from-the-user/);
    const seenNames = seen.split("\0").map((entry) => entry.split("=")[0]).filter((name) => name);
    assert.deepEqual(seenNames.sort(), [
      "COLUMNS",
      "DENO_DIR",
      "DENO_DISABLE_NODE_SHIM",
      "DENO_LOG",
      "DENO_NO_PACKAGE_JSON",
      "DENO_NO_UPDATE_CHECK",
      "HOME",
      "NO_COLOR",
      "PATH",
      "SOCKEYE_SIGNALS",
      "TERM",
    ]);
  } finally {
    server.kill("SIGTERM");
    await server.status;
  }
});

/** Runs argv[1..] with an environment that no shell and no runtime would hand on as it is. */
const ODD_ENVIRONMENT = `
import ctypes, sys
env = [b"PATH=/usr/bin:/bin", b"A=1", b"A=2", b"B=\\xff\\xfe", b"noequals", b"=x", b"", b"C.D-E=y",
       b"DENO_DIR=/mine", b"SOCKEYE_SIGNALS=z", b"NODE_OPTIONS=--require /nowhere.js", b"F=a\\nb=c",
       b"LONG=" + b"x" * 131000, b"PWD=/elsewhere", b"Z="]
strings = lambda list: (ctypes.c_char_p * (len(list) + 1))(*list, None)
argv = [word.encode() for word in sys.argv[1:]]
ctypes.CDLL(None).execve(argv[0], strings(argv), strings(env))
`;

Deno.test("sockeye -- COMMAND gives COMMAND the user's environment, byte for byte", async () => {
  const says = ["/bin/cat", "/proc/self/environ"];
  const traced = [EXECUTABLE, "-q", "--output-file", "/dev/null", "--", ...says];
  const [plain, seen] = await Promise.all([says, traced].map(async (command) => {
    const args = ["-c", ODD_ENVIRONMENT, ...command];
    return (await new Deno.Command("/usr/bin/python3", { args }).output()).stdout;
  }));
  assert.ok((plain?.length ?? 0) > 131_000);
  assert.deepEqual(seen, plain);
});

Deno.test("V8's heap has room for twice the largest --memory-limit", async () => {
  const program = 'console.log((await import("node:v8")).getHeapStatistics().heap_size_limit)';
  const { stdout } = await outcome(Deno.execPath(), ["eval", V8_FLAGS, program], {});
  assert.ok(Number(stdout) >= 2 * MAX_MEMORY_LIMIT, `${stdout} bytes`);
});
