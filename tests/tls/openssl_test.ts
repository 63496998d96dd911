/** OpenSSL's functions in this machine's own files, against what readelf and objdump say of them. */
import assert from "node:assert/strict";
import { examineFile } from "../../lib/tls/examine.ts";
import type { Site } from "../../lib/tls/sites.ts";
import { fileReader, symbolOffsets } from "../support/elf_files.ts";
import { run } from "../support/process.ts";

const LIBSSL = "/usr/lib/x86_64-linux-gnu/libssl.so.3";

function sitesOf(path: string): Site[] {
  return examineFile(fileReader(path)).codes.flatMap(({ sites }) => sites);
}

Deno.test("examineFile() finds the inner functions of Debian's libssl", async () => {
  const { codes, unreadable, buildId } = examineFile(fileReader(LIBSSL));
  const { stdout: notes } = await run("readelf", ["-n", LIBSSL]);
  assert.equal(buildId, /Build ID: (\w+)/.exec(notes)?.[1]);
  assert.deepEqual(unreadable, []);
  const want = await Promise.all(["SSL_read", "SSL_peek", "SSL_write"].map(firstCall));
  const common = { shape: "ssl_ex", exits: null, how: "inner" };
  assert.deepEqual(codes.map(({ family, sites }) => ({ family, sites })), [{
    family: "openssl",
    sites: [
      { role: "read", ...common, entry: want[0], name: "SSL_read" },
      { role: "read", isPeek: true, ...common, entry: want[1], name: "SSL_peek" },
      { role: "write", ...common, entry: want[2], name: "SSL_write" },
    ],
  }]);
});

/** In libssl the code's offsets are its addresses. */
async function firstCall(name: string): Promise<number> {
  const { stdout } = await run("objdump", ["-d", `--disassemble=${name}`, LIBSSL]);
  return parseInt(/call +([0-9a-f]+)/.exec(stdout)?.[1] ?? "", 16);
}

// Node's SSL_read has the inner function inlined; SSL_read_early_data calls it.
Deno.test("examineFile() probes the symbols where node's SSL_read calls no inner function", async () => {
  const path = await Deno.realPath("/usr/bin/node");
  const offsets = await symbolOffsets(path);
  const sites = sitesOf(path);
  for (const { name, entry } of sites) assert.equal(entry, offsets.get(name), name);
  assert.deepEqual(sites.map(({ name, shape }) => `${name} ${shape}`).sort(), [
    "SSL_peek ssl",
    "SSL_peek_ex ssl_ex",
    "SSL_read ssl",
    "SSL_read_ex ssl_ex",
    "SSL_write ssl",
    "SSL_write_ex ssl_ex",
    "ssl_read_internal ssl_ex",
    "ssl_write_internal ssl_ex",
  ]);
});
