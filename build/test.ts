/**
 * The whole test suite.
 *
 * In: nothing, or the test files to run. Out: the tests' own reports, and one last line
 * `N passed, N failed, N skipped` over everything: build, format, lint, types, unit tests, root tests.
 * Unit tests run without permission for FFI or network; root tests have every permission, need root,
 * and run a process a file, so that a crash in native code hides nothing else.
 */
import { CHECKS, runCheck } from "./check.ts";
import { asRoot, exists, filesBelow, IS_ROOT, message, OBJ, ROOT, runVisible } from "./tools.ts";

/** Folders of tests that attach to the kernel, start servers or load native code. */
const ROOT_FOLDERS = ["bpf", "ffi", "e2e", "packaging"].map((name) => `${ROOT}tests/${name}/`);
/**
 * Test files elsewhere that are root tests, too: the first opens a pipe through libc and reads /proc
 * of another process, which Deno allows with --allow-all only; the second starts and captures servers.
 */
const NEED_EVERY_PERMISSION = ["cli/command_process_test.ts", "capture/pcap/tshark_test.ts"]
  .map((name) => `${ROOT}tests/${name}`);
const UNIT_PERMISSIONS = ["read", "write", "env", "run", "sys"].map((name) => `--allow-${name}`);
const UNIT_TIMEOUT_MS = 15 * 60_000;
const ROOT_TIMEOUT_MS = 20 * 60_000;

/** Status of a process that was ended by SIGTERM. */
const TIMED_OUT = 143;

interface Counts {
  passed: number;
  failed: number;
  skipped: number;
}

/** Runs the suite, or only the given files; the exit status. */
export async function test(only: readonly string[], build: () => Promise<void>): Promise<number> {
  const counts: Counts = { passed: 0, failed: 0, skipped: 0 };
  const built = await step(counts, "build", async () => {
    await build();
    return true;
  });
  const files = chosenFiles(only);
  if (only.length === 0) {
    for (const name of CHECKS.keys()) await step(counts, name, () => runCheck(name));
  }
  await unitTests(counts, files.filter((file) => !needsRoot(file)));
  await rootTests(counts, files.filter(needsRoot), built);
  console.log(`${counts.passed} passed, ${counts.failed} failed, ${counts.skipped} skipped`);
  return counts.failed === 0 ? 0 : 1;
}

function chosenFiles(only: readonly string[]): string[] {
  const all = filesBelow(`${ROOT}tests`).filter((file) => file.endsWith("_test.ts"));
  if (only.length === 0) return all;
  return all.filter((file) => only.some((part) => isNamed(file, part)));
}

/** Does a name in the path of a file begin with `part`, which may be several names, or a whole path? */
export function isNamed(file: string, part: string): boolean {
  const wanted = part.startsWith(ROOT) ? part.slice(ROOT.length) : part.replace(/^\.\//, "");
  return `/${file.slice(ROOT.length)}`.includes(`/${wanted}`);
}

function needsRoot(file: string): boolean {
  return NEED_EVERY_PERMISSION.includes(file) ||
    ROOT_FOLDERS.some((folder) => file.startsWith(folder));
}

/** Runs something that either works or not, counted as one test. */
async function step(counts: Counts, name: string, body: () => Promise<boolean>): Promise<boolean> {
  let passed = false;
  try {
    passed = await body();
  } catch (error) {
    console.error(message(error));
  }
  console.log(`${name}: ${passed ? "ok" : "FAILED"}`);
  if (passed) counts.passed++;
  else counts.failed++;
  return passed;
}

async function unitTests(counts: Counts, files: readonly string[]): Promise<void> {
  if (files.length === 0) return;
  console.log(`\nunit tests, ${files.length} files, without FFI`);
  const deno = Deno.execPath();
  await denoTest(counts, "unit", deno, [...UNIT_PERMISSIONS, "--parallel", ...files]);
}

async function rootTests(counts: Counts, files: readonly string[], built: boolean): Promise<void> {
  if (files.length === 0) return;
  console.log(`\nroot tests, ${files.length} files`);
  if (!built || (!IS_ROOT && !exists("/usr/bin/sudo"))) {
    const why = built ? "they need root, and there is no sudo" : "there is no executable to test";
    for (const file of files) console.log(`${file.slice(ROOT.length)} skipped: ${why}`);
    counts.skipped += files.length;
    return;
  }
  for (const [i, file] of files.entries()) {
    await denoTest(counts, `root${i}`, Deno.execPath(), ["--allow-all", file]);
  }
}

/** One `deno test`, its results added; a run that ends without results counts as one failure. */
async function denoTest(
  counts: Counts,
  name: string,
  deno: string,
  args: readonly string[],
): Promise<void> {
  Deno.mkdirSync(OBJ, { recursive: true });
  const report = `${OBJ}${name}.xml`;
  if (exists(report)) Deno.removeSync(report);
  const all = ["test", "--no-check", "--no-prompt", `--junit-path=${report}`, ...args];
  const unit = name === "unit";
  const program: [string, readonly string[]] = unit ? [deno, all] : asRoot(deno, all);
  const timeoutMs = unit ? UNIT_TIMEOUT_MS : ROOT_TIMEOUT_MS;
  const status = await runVisible(...program, { timeoutMs });
  if (status === TIMED_OUT) console.log(`ended after ${timeoutMs / 60_000} minutes`);
  const found = exists(report) ? readReport(Deno.readTextFileSync(report)) : undefined;
  if (!found) {
    counts.failed++;
    return;
  }
  counts.passed += found.passed;
  counts.skipped += found.skipped;
  counts.failed += status !== 0 && found.failed === 0 ? 1 : found.failed;
}

/** Sums of a JUnit report as `deno test` writes it. */
export function readReport(xml: string): Counts {
  const counts: Counts = { passed: 0, failed: 0, skipped: 0 };
  for (const [head] of xml.matchAll(/<testsuite [^>]*>/g)) {
    const number = (name: string): number =>
      Number(head.match(new RegExp(` ${name}="(\\d+)"`))?.[1] ?? 0);
    const failed = number("failures") + number("errors"), skipped = number("disabled");
    counts.failed += failed;
    counts.skipped += skipped;
    counts.passed += number("tests") - failed - skipped;
  }
  return counts;
}
