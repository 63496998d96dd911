/** The filter of system calls, run here as the kernel runs it, and the table it is made of. */
import assert from "node:assert/strict";
import { encodeFilter, type Machine } from "../../lib/privileges/filter.ts";
import { allow, type NeedName } from "../../lib/privileges/needs.ts";
import { SYSTEM_CALLS, type SystemCall } from "../../lib/privileges/system_calls.ts";

const ALLOWED = "allowed";
const VERDICTS: Readonly<Record<number, string>> = {
  0x7fff0000: ALLOWED,
  0x00050001: "EPERM",
  0x00050026: "ENOSYS",
};
const ARCH = { x86_64: 0xc000003e, aarch64: 0xc00000b7 } as const;
const [SELF, COMMAND] = [1234, 77];

/** What a program of classic BPF says of a call. */
function judge(program: Uint8Array, nr: number, args: readonly bigint[], arch: number): string {
  const data = new DataView(new ArrayBuffer(64));
  data.setUint32(0, nr, true);
  data.setUint32(4, arch, true);
  args.forEach((arg, i) => data.setBigUint64(16 + 8 * i, BigInt.asUintN(64, arg), true));
  const view = new DataView(program.buffer);
  let a = 0;
  for (let pc = 0; pc * 8 < program.length; pc++) {
    const k = view.getUint32(pc * 8 + 4, true);
    const jump = (taken: boolean): number => view.getUint8(pc * 8 + (taken ? 2 : 3));
    switch (view.getUint16(pc * 8, true)) {
      case 0x20:
        a = data.getUint32(k, true);
        break;
      case 0x54:
        a = (a & k) >>> 0;
        break;
      case 0x15:
        pc += jump(a === k);
        break;
      case 0x35:
        pc += jump(a >= k);
        break;
      case 0x06:
        return VERDICTS[k] ?? `${k}`;
      default:
        throw new Error(`Cannot run instruction ${pc}`);
    }
  }
  throw new Error("Cannot judge: the program has no end");
}

function filterOf(needs: readonly NeedName[], machine: Machine = "x86_64"): Uint8Array {
  return encodeFilter(allow(needs, [SELF, COMMAND]).rules, machine);
}

const O_PATH = 0o10000000n;
const TRACE: readonly NeedName[] = ["output", "events", "processes"];
const CASES: readonly {
  name: string;
  call: SystemCall;
  args?: readonly bigint[];
  needs?: readonly NeedName[];
  want: string;
}[] = [
  { name: "reading", call: "read", want: ALLOWED },
  { name: "opening to read", call: "openat", args: [-100n, 0n, 0o2000000n], want: ALLOWED },
  { name: "opening a path", call: "openat", args: [-100n, 0n, O_PATH], want: ALLOWED },
  { name: "opening to write", call: "openat", args: [-100n, 0n, 1n], want: "EPERM" },
  { name: "opening for both", call: "open", args: [0n, 2n], want: "EPERM" },
  { name: "emptying by opening", call: "openat", args: [-100n, 0n, 0o1000n], want: "EPERM" },
  { name: "making a file", call: "open", args: [0n, 0o100n], want: "EPERM" },
  { name: "a file without a name", call: "openat", args: [0n, 0n, 0o20200000n], want: "EPERM" },
  { name: "openat2", call: "openat2", want: "ENOSYS" },
  { name: "clone3", call: "clone3", want: "ENOSYS" },
  { name: "a thread", call: "clone", args: [0x3d0f00n], want: ALLOWED },
  { name: "a process", call: "clone", args: [17n], want: "EPERM" },
  { name: "a socket", call: "socket", args: [2n, 1n], want: "EPERM" },
  { name: "a socket of an exporter", call: "socket", args: [2n], needs: ["export"], want: ALLOWED },
  { name: "a netlink socket", call: "socket", args: [16n], needs: ["export"], want: "EPERM" },
  { name: "running a program", call: "bpf", args: [10n], want: ALLOWED },
  { name: "loading a program", call: "bpf", args: [5n], want: "EPERM" },
  { name: "running it in a replay", call: "bpf", args: [10n], needs: ["output"], want: "EPERM" },
  { name: "a new link", call: "bpf", args: [28n], want: "EPERM" },
  {
    name: "a new library's",
    call: "bpf",
    args: [28n],
    needs: ["events", "libraries"],
    want: ALLOWED,
  },
  {
    name: "a batch besides",
    call: "bpf",
    args: [10n],
    needs: ["events", "libraries"],
    want: ALLOWED,
  },
  { name: "a signal to ourselves", call: "kill", args: [1234n, 15n], want: ALLOWED },
  { name: "a signal to COMMAND", call: "kill", args: [77n, 15n], want: ALLOWED },
  { name: "a signal to all", call: "kill", args: [-1n, 9n], want: "EPERM" },
  { name: "a signal to others", call: "tgkill", args: [1n, 1n, 9n], want: "EPERM" },
  { name: "the width of a terminal", call: "ioctl", args: [1n, 0x5413n], want: ALLOWED },
  { name: "typing into a terminal", call: "ioctl", args: [0n, 0x5412n], want: "EPERM" },
  { name: "reading limits", call: "prlimit64", args: [0n, 7n, 0n], want: ALLOWED },
  { name: "setting limits", call: "prlimit64", args: [0n, 7n, 0x100000000n], want: "EPERM" },
  { name: "a limit at a low address", call: "prlimit64", args: [0n, 7n, 0x10n], want: "EPERM" },
  { name: "sending on a connection", call: "sendto", args: [3n, 9n, 1n, 0n, 0n], want: ALLOWED },
  { name: "sending elsewhere", call: "sendto", args: [3n, 9n, 1n, 0n, 9n], want: "EPERM" },
];

for (const { name, call, args = [], needs = TRACE, want } of CASES) {
  Deno.test(`encodeFilter(): ${name} is ${want}`, () => {
    for (const [column, machine] of (["x86_64", "aarch64"] as const).entries()) {
      const number = SYSTEM_CALLS[call][column];
      if (number === null || number === undefined) continue;
      assert.equal(judge(filterOf(needs, machine), number, args, ARCH[machine]), want);
    }
  });
}

Deno.test("encodeFilter() refuses the calls of another machine, and those that nobody knows", () => {
  const program = filterOf(TRACE);
  assert.equal(judge(program, 0, [], 0x40000003), "EPERM");
  assert.equal(judge(program, 0x40000000, [], ARCH.x86_64), "ENOSYS");
  assert.equal(judge(program, 9999, [], ARCH.x86_64), "ENOSYS");
  // execve, ptrace, mount, init_module, process_vm_writev, io_uring_setup, memfd_create.
  for (const number of [59, 101, 165, 175, 311, 425, 319]) {
    assert.equal(judge(program, number, [], ARCH.x86_64), "EPERM", `${number}`);
  }
});

Deno.test("SYSTEM_CALLS has the numbers of the kernel's headers", () => {
  const headers = [
    "/usr/include/x86_64-linux-gnu/asm/unistd_64.h",
    "/usr/include/asm-generic/unistd.h",
  ];
  for (const [column, path] of headers.entries()) {
    const text = Deno.readTextFileSync(path);
    const numbers = new Map(
      [...text.matchAll(/^#define __NR(?:3264)?_(\w+)\s+(\d+)$/gm)]
        .map(([, name, number]) => [name, Number(number)] as const),
    );
    // The generic table calls it by what it was before newfstatat.
    numbers.set("newfstatat", numbers.get("newfstatat") ?? numbers.get("fstatat") ?? -1);
    for (const [name, places] of Object.entries(SYSTEM_CALLS)) {
      assert.equal(places[column] ?? null, numbers.get(name) ?? null, `${name} of ${path}`);
    }
  }
});
