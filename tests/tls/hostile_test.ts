/**
 * Files that lie: damaged ones of this machine, cut ones, and such as are made to cost. What must hold is
 * what the fuzzer holds (tests/fuzz/elf_target.ts); here with real libraries and with sizes.
 */
import assert from "node:assert/strict";
import { examineFile } from "../../lib/tls/examine.ts";
import type { Examined, FileReader } from "../../lib/tls/sites.ts";
import { Random } from "../fuzz/random.ts";
import { readerOf } from "../support/elf_files.ts";
import { codeSection, elfImage, type ImageSection, symbolSections } from "../support/elf_image.ts";

const LIBRARIES = ["libssl.so.3", "libgnutls.so.30", "libnspr4.so"]
  .map((name) => `/usr/lib/x86_64-linux-gnu/${name}`);
const TURNS = 150;
/** What of a file is read, headers included. */
const MOST_READ_BYTES = 200 * 1024 * 1024;

function holds({ codes }: Examined, size: number): void {
  for (const { entry, exits } of codes.flatMap(({ sites }) => sites)) {
    for (const place of [entry, ...exits ?? []]) assert.ok(place >= 0 && place < size, `${place}`);
  }
}

Deno.test("examineFile() finds places within the file, however it is damaged", async (test) => {
  for (const [seed, path] of LIBRARIES.entries()) {
    await test.step(path, () => {
      const random = new Random(seed, 1);
      const whole = Deno.readFileSync(path);
      // Headers are at both ends: segments and dynamic symbols in front, sections behind.
      const ends = [0, whole.length - 64 * 40];
      for (let turn = 0; turn < TURNS; turn++) {
        const file = whole.slice(0, random.chance(0.8) ? whole.length : random.below(whole.length));
        for (let i = random.small(20); i > 0; i--) {
          const at = random.chance(0.6)
            ? random.pick(ends) + random.below(4096)
            : random.below(1 << 24);
          const number = random.extreme();
          if (at + 8 > file.length) continue;
          const view = new DataView(file.buffer);
          view.setUint32(at, number >>> 0, true);
          if (random.chance(0.5)) view.setUint32(at + 4, Math.floor(number / 2 ** 32), true);
        }
        const examined = examineFile(readerOf(file));
        holds(examined, file.length);
        assert.deepEqual(examineFile(readerOf(file)), examined);
      }
    });
  }
});

Deno.test("examineFile() finds nothing in what is cut before its headers end", () => {
  const [path = ""] = LIBRARIES;
  const whole = Deno.readFileSync(path);
  for (let length = 0; length < 1024; length++) {
    const { codes } = examineFile(readerOf(whole.slice(0, length)));
    assert.deepEqual(codes, [], `${length} bytes`);
  }
});

Deno.test("examineFile() takes no file that is another machine's", () => {
  const file = elfImage([
    codeSection(new Uint8Array(64)),
    ...symbolSections([{ name: "SSL_read", at: 0 }], 2),
  ]);
  assert.equal(examineFile(readerOf(file)).codes.length, 1);
  // The magic, 32 bits, big endian, aarch64, headers of another size.
  for (const [at, value] of [[0, 0], [4, 1], [5, 2], [18, 183], [58, 40]] as const) {
    const other = file.slice();
    other[at] = value;
    assert.deepEqual(examineFile(readerOf(other)).codes, [], `byte ${at}`);
  }
});

/** A file of zeros behind what is given, as a sparse file would have them. */
function sparse(start: Uint8Array, size: number): FileReader & { readBytes: number } {
  const file = {
    size,
    readBytes: 0,
    read(offset: number, length: number): Uint8Array {
      const bytes = new Uint8Array(Math.max(0, Math.min(length, size - offset)));
      file.readBytes += bytes.length;
      bytes.set(start.subarray(offset, offset + bytes.length));
      return bytes;
    },
  };
  return file;
}

const HUGE = 2 ** 40;
const COSTLY: readonly { name: string; sections: () => ImageSection[]; isCut: boolean }[] = [
  {
    name: "tables as large as the file",
    sections: () =>
      symbolSections([], 1).map((section) => ({ ...section, size: HUGE - 4096, offset: 0 })),
    isCut: true,
  },
  {
    name: "two thousand tables of 16 MiB",
    sections: () => {
      const zeros = {
        name: "",
        type: 2,
        bytes: new Uint8Array(0),
        link: 2,
        offset: 0,
        size: 1 << 24,
      };
      const named = symbolSections([{ name: "SSL_read", at: 0 }], 1);
      return [...named, ...Array<ImageSection>(2000).fill(zeros)];
    },
    isCut: true,
  },
  {
    name: "constants that nothing ends",
    sections:
      () => [{ name: ".rodata", type: 1, bytes: new Uint8Array(16), offset: 0, size: HUGE / 2 }],
    isCut: false,
  },
  {
    name: "fifty thousand functions of one name",
    sections: () => [
      codeSection(new Uint8Array(65_536).fill(0xe8)),
      ...symbolSections(
        Array.from({ length: 50_000 }, (_, at) => ({ name: "SSL_read", at, size: 2 ** 40 })),
        2,
      ),
    ],
    isCut: false,
  },
];

Deno.test("examineFile() reads no more than it may of files that are made to cost", async (test) => {
  for (const { name, sections, isCut } of COSTLY) {
    await test.step(name, () => {
      const file = sparse(elfImage(sections()), HUGE);
      const startMs = performance.now();
      const { unreadable } = examineFile(file);
      // It takes half a second where nothing else runs.
      assert.ok(performance.now() - startMs < 20_000);
      assert.ok(file.readBytes < MOST_READ_BYTES, `${file.readBytes} bytes`);
      assert.equal(unreadable.some(({ why }) => why === "its tables are too large"), isCut);
    });
  }
});
