/**
 * Go's crypto/tls in programs that are built here by each toolchain there is: linked in every way, with
 * symbols and without, against what readelf and objdump say of the one with symbols.
 */
import assert from "node:assert/strict";
import { examineFile } from "../../lib/tls/examine.ts";
import type { Site } from "../../lib/tls/sites.ts";
import { fileOffsets, fileReader, functionsOf, readerOf } from "../support/elf_files.ts";
import { run } from "../support/process.ts";

const PROGRAM = `package main

import (
	"crypto/tls"
	"os"
)

func main() {
	conn, err := tls.Dial("tcp", os.Args[1], nil)
	if err != nil {
		panic(err)
	}
	bytes := make([]byte, 100)
	conn.Read(bytes)
	conn.Write(bytes)
}
`;

const LINKED: readonly { name: string; flags: string[] }[] = [
  { name: "statically", flags: [] },
  { name: "as PIE", flags: ["-buildmode=pie"] },
  { name: "by gcc as PIE", flags: ["-buildmode=pie", "-ldflags=-linkmode=external"] },
];

/** That of the path, and Debian's, which is older. */
const TOOLCHAINS = ["go", "/usr/bin/go"];

async function versionOf(go: string): Promise<string | null> {
  try {
    return /go\d[\w.]*/.exec((await run(go, ["version"])).stdout)?.[0] ?? null;
  } catch {
    return null;
  }
}

/** What objdump says of one function: its entry and returns, as file offsets. */
async function placesOf(path: string, name: string): Promise<Pick<Site, "entry" | "exits">> {
  const offsetOf = await fileOffsets(path);
  const symbol = (await functionsOf(path)).find((each) => each.name === name);
  assert.ok(symbol, name);
  const { stdout } = await run("objdump", [
    ...["-d", "--no-show-raw-insn", `--start-address=${symbol.address}`],
    ...[`--stop-address=${symbol.address + symbol.size}`, path],
  ]);
  const exits = [...stdout.matchAll(/^ *([0-9a-f]+):\tret/gm)]
    .map(([, digits = ""]) => offsetOf(parseInt(digits, 16)));
  return { entry: offsetOf(symbol.address), exits };
}

Deno.test("examineFile() finds Go's entries and returns, with symbols and without", async (test) => {
  const versions = new Map<string, string>();
  for (const go of TOOLCHAINS) {
    const version = await versionOf(go);
    if (version !== null) versions.set(version, go);
  }
  assert.ok(versions.size > 0, "there is no Go");
  const folder = Deno.makeTempDirSync();
  Deno.writeTextFileSync(`${folder}/main.go`, PROGRAM);
  try {
    for (const [version, go] of versions) {
      for (const { name, flags } of LINKED) {
        await test.step(`${version}, linked ${name}`, async () => {
          const path = `${folder}/program`;
          // A toolchain that was never used compiles its library first.
          const limits = { cwd: folder, limitMs: 600_000 };
          await run(go, ["build", ...flags, "-o", path, `${folder}/main.go`], limits);
          await run("strip", ["-o", `${path}.stripped`, path]);
          const want = [];
          for (const [role, method] of [["write", "Write"], ["read", "Read"]] as const) {
            const function_ = `crypto/tls.(*Conn).${method}`;
            const places = await placesOf(path, function_);
            want.push({ role, shape: "go", ...places, name: function_, how: "pclntab" });
          }
          for (const file of [path, `${path}.stripped`]) {
            const { codes, unreadable } = examineFile(fileReader(file));
            assert.deepEqual(unreadable, []);
            const [code] = codes;
            assert.deepEqual([code?.family, code?.version], ["go", version]);
            assert.deepEqual(code?.sites.toSorted((a, b) => b.role < a.role ? -1 : 1), want);
          }
          showsNothingOfDamage(Deno.readFileSync(`${path}.stripped`));
        });
      }
    }
  } finally {
    Deno.removeSync(folder, { recursive: true });
  }
});

/** A table that is another version's, or whose functions are elsewhere, is said to be unreadable. */
function showsNothingOfDamage(file: Uint8Array): void {
  const magic = [0xf1, 0xff, 0xff, 0xff, 0, 0, 1, 8];
  const older = [0xf0, ...magic.slice(1)];
  const at = file.findIndex((_, i) =>
    [magic, older].some((bytes) => bytes.every((byte, k) => file[i + k] === byte))
  );
  assert.ok(at > 0);
  const damaged = file.slice();
  damaged[at] = 0x77;
  const { codes, unreadable } = examineFile(readerOf(damaged));
  assert.deepEqual(codes, []);
  assert.match(unreadable.map(({ family, why }) => `${family}: ${why}`).join(), /go1.*not known/);
}
