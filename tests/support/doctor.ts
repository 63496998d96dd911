/**
 * `sockeye doctor` as a test runs it, and small processes for it to look at.
 *
 * In: a process and what shall happen while the doctor watches. Out: the report and the exit code.
 */
import { Background } from "./process.ts";
import { SOCKEYE } from "./tracer.ts";

/** What tests look at in the report. */
export interface DoctorReport {
  pid: number;
  verdict: { code: string; text: string; next: string };
  stages: { name: string; ok: boolean; lines: string[] }[];
  processes: { pid: number; comm: string; own_net_namespace: boolean; tls_libraries: string[] }[];
  calls: Record<string, { calls: number; bytes: number }>;
  kernel_bytes?: { moved: number; unseen: number };
  non_socket_bytes: number;
  lost: Record<string, number>;
  connections: {
    fds: number[];
    local: string;
    remote: string;
    diagnosis: string;
    excluded_by: string[];
    protocol?: string;
    role?: string;
    tls: boolean;
    sent_bytes: number;
    received_bytes: number;
    invalid: { side: string; reason: string; position: number; count: number }[];
    records: number;
  }[];
}

/** Watches while `act` runs, then asks for the report as Ctrl-C does. */
export async function examine(
  pid: number,
  args: string[],
  act: () => Promise<void>,
): Promise<{ report: DoctorReport; code: number; stderr: string }> {
  await using doctor = new Background(SOCKEYE, [
    ...["doctor", "--pid", `${pid}`, "-o", "json", "--duration", "2m"],
    ...args,
  ]);
  await doctor.until(() => doctor.stderr.includes("sockeye: ready"), "the doctor's ready line");
  await act();
  doctor.kill("SIGINT");
  const { code } = await doctor.end();
  if (code !== 0 && code !== 3) throw new Error(`Cannot examine ${pid}: ${doctor.stderr}`);
  return { report: JSON.parse(doctor.stdout), code, stderr: doctor.stderr };
}

/** All lines of one stage. */
export function stage(report: DoctorReport, name: string): string {
  return report.stages.find((one) => one.name === name)?.lines.join("\n") ?? "";
}

/** A Python process that prints "ready" when it is; its standard input is its cue. */
export async function startPython(
  script: string,
  args: string[] = [],
  netns: string | null = null,
): Promise<Background> {
  const python = ["/usr/bin/python3", "-u", "-c", script, ...args];
  const words = netns === null ? python : ["ip", "netns", "exec", netns, ...python];
  const process = new Background(words[0] ?? "", words.slice(1), { stdin: "piped" });
  await process.until(() => process.stdout.includes("ready"), "the Python process");
  return process;
}

/** Sends `request` and reads until so many bytes came back; the connection stays open for more. */
export async function ask(conn: Deno.Conn, request: Uint8Array, least: number): Promise<void> {
  for (let at = 0; at < request.length;) at += await conn.write(request.subarray(at));
  const buffer = new Uint8Array(65536);
  for (let got = 0; got < least;) {
    const n = await conn.read(buffer);
    if (n === null) throw new Error(`Cannot read ${least} bytes: the end came after ${got}`);
    got += n;
  }
}

/** Listens at argv[1], a TCP port or the path of a unix socket, as `s`. */
const LISTEN = `
import socket, sys
if sys.argv[1].startswith("/"):
    s = socket.socket(socket.AF_UNIX); s.bind(sys.argv[1]); s.listen()
else:
    s = socket.create_server(("127.0.0.1", int(sys.argv[1])))
print("ready")
`;

/** Servers in Python: each takes one connection at a time. */
export const SCRIPTS = {
  /** TCP port argv[1], or a unix socket at argv[1]: answers each read with HTTP. */
  http: `${LISTEN}while True:
    c, _ = s.accept()
    while c.recv(65536): c.sendall(b"HTTP/1.1 200 OK\\r\\nContent-Length: 2\\r\\n\\r\\nok")
    c.close()
`,
  /** TCP port argv[1], or a unix socket at argv[1]: gives back what it gets. */
  echo: `${LISTEN}while True:
    c, _ = s.accept()
    while True:
        data = c.recv(65536)
        if not data: break
        c.sendall(data)
    c.close()
`,
  /** TCP port argv[1]: reads and never answers. */
  silent: `
import socket, sys
s = socket.create_server(("127.0.0.1", int(sys.argv[1])))
print("ready")
while True:
    c, _ = s.accept()
    while True:
        data = c.recv(65536)
        if not data: break
        print("got", len(data))
`,
  /** TCP port argv[1]: a response that never ends, a piece of it for each line of its input. */
  longBody: `
import socket, sys
s = socket.create_server(("127.0.0.1", int(sys.argv[1])))
print("ready")
c, _ = s.accept()
c.recv(65536)
c.sendall(b"HTTP/1.1 200 OK\\r\\nContent-Length: 1000000000\\r\\n\\r\\n")
for line in sys.stdin: c.sendall(bytes([0, 200, 255, 7]) * 2048)
`,
  /** TCP port argv[1]: moves what it gets from the socket to a pipe, without reading it. */
  splice: `
import os, socket, sys
s = socket.create_server(("127.0.0.1", int(sys.argv[1])))
r, w = os.pipe()
print("ready")
c, _ = s.accept()
while True:
    n = os.splice(c.fileno(), w, 65536)
    if n <= 0: break
    os.read(r, n)
    print("spliced", n)
`,
  /** Unix datagram socket at argv[1]. */
  unixDatagrams: `
import socket, sys
s = socket.socket(socket.AF_UNIX, socket.SOCK_DGRAM); s.bind(sys.argv[1])
print("ready")
while True: print("got", len(s.recv(65536)))
`,
  /** Connects to argv[1]: an upload of argv[2] bytes for each line of its input. */
  upload: `
import socket, sys
size = int(sys.argv[2])
c = socket.create_connection(("127.0.0.1", int(sys.argv[1])))
print("ready")
for line in sys.stdin:
    c.sendall(b"POST /up HTTP/1.1\\r\\nHost: x\\r\\nContent-Length: %d\\r\\n\\r\\n" % size)
    body = bytes(size)
    for at in range(0, size, 1 << 20): c.send(body[at:at + (1 << 20)])
    print("sent")
`,
} as const;
