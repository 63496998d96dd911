/** Lengths of instructions: by hand for each class, and against objdump over whole libraries. */
import assert from "node:assert/strict";
import { Elf } from "../../lib/tls/elf.ts";
import { decode } from "../../lib/tls/x86.ts";
import { fileReader, functionsOf, type NamedFunction } from "../support/elf_files.ts";
import { run } from "../support/process.ts";

interface Case {
  readonly name: string;
  readonly hex: string;
  /** null: refused. */
  readonly want: number | null;
}

const CASES: readonly Case[] = [
  { name: "ret", hex: "c3", want: 1 },
  { name: "ret $8", hex: "c20800", want: 3 },
  { name: "push %r15", hex: "4157", want: 2 },
  { name: "sub $0x18,%rsp", hex: "4883ec18", want: 4 },
  { name: "mov %fs:0x28,%rax", hex: "64488b042528000000", want: 9 },
  { name: "movabs $N,%rax", hex: "48b80102030405060708", want: 10 },
  { name: "mov $N,%ax", hex: "66b80102", want: 4 },
  { name: "movabs N,%al", hex: "a00102030405060708", want: 9 },
  { name: "data16 lea 0(%rip),%rdi", hex: "66488d3d00000000", want: 8 },
  { name: "data16 rex.W call", hex: "666648e800000000", want: 8 },
  { name: "testb $1,(%rdi)", hex: "f60701", want: 3 },
  { name: "negl (%rdi)", hex: "f71f", want: 2 },
  { name: "testl $1,(%rdi)", hex: "f70701000000", want: 6 },
  { name: "SIB without base", hex: "488d04cd00000000", want: 8 },
  { name: "SIB with base and 8 bits", hex: "488d440a7f", want: 5 },
  { name: "nopw cs:0(%rax,%rax,1)", hex: "662e0f1f840000000000", want: 10 },
  { name: "endbr64", hex: "f30f1efa", want: 4 },
  { name: "je of 4 bytes", hex: "0f8400000000", want: 6 },
  { name: "jle of 1 byte", hex: "7e05", want: 2 },
  { name: "bnd jmp *N(%rip)", hex: "f2ff2500000000", want: 7 },
  { name: "enter $16,$0", hex: "c8100000", want: 4 },
  { name: "pshufb", hex: "660f3800c1", want: 5 },
  { name: "palignr", hex: "660f3a0fc108", want: 6 },
  { name: "vzeroupper", hex: "c5f877", want: 3 },
  { name: "vmovdqu (%rsi),%ymm0", hex: "c5fe6f06", want: 4 },
  { name: "vpinsrq", hex: "c4e3f922c001", want: 6 },
  { name: "vmovdqu64 (%rsi),%zmm0", hex: "62f1fe486f06", want: 6 },
  { name: "vpternlogd", hex: "62f3754825c2ff", want: 7 },
  { name: "nothing", hex: "", want: null },
  { name: "cut behind a prefix", hex: "48", want: null },
  { name: "cut in the operand", hex: "e80000", want: null },
  { name: "prefixes only", hex: "66".repeat(20), want: null },
  { name: "longer than any instruction", hex: "66".repeat(14) + "e800000000", want: null },
  { name: "push %es, of 32 bits", hex: "06", want: null },
  { name: "XOP", hex: "8fe878c2ec0e", want: null },
  { name: "EVEX of a map that is not known", hex: "62f4fe486f06", want: null },
];

Deno.test("decode() gives the length of every class of instructions", () => {
  for (const { name, hex, want } of CASES) {
    assert.equal(decode(Uint8Array.fromHex(hex), 0)?.length ?? null, want, name);
  }
});

Deno.test("decode() says where calls and jumps go", () => {
  const back = decode(Uint8Array.fromHex("e8fbffffff"), 0);
  assert.deepEqual([back?.map, back?.opcode, back?.relative], [1, 0xe8, -5]);
  const through = decode(Uint8Array.fromHex("ff2510000000"), 0);
  assert.deepEqual([through?.opcode, through?.modrm, through?.relative], [0xff, 0x25, 0x10]);
  assert.equal(decode(Uint8Array.fromHex("7e05"), 0)?.relative, 5);
});

/** Where instructions begin, by objdump, of the section .text. */
async function instructionsOf(path: string): Promise<{ address: number; text: string }[]> {
  const { stdout } = await run("objdump", ["-d", "--no-show-raw-insn", "-j", ".text", path]);
  return [...stdout.matchAll(/^ *([0-9a-f]+):\t(.*)$/gm)]
    .map(([, digits = "", text = ""]) => ({ address: parseInt(digits, 16), text }));
}

// Functions with names are C; libgnutls has code by hand besides, with tables and AMD's own instructions.
for (const library of ["libssl.so.3", "libgnutls.so.30", "libnspr4.so"]) {
  Deno.test(`decode() agrees with objdump over the functions of ${library}`, async () => {
    const path = `/usr/lib/x86_64-linux-gnu/${library}`;
    const elf = Elf.open(fileReader(path));
    const text = elf?.section(".text");
    assert.ok(elf && text);
    const code = elf.contents(text);
    const functions = (await functionsOf(path)).sort((a, b) => a.address - b.address);
    const differing: string[] = [];
    let compared = 0;
    let at = 0;
    const all = await instructionsOf(path);
    for (const [i, { address, text: said }] of all.entries()) {
      while (at < functions.length && endOf(functions[at]) <= address) at++;
      const next = all[i + 1];
      if (next === undefined || (functions[at]?.address ?? Infinity) > address) continue;
      compared++;
      const length = decode(code, address - text.address)?.length;
      if (length !== next.address - address) differing.push(`${address.toString(16)} ${said}`);
    }
    assert.ok(compared > 10_000, `${compared} instructions`);
    assert.deepEqual(differing, []);
  });
}

function endOf(symbol: NamedFunction | undefined): number {
  return symbol === undefined ? Infinity : symbol.address + symbol.size;
}
