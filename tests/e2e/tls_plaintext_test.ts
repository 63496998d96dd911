/**
 * Plain text inside OpenSSL and GnuTLS: every exchange is one right record at each end, with the addresses of the
 * real connection, and none comes of the cipher text. Needs root, nginx, curl, wget, openssl,
 * redis-server, python3.
 */
import assert from "node:assert/strict";
import { curl, type Transfer } from "../support/curl.ts";
import { assertRequestHead, assertResponseHead, assertSound } from "../support/http_seen.ts";
import { Background, run } from "../support/process.ts";
import { bySide, type SeenRecord, SOCKEYE, traced, WAYS } from "../support/tracer.ts";
import { LATEST_TLS, NGINX_TLS, startTlsNginx, startTlsServer } from "../support/tls.ts";

const MIB = 1 << 20;
const LARGE = new TextEncoder().encode("0123456789abcdef".repeat(MIB / 16));

function assertTransfers(records: readonly SeenRecord[], transfers: readonly Transfer[]): void {
  for (const transfer of transfers) {
    const path = transfer.requestHead.split(" ")[1];
    const [record, ...others] = records.filter(({ request }) => request?.path === path);
    assert.ok(record !== undefined && others.length === 0, `${others.length + 1} of ${path}`);
    assertRequestHead(record.request, transfer.requestHead);
    assertResponseHead(record.response, transfer.responseHeads.at(-1) ?? "");
    assert.equal(record.request_bytes, transfer.requestBytes);
    assert.equal(record.response_bytes, transfer.responseBytes);
    assert.equal(record.incomplete, undefined);
    assert.deepEqual(record.tls, { ...NGINX_TLS, alpn: "http/1.1" });
    const ends = [`127.0.0.1:${transfer.localPort}`, `127.0.0.1:${transfer.remotePort}`];
    assert.deepEqual([record.local, record.remote].sort(), ends.sort());
  }
}

/** Requests of Python's, which wants a line on its input before each. */
function pythonClient(port: number, threads = 1, ...env: string[]): Background {
  const program = `
import http.client, ssl, sys, threading
context = ssl.create_default_context()
context.check_hostname = False
context.verify_mode = ssl.CERT_NONE
connections = [http.client.HTTPSConnection("127.0.0.1", ${port}, context=context) for _ in range(${threads})]
def ask(connection, path):
    connection.request("GET", path)
    connection.getresponse().read()
for i, line in enumerate(sys.stdin):
    all = [threading.Thread(target=ask, args=(each, f"/a.txt?{i}.{j}")) for j, each in enumerate(connections)]
    for each in all: each.start()
    for each in all: each.join()
    print("asked", i, flush=True)
`;
  return new Background("env", [...env, "python3", "-c", program], { stdin: "piped" });
}

async function ask(client: Background, index: number): Promise<void> {
  await client.write("\n");
  await client.until(() => client.stdout.includes(`asked ${index}\n`), `answer ${index}`);
}

for (const way of WAYS) {
  const test = (name: string, body: () => Promise<void>): void => {
    Deno.test(`e2e tls, ${way} way: ${name}`, body);
  };
  const by = (port: number, ...more: string[]): string[] => {
    return ["--capture", way, "--port", `${port}`, ...more];
  };

  test("every transfer between nginx and curl is one right record at each end", async () => {
    await using nginx = await startTlsNginx({
      files: { "a.txt": "a", "large": LARGE },
      server: "location /put/ { dav_methods PUT; create_full_put_path on; }",
    });
    const url = (path: string): string => `https://127.0.0.1:${nginx.port}${path}`;
    const fromMs = Date.now();
    const transfers: Transfer[] = [];
    const records = await traced(by(nginx.port), async () => {
      const args = ["--insecure", "--http1.1"];
      transfers.push(
        ...await curl({ urls: ["/a.txt?1", "/a.txt?2", "/none?3"].map(url), args }),
        ...await curl({ urls: [url("/a.txt?4")], args: [...args, "--tls-max", "1.2"] }),
        ...await curl({ urls: [url("/large?5")], args }),
        ...await curl({
          urls: [url("/put/6")],
          args: [...args, "-X", "PUT", "-H", "Expect:", "--data-binary", "@-"],
          stdin: LARGE,
        }),
      );
    });
    assertSound(records, fromMs);
    const { client, server } = bySide(records);
    assert.deepEqual([client.length, server.length, records.length], [6, 6, 12]);
    assertTransfers(client, transfers);
    assertTransfers(server, transfers);
    for (const { pid, comm } of server) {
      assert.ok(nginx.workers.includes(pid ?? 0));
      assert.equal(comm, "nginx");
    }
    const put = server.find(({ request }) => request?.path === "/put/6");
    assert.equal(put?.request?.body_bytes, MIB);
  });

  test("connections that are older than the trace are read from their next request on", async () => {
    await using nginx = await startTlsNginx({ files: { "a.txt": "a" } });
    await using client = pythonClient(nginx.port);
    await ask(client, 0);
    const records = await traced(by(nginx.port), async () => {
      for (const i of [1, 2, 3]) await ask(client, i);
    });
    const { client: asked, server: answered } = bySide(records);
    const paths = ["/a.txt?1.0", "/a.txt?2.0", "/a.txt?3.0"];
    for (const side of [asked, answered]) {
      assert.deepEqual(side.map(({ request }) => request?.path), paths);
      assert.deepEqual(side.map(({ response }) => response?.status), [200, 200, 200]);
      assert.equal(new Set(side.map(({ conn }) => conn)).size, 1);
    }
    assert.equal(records.length, 6);
    assert.equal(asked[0]?.local, answered[0]?.remote);
  });

  test("200 clients one after the other, four workers: none is missed", async () => {
    await using nginx = await startTlsNginx({ files: { "a.txt": "a" }, workers: 4 });
    const loop = `for i in $(seq 200); do curl -sk -o /dev/null "$0$i"; done`;
    const records = await traced(by(nginx.port), async () => {
      await run("bash", ["-c", loop, `https://127.0.0.1:${nginx.port}/a.txt?`]);
    });
    const want = Array.from({ length: 200 }, (_, i) => `/a.txt?${i + 1}`);
    const { client, server } = bySide(records);
    for (const side of [client, server]) {
      assert.deepEqual(side.map(({ request }) => request?.path).sort(), [...want].sort());
      assert.ok(
        side.every(({ response, incomplete }) =>
          response?.status === 200 && incomplete === undefined
        ),
      );
    }
    assert.equal(records.length, 400);
  });

  test("threads that share a context, each with a connection of its own", async () => {
    await using nginx = await startTlsNginx({ files: { "a.txt": "a" }, workers: 2 });
    await using client = pythonClient(nginx.port, 8);
    const records = await traced(by(nginx.port), async () => {
      for (let i = 0; i < 10; i++) await ask(client, i);
    });
    const { client: asked, server: answered } = bySide(records);
    for (const side of [asked, answered]) {
      assert.equal(side.length, 80);
      const byConnection = Map.groupBy(side, ({ conn }) => conn);
      assert.equal(byConnection.size, 8);
      for (const of of byConnection.values()) {
        const [, thread] = String(of[0]?.request?.path).split(".txt?0.");
        const want = Array.from({ length: 10 }, (_, i) => `/a.txt?${i}.${thread}`);
        assert.deepEqual(of.map(({ request }) => request?.path), want);
        assert.equal(new Set(of.map(({ local, remote }) => `${local} ${remote}`)).size, 1);
      }
    }
    assert.equal(records.length, 160);
  });

  test("a proxy: both hops of each request, each on its own connection", async () => {
    await using behind = await startTlsNginx({ files: { "a.txt": "a" } });
    await using proxy = await startTlsNginx({
      http: `upstream behind { server 127.0.0.1:${behind.port}; keepalive 4; }`,
      server: `location / { proxy_pass https://behind; proxy_http_version 1.1;
        proxy_set_header Connection ""; }`,
    });
    await using client = pythonClient(proxy.port, 4);
    const ports = `${proxy.port},${behind.port}`;
    const records = await traced(["--capture", way, "--port", ports], async () => {
      for (let i = 0; i < 5; i++) await ask(client, i);
    });
    assert.equal(records.length, 4 * 4 * 5);
    for (const of of Map.groupBy(records, ({ request }) => request?.path).values()) {
      const hops = of.map(({ role, local, remote }) => `${role} ${local} ${remote}`);
      for (const port of [proxy.port, behind.port]) {
        const asked = of.find(({ role, remote }) =>
          role === "client" && remote === `127.0.0.1:${port}`
        );
        assert.ok(hops.includes(`server 127.0.0.1:${port} ${asked?.local}`), hops.join("; "));
      }
      assert.equal(of.length, 4);
    }
    assert.ok(records.every(({ incomplete }) => incomplete === undefined));
  });

  test("a response that ends with its connection: openssl s_server and s_client", async () => {
    await using server = await startTlsServer("openssl", ({ port, key, cert }) => [
      ...["s_server", "-accept", `127.0.0.1:${port}`, "-key", key, "-cert", cert, "-www", "-quiet"],
    ]);
    const records = await traced(by(server.port), async () => {
      const args = ["s_client", "-connect", `127.0.0.1:${server.port}`, "-quiet"];
      const { stdout } = await run("openssl", args, { stdin: "GET / HTTP/1.0\r\n\r\n" });
      assert.match(stdout, /200 ok/);
    });
    assert.equal(records.length, 2);
    for (const { request, response, incomplete, tls } of records) {
      assert.deepEqual([request?.path, response?.status], ["/", 200]);
      assert.equal(incomplete, undefined);
      assert.deepEqual(tls, LATEST_TLS);
    }
    const [one, other] = records;
    assert.equal(one?.response_bytes, other?.response_bytes);
  });

  test("redis: commands at both ends", async () => {
    await using server = await startTlsServer("redis-server", ({ port, key, cert }) => [
      ...["--port", "0", "--tls-port", `${port}`, "--tls-cert-file", cert, "--tls-key-file", key],
      ...["--tls-ca-cert-file", cert, "--tls-auth-clients", "no", "--save", ""],
    ]);
    const lines = ["SET a 1", "INCR a", "GET a", "GET none"];
    const records = await traced(by(server.port), async () => {
      const args = ["--tls", "--insecure", "-p", `${server.port}`];
      await run("redis-cli", args, { stdin: lines.map((line) => `${line}\n`).join("") });
    });
    const { client, server: answered } = bySide(records);
    // redis-cli asks for the list of commands first.
    for (const side of [client, answered]) {
      assert.equal(side.shift()?.request?.command, "COMMAND");
      assert.deepEqual(side.map(({ request }) => request?.command), ["SET", "INCR", "GET", "GET"]);
      assert.deepEqual(side.map(({ response }) => response?.value), ["OK", 2, "2", undefined]);
      for (const { tls } of side) assert.deepEqual(tls, LATEST_TLS);
    }
    assert.equal(records.length, 10);
  });

  test("GnuTLS: wget", async () => {
    await using nginx = await startTlsNginx({ files: { "large": LARGE } });
    const records = await traced(by(nginx.port), async () => {
      const url = `https://127.0.0.1:${nginx.port}/large`;
      await run("wget", ["-q", "--no-check-certificate", "-O", "/dev/null", url, url]);
    });
    const { client, server } = bySide(records);
    const ofGnutls = { ...NGINX_TLS, library: "gnutls" };
    assert.deepEqual(client.map(({ tls }) => tls), [ofGnutls, ofGnutls]);
    assert.deepEqual(server.map(({ tls }) => tls), [NGINX_TLS, NGINX_TLS]);
    for (const { request, response, incomplete } of records) {
      assert.deepEqual([request?.path, response?.body_bytes, incomplete], [
        "/large",
        MIB,
        undefined,
      ]);
    }
    assert.equal(records.length, 4);
  });

  test("a command's own connections, through a library that no process had before", async () => {
    await using nginx = await startTlsNginx({ files: { "a.txt": "a" } });
    const folder = await Deno.makeTempDir({ prefix: "sockeye-tls-" });
    try {
      const { stdout: found } = await run("bash", [
        "-c",
        "ldconfig -p | grep -o '/.*libssl.so.3$'",
      ]);
      await Deno.copyFile(found.trim().split("\n")[0] ?? "", `${folder}/libssl.so.3`);
      const urls = ["1", "2"].map((i) => `https://127.0.0.1:${nginx.port}/a.txt?${i}`);
      const output = `${folder}/records`;
      const args = ["--capture", way, "--output-file", output, "-o", "ndjson"];
      await run("env", [
        ...[`LD_LIBRARY_PATH=${folder}`, SOCKEYE, ...args, "--", "curl", "-sk", ...urls],
      ]);
      const text = await Deno.readTextFile(output);
      const records: SeenRecord[] = text.trim().split("\n").map((line) => JSON.parse(line));
      assert.deepEqual(records.map(({ protocol }) => protocol), ["http", "http"]);
      assert.deepEqual(records.map(({ comm, role }) => [comm, role]), [
        ["curl", "client"],
        ["curl", "client"],
      ]);
    } finally {
      await Deno.remove(folder, { recursive: true });
    }
  });

  test("a library that was removed while a process runs on with it", async () => {
    await using nginx = await startTlsNginx({ files: { "a.txt": "a" } });
    const folder = await Deno.makeTempDir({ prefix: "sockeye-tls-" });
    const { stdout: found } = await run("bash", ["-c", "ldconfig -p | grep -o '/.*libssl.so.3$'"]);
    await Deno.copyFile(found.trim().split("\n")[0] ?? "", `${folder}/libssl.so.3`);
    await using client = pythonClient(nginx.port, 1, `LD_LIBRARY_PATH=${folder}`);
    await ask(client, 0);
    await Deno.remove(folder, { recursive: true });
    const args = ["--capture", way, "--pid", `${client.pid}`];
    const records = await traced(args, async () => {
      for (const i of [1, 2]) await ask(client, i);
    });
    assert.deepEqual(records.map(({ request }) => request?.path), ["/a.txt?1.0", "/a.txt?2.0"]);
  });

  test("--no-tls leaves cipher text as it is", async () => {
    await using nginx = await startTlsNginx({ files: { "a.txt": "a" } });
    const records = await traced(by(nginx.port, "--no-tls", "--protocol", "http"), async () => {
      await curl({ urls: [`https://127.0.0.1:${nginx.port}/a.txt`], args: ["--insecure"] });
    });
    assert.deepEqual(records, []);
  });

  test("a replay of its recording gives the same records", async () => {
    await using nginx = await startTlsNginx({ files: { "a.txt": "a" } });
    const folder = await Deno.makeTempDir({ prefix: "sockeye-tls-" });
    try {
      const file = `${folder}/recording`;
      const records = await traced(by(nginx.port, "--record", file), async () => {
        const urls = ["1", "2"].map((i) => `https://127.0.0.1:${nginx.port}/a.txt?${i}`);
        await curl({ urls, args: ["--insecure"] });
      });
      assert.equal(records.length, 4);
      const { stdout } = await run(SOCKEYE, ["replay", file, "-o", "ndjson"]);
      const again: SeenRecord[] = stdout.trim().split("\n").map((line) => JSON.parse(line));
      assert.deepEqual(again, records);
    } finally {
      await Deno.remove(folder, { recursive: true });
    }
  });
}
