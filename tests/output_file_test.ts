/** OutputFile: which files it opens, when it empties them, and what it leaves alone. */
import assert from "node:assert/strict";
import { OutputFile, UnsafePathError } from "../lib/output_file.ts";

const bytes = new TextEncoder().encode("new\n");

function inFolder(act: (folder: string) => void): void {
  const folder = Deno.realPathSync(Deno.makeTempDirSync());
  try {
    act(folder);
  } finally {
    Deno.removeSync(folder, { recursive: true });
  }
}

function put(path: string): void {
  using file = new OutputFile(path);
  file.writeSync(bytes);
}

function modeOf(path: string): number {
  return (Deno.statSync(path).mode ?? 0) & 0o777;
}

Deno.test("OutputFile makes a new file with mode 0600", () => {
  inFolder((folder) => {
    put(`${folder}/a`);
    assert.equal(Deno.readTextFileSync(`${folder}/a`), "new\n");
    assert.equal(modeOf(`${folder}/a`), 0o600);
  });
});

Deno.test("OutputFile keeps mode and inode of a file that was there, and what it held until begin()", () => {
  inFolder((folder) => {
    const path = `${folder}/a`;
    Deno.writeTextFileSync(path, "old and longer\n");
    Deno.chmodSync(path, 0o640);
    const before = Deno.statSync(path).ino;
    using file = new OutputFile(path);
    assert.equal(Deno.readTextFileSync(path), "old and longer\n");
    file.begin();
    assert.equal(Deno.readTextFileSync(path), "");
    file.writeSync(bytes);
    file.begin();
    assert.equal(Deno.readTextFileSync(path), "new\n");
    assert.equal(modeOf(path), 0o640);
    assert.equal(Deno.statSync(path).ino, before);
  });
});

Deno.test("OutputFile follows links that nobody else could have made", () => {
  inFolder((folder) => {
    Deno.mkdirSync(`${folder}/real`);
    Deno.symlinkSync("real", `${folder}/way`);
    Deno.symlinkSync("../real/b", `${folder}/real/a`);
    put(`${folder}/way/./x/../a`.replace("/x/..", ""));
    assert.equal(Deno.readTextFileSync(`${folder}/real/b`), "new\n");
  });
});

Deno.test("OutputFile follows no link in a folder that others can write to", () => {
  for (const mode of [0o777, 0o1777, 0o770]) {
    inFolder((folder) => {
      const shared = `${folder}/shared`;
      Deno.mkdirSync(shared);
      Deno.mkdirSync(`${folder}/mine`);
      Deno.chmodSync(shared, mode);
      Deno.writeTextFileSync(`${folder}/victim`, "keep");
      Deno.symlinkSync("../victim", `${shared}/last`);
      Deno.symlinkSync("../made", `${shared}/dangling`);
      Deno.symlinkSync("../mine", `${shared}/folder`);
      for (const name of ["last", "dangling", "folder/x"]) {
        assert.throws(() => new OutputFile(`${shared}/${name}`), (error: unknown) => {
          assert.ok(error instanceof UnsafePathError);
          assert.match(error.message, /is a symbolic link, and others can write to .*\/shared$/);
          return true;
        });
      }
      assert.equal(Deno.readTextFileSync(`${folder}/victim`), "keep");
      assert.throws(() => Deno.statSync(`${folder}/made`), Deno.errors.NotFound);
      put(`${shared}/plain`);
      put(`${shared}/plain`);
      assert.equal(Deno.readTextFileSync(`${shared}/plain`), "new\n");
    });
  }
});

Deno.test("OutputFile takes no file with a second name where others can write", () => {
  inFolder((folder) => {
    Deno.chmodSync(folder, 0o1777);
    Deno.writeTextFileSync(`${folder}/victim`, "keep");
    Deno.linkSync(`${folder}/victim`, `${folder}/a`);
    assert.throws(() => new OutputFile(`${folder}/a`), /it has another name/);
  });
});

Deno.test("OutputFile gives up on links in a circle, and says what the system says", () => {
  inFolder((folder) => {
    Deno.symlinkSync("b", `${folder}/a`);
    Deno.symlinkSync("a", `${folder}/b`);
    assert.throws(() => new OutputFile(`${folder}/a`), /too many symbolic links/);
    assert.throws(() => new OutputFile(`${folder}/none/x`), Deno.errors.NotFound);
    assert.throws(() => new OutputFile(folder), /directory/i);
    assert.throws(() => new OutputFile(""), UnsafePathError);
  });
});
