/** The skeleton generator: what it makes is a plug-in that keeps the contract, in a copy of the sources. */
import assert from "node:assert/strict";
import { newProtocol, nextSteps } from "../../build/new_protocol.ts";
import { BuildError, filesBelow, ROOT, run } from "../../build/tools.ts";
import { samplesOf, worstOf } from "../support/protocol_files.ts";

const NAME = "tea_time";
const COPIED = ["deno.json", "package.json", "lib", "protocols", "bpf", "build"];
COPIED.push("tests/contract_test.ts", "tests/hostile_test.ts", "tests/bpf", "tests/support");
COPIED.push("tests/protocols", "tests/fuzz", "tests/record", "tests/recordings");

/** As much of the repository as the contract test needs; removed at the end of the block. */
function copyOfSources(): Disposable & { path: string } {
  const path = `${Deno.makeTempDirSync({ prefix: "sockeye-new-protocol-" })}/`;
  for (const file of COPIED.flatMap((name) => filesBelow(ROOT + name))) {
    const copy = path + file.slice(ROOT.length);
    Deno.mkdirSync(copy.slice(0, copy.lastIndexOf("/")), { recursive: true });
    Deno.copyFileSync(file, copy);
  }
  Deno.symlinkSync(`${ROOT}node_modules`, `${path}node_modules`);
  return { path, [Symbol.dispose]: () => Deno.removeSync(path, { recursive: true }) };
}

function register(root: string, name: string): void {
  const path = `${root}protocols/registry.ts`;
  const before = Deno.readTextFileSync(path);
  const after = `import { ${name} } from "./${name}/mod.ts";\n` +
    before.replace("= [", `= [${name}, `);
  assert.notEqual(after.length, before.length);
  Deno.writeTextFileSync(path, after);
}

Deno.test("newProtocol() makes a plug-in that compiles and keeps the contract", async () => {
  using copy = copyOfSources();
  const paths = await newProtocol(NAME, copy.path);
  assert.equal(paths.length, 13);
  register(copy.path, NAME);
  const deno = Deno.execPath(), options = { cwd: copy.path };
  const scripts = paths.filter((path) => path.endsWith(".ts"));
  const formatted = paths.filter((path) => !path.endsWith(".h"));
  await run(deno, ["fmt", "--check", "--quiet", ...formatted], options);
  await run(deno, ["lint", "--quiet", ...scripts], options);
  await run(deno, ["check", "--quiet", ...scripts], options);
  const test = async (file: string, filter: string, more = ["-A"]): Promise<string> => {
    const flags = ["test", "--no-check", "--no-prompt", ...more, "--filter", filter];
    return await run(deno, [...flags, file], options);
  };
  const few = ["--allow-read", "--allow-env"];
  const own = await test(`tests/protocols/${NAME}/parse_test.ts`, "", few);
  assert.match(own, /9 passed \| 0 failed/);
  const contract = await test("tests/contract_test.ts", `${NAME} contract`, few);
  assert.match(contract, /8 passed \| 0 failed/);
  const hostile = await test("tests/hostile_test.ts", `${NAME}: its worst`, few);
  assert.match(hostile, /1 passed \| 0 failed/);
  const asked = await test("tests/bpf/infer_test.ts", `/rule|infer_${NAME}/`);
  assert.match(asked, /5 passed \| 0 failed/);
  // Inputs of the fuzzer validate what comes out against the schema.
  const fuzz = ["run", "--no-check", "-A", "--v8-flags=--expose-gc", "tests/fuzz/main.ts"];
  const fuzzed = await run(deno, [...fuzz, "--seconds", "2", NAME], options);
  assert.match(fuzzed, /\nno fault\n/);
  const schema = await test("tests/record/schema_test.ts", "joinedSchema()");
  assert.match(schema, /2 passed \| 0 failed/);
});

const REFUSED = [
  { name: "", why: /^Cannot name a protocol "": a letter, then/ },
  { name: "Tea", why: /^Cannot name a protocol "Tea": a letter, then/ },
  { name: "2fast", why: /a letter, then/ },
  { name: "../tea", why: /a letter, then/ },
  { name: "t".repeat(33), why: /32 at most$/ },
  { name: "unknown", why: /^Cannot name a protocol "unknown": the word is taken$/ },
  { name: "outline", why: /the word is taken$/ },
  { name: "default", why: /the word is taken$/ },
  { name: "redis", why: /^Cannot make bpf\/infer\/redis\.bpf\.h: it exists already$/ },
];

for (const { name, why } of REFUSED) {
  Deno.test(`newProtocol() refuses the name "${name}"`, async () => {
    await assert.rejects(newProtocol(name), (error: unknown) => {
      assert.ok(error instanceof BuildError);
      assert.match(error.message, why);
      return true;
    });
  });
}

Deno.test("nextSteps() names the registry line", () => {
  assert.match(nextSteps(NAME), /import \{ tea_time \} from "\.\/tea_time\/mod\.ts";/);
});

Deno.test("samplesOf() and worstOf() say which file of a protocol is missing", async () => {
  for (const [file, read] of [["samples.ts", samplesOf], ["worst.ts", worstOf]] as const) {
    const why = new RegExp(
      `^Cannot test tea_time: tests/protocols/tea_time/${file} is missing: .+`,
    );
    await assert.rejects(read(NAME), (error: unknown) => {
      assert.ok(error instanceof Error);
      assert.match(error.message, why);
      return true;
    });
  }
});
