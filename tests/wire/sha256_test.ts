import { equal } from "node:assert/strict";
import { createHash } from "node:crypto";
import { sha256Hex } from "../../lib/wire/sha256.ts";

Deno.test("sha256Hex() gives the digest of FIPS 180-4's example", () => {
  equal(
    sha256Hex(new TextEncoder().encode("abc")),
    "ba7816bf8f01cfea414140de5dae2223b00361a396177a9cb410ff61f20015ad",
  );
});

Deno.test("sha256Hex() agrees with node:crypto at every length around its blocks", () => {
  for (let length = 0; length < 200; length++) {
    const bytes = Uint8Array.from({ length }, (_, i) => (i * 37 + length) & 255);
    equal(sha256Hex(bytes), createHash("sha256").update(bytes).digest("hex"), `${length} bytes`);
  }
});
