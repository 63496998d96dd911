/** The tail of the packed executable. */
import assert from "node:assert/strict";
import { encodeTrailer, readPacked } from "../lib/assets.ts";

const HEAD = new Uint8Array(1000).fill(7);
const OBJECT = new Uint8Array([1, 2, 3]);
const LIBRARY = new Uint8Array(70_000).map((_, i) => i % 251);

async function withFile(pieces: Uint8Array[], body: (path: string) => void): Promise<void> {
  const path = await Deno.makeTempFile();
  try {
    for (const piece of pieces) await Deno.writeFile(path, piece, { append: true });
    body(path);
  } finally {
    await Deno.remove(path);
  }
}

Deno.test("readPacked() gives the bytes that encodeTrailer() tells of", async () => {
  const trailer = encodeTrailer({ "sockeye.bpf.o": [1000, 3], "libbpf.so": [1003, 70_000] });
  await withFile([HEAD, OBJECT, LIBRARY, trailer], (path) => {
    assert.deepEqual(readPacked(path, "sockeye.bpf.o"), OBJECT);
    assert.deepEqual(readPacked(path, "libbpf.so"), LIBRARY);
  });
});

const BROKEN: { name: string; tail: Uint8Array; want: RegExp }[] = [
  { name: "no trailer", tail: new Uint8Array(100), want: /no trailer/ },
  { name: "another asset", tail: encodeTrailer({ "libbpf.so": [0, 3] }), want: /not in the index/ },
  {
    name: "a place beyond the end",
    tail: encodeTrailer({ "sockeye.bpf.o": [0, 9999] }),
    want: /short/,
  },
];

for (const { name, tail, want } of BROKEN) {
  Deno.test(`readPacked() throws on ${name}`, async () => {
    await withFile([HEAD, tail], (path) => {
      assert.throws(() => readPacked(path, "sockeye.bpf.o"), want);
    });
  });
}
