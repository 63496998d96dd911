/** The example of JA4's specification, and each of its rules. */
import { equal } from "node:assert/strict";
import { type Ja4Input, ja4Of } from "../../../protocols/tls/ja4.ts";

const hex = (list: string): number[] => list.split(",").map((word) => parseInt(word, 16));

const EXAMPLE: Ja4Input = {
  version: 0x0304,
  hasSni: true,
  suites: hex("1301,1302,1303,c02b,c02f,c02c,c030,cca9,cca8,c013,c014,009c,009d,002f,0035"),
  extensions: hex(
    "001b,0000,0033,0010,4469,0017,002d,000d,0005,0023,0012,002b,ff01,000b,000a,0015",
  ),
  alpn: new TextEncoder().encode("h2"),
  signatures: hex("0403,0804,0401,0503,0805,0501,0806,0601"),
};

const cases: { name: string; change: Partial<Ja4Input>; want: string }[] = [
  { name: "the specification's example", change: {}, want: "t13d1516h2_8daaf6152771_e5627efa2ab1" },
  {
    name: "GREASE everywhere",
    change: {
      suites: [0x2a2a, ...EXAMPLE.suites],
      extensions: [0xfafa, ...EXAMPLE.extensions, 0x0a0a],
      signatures: [...EXAMPLE.signatures, 0x1a1a],
    },
    want: "t13d1516h2_8daaf6152771_e5627efa2ab1",
  },
  {
    name: "no signature algorithms",
    change: { signatures: [] },
    want: "t13d1516h2_8daaf6152771_6d807ffa2a79",
  },
  {
    name: "nothing at all",
    change: {
      version: 0,
      hasSni: false,
      suites: [],
      extensions: [],
      signatures: [],
      alpn: new Uint8Array(),
    },
    want: "t00i000000_000000000000_000000000000",
  },
  {
    name: "more suites than two digits count",
    change: { suites: Array.from({ length: 120 }, (_, i) => i) },
    want: "t13d9916h2_13b0a67ab2fd_e5627efa2ab1",
  },
];

for (const { name, change, want } of cases) {
  Deno.test(`ja4Of() of ${name}`, () => equal(ja4Of({ ...EXAMPLE, ...change }), want));
}

Deno.test("ja4Of() names the version", () => {
  const versions = [[0x0300, "s3"], [0x0301, "10"], [0x0302, "11"], [0x0303, "12"]] as const;
  for (const [version, want] of versions) {
    equal(ja4Of({ ...EXAMPLE, version }).slice(1, 3), want);
  }
});

Deno.test("ja4Of() shows the ends of the first ALPN name, of others than letters and digits in hex", () => {
  const names: [number[], string][] = [
    [[0x68, 0x74, 0x74, 0x70, 0x2f, 0x31, 0x2e, 0x31], "h1"],
    [[0x61], "aa"],
    [[], "00"],
    [[0xab], "ab"],
    [[0x20], "20"],
    [[0xab, 0xcd], "ad"],
    [[0x20, 0x61], "21"],
    [[0x30, 0xab], "3b"],
    [[0x61, 0x20], "60"],
    [[0x30, 0x31, 0xab, 0xcd], "3d"],
    [[0x30, 0xab, 0xcd, 0x31], "01"],
  ];
  for (const [name, want] of names) {
    equal(ja4Of({ ...EXAMPLE, alpn: Uint8Array.from(name) }).slice(8, 10), want);
  }
});
