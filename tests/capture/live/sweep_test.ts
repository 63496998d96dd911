/** Which sockets there are, as /proc of several network namespaces tells. */
import assert from "node:assert/strict";
import { livingFolder, socketInodes, UNIX_TABLE } from "../../../lib/capture/live/sweep.ts";
import { runtimeFiles, type SystemFiles } from "../../../lib/system_files.ts";

const HEAD = "Num       RefCount Protocol Flags    Type St Inode Path\n";
const OWN = `/proc/${Deno.pid}`;

function unixTable(...inodes: readonly number[]): string {
  const lines = inodes.map((inode) =>
    `0000000000000000: 00000002 00000000 00010000 0001 01 ${inode} /run/x\n`
  );
  return HEAD + lines.join("");
}

/** By path the text of a file; files of one text are one. */
function filesOf(texts: Readonly<Record<string, string>>, asked: string[] = []): SystemFiles {
  const text = (path: string): string | null => texts[path] ?? null;
  return {
    ...runtimeFiles,
    readText: (path) => {
      asked.push(path);
      return text(path);
    },
    identity: text,
    list: (folder) => {
      const names = Object.keys(texts).filter((path) => path.startsWith(`${folder}/`))
        .map((path) => path.slice(folder.length + 1).split("/", 1)[0] ?? "");
      return [...new Set(names)];
    },
  };
}

Deno.test("socketInodes() has each namespace's sockets, and reads each table once", () => {
  const asked: string[] = [];
  const files = filesOf({
    [`${OWN}/net/unix`]: unixTable(1, 2),
    "/proc/7/net/unix": unixTable(1, 2),
    "/proc/8/net/unix": unixTable(3),
  }, asked);
  const found = socketInodes(files, new Set([7, 8, 9]), [UNIX_TABLE]);
  assert.deepEqual([...found ?? []].sort(), [1, 2, 3]);
  assert.deepEqual(asked, [`${OWN}/net/unix`, "/proc/8/net/unix"]);
});

Deno.test("socketInodes() of a process whose main thread has ended asks another thread", () => {
  const files = filesOf({
    [`${OWN}/net/unix`]: unixTable(1),
    "/proc/7/task/7/status": "",
    "/proc/7/task/9/net/unix": unixTable(4),
  });
  assert.equal(livingFolder(files, 7), "/proc/7/task/9");
  assert.deepEqual([...socketInodes(files, new Set([7]), [UNIX_TABLE]) ?? []].sort(), [1, 4]);
});

Deno.test("socketInodes() says nothing when our own table cannot be read", () => {
  const files: SystemFiles = {
    ...filesOf({ [`${OWN}/net/unix`]: unixTable(1) }),
    readText: () => null,
  };
  assert.equal(socketInodes(files, new Set(), [UNIX_TABLE]), null);
});
