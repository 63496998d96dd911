/**
 * A program that gives up its privileges as sockeye does, and then tries what it must not do: by
 * system calls, as hostile code in it would. In: the needs that are left, a path that it may not
 * write. Out: one JSON object, the outcome of each attempt by name, and each thread's status.
 */
import { addressOf, cString, ERRNO_SYMBOL, errnoReader } from "../../../ffi/libc.ts";
import { dropPrivileges } from "../../../lib/privileges/drop.ts";
import { type NeedName, NEEDS } from "../../../lib/privileges/needs.ts";

const [victim = "", ...needs] = Deno.args;
const libc = Deno.dlopen("libc.so.6", {
  ...ERRNO_SYMBOL,
  syscall: { parameters: ["i64", "usize", "usize", "usize", "usize", "usize"], result: "i64" },
});
const errno = errnoReader(libc.symbols);

function isNeed(name: string): name is NeedName {
  return name in NEEDS;
}

type Argument = bigint | Uint8Array<ArrayBuffer>;
/** 0, or the errno. */
type Attempt = () => number;
/** Of those that are still to be made. */
const buffers: Uint8Array[] = [];

/** Addresses are taken now: the runtime tells none later, but hostile code would know of some. */
function attempt(number: number, ...args: readonly Argument[]): Attempt {
  const words = args.map((arg) => {
    if (typeof arg === "bigint") return arg;
    buffers.push(arg);
    return addressOf(arg);
  });
  const [a = 0n, b = 0n, c = 0n, d = 0n, e = 0n] = words;
  return () => libc.symbols.syscall(BigInt(number), a, b, c, d, e) >= 0n ? 0 : errno();
}

function outcomes(attempts: Readonly<Record<string, Attempt>>): Record<string, number> {
  return Object.fromEntries(Object.entries(attempts).map(([name, make]) => [name, make()]));
}

const path = cString(victim);
const zeros = new Uint8Array(256);
const ALL_CAPABILITIES = new Uint8Array(new Uint32Array([-1, -1, 0, -1, -1, 0]).buffer);
const CAPABILITY_HEAD = new Uint8Array(new Uint32Array([0x20080522, 0]).buffer);
const AT_FDCWD = BigInt.asUintN(64, -100n);

const refused = {
  write: attempt(257, AT_FDCWD, path, 1n),
  create: attempt(2, cString(`${victim}.new`), 0o101n, 0o600n),
  truncate: attempt(76, path, 0n),
  unlink: attempt(87, path),
  chmod: attempt(90, path, 0o777n),
  rename: attempt(82, path, cString(`${victim}.moved`)),
  execve: attempt(59, cString("/bin/true"), zeros, zeros),
  fork: attempt(57),
  socket: attempt(41, 2n, 1n, 0n),
  ptrace: attempt(101, 16n, 1n),
  memory: attempt(311, 1n, zeros, 0n, zeros, 0n),
  bpf_load: attempt(321, 5n, zeros, 64n),
  bpf_map: attempt(321, 0n, zeros, 64n),
  module: attempt(175, zeros, 0n, zeros),
  mount: attempt(165, zeros, path, zeros, 0n, zeros),
  namespace: attempt(272, 0x40000000n),
  signal: attempt(62, 1n, 0n),
  memfd: attempt(319, path, 0n),
  io_uring: attempt(425, 1n, zeros),
  setuid: attempt(105, 0n),
  capset: attempt(126, CAPABILITY_HEAD, ALL_CAPABILITIES),
  dumpable: attempt(157, 4n, 1n),
};
const reads = {
  other: attempt(257, AT_FDCWD, cString("/etc/shadow"), 0n),
  victim: attempt(257, AT_FDCWD, path, 0n),
  proc: attempt(257, AT_FDCWD, cString("/proc/self/status"), 0n),
  descriptors: attempt(257, AT_FDCWD, cString("/proc/1/maps"), 0n),
};
const steps = dropPrivileges({ needs: needs.filter(isNeed) });
const found = { steps, refused: outcomes(refused), reads: outcomes(reads), held: buffers.length };
console.log(JSON.stringify(found));
// The status of its threads is read from outside, until this is closed.
Deno.stdin.readSync(new Uint8Array(1));
