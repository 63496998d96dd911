/**
 * dist/sockeye on a machine that has nothing: a root made here of glibc and libgcc_s alone.
 */
import assert from "node:assert/strict";
import { EXECUTABLE, type Outcome, outcome, readUntil } from "../support/build_paths.ts";
import { MinimalRoot } from "../support/build_root.ts";

const VERSION: string = JSON.parse(
  await Deno.readTextFile(new URL("../../package.json", import.meta.url)),
).version;

async function inMinimalRoot(args: readonly string[]): Promise<Outcome> {
  await using root = await MinimalRoot.create(EXECUTABLE);
  const before = root.files();
  const result = await outcome(...root.command(args));
  assert.deepEqual(root.files(), before, "nothing is extracted or left behind");
  return result;
}

const CASES: { name: string; args: string[]; code: number; stdout: RegExp; stderr: RegExp }[] = [
  {
    name: "--version",
    args: ["--version"],
    code: 0,
    stdout: new RegExp(`^(sockeye )?${VERSION.replaceAll(".", "\\.")}\n$`),
    stderr: /^$/,
  },
  { name: "--help", args: ["--help"], code: 0, stdout: /--pid/, stderr: /^$/ },
  { name: "protocols", args: ["protocols"], code: 0, stdout: /http/, stderr: /^$/ },
  { name: "check", args: ["check"], code: 0, stdout: /\S/, stderr: /^$/ },
  { name: "a flag that does not exist", args: ["--bogus"], code: 2, stdout: /^$/, stderr: /bogus/ },
  {
    name: "a pid that does not exist",
    args: ["--pid", "4194304"],
    code: 1,
    stdout: /^$/,
    stderr: /4194304/,
  },
  {
    name: "a trace of half a second",
    args: ["--pid", String(Deno.pid), "--duration", "0.5s"],
    code: 0,
    stdout: /^/,
    stderr: /^sockeye: ready/m,
  },
  {
    name: "20,000 arguments",
    args: [...Array.from({ length: 10_000 }, () => ["--pid", "1"]).flat(), "--version"],
    code: 0,
    stdout: new RegExp(VERSION.replaceAll(".", "\\.")),
    stderr: /^$/,
  },
];

for (const { name, args, code, stdout, stderr } of CASES) {
  Deno.test(`sockeye in a minimal root: ${name} exits ${code}`, async () => {
    const result = await inMinimalRoot(args);
    assert.equal(result.code, code, result.stderr);
    assert.match(result.stdout, stdout);
    assert.match(result.stderr, stderr);
  });
}

for (const signal of ["SIGINT", "SIGTERM", "SIGHUP"] as const) {
  Deno.test(`sockeye in a minimal root: ${signal} ends a trace with exit 0`, async () => {
    await using root = await MinimalRoot.create(EXECUTABLE);
    const [program, args] = root.command(["--pid", String(Deno.pid)]);
    const child = new Deno.Command(program, {
      args,
      stdin: "null",
      stdout: "null",
      stderr: "piped",
    }).spawn();
    try {
      await readUntil(child.stderr, "sockeye: ready");
    } finally {
      child.kill(signal);
    }
    await child.stderr.cancel();
    const { code, signal: killedBy } = await child.status;
    assert.deepEqual({ code, killedBy }, { code: 0, killedBy: null });
  });
}
