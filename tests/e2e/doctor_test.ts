/** Each of the doctor's verdicts, provoked by a real process. Needs root. */
import { deepEqual, equal, match, ok } from "node:assert/strict";
import { ask, type DoctorReport, examine, SCRIPTS, stage, startPython } from "../support/doctor.ts";
import { Background, run } from "../support/process.ts";
import { accepts, freePort, startNginx } from "../support/servers.ts";
import { SOCKEYE } from "../support/tracer.ts";

const GET = new TextEncoder().encode("GET /x HTTP/1.1\r\nHost: a\r\n\r\n");
/** No protocol begins like that, on either side. */
const STRANGE = Uint8Array.from({ length: 40 }, (_, i) => 0xe0 + i % 8);

function connect(port: number): Promise<Deno.TcpConn> {
  return Deno.connect({ hostname: "127.0.0.1", port });
}

function expect(report: DoctorReport, code: number, want: string): void {
  equal(report.verdict.code, want, JSON.stringify(report.verdict));
  equal(code, want === "records_flow" ? 0 : 3);
}

Deno.test("doctor finds that records stream, and all that the kernel counted was seen", async () => {
  await using nginx = await startNginx();
  let kept: Deno.Conn | null = null;
  const { report, code } = await examine(nginx.pid, [], async () => {
    kept = await connect(nginx.port);
    await ask(kept, GET, 100);
  });
  using _kept: Disposable = { [Symbol.dispose]: () => kept?.close() };
  expect(report, code, "records_flow");
  equal(report.connections[0]?.protocol, "http");
  equal(report.connections[0]?.role, "server");
  equal(report.processes.length, 2);
  const { sent_bytes = 0, received_bytes = 0 } = report.connections[0] ?? {};
  equal(received_bytes, GET.length);
  ok(Math.abs((report.kernel_bytes?.moved ?? 0) - sent_bytes - received_bytes) <= 2);
  equal(report.kernel_bytes?.unseen, 0);
});

Deno.test("doctor finds a process that writes to files and pipes only", async () => {
  const file = await Deno.makeTempFile();
  await using writer = await startPython(
    'import sys\nf = open(sys.argv[1], "w", buffering=1)\nprint("ready")\n' +
      'for line in sys.stdin: f.write(line); print("written")',
    [file],
  );
  const { report, code } = await examine(writer.pid, [], async () => {
    await writer.write("GET / HTTP/1.1\n");
    await writer.until(() => writer.stdout.includes("written"), "the line");
  });
  expect(report, code, "not_sockets");
  ok(report.verdict.text.includes(file), report.verdict.text);
  equal(report.connections.length, 0);
  await writer.closeInput();
  await Deno.remove(file);
});

Deno.test("doctor recognises TLS, and names the library", async () => {
  const folder = await Deno.makeTempDir();
  const files = ["-keyout", `${folder}/key`, "-out", `${folder}/cert`];
  await run("openssl", [
    "req",
    "-x509",
    "-nodes",
    "-newkey",
    "rsa:2048",
    "-subj",
    "/CN=a",
    ...files,
  ]);
  const port = freePort();
  await using nginx = await startNginx({
    server:
      `listen 127.0.0.1:${port} ssl; ssl_certificate ${folder}/cert; ssl_certificate_key ${folder}/key;`,
  });
  const { report, code } = await examine(nginx.pid, [], async () => {
    await run("curl", ["-sk", `https://127.0.0.1:${port}/`], { allowFailure: true });
  });
  expect(report, code, "tls");
  match(report.verdict.text, /encrypted by \/.*libssl\.so/);
  ok(report.connections.every(({ tls }) => tls));
  match(stage(report, "tracked"), /TLS records: encrypted by/);
  await Deno.remove(folder, { recursive: true });
});

Deno.test("doctor finds an unknown protocol", async () => {
  const port = freePort();
  await using server = await startPython(SCRIPTS.echo, [`${port}`]);
  const { report, code } = await examine(server.pid, [], async () => {
    using conn = await connect(port);
    for (let i = 0; i < 3; i++) await ask(conn, STRANGE, STRANGE.length);
  });
  expect(report, code, "unknown_protocol");
  match(stage(report, "tracked"), /no protocol comes near: e0 e1 e2/);
});

Deno.test("doctor names the nearest miss", async () => {
  const port = freePort();
  await using server = await startPython(SCRIPTS.echo, [`${port}`]);
  const almost = new TextEncoder().encode("OPTIONS /x WTTP/9.9\r\nHost: a\r\n\r\n");
  const { report, code } = await examine(server.pid, [], async () => {
    using conn = await connect(port);
    await ask(conn, almost, almost.length);
  });
  equal(code, 3);
  match(stage(report, "tracked"), /start like http \(a request\), but not from byte \d+ on/);
});

Deno.test("doctor tells the middle of a message from an unknown protocol", async () => {
  const port = freePort();
  await using server = await startPython(SCRIPTS.longBody, [`${port}`]);
  using conn = await connect(port);
  await ask(conn, GET, 40);
  const { report, code } = await examine(server.pid, [], async () => {
    for (let i = 0; i < 3; i++) {
      await server.write("more\n");
      await ask(conn, new Uint8Array(0), 8192);
    }
  });
  await server.closeInput();
  expect(report, code, "mid_stream");
});

Deno.test("doctor sees into another network namespace", async () => {
  const netns = `sockeye-${crypto.randomUUID().slice(0, 8)}`;
  await run("ip", ["netns", "add", netns]);
  try {
    await run("ip", ["-n", netns, "link", "set", "lo", "up"]);
    await using server = await startPython(SCRIPTS.http, ["8080"], netns);
    const get = async (): Promise<void> => {
      await run("ip", ["netns", "exec", netns, "curl", "-s", "http://127.0.0.1:8080/"]);
    };
    const inside = await examine(server.pid, [], get);
    expect(inside.report, inside.code, "records_flow");
    match(inside.report.verdict.text, /network namespace is its own/);
    equal(inside.report.processes[0]?.own_net_namespace, false);
    match(stage(inside.report, "process"), /1 tcp listening/);
    const published = await examine(server.pid, ["--port", "18080"], get);
    expect(published.report, published.code, "filtered");
    match(published.report.verdict.text, /local port 8080.*inside its network namespace/);
  } finally {
    await run("ip", ["netns", "del", netns]);
  }
});

Deno.test("doctor finds that all traffic is on unix sockets", async () => {
  const folder = await Deno.makeTempDir();
  const path = `${folder}/talk`;
  await using server = await startPython(SCRIPTS.echo, [path]);
  const talk = (bytes: Uint8Array) => async (): Promise<void> => {
    using conn = await Deno.connect({ transport: "unix", path });
    for (let i = 0; i < 3; i++) await ask(conn, bytes, bytes.length);
  };
  const { report, code } = await examine(server.pid, [], talk(STRANGE));
  expect(report, code, "unix_only");
  ok(report.verdict.text.includes(`unix:${path}`), report.verdict.text);
  const byPort = await examine(server.pid, ["--port", "80"], talk(STRANGE));
  expect(byPort.report, byPort.code, "filtered");
  match(byPort.report.verdict.text, /unix sockets, which have no port/);
  await using http = await startPython(SCRIPTS.http, [`${folder}/http`]);
  const flowing = await examine(http.pid, [], async () => {
    using conn = await Deno.connect({ transport: "unix", path: `${folder}/http` });
    await ask(conn, GET, 40);
  });
  expect(flowing.report, flowing.code, "records_flow");
  match(flowing.report.verdict.text, /over unix sockets only/);
  await Deno.remove(folder, { recursive: true });
});

Deno.test("doctor finds unix datagrams, which are not traced", async () => {
  const folder = await Deno.makeTempDir();
  await using server = await startPython(SCRIPTS.unixDatagrams, [`${folder}/talk`]);
  const { report, code } = await examine(server.pid, [], async () => {
    await run("socat", ["-", `UNIX-SENDTO:${folder}/talk`], { stdin: "GET / HTTP/1.1\r\n\r\n" });
    await server.until(() => server.stdout.includes("got"), "the datagram");
  });
  equal(code, 3);
  match(stage(report, "events"), /not traced: sockets of kind unix datagram/);
  await Deno.remove(folder, { recursive: true });
});

const filters: { args: string[]; text: RegExp }[] = [
  { args: ["--port", "1"], text: /^--port 1 excludes .* local port \d+\.$/ },
  { args: ["--protocol", "redis"], text: /^--protocol redis excludes .* speaking http\.$/ },
  { args: ["--fd", "999"], text: /^--fd 999 excludes .* on fd \d+\.$/ },
  { args: ["--comm", "nobody"], text: /^--comm nobody excludes .* of python3\.$/ },
  { args: ["--role", "client"], text: /^--role client excludes .* as server\.$/ },
];
for (const { args, text } of filters) {
  Deno.test(`doctor finds that ${args[0]} excludes what there is`, async () => {
    const port = freePort();
    await using server = await startPython(SCRIPTS.http, [`${port}`]);
    const { report, code } = await examine(server.pid, args, async () => {
      using conn = await connect(port);
      await ask(conn, GET, 40);
    });
    expect(report, code, "filtered");
    match(report.verdict.text, text);
    deepEqual(report.connections.map((conn) => conn.excluded_by), [[args.join(" ")]]);
  });
}

Deno.test("doctor finds that the perf buffers are too small", async () => {
  const port = freePort();
  await using sink = await startPython(SCRIPTS.silent, [`${port}`]);
  await using client = await startPython(SCRIPTS.upload, [`${port}`, `${16 << 20}`]);
  const { report, code } = await examine(client.pid, ["--ring-mib", "1"], async () => {
    await client.write("go\n");
    await client.until(() => client.stdout.includes("sent"), "the upload");
  });
  await client.closeInput();
  ok(sink.pid > 0);
  expect(report, code, "lost");
  match(report.verdict.next, /--ring-mib/);
  ok(Object.values(report.lost).some((count) => count > 0));
});

Deno.test("doctor finds a protocol error, its place and its bytes", async () => {
  const port = freePort();
  await using server = await startPython(SCRIPTS.http, [`${port}`]);
  const { report, code } = await examine(server.pid, [], async () => {
    using conn = await connect(port);
    await ask(conn, GET, 40);
    await ask(conn, STRANGE, 40);
  });
  expect(report, code, "protocol_error");
  const invalid = report.connections[0]?.invalid[0];
  equal(invalid?.side, "request");
  equal(invalid?.position, GET.length);
  match(stage(report, "parsed"), /in http requests, first at byte \d+: e0 e1 e2/);
});

Deno.test("doctor finds requests that nobody answers", async () => {
  const port = freePort();
  await using server = await startPython(SCRIPTS.silent, [`${port}`]);
  using conn = await connect(port);
  const { report, code } = await examine(server.pid, [], async () => {
    await ask(conn, GET, 0);
    await server.until(() => server.stdout.includes("got"), "the request");
  });
  expect(report, code, "unanswered");
});

Deno.test("doctor finds bytes that the kernel moved and no event told of", async () => {
  const port = freePort();
  await using server = await startPython(SCRIPTS.splice, [`${port}`]);
  using conn = await connect(port);
  const { report, code } = await examine(server.pid, ["--capture", "socket"], async () => {
    await ask(conn, GET, 0);
    await server.until(() => server.stdout.includes("spliced"), "the request");
  });
  expect(report, code, "unseen");
  equal(report.kernel_bytes?.unseen, GET.length);
});

Deno.test("doctor reports on a process that ends meanwhile", async () => {
  const port = freePort();
  const server = await startPython(SCRIPTS.http, [`${port}`]);
  const { report, code } = await examine(server.pid, [], async () => {
    using conn = await connect(port);
    await ask(conn, GET, 40);
    await server[Symbol.asyncDispose]();
  });
  expect(report, code, "records_flow");
  match(stage(report, "process"), /ended meanwhile/);
});

Deno.test("doctor says which pid a container's process has outside", async () => {
  const inside = 4_194_000 - Math.floor(Math.random() * 100_000);
  await using container = new Background("unshare", [
    ...["--pid", "--fork", "--mount-proc", "sh", "-c"],
    `echo ${inside - 1} > /proc/sys/kernel/ns_last_pid; sleep 600 & echo pid $!; wait`,
  ]);
  await container.until(() => container.stdout.includes("pid "), "the pid");
  equal(container.stdout, `pid ${inside}\n`);
  const { stderr, code } = await run(SOCKEYE, ["doctor", "--pid", `${inside}`], {
    allowFailure: true,
  });
  equal(code, 1);
  const outside = /here it is pid (\d+)/.exec(stderr)?.[1] ?? "";
  equal((await Deno.readTextFile(`/proc/${outside}/comm`)).trim(), "sleep", stderr);
  Deno.kill(Number(outside), "SIGTERM");
});

Deno.test("doctor finds a process that says nothing", async () => {
  const port = freePort();
  await using server = await startPython(SCRIPTS.http, [`${port}`]);
  const { report, code } = await examine(server.pid, [], () => Promise.resolve());
  expect(report, code, "idle");
  match(report.verdict.text, /listens on 1 socket/);
  ok(await accepts(port));
});

Deno.test("doctor prints six stages and a verdict for people", async () => {
  const port = freePort();
  await using server = await startPython(SCRIPTS.http, [`${port}`]);
  const args = ["doctor", "--pid", `${server.pid}`, "--duration", "300ms"];
  const { stdout, code } = await run(SOCKEYE, args, { allowFailure: true });
  equal(code, 3);
  const names = [...stdout.matchAll(/^(\w+(?: \w+)?) {2,}\S/gm)].map(([, name]) => name);
  deepEqual(names, [
    "1 process",
    "2 events",
    "3 delivered",
    "4 tracked",
    "5 parsed",
    "6 stitched",
    "verdict",
    "next",
  ]);
});

const refused: { args: string[]; code: number; stderr: RegExp }[] = [
  { args: ["--pid", "4194304"], code: 1, stderr: /^Cannot examine pid 4194304: no such process\n/ },
  { args: [], code: 2, stderr: /--pid/ },
  { args: ["--pid", "1", "--protocol", "redsi"], code: 2, stderr: /did you mean "redis"/ },
  { args: ["--pid", "1", "-o", "xml"], code: 2, stderr: /not one of table, json/ },
];
for (const { args, code, stderr } of refused) {
  Deno.test(`doctor refuses ${args.join(" ") || "nothing"} with exit ${code}`, async () => {
    const finished = await run(SOCKEYE, ["doctor", ...args], { allowFailure: true });
    equal(finished.code, code, finished.stderr);
    match(finished.stderr, stderr);
  });
}
