import { deepEqual, equal } from "node:assert/strict";
import { NameReader, skipName } from "../../../protocols/dns/name.ts";
import { ascii, name } from "./build.ts";

const longest = [63, ...Array(63).fill(97)];

const cases = [
  { name: "the root", bytes: [0], want: ".", after: 1 },
  { name: "two labels", bytes: name("a.test"), want: "a.test", after: 8 },
  { name: "upper case kept", bytes: name("A.TeSt"), want: "A.TeSt", after: 8 },
  {
    name: "dot, backslash, space, control and high bytes escaped",
    bytes: [6, 46, 92, 32, 7, 200, 33, 0],
    want: "\\.\\\\\\032\\007\\200!",
    after: 8,
  },
  {
    name: "a name of 255 octets",
    bytes: [...longest, ...longest, ...longest, 61, ...Array(61).fill(98), 0],
    want: [63, 63, 63].map((n) => "a".repeat(n)).join(".") + "." + "b".repeat(61),
    after: 255,
  },
  {
    name: "a name of 256 octets",
    bytes: [...longest, ...longest, ...longest, 62, ...Array(62).fill(98), 0],
    want: null,
  },
  { name: "a label that is cut", bytes: [5, ...ascii("abc")], want: null },
  { name: "no end", bytes: [1, 97], want: null },
  { name: "reserved label type 01", bytes: [0x40, 0], want: null },
  { name: "reserved label type 10", bytes: [0x80, 0], want: null },
  { name: "a pointer to itself", bytes: [0xc0, 0], want: null },
  { name: "a pointer forwards", bytes: [0xc0, 2, 1, 97, 0], want: null },
  { name: "a label then a pointer to that label", bytes: [1, 97, 0xc0, 0], want: null },
  { name: "half a pointer", bytes: [1, 97, 0xc0], want: null },
];

Deno.test("NameReader.read() decodes or refuses each form of a name", () => {
  for (const each of cases) {
    const bytes = Uint8Array.from(each.bytes);
    const reader = new NameReader(bytes, 0, bytes.length);
    equal(reader.read(0), each.want, each.name);
    if (each.after !== undefined) equal(reader.after, each.after, each.name);
  }
});

Deno.test("NameReader.read() follows pointers backwards and ends behind the first", () => {
  const bytes = Uint8Array.from([9, 9, ...name("b.test"), 1, 97, 0xc0, 0, 0xc0, 8, 0xc0, 8]);
  const reader = new NameReader(bytes, 2, bytes.length);
  const read = [10, 14, 16, 14].map((at) => [reader.read(at), reader.after]);
  deepEqual(read, [["a.b.test", 14], ["a.b.test", 16], ["a.b.test", 18], ["a.b.test", 16]]);
});

Deno.test("NameReader.read() ends for every pair of pointers that can loop", () => {
  for (let a = 0; a < 8; a++) {
    for (let b = 0; b < 8; b++) {
      const bytes = Uint8Array.from([1, 97, 0xc0, a, 1, 98, 0xc0, b]);
      for (let at = 0; at < 8; at++) {
        const read = new NameReader(bytes, 0, bytes.length).read(at);
        equal(read === null || read.length < 256, true);
      }
    }
  }
});

Deno.test("NameReader.read() never uses the name of another pointer", () => {
  const bytes = Uint8Array.from([1, 97, 0, 1, 98, 0, 0xc0, 0, 0xc0, 3, 0xc0, 0]);
  const reader = new NameReader(bytes, 0, bytes.length);
  deepEqual([reader.read(6), reader.read(8), reader.read(10)], ["a", "b", "a"]);
});

Deno.test("skipName() tells end, cut and nonsense apart", () => {
  const skip = (...bytes: number[]): number => skipName(Uint8Array.from(bytes), 0, bytes.length);
  deepEqual([skip(0), skip(1, 97, 0), skip(0xc0, 9), skip(1, 97, 0xc0, 9)], [1, 3, 2, 4]);
  deepEqual([skip(), skip(1), skip(3, 97), skip(0xc0)], [1, 2, 3, 2]);
  deepEqual([skip(64), skip(1, 97, 0x80)], [-1, -1]);
  equal(skip(...longest, ...longest, ...longest, ...longest, 0), -1);
});
