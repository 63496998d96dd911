/**
 * ./build.sh twice, and after a change, in a copy of the repository.
 */
import assert from "node:assert/strict";
import { outcome, REPOSITORY } from "../support/build_paths.ts";

const UNCHANGED_MS = 2000;

/** The repository's sources with its products; modules are copied too, as npm empties a link's target. */
async function copyOfRepository(): Promise<string> {
  const folder = `${await Deno.makeTempDir({ prefix: "sockeye-build-" })}/`;
  const names = ["main.ts", "lib", "ffi", "protocols", "bpf", "build", "build.sh", "deno.json"];
  names.push("package.json", "package-lock.json", "node_modules", "dist");
  for (const name of names) {
    const { code, stderr } = await outcome("cp", ["-a", REPOSITORY + name, folder]);
    assert.equal(code, 0, stderr);
  }
  return folder;
}

Deno.test("build.sh builds again what has changed, and nothing else", async (t) => {
  const folder = await copyOfRepository();
  const build = async (): Promise<string> => {
    const { code, stderr } = await outcome(`${folder}build.sh`, [], { cwd: "/" });
    assert.equal(code, 0, stderr);
    return stderr;
  };
  const said = async (): Promise<string> =>
    (await outcome(`${folder}dist/sockeye`, ["--version"])).stdout;
  try {
    await build();
    await t.step("nothing changed: under 2 s, the executable stays", async () => {
      const before = await Deno.stat(`${folder}dist/sockeye`);
      const tookMs: number[] = [];
      // The best one: the machine may be busy.
      for (let tries = 0; tries < 5 && !tookMs.some((ms) => ms < UNCHANGED_MS); tries++) {
        const began = performance.now();
        assert.match(await build(), /up to date/);
        tookMs.push(performance.now() - began);
      }
      assert.ok(Math.min(...tookMs) < UNCHANGED_MS, `${tookMs} ms`);
      const after = await Deno.stat(`${folder}dist/sockeye`);
      assert.equal(after.ino, before.ino);
    });
    await t.step("a TypeScript source changed: the executable has it", async () => {
      const source = `${folder}lib/cli/version.ts`;
      const text = await Deno.readTextFile(source);
      await Deno.writeTextFile(source, text.replace(/"\d+\.\d+\.\d+[^"]*"/, '"9.8.7"'));
      assert.match(await build(), /built in/);
      assert.match(await said(), /9\.8\.7/);
    });
    await t.step("only a time changed: nothing is built", async () => {
      await Deno.utime(`${folder}main.ts`, new Date(), new Date());
      assert.match(await build(), /up to date/);
    });
    await t.step("a base that is no denort: refused, the old executable stays alone", async () => {
      const before = await Deno.stat(`${folder}dist/sockeye`);
      const { code, stderr } = await outcome(`${folder}build.sh`, [], {
        env: { SOCKEYE_EXECUTABLE: "compiled", DENORT_BIN: Deno.execPath() },
      });
      assert.equal(code, 1);
      assert.match(stderr, /does not start as sockeye/);
      assert.equal((await Deno.stat(`${folder}dist/sockeye`)).ino, before.ino);
      await assert.rejects(Deno.stat(`${folder}dist/sockeye.new`), Deno.errors.NotFound);
    });
    await t.step("a type error: no build, the old executable stays", async () => {
      await Deno.writeTextFile(`${folder}main.ts`, "\nconst wrong: number = 'x';\n", {
        append: true,
      });
      const { code, stderr } = await outcome(`${folder}build.sh`, []);
      assert.equal(code, 1);
      assert.match(stderr, /TS2322/);
      assert.match(await said(), /9\.8\.7/);
    });
  } finally {
    await Deno.remove(folder, { recursive: true });
  }
});
