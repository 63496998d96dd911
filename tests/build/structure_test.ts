import assert from "node:assert/strict";
import {
  arrowsUp,
  circles,
  longFiles,
  longFunctions,
  structureFaults,
} from "../../build/structure.ts";

Deno.test("structureFaults(): arrows point down, in no circle, and nothing is too long", () => {
  assert.deepEqual(structureFaults(), []);
});

const arrows: { name: string; file: string; target: string; want: RegExp | null }[] = [
  {
    name: "down",
    file: "lib/conn/tracker.ts",
    target: "lib/stream/frame_driver.ts",
    want: null,
  },
  {
    name: "within a room",
    file: "lib/conn/tracker.ts",
    target: "lib/conn/table.ts",
    want: null,
  },
  {
    name: "up",
    file: "lib/stitch/by_id.ts",
    target: "protocols/protocol.ts",
    want: /protocols\/protocol\.ts is above lib\/stitch\//,
  },
  {
    name: "from one plug-in to another",
    file: "protocols/http/parse.ts",
    target: "protocols/redis/parse.ts",
    want: /no plug-in imports another/,
  },
  {
    name: "to native code",
    file: "lib/conn/tracker.ts",
    target: "ffi/libc.ts",
    want: /native code/,
  },
];
for (const { name, file, target, want } of arrows) {
  Deno.test(`arrowsUp(): an arrow ${name}`, () => {
    const faults = arrowsUp(new Map([[file, [target]]])).join("\n");
    if (want === null) assert.equal(faults, "");
    else assert.match(faults, want);
  });
}

Deno.test("circles() names each circle once, whatever leads into it", () => {
  const imports = new Map([
    ["a", ["b", "e"]],
    ["b", ["c"]],
    ["c", ["d"]],
    ["d", ["b"]],
    ["e", ["f"]],
    ["f", []],
  ]);
  assert.deepEqual(circles(imports), ["b, c, d import each other in a circle"]);
});

Deno.test("longFiles() counts lines", () => {
  const root = `${Deno.makeTempDirSync()}/`;
  Deno.writeTextFileSync(`${root}just.ts`, "\n".repeat(400));
  Deno.writeTextFileSync(`${root}long.ts`, "\n".repeat(401));
  assert.deepEqual(longFiles(["just.ts", "long.ts"], root), ["long.ts has 401 lines: 400 at most"]);
  Deno.removeSync(root, { recursive: true });
});

const long: { name: string; head: string; tail?: string; indent?: string; want: boolean }[] = [
  { name: "a function", head: "export async function work(): Promise<void> {", want: true },
  {
    name: "a function with its parameters on lines of their own",
    head: "function work(\n  first: string,\n  { then }: { then: number },\n): string {",
    want: true,
  },
  { name: "a method", head: "  private work(this: A): B | null {", indent: "  ", want: true },
  {
    name: "a private method",
    head: "  async #work<T>(of: T): Promise<T> {",
    indent: "  ",
    want: true,
  },
  { name: "a getter", head: "  get work(): number {", indent: "  ", want: true },
  {
    name: "an arrow function with a name",
    head: "const work = async (it: It): Promise<void> => {",
    tail: "};",
    want: true,
  },
  { name: "no class", head: "class work {", want: false },
  { name: "no condition", head: "  if (work) {", indent: "  ", want: false },
  { name: "no call with an object", head: "  work({", tail: "});", indent: "  ", want: false },
  {
    name: "no call with a callback",
    head: '  work("name", () => {',
    tail: "});",
    indent: "  ",
    want: false,
  },
  { name: "no list", head: "const work = [", tail: "];", want: false },
];
for (const { name, head, tail = "}", indent = "", want } of long) {
  Deno.test(`longFunctions() counts the lines of ${name}`, () => {
    const root = `${Deno.makeTempDirSync()}/`;
    const headLines = head.split("\n").length;
    const write = (file: string, lines: number): void => {
      const body = Array.from({ length: lines - headLines - 1 }, () => `${indent}  it();`);
      const text = [head, ...body, indent + tail, "", "after();", ""].join("\n");
      Deno.writeTextFileSync(root + file, text);
    };
    write("just.ts", 50);
    write("long.ts", 51);
    const faults = longFunctions(["just.ts", "long.ts"], root).map((it) => it.replace("#", ""));
    assert.deepEqual(faults, want ? ["long.ts: work() has 51 lines: 50 at most"] : []);
    Deno.removeSync(root, { recursive: true });
  });
}
