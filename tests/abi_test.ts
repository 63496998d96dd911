/**
 * lib/capture/abi.ts against bpf/abi.h, as the compiler lays it out: no name missing on either side,
 * every number the same.
 */
import assert from "node:assert/strict";
import * as abi from "../lib/capture/abi.ts";

const HEADER = new URL("../bpf/abi.h", import.meta.url).pathname;
const COMPILER = "clang-19";

/** What of clang's syntax tree (-ast-dump=json) is read here. */
interface Node {
  readonly kind: string;
  readonly name?: string;
  readonly inner?: readonly Node[];
}

type Numbers = Record<string, number>;

async function compiler(args: readonly string[]): Promise<string> {
  const { stdout, stderr, success } = await new Deno.Command(COMPILER, { args: [...args] })
    .output();
  if (!success) throw new Error(new TextDecoder().decode(stderr));
  return new TextDecoder().decode(stdout);
}

/** Names of the members of every struct or enum of the header. */
async function declared(parent: string, member: string): Promise<Map<string, string[]>> {
  const args = ["-fsyntax-only", "-Xclang", "-ast-dump=json", "-x", "c", HEADER];
  const tree: Node = JSON.parse(await compiler(args));
  const found = new Map<string, string[]>();
  for (const node of tree.inner ?? []) {
    if (node.kind !== parent || !node.name) continue;
    const members = (node.inner ?? []).filter((each) => each.kind === member);
    found.set(node.name, members.flatMap((each) => each.name ?? []));
  }
  return found;
}

/** The values of C expressions, computed by a program that includes the header. */
async function evaluate(expressions: readonly string[]): Promise<Numbers> {
  const folder = await Deno.makeTempDir();
  try {
    const lines = expressions.map((each) => `printf("%lld\\n", (long long)(${each}));`);
    const source = `#include <stddef.h>\n#include <stdio.h>\n#include "${HEADER}"\n` +
      `int main(void)\n{\n${lines.join("\n")}\nreturn 0;\n}\n`;
    await Deno.writeTextFile(`${folder}/abi.c`, source);
    await compiler(["-o", `${folder}/abi`, `${folder}/abi.c`]);
    const { stdout } = await new Deno.Command(`${folder}/abi`).output();
    const values = new TextDecoder().decode(stdout).trim().split("\n").map(Number);
    assert.equal(values.length, expressions.length);
    return Object.fromEntries(expressions.map((each, i) => [each, values[i] ?? NaN]));
  } finally {
    await Deno.remove(folder, { recursive: true });
  }
}

/** Values of names, the common prefix taken off. */
function withPrefix(prefix: string, names: readonly string[], values: Numbers): Numbers {
  return Object.fromEntries(
    names.map((name) => [name.slice(prefix.length), values[name] ?? NaN]),
  );
}

function indexed(names: readonly string[]): Numbers {
  return Object.fromEntries(names.map((name, i) => [name.toUpperCase(), i]));
}

const STRUCTS: { name: string; size: number; fields: Numbers }[] = [
  { name: "entry", size: abi.ENTRY_SIZE, fields: abi.Entry },
  { name: "open_names", size: abi.OPEN_NAMES_SIZE, fields: abi.OpenNames },
  { name: "close_totals", size: abi.CLOSE_TOTALS_SIZE, fields: abi.CloseTotals },
  { name: "judgement", size: abi.JUDGEMENT_SIZE, fields: abi.Judgement },
  { name: "config", size: abi.CONFIG_SIZE, fields: abi.Config },
];

const ENUMS: { name: string; prefix: string; want: Numbers }[] = [
  { name: "entry_kind", prefix: "ENTRY_", want: abi.EntryKind },
  { name: "direction", prefix: "DIRECTION_", want: abi.Direction },
  { name: "operation", prefix: "OP_", want: indexed(abi.OPERATIONS) },
  { name: "source", prefix: "SOURCE_", want: indexed(abi.SOURCES) },
  { name: "cut", prefix: "CUT_", want: abi.Cut },
  { name: "cut", prefix: "CUT_", want: indexed(abi.CUTS) },
  { name: "entry_flags", prefix: "FLAG_", want: abi.Flag },
  { name: "counter", prefix: "COUNTER_", want: indexed([...abi.COUNTERS, "count"]) },
  { name: "tls_role", prefix: "TLS_", want: abi.TlsRole },
  { name: "tls_count", prefix: "TLS_COUNT_", want: abi.TlsCount },
  { name: "verdict", prefix: "VERDICT_", want: abi.Verdict },
];

const MACROS: Numbers = {
  ABI_VERSION: abi.ABI_VERSION,
  MAX_PORTS: abi.MAX_PORTS,
  MARKS_PER_VALUE: abi.MARKS_PER_VALUE,
  PLAINTEXT_IDS: abi.PLAINTEXT_IDS,
  ...prefixed("FAMILY_", abi.Family),
  ...prefixed("MARK_", abi.Mark),
  ...prefixed("TLS_COOKIE_", abi.TlsCookie),
};

function prefixed(prefix: string, numbers: Numbers): Numbers {
  return Object.fromEntries(
    Object.entries(numbers).map(([name, value]) => [prefix + name, value]),
  );
}

Deno.test("abi.ts has every struct of abi.h, every field at the compiler's offset", async () => {
  const structs = await declared("RecordDecl", "FieldDecl");
  assert.deepEqual([...structs.keys()].sort(), STRUCTS.map(({ name }) => name).sort());
  for (const { name, size, fields } of STRUCTS) {
    const names = structs.get(name) ?? [];
    const offset = (field: string): string => `offsetof(struct ${name}, ${field})`;
    const whole = `sizeof(struct ${name})`;
    const values = await evaluate([whole, ...names.map(offset)]);
    assert.equal(size, values[whole], `size of ${name}`);
    const want = Object.fromEntries(names.map((field) => [field, values[offset(field)]]));
    assert.deepEqual({ ...fields }, want, `fields of ${name}`);
  }
});

Deno.test("abi.ts has every enum of abi.h, with the same names and values", async () => {
  const enums = await declared("EnumDecl", "EnumConstantDecl");
  assert.deepEqual([...enums.keys()].sort(), [...new Set(ENUMS.map(({ name }) => name))].sort());
  for (const { name, prefix, want } of ENUMS) {
    const names = enums.get(name) ?? [];
    const got = withPrefix(prefix, names, await evaluate(names));
    assert.deepEqual({ ...want }, got, `enum ${name}`);
  }
});

Deno.test("abi.ts has every numeric macro of abi.h, with the same value", async () => {
  const text = await compiler(["-E", "-dM", "-x", "c", HEADER]);
  const without = await compiler(["-E", "-dM", "-x", "c", "/dev/null"]);
  const predefined = new Set(without.split("\n"));
  const names = text.split("\n").filter((line) => !predefined.has(line))
    .map((line) => line.split(" ")[1] ?? "").filter((name) => /^[A-Z]/.test(name))
    .filter((name) => name !== "SOCKEYE_ABI_H");
  assert.deepEqual(names.sort(), Object.keys(MACROS).sort());
  assert.deepEqual(await evaluate(names), { ...MACROS });
});
