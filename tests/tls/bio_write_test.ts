/** Where BIO_write is in this machine's own files, against what readelf says. */
import assert from "node:assert/strict";
import { bioWriteOf } from "../../lib/tls/bio_write.ts";
import { fileReader, symbolOffsets } from "../support/elf_files.ts";

const LIBRARIES = "/usr/lib/x86_64-linux-gnu";

for (const path of [`${LIBRARIES}/libcrypto.so.3`, "/usr/bin/node"]) {
  Deno.test(`bioWriteOf() finds it in ${path}`, async () => {
    const real = await Deno.realPath(path);
    const want = (await symbolOffsets(real)).get("BIO_write");
    assert.ok(want !== undefined && want > 0);
    assert.equal(bioWriteOf(fileReader(real)), want);
  });
}

Deno.test("bioWriteOf() finds none where there is none, or no ELF file", async () => {
  const ssl = await Deno.realPath(`${LIBRARIES}/libssl.so.3`);
  assert.equal(bioWriteOf(fileReader(ssl)), null);
  assert.equal(bioWriteOf({ size: 4, read: () => new Uint8Array(4) }), null);
});
