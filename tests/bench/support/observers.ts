/**
 * What is compared: sockeye in its variants, and other tools that look at the same traffic.
 *
 * In: the process and the port to watch. Out: a running observer that is attached, and what it saw.
 * Each runs on the CPU that it shares with the load generator, and writes to a tmpfs.
 */
import { Background, run } from "../../support/process.ts";
import { SOCKEYE } from "../../support/tracer.ts";
import { OTHER_CPU, pinned } from "./cpu.ts";

/** A process with traffic, and one without. */
export interface Target {
  readonly pid: number;
  readonly port: number;
  readonly idlePid: number;
}

/** What an observer saw. */
export interface Seen {
  /** Null: it does not count requests. */
  readonly records: number | null;
  /** What it says that it missed. */
  readonly missing: string | null;
}

/** An observer at work. */
export interface Watch extends AsyncDisposable {
  readonly pid: number;
  /** Resolves when it has worked off what came so far. */
  caughtUp(): Promise<void>;
  finish(): Promise<Seen>;
}

export interface Observer {
  readonly name: string;
  /** Records it owes: one for each request, none at all, or it does not count. */
  readonly owes: "every" | "none" | null;
  watch(target: Target): Promise<Watch>;
}

const TMPFS = "/dev/shm";
const LIMIT_MS = 20_000;

/** sockeye with these options; its records and other files are on a tmpfs, counted and removed. */
function sockeye(
  name: string,
  owes: "every" | "none",
  options: (target: Target, folder: string) => string[],
): Observer {
  const watch = async (target: Target): Promise<Watch> => {
    const folder = await Deno.makeTempDir({ dir: TMPFS, prefix: "sockeye-bench-" });
    const output = `${folder}/records.ndjson`;
    const args = ["--output-file", output, ...options(target, folder)];
    const process = new Background(...pinned(OTHER_CPU, SOCKEYE, args));
    const dispose = async (): Promise<void> => {
      await process[Symbol.asyncDispose]();
      await Deno.remove(folder, { recursive: true });
    };
    try {
      await process.until(() => process.stderr.includes("sockeye: ready"), "the ready line");
    } catch (error) {
      await dispose();
      throw error;
    }
    return {
      pid: process.pid,
      caughtUp: () => unchanging(() => sizeOf(output)),
      finish: async () => {
        process.kill("SIGINT");
        const { code } = await process.end(LIMIT_MS);
        return { records: await countLines(output), missing: complaint(code, process.stderr) };
      },
      [Symbol.asyncDispose]: dispose,
    };
  };
  return { name, owes, watch };
}

/** The words of the summary about losses; null when nothing was lost. */
function complaint(code: number, summary: string): string | null {
  if (code !== 0) return `exit ${code}: ${summary.trim().split("\n").at(-1)}`;
  if (summary.includes("sockeye: nothing lost")) return null;
  return summary.match(/missing: (.*)/)?.[1] ?? "no summary";
}

async function countLines(path: string): Promise<number> {
  const { stdout } = await run("wc", ["-l", path]);
  return Number(stdout.split(" ")[0]);
}

function sizeOf(path: string): number {
  try {
    return Deno.statSync(path).size;
  } catch {
    return 0;
  }
}

/** Resolves when a number has stayed the same for 150 ms, at the latest after 10 s. */
async function unchanging(read: () => number): Promise<void> {
  let last = NaN;
  for (let i = 0; i < 66; i++) {
    const now = read();
    if (now === last) return;
    last = now;
    await new Promise((resolve) => setTimeout(resolve, 150));
  }
}

/** Another tool: attached when `isReady`, ended by SIGINT. */
function tool(
  name: string,
  command: (target: Target, folder: string) => string[],
  isReady: (stderr: string, folder: string) => boolean,
  missing: (stderr: string, folder: string) => string | null = () => null,
): Observer {
  const watch = async (target: Target): Promise<Watch> => {
    const folder = await Deno.makeTempDir({ dir: TMPFS, prefix: "sockeye-bench-" });
    const [program = "", ...args] = command(target, folder);
    const process = new Background(...pinned(OTHER_CPU, program, args));
    const dispose = async (): Promise<void> => {
      await process[Symbol.asyncDispose]();
      await Deno.remove(folder, { recursive: true });
    };
    try {
      await process.until(() => isReady(process.stderr, folder), `${name} to be attached`);
    } catch (error) {
      await dispose();
      throw error;
    }
    return {
      pid: process.pid,
      caughtUp: () => Promise.resolve(),
      finish: async () => {
        process.kill("SIGINT");
        await process.end(LIMIT_MS);
        return { records: null, missing: missing(process.stderr, folder) };
      },
      [Symbol.asyncDispose]: dispose,
    };
  };
  return { name, owes: null, watch };
}

export const socketWay: Observer = sockeye(
  "sockeye, socket way",
  "every",
  ({ pid }) => ["--pid", `${pid}`, "--capture", "socket"],
);
export const syscallWay: Observer = sockeye(
  "sockeye, syscall way",
  "every",
  ({ pid }) => ["--pid", `${pid}`, "--capture", "syscall"],
);
export const otherPid: Observer = sockeye(
  "sockeye, another pid, socket way",
  "none",
  ({ idlePid }) => ["--pid", `${idlePid}`, "--capture", "socket"],
);
export const otherPidSyscall: Observer = sockeye(
  "sockeye, another pid, syscall way",
  "none",
  ({ idlePid }) => ["--pid", `${idlePid}`, "--capture", "syscall"],
);
export const recording: Observer = sockeye(
  "sockeye, socket way, --record",
  "every",
  ({ pid }, folder) => [
    ...["--pid", `${pid}`, "--capture", "socket"],
    ...["--record", `${folder}/events.rec`],
  ],
);

export const socketWayNoTls: Observer = sockeye(
  "sockeye, socket way, --no-tls",
  "none",
  ({ pid }) => ["--pid", `${pid}`, "--capture", "socket", "--no-tls", "--protocol", "http"],
);

const BARE_PROBES = new URL("bare_probes.ts", import.meta.url).pathname;
/** Entry and return, where sockeye's are. */
export const bareProbes: Observer = tool(
  "probes that do nothing",
  ({ pid }) => [Deno.execPath(), "run", "-A", "--no-check", BARE_PROBES, `${pid}`],
  (stderr) => stderr.includes("ready"),
);

export const tcpdump: Observer = tool(
  "tcpdump -w /dev/null",
  ({ port }) => ["tcpdump", "-i", "lo", "-w", "/dev/null", "tcp", "port", `${port}`],
  (stderr) => stderr.includes("listening on"),
  (stderr) => {
    const dropped = Number(stderr.match(/(\d+) packets dropped by kernel/)?.[1] ?? 0);
    return dropped > 0 ? `${dropped} packets dropped` : null;
  },
);

export const strace: Observer = tool(
  "strace",
  ({ pid }) => [
    ...["strace", "-f", "-e", "trace=network,read,write,readv,writev"],
    ...["-o", "/dev/null", "-p", `${pid}`],
  ],
  (stderr) => stderr.includes("attached"),
);

/** The same calls with the first 200 bytes of each: what its strings take at most. */
const BPFTRACE = (pid: number): string => `
tracepoint:syscalls:sys_enter_write /pid == ${pid}/ { printf("%r\\n", buf(args->buf, 200)); }
tracepoint:syscalls:sys_enter_sendto /pid == ${pid}/ { printf("%r\\n", buf(args->buff, 200)); }
tracepoint:syscalls:sys_enter_writev /pid == ${pid}/ {
  printf("%r\\n", buf(args->vec->iov_base, 200));
}
tracepoint:syscalls:sys_enter_read /pid == ${pid}/ { @at[tid] = args->buf; }
tracepoint:syscalls:sys_enter_recvfrom /pid == ${pid}/ { @at[tid] = args->ubuf; }
tracepoint:syscalls:sys_exit_read, tracepoint:syscalls:sys_exit_recvfrom /@at[tid]/ {
  printf("%r\\n", buf(@at[tid], 200));
  delete(@at[tid]);
}
interval:ms:100 { printf("ready\\n"); }
`;

/** Its buffer of standard output alone can be told to keep nothing back. */
export const bpftrace: Observer = tool(
  "bpftrace, 200 bytes a call",
  ({ pid }, folder) => [
    ...["env", "BPFTRACE_STRLEN=200", "sh", "-c"],
    'exec bpftrace -B line -e "$1" >"$2"',
    ...["sh", BPFTRACE(pid), `${folder}/out`],
  ],
  (_, folder) => sizeOf(`${folder}/out`) > "Attaching 8 probes...\n".length + 1,
  (_, folder) => {
    let lost = 0;
    const text = Deno.readTextFileSync(`${folder}/out`);
    for (const [, count] of text.matchAll(/^Lost (\d+) events$/gm)) lost += Number(count);
    return lost > 0 ? `${lost} events lost` : null;
  },
);
