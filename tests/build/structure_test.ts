import assert from "node:assert/strict";
import { arrowsUp, circles, longFiles, structureFaults } from "../../build/structure.ts";

Deno.test("structureFaults(): arrows point down, in no circle, and no file is too long", () => {
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
