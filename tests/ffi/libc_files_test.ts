/** Files read through libc: they say what the runtime's own reading says, also once that is refused. */
import assert from "node:assert/strict";
import { Libc } from "../../ffi/libc.ts";
import { runtimeFiles, type SystemFiles } from "../../lib/system_files.ts";

/** Of many names, so that they do not come in one go. */
const NAMES = Array.from({ length: 1500 }, (_, i) => `${"n".repeat(100)}${i}é`);

async function inFolder(test: (folder: string) => void): Promise<void> {
  const folder = await Deno.makeTempDir();
  try {
    await Deno.writeTextFile(`${folder}/short`, "a line\nanother\n");
    await Deno.writeTextFile(`${folder}/empty`, "");
    await Deno.writeTextFile(`${folder}/long`, `\ufeff${"0123456789é\n".repeat(60_000)}end`);
    await Deno.writeFile(`${folder}/bytes`, Uint8Array.of(0xff, 0, 65, 0xc3));
    await Deno.mkdir(`${folder}/many`);
    for (const name of NAMES) await Deno.writeTextFile(`${folder}/many/${name}`, "");
    await Deno.symlink(`short`, `${folder}/link`);
    test(folder);
  } finally {
    await Deno.remove(folder, { recursive: true });
  }
}

const LOOKS: readonly { name: string; look: (files: SystemFiles, folder: string) => unknown }[] = [
  ...["short", "empty", "long", "bytes", "link", "many", "absent", "n".repeat(5000)].map((
    path,
  ) => ({
    name: `readText() of ${path.slice(0, 20)}`,
    look: (files: SystemFiles, folder: string) => files.readText(`${folder}/${path}`),
  })),
  ...["short", "link", "absent", "many"].flatMap((path) => [
    {
      name: `readLink() of ${path}`,
      look: (files: SystemFiles, folder: string) => files.readLink(`${folder}/${path}`),
    },
    {
      name: `identity() of ${path}`,
      look: (files: SystemFiles, folder: string) => files.identity(`${folder}/${path}`),
    },
    {
      name: `list() of ${path}`,
      look: (files: SystemFiles, folder: string) => files.list(`${folder}/${path}`).sort(),
    },
    {
      name: `readStart() of ${path}`,
      look: (files: SystemFiles, folder: string) => files.readStart(`${folder}/${path}`, 5),
    },
  ]),
  { name: "a text of /proc", look: (files) => files.readText("/proc/self/cgroup") },
  { name: "a link of /proc", look: (files) => files.readLink("/proc/self/ns/net") },
  { name: "a table of /proc", look: (files) => files.identity("/proc/self/net/unix") },
  { name: "a text of /sys", look: (files) => files.readText("/sys/devices/system/cpu/possible") },
];

Deno.test("LibcFiles says what the runtime says, and leaves nothing open", async () => {
  await inFolder((folder) => {
    using libc = new Libc();
    for (const { name, look } of LOOKS) {
      const before = openDescriptors();
      assert.deepEqual(look(libc.files, folder), look(runtimeFiles, folder), name);
      assert.equal(openDescriptors(), before, name);
    }
  });
});

Deno.test("LibcFiles has all names of a folder, and the whole of a long text", async () => {
  await inFolder((folder) => {
    using libc = new Libc();
    assert.deepEqual(libc.files.list(`${folder}/many`).sort(), NAMES.toSorted());
    assert.equal(libc.files.readText(`${folder}/long`)?.length, 60_000 * 12 + 4);
  });
});

function openDescriptors(): number {
  return runtimeFiles.list("/proc/self/fd").length;
}
