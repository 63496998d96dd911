/**
 * What the kernel's rules cost: the mean run of the programs on a TCP connection's sends and receives,
 * with the rules there are and with stand-ins for those to come (support/rules/).
 *
 *     deno run -A tests/bench/infer_bench.ts [--quick]      root, clang-19
 *
 * User space says nothing of the connections here, so that each operation that no rule takes is looked
 * at again; in a trace that ends with the 64th.
 */
import { ruleNames, RULES_FOLDER } from "../../build/infer_rules.ts";
import { BPF_OBJECT } from "../../build/steps.ts";
import type { BpfObject } from "../../ffi/bpf_object.ts";
import { type Libbpf, openLibbpf } from "../../ffi/libbpf.ts";
import { Mark, MARKS_PER_VALUE } from "../../lib/capture/abi.ts";
import { attachAll, loadKernelSide, probeHooks } from "../../lib/capture/live/kernel_side.ts";
import { pidLimit, possibleCpuCount } from "../../lib/capture/live/machine.ts";
import { bytes } from "../support/infer.ts";
import { Background } from "../support/process.ts";
import { figure } from "./support/report.ts";
import { compileWithStandIns } from "./support/stand_ins.ts";

const STATISTICS = "/proc/sys/kernel/bpf_stats_enabled";

/** What each connection says, in messages of 64 bytes. */
const LOADS = [
  { name: "taken", message: bytes("*1\r\n$4\r\nPING\r\n") },
  { name: "text that no rule takes", message: bytes("SSH-2.0-libssh2_1.10 x") },
  { name: "noise that no rule takes", message: bytes(0x9c, 0x1f, 0x5e, 0xd2, 0xf7, 3, 0x88, 0xb1) },
];
const OPERATIONS = 20_000;

/** Waits for a line, then moves so many messages over a TCP connection with itself. */
const PEER = `
import socket, sys
listening = socket.create_server(("127.0.0.1", 0))
for line in sys.stdin:
    message = bytes.fromhex(line.strip()).ljust(64, b"~")
    with socket.create_connection(listening.getsockname()) as client, listening.accept()[0] as server:
        for _ in range(${OPERATIONS}):
            client.send(message)
            server.recv(64)
    print("moved", flush=True)
`;

/** Time and count of the runs of both programs, and what the verifier walked for them. */
function statistics(object: BpfObject): { ns: number; runs: number; instructions: number } {
  const sum = { ns: 0, runs: 0, instructions: 0 };
  for (const program of ["sock_send", "sock_recv"]) {
    const text = Deno.readTextFileSync(`/proc/self/fdinfo/${object.programFd(program)}`);
    const read = (name: string): number =>
      Number(text.match(new RegExp(`^${name}:\\s*(\\d+)$`, "m"))?.[1] ?? NaN);
    sum.ns += read("run_time_ns");
    sum.runs += read("run_cnt");
    sum.instructions += read("verified_insns");
  }
  return sum;
}

/** Loads and attaches an object for one process; nobody reads its rings. */
function attach(libbpf: Libbpf, path: string, pid: number): BpfObject {
  const hooks = probeHooks(libbpf);
  const settings = {
    way: "socket",
    wantedMarks: Mark.TREE,
    follow: false,
    unfiltered: false,
    snaplen: 1 << 20,
    ports: [],
    comm: [],
    possibleCpus: possibleCpuCount(),
    pidLimit: pidLimit(),
    steady: false,
    uprobes: null,
  } as const;
  const object = loadKernelSide(libbpf, Deno.readFileSync(path), settings, hooks);
  using marks = object.mapArray("process_marks", true);
  const at = Math.floor(pid / MARKS_PER_VALUE) * marks.stride + pid % MARKS_PER_VALUE;
  new Uint8Array(marks.buffer)[at] = Mark.TREE;
  attachAll(object, libbpf, settings, hooks, () => {});
  return object;
}

interface Measured {
  readonly path: string;
  readonly rules: number;
  /** Mean nanoseconds of an operation, a round each. */
  readonly means: number[];
  instructions: number;
}

async function measure(libbpf: Libbpf, on: Measured, peer: Background, hex: string): Promise<void> {
  using object = attach(libbpf, on.path, peer.pid);
  const lines = (): number => peer.stdout.split("\n").length;
  const before = lines();
  await peer.write(`${hex}\n`);
  await peer.until(() => lines() > before, "the messages to be moved");
  const { ns, runs, instructions } = statistics(object);
  if (runs < 2 * OPERATIONS) throw new Error(`Cannot measure: ${runs} runs`);
  on.means.push(ns / runs);
  on.instructions = instructions;
}

if (import.meta.main) {
  const rounds = Deno.args.includes("--quick") ? 3 : 9;
  const folder = Deno.makeTempDirSync({ prefix: "sockeye-infer-bench-" });
  const enabled = Deno.readTextFileSync(STATISTICS);
  try {
    using libbpf = openLibbpf({ path: "libbpf.so.1" });
    const more = await compileWithStandIns(folder);
    const objects: Measured[] = [
      { path: BPF_OBJECT, rules: ruleNames(RULES_FOLDER).length, means: [], instructions: 0 },
      { ...more, means: [], instructions: 0 },
    ];
    await using peer = new Background("python3", ["-c", PEER], { stdin: "piped" });
    Deno.writeTextFileSync(STATISTICS, "1");
    for (const { name, message } of LOADS) {
      for (let round = 0; round < rounds; round++) {
        for (const object of objects) await measure(libbpf, object, peer, message.toHex());
      }
      for (const { rules, means } of objects) {
        const ns = Math.min(...means.splice(0)).toFixed(0); // others can only add
        figure(`an operation of 64 bytes, ${name}, ${rules} rules`, `${ns} ns`);
      }
    }
    for (const { rules, instructions } of objects) {
      figure(`sock_send and sock_recv, ${rules} rules`, `${instructions} instructions verified`);
    }
  } finally {
    Deno.writeTextFileSync(STATISTICS, enabled);
    Deno.removeSync(folder, { recursive: true });
  }
}
