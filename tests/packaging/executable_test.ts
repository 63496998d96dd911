/**
 * dist/sockeye as a program among others: what it loads, what it passes on, who may run it.
 */
import assert from "node:assert/strict";
import { EXECUTABLE, LIBBPF, outcome, readUntil } from "../support/build_paths.ts";

/** The oldest glibc that Deno itself runs on. */
const OLDEST_GLIBC = [2, 27];
const NOBODY = "65534";

Deno.test("libbpf.so needs libc alone, and no newer one than Deno does", async () => {
  const { stdout: dynamic } = await outcome("readelf", ["-dW", LIBBPF]);
  const needed = [...dynamic.matchAll(/\(NEEDED\).*\[(.*)\]/g)].map((match) => match[1] ?? "");
  assert.deepEqual(needed.filter((name) => !/^(libc|ld-linux-\S+)\.so/.test(name)), []);

  const { stdout: symbols } = await outcome("objdump", ["-T", LIBBPF]);
  const versions = [...symbols.matchAll(/GLIBC_(\d+)\.(\d+)/g)].map((m) => [
    Number(m[1]),
    Number(m[2]),
  ]);
  assert.ok(versions.length > 0);
  for (const [major = 0, minor = 0] of versions) {
    assert.ok(major === OLDEST_GLIBC[0] && minor <= (OLDEST_GLIBC[1] ?? 0), `${major}.${minor}`);
  }
});

Deno.test("libbpf.so exports libbpf's interface and nothing of libelf or zlib", async () => {
  const { stdout } = await outcome("nm", ["-D", "--defined-only", LIBBPF]);
  const names = stdout.trim().split("\n").map((line) => line.split(" ").pop() ?? "");
  for (const name of ["bpf_object__open_mem", "bpf_object__load", "perf_buffer__new_raw"]) {
    assert.ok(names.includes(name), name);
  }
  const interfaceOnly = /^(bpf|btf|btf_dump|libbpf|perf_buffer|ring_buffer|user_ring_buffer)_/;
  assert.deepEqual(names.filter((name) => !interfaceOnly.test(name)), []);
});

Deno.test("libbpf.so loads, says its version, and refuses what is no object", () => {
  const library = Deno.dlopen(LIBBPF, {
    libbpf_version_string: { parameters: [], result: "pointer" },
    libbpf_set_print: { parameters: ["pointer"], result: "pointer" },
    bpf_object__open_mem: { parameters: ["buffer", "usize", "pointer"], result: "pointer" },
  });
  try {
    const version = library.symbols.libbpf_version_string();
    assert.ok(version);
    assert.match(new Deno.UnsafePointerView(version).getCString(), /^v\d+\.\d+$/);
    library.symbols.libbpf_set_print(null);
    assert.equal(library.symbols.bpf_object__open_mem(new Uint8Array(64), 64n, null), null);
  } finally {
    library.close();
  }
});

Deno.test("sockeye uses the bundled libbpf where the system has one, too", async () => {
  const child = new Deno.Command(EXECUTABLE, {
    args: ["--pid", String(Deno.pid)],
    stdin: "null",
    stdout: "null",
    stderr: "piped",
  }).spawn();
  try {
    await readUntil(child.stderr, "sockeye: ready");
    const maps = await Deno.readTextFile(`/proc/${child.pid}/maps`);
    assert.doesNotMatch(maps, /\/(libbpf|libelf|libz)\.so/);
    assert.match(maps, /r-xp .*memfd:/, "a library mapped from memory");
  } finally {
    child.kill("SIGTERM");
    await child.stderr.cancel();
    await child.status;
  }
});

Deno.test("sockeye -- COMMAND leaves the environment of COMMAND as it was", async () => {
  // With PWD, because the shell that holds COMMAND back would add it.
  const env = { HOME: "/", PWD: "/", PATH: "/usr/bin:/bin", DENO_DIR: "/mine", TERM: "dumb" };
  const options = { env, clearEnv: true, cwd: "/" };
  const plain = await outcome("/usr/bin/env", [], options);
  // COMMAND's output goes to stderr; --output-file leaves it stdout.
  const args = ["-q", "--output-file", "/dev/null", "--", "/usr/bin/env"];
  const traced = await outcome(EXECUTABLE, args, options);
  assert.equal(traced.code, 0, traced.stderr);
  assert.deepEqual(traced.stdout.split("\n").sort(), plain.stdout.split("\n").sort());
});

Deno.test("sockeye writes no records to a stdout that is closed, and says so", async () => {
  const replay = 'exec "$0" replay tests/recordings/http/keep_alive/events.rec';
  const cwd = new URL("../../", import.meta.url).pathname;
  for (const closing of [">&-", "<&- >&-"]) {
    const { code, stderr } = await outcome("sh", ["-c", `${replay} ${closing}`, EXECUTABLE], {
      cwd,
    });
    assert.equal(code, 1);
    assert.match(stderr, /^Cannot write records to stdout: it is closed\nHint: .*--output-file/);
  }
  for (const open of [">/dev/null", "1<>/dev/null", ">&- --output-file /dev/null"]) {
    const { code, stderr } = await outcome("sh", ["-c", `${replay} ${open}`, EXECUTABLE], { cwd });
    assert.equal(code, 0, stderr);
  }
});

Deno.test("sockeye runs for a user without a home, and says what tracing needs", async () => {
  const folder = await Deno.makeTempDir({ dir: "/tmp" });
  try {
    await Deno.chmod(folder, 0o755);
    const copy = `${folder}/sockeye`;
    await Deno.copyFile(EXECUTABLE, copy);
    const user = ["--reuid", NOBODY, "--regid", NOBODY, "--clear-groups", copy];
    const env = { HOME: "/nonexistent" };
    const version = await outcome("setpriv", [...user, "--version"], { env });
    assert.equal(version.code, 0, version.stderr);
    const trace = await outcome("setpriv", [...user, "--duration", "1s"], { env });
    assert.equal(trace.code, 1);
    assert.match(trace.stderr, /root/);
  } finally {
    await Deno.remove(folder, { recursive: true });
  }
});

Deno.test("sockeye reads its assets when its file is gone", async () => {
  const folder = await Deno.makeTempDir();
  const copy = `${folder}/sockeye`;
  await Deno.copyFile(EXECUTABLE, copy);
  // The shell opens the file, removes it, and runs what is open.
  const script = 'exec 7<"$1"; rm "$1"; exec /proc/self/fd/7 check';
  const result = await outcome("sh", ["-ec", script, "sh", copy]);
  await Deno.remove(folder, { recursive: true });
  assert.equal(result.code, 0, result.stderr + result.stdout);
});
