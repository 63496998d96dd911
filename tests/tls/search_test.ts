/** Texts are found wherever they lie: at each alignment, at both ends, across the pieces that are read. */
import assert from "node:assert/strict";
import { Elf } from "../../lib/tls/elf.ts";
import { indexOfText, TextSearch } from "../../lib/tls/search.ts";
import { versionIn } from "../../lib/tls/version.ts";
import { readerOf } from "../support/elf_files.ts";
import { elfImage } from "../support/elf_image.ts";

const TEXTS = ["SSL_read\0", "SSL_write\0", "\xf1\xff\xff\xff\0\0\x01\x08", "OpenSSL"];

function bytesOf(text: string): Uint8Array {
  return Uint8Array.from(text, (character) => character.charCodeAt(0));
}

Deno.test("TextSearch.each() finds every text at every place, in memory that begins anywhere", () => {
  const room = new Uint8Array(64);
  for (const text of TEXTS) {
    for (let begin = 0; begin < 8; begin++) {
      for (let at = 0; begin + at + text.length <= 40; at++) {
        room.fill(0x41);
        room.set(bytesOf(text), begin + at);
        const found: string[] = [];
        new TextSearch(TEXTS).each(
          room.subarray(begin, begin + at + text.length),
          (name, place) => {
            found.push(`${name} ${place}`);
            return true;
          },
        );
        assert.deepEqual(found, [`${text} ${at}`]);
      }
    }
  }
});

Deno.test("TextSearch.each() finds all of them, until it is told to stop", () => {
  const bytes = bytesOf("SSL_read\0SSL_read_ex\0xSSL_write\0SSL_read\0SSL_rea");
  const places: number[] = [];
  const search = new TextSearch(TEXTS);
  search.each(bytes, (_, at) => places.push(at) > 0);
  assert.deepEqual(places, [0, 22, 32]);
  places.length = 0;
  search.each(bytes, (_, at) => places.push(at) < 2);
  assert.deepEqual(places, [0, 22]);
  assert.equal(indexOfText(bytes, "SSL_write\0"), 22);
  assert.equal(indexOfText(bytes, "SSL_peek\0"), -1);
  assert.equal(indexOfText(new Uint8Array(0), "SSL_peek\0"), -1);
});

Deno.test("versionIn() finds a version across two pieces, and goes on behind what is none", () => {
  const pattern = /^\w+ \d+\.\d+\.\d+[a-z]?\b/;
  for (let before = 1024 * 1024 - 20; before < 1024 * 1024 + 4; before++) {
    const bytes = new Uint8Array(before + 64);
    bytes.set(bytesOf("OpenSSL default"), 100);
    bytes.set(bytesOf("OpenSSL 3.0.15 3 Sep 2024"), before);
    const elf = Elf.open(readerOf(elfImage([{ name: ".rodata", type: 1, bytes }])));
    assert.ok(elf);
    assert.equal(versionIn(elf, ["OpenSSL "], pattern), "OpenSSL 3.0.15");
    assert.equal(versionIn(elf, ["GnuTLS "], pattern), null);
  }
});
