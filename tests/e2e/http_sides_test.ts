/**
 * Both ends of HTTP: a client as COMMAND, a client and its server in one trace, the role filter.
 * Needs root, nginx, curl and python3.
 */
import assert from "node:assert/strict";
import { assertRequestHead, assertSound } from "../support/http_seen.ts";
import { HttpPeer } from "../support/http_peer.ts";
import { run } from "../support/process.ts";
import { startNginx } from "../support/servers.ts";
import { bySide, type SeenRecord, SOCKEYE, traced, WAYS } from "../support/tracer.ts";

const HTTP = ["--protocol", "http"];

/** Runs a COMMAND under a trace; records of its stdout, status and stderr. */
async function traceCommand(args: string[], command: string[]): Promise<{
  records: SeenRecord[];
  code: number;
  stderr: string;
}> {
  const { stdout, stderr, code } = await run(
    SOCKEYE,
    ["-o", "ndjson", ...HTTP, ...args, "--", ...command],
    { allowFailure: true },
  );
  const records = stdout.split("\n").filter((line) => line !== "").map((line) => JSON.parse(line));
  return { records, code, stderr };
}

const CURL = ["curl", "--silent", "--output", "/dev/null", "--user-agent", "test"];
const requestHead = (path: string, port: number): string =>
  [`GET ${path} HTTP/1.1`, `Host: 127.0.0.1:${port}`, "User-Agent: test", "Accept: */*", "", ""]
    .join("\r\n");

for (const way of WAYS) {
  Deno.test(`e2e http: a COMMAND is seen from its first byte, as client (${way} way)`, async () => {
    await using nginx = await startNginx();
    const url = `http://127.0.0.1:${nginx.port}`;
    const fromMs = Date.now();
    const paths = ["/index.html?1", "/none?2"];
    const { records, code, stderr } = await traceCommand(
      ["--capture", way],
      [...CURL, url + paths[0], "--output", "/dev/null", url + paths[1]],
    );
    assert.equal(code, 0, stderr);
    assert.match(stderr, /sockeye: nothing lost/);
    assertSound(records, fromMs);
    assert.deepEqual(records.map(({ response }) => response?.status), [200, 404]);
    for (const [i, record] of records.entries()) {
      assertRequestHead(record.request, requestHead(paths[i] ?? "", nginx.port));
      assert.equal(record.comm, "curl");
      assert.equal(record.role, "client");
      assert.equal(record.remote, `127.0.0.1:${nginx.port}`);
      assert.match(record.local ?? "", /^127\.0\.0\.1:\d+$/);
      assert.equal(record.incomplete, undefined);
      assert.equal(record.pid, records[0]?.pid);
      assert.equal(record.conn, records[0]?.conn);
      assert.ok((record.fd ?? 0) > 2);
    }
    assert.equal(records[0]?.response?.body, "hello\n");
  });

  Deno.test(`e2e http: grandchildren of COMMAND are seen, unless --no-follow (${way} way)`, async () => {
    await using nginx = await startNginx();
    const url = `http://127.0.0.1:${nginx.port}/index.html`;
    // The last command of a shell would take its place.
    const shell = ["sh", "-c", `(${CURL.join(" ")} ${url}?1; ${CURL.join(" ")} ${url}?2); exit 7`];
    const followed = await traceCommand(["--capture", way], shell);
    assert.equal(followed.code, 7, followed.stderr);
    assert.deepEqual(followed.records.map(({ request }) => request?.path), [
      "/index.html?1",
      "/index.html?2",
    ]);
    assert.notEqual(followed.records[0]?.pid, followed.records[1]?.pid);
    const alone = await traceCommand(["--capture", way, "--no-follow"], shell);
    assert.equal(alone.code, 7, alone.stderr);
    assert.deepEqual(alone.records, []);
  });

  Deno.test(`e2e http: both ends of a connection are told, each with its own role (${way} way)`, async () => {
    await using nginx = await startNginx();
    const [worker] = nginx.workers;
    const url = `http://127.0.0.1:${nginx.port}/index.html`;
    const act = async (): Promise<void> => {
      for (let i = 0; i < 5; i++) await run(CURL[0] ?? "", [...CURL.slice(1), `${url}?${i}`]);
    };
    const fromMs = Date.now();
    const port = ["--capture", way, "--port", `${nginx.port}`, ...HTTP];
    const both = await traced(port, async (tracer) => {
      await act();
      await tracer.untilRecords(10);
    });
    assertSound(both, fromMs);
    const { client, server } = bySide(both);
    assert.equal(client.length, 5);
    assert.equal(server.length, 5);
    for (const [i, asked] of client.entries()) {
      const answered = server.find(({ request }) => request?.path === asked.request?.path);
      assert.equal(asked.request?.path, `/index.html?${i}`);
      assert.deepEqual(asked.request, answered?.request);
      assert.deepEqual([asked.local, asked.remote], [answered?.remote, answered?.local]);
      assert.equal(asked.request_bytes, answered?.request_bytes);
      assert.equal(asked.response_bytes, answered?.response_bytes);
      assert.deepEqual([asked.comm, answered?.comm], ["curl", "nginx"]);
      assert.equal(answered?.pid, worker);
      assert.notEqual(asked.conn, answered?.conn);
      assert.ok((asked.latency_ns ?? 0) > 0);
    }
    for (const role of ["client", "server"]) {
      const some = await traced([...port, "--role", role], async (tracer) => {
        await act();
        await tracer.untilRecords(5);
      });
      assert.deepEqual(some.map((record) => record.role), Array(5).fill(role));
    }
  });

  Deno.test(`e2e http: different filters must all match, a repeated one any (${way} way)`, async () => {
    await using nginx = await startNginx();
    await using other = await startNginx();
    await using peer = await HttpPeer.start();
    const ports = [nginx.port, other.port, peer.port];
    const cases = [
      { args: ["--port", `${nginx.port}`, "--port", `${peer.port}`], want: [0, 2] },
      { args: ["--comm", "nginx", "--port", `${other.port}`], want: [1] },
      { args: ["--pid", `${nginx.pid}`, "--pid", `${peer.pid}`], want: [0, 2] },
      { args: ["--pid", `${nginx.pid}`, "--port", `${other.port}`], want: [] },
      { args: ["--comm", "python3", "--pid", `${peer.pid}`], want: [2] },
    ];
    for (const { args, want } of cases) {
      const filters = ["--capture", way, "--role", "server", ...HTTP, ...args];
      const records = await traced(filters, async (tracer) => {
        for (const port of ports) {
          await run(CURL[0] ?? "", [...CURL.slice(1), `http://127.0.0.1:${port}/f?${port}`]);
        }
        await tracer.untilRecords(want.length);
      });
      assert.deepEqual(
        records.map(({ request }) => request?.path),
        want.map((i) => `/f?${ports[i]}`),
        args.join(" "),
      );
    }
  });
}
