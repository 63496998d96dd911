/**
 * Captures of real traffic on the loopback interface: servers on free ports, clients that talk to
 * them, tcpdump beside. In: what to run. Out: the bytes of a capture file. All that it starts ends
 * with it. It needs root, tcpdump and the servers; `isPossible` says whether they are there.
 */
import { createSocket } from "node:dgram";
import { concat, text } from "./pcap.ts";

const FOLDERS = ["/usr/bin", "/usr/sbin", "/bin", "/sbin"];

function hasTool(name: string): boolean {
  return FOLDERS.some((folder) => {
    try {
      return Deno.statSync(`${folder}/${name}`).isFile;
    } catch {
      return false;
    }
  });
}

/** Root, and the tools named. */
export function isPossible(...tools: string[]): boolean {
  return Deno.uid() === 0 && tools.every(hasTool);
}

/** Runs `step` until it is true; throws after two minutes. */
export async function until(what: string, step: () => boolean | Promise<boolean>): Promise<void> {
  const deadline = Date.now() + 120_000;
  while (Date.now() < deadline) {
    if (await step()) return;
    await new Promise((resolve) => setTimeout(resolve, 20));
  }
  throw new Error(`Waited in vain until ${what}`);
}

/** A server process that ends with the scope it is declared in. */
export class Server implements AsyncDisposable {
  readonly #child: Deno.ChildProcess;

  constructor(command: string, args: string[]) {
    const quiet = { stdin: "null", stdout: "null", stderr: "null" } as const;
    this.#child = new Deno.Command(command, { args, ...quiet }).spawn();
  }

  /** Resolves when it accepts connections. */
  async ready(port: number): Promise<this> {
    await until(`port ${port} is served`, async () => {
      try {
        (await Deno.connect({ hostname: "127.0.0.1", port })).close();
        return true;
      } catch {
        return false;
      }
    });
    return this;
  }

  async [Symbol.asyncDispose](): Promise<void> {
    this.#child.kill("SIGTERM");
    await this.#child.status;
  }
}

/** Output of a program that is given `input`. */
export async function run(command: string, args: string[], input = ""): Promise<string> {
  const child = new Deno.Command(command, {
    args,
    stdin: "piped",
    stdout: "piped",
    stderr: "null",
  }).spawn();
  const writer = child.stdin.getWriter();
  const writing = writer.write(text(input)).then(() => writer.close(), () => {});
  const { stdout } = await child.output();
  await writing;
  return new TextDecoder().decode(stdout);
}

const LAST = "the last datagram of this capture";

/** What tcpdump saw on the loopback interface at `port` while `work` ran. */
export async function capture(port: number, work: () => Promise<void>): Promise<Uint8Array> {
  const folder = Deno.makeTempDirSync();
  const path = `${folder}/capture.pcap`;
  const child = new Deno.Command("tcpdump", {
    args: ["-i", "lo", "-U", "--immediate-mode", "-B", "32768", "-Z", "root", "-w", path]
      .concat(["port", String(port)]),
    stdin: "null",
    stdout: "null",
    stderr: "null",
  }).spawn();
  try {
    // The file's head is written when the capture is on.
    await until("tcpdump captures", () => sizeOf(path) >= 24);
    await work();
    await send(text(LAST), port);
    await until("tcpdump wrote all", () => findLast(Deno.readFileSync(path)) > 0);
    const file = Deno.readFileSync(path);
    // Without the mark's own record, Ethernet, IP and UDP head, and what may have answered it.
    return file.subarray(0, findLast(file) - (16 + 14 + 20 + 8));
  } finally {
    child.kill("SIGTERM");
    await child.status;
    Deno.removeSync(folder, { recursive: true });
  }
}

function sizeOf(path: string): number {
  try {
    return Deno.statSync(path).size;
  } catch {
    return 0;
  }
}

function findLast(file: Uint8Array): number {
  return new TextDecoder("latin1").decode(file).lastIndexOf(LAST);
}

function send(datagram: Uint8Array, port: number): Promise<void> {
  const socket = createSocket("udp4");
  return new Promise((resolve) => {
    socket.send(datagram, port, "127.0.0.1", () => {
      socket.close();
      resolve();
    });
  });
}

/** Lines of tshark's `fields` for the packets that `filter` lets through. */
export async function tshark(
  file: Uint8Array,
  filter: string,
  fields: string[],
  decodeAs: string[] = [],
): Promise<string[][]> {
  const path = Deno.makeTempFileSync({ suffix: ".pcap" });
  try {
    Deno.writeFileSync(path, concat(file));
    const args = ["-r", path, "-Y", filter, "-T", "fields", "-E", "separator=|"];
    for (const field of fields) args.push("-e", field);
    for (const rule of decodeAs) args.push("-d", rule);
    const out = await run("tshark", args);
    return out.split("\n").filter((line) => line !== "").map((line) => line.split("|"));
  } finally {
    Deno.removeSync(path);
  }
}
