/**
 * Real proxies: what haproxy says of the connections that it passes on, and what passes inside of a
 * tunnel that tinyproxy opens. Needs root, haproxy, tinyproxy, nginx, redis-server and curl.
 */
import assert from "node:assert/strict";
import { assertSound } from "../support/http_seen.ts";
import { HttpPeer } from "../support/http_peer.ts";
import { RawTalker } from "../support/raw_talker.ts";
import { startHaproxy, startTinyproxy } from "../support/proxies.ts";
import { run } from "../support/process.ts";
import { startNginx, startRedis } from "../support/servers.ts";
import { bySide, type SeenRecord, traced, WAYS } from "../support/tracer.ts";

const CURL = ["--silent", "--show-error", "--user-agent", "test"];
const ECHO = "location / { return 200 $request_uri; }";

/** Requests with what answers them: they must say the same. */
function pairs(records: readonly SeenRecord[]): unknown[] {
  return records.map(({ request, response }) => [request?.path, response?.body]);
}

for (const way of WAYS) {
  for (const send of ["send-proxy", "send-proxy-v2"]) {
    Deno.test(`e2e proxies: haproxy's ${send} before nginx (${way} way)`, async () => {
      await using nginx = await startNginx({
        listen: "127.0.0.1:PORT proxy_protocol",
        server: ECHO,
      });
      await using haproxy = await startHaproxy(nginx.port, send);
      const sent: [path: string, source: string][] = [];
      const fromMs = Date.now();
      const args = ["--capture", way, "--port", `${nginx.port}`, "--protocol", "http"];
      const records = await traced(args, async (tracer) => {
        for (let conn = 0; conn < 3; conn++) {
          const paths = Array.from({ length: 20 }, (_, i) => `/${conn}/${i}`);
          const urls = paths.map((path) => `http://127.0.0.1:${haproxy.port}${path}`);
          const format = "\n%{local_port}\n";
          const { stdout } = await run("curl", [...CURL, "--write-out", format, ...urls]);
          const [port] = stdout.split("\n").slice(1);
          for (const path of paths) sent.push([path, `127.0.0.1:${port}`]);
        }
        await tracer.untilRecords(2 * sent.length);
      });
      assertSound(records, fromMs);
      const { client, server } = bySide(records);
      for (const side of [client, server]) {
        assert.deepEqual(pairs(side), sent.map(([path]) => [path, path]));
        assert.deepEqual(
          side.map(({ proxy }) => proxy),
          sent.map(([, source]) => ({ source, destination: `127.0.0.1:${haproxy.port}` })),
        );
        for (const { incomplete } of side) assert.equal(incomplete, undefined);
      }
      assert.deepEqual([client[0]?.comm, server[0]?.comm], ["haproxy", "nginx"]);
    });
  }

  Deno.test(`e2e proxies: HTTP, Redis and what is unknown inside of CONNECT (${way} way)`, async () => {
    await using nginx = await startNginx({ server: ECHO });
    await using redis = await startRedis();
    await using tinyproxy = await startTinyproxy();
    using unknown = Deno.listen({ hostname: "127.0.0.1", port: 0 });
    const answering = (async () => {
      using conn = await unknown.accept();
      await conn.read(new Uint8Array(64));
      await conn.write(Uint8Array.of(3, 4, 5));
    })();
    const curl = [...CURL, "--proxytunnel", "--proxy", `http://127.0.0.1:${tinyproxy.port}`];
    const telnet = (port: number, stdin: string): Promise<unknown> =>
      run("curl", [...curl, `telnet://127.0.0.1:${port}`], { stdin, allowFailure: true });
    const { port } = unknown.addr;
    const args = [
      "--capture",
      way,
      "--port",
      `${tinyproxy.port}`,
      "--protocol",
      "http,redis,unknown",
    ];
    const records = await traced(args, async (tracer) => {
      const urls = ["/1", "/2", "/3"].map((path) => `http://127.0.0.1:${nginx.port}${path}`);
      await run("curl", [...curl, ...urls]);
      await telnet(redis.port, "PING\r\nECHO a\r\nQUIT\r\n");
      await telnet(port, "\x01\x02");
      await answering;
      await tracer.untilRecords(2 * 10);
    });
    const { client, server } = bySide(records);
    for (const side of [client, server]) {
      const byConn = Map.groupBy(side, ({ conn }) => conn);
      const tunnels = [...byConn.values()].map((all) =>
        all.map(({ protocol, request, response }) => [
          protocol,
          request?.path ?? request?.command ?? request?.bytes,
          response?.body ?? response?.value ?? response?.bytes ?? response?.status,
        ])
      );
      assert.deepEqual(tunnels, [
        [
          ["http", `127.0.0.1:${nginx.port}`, 200],
          ["http", "/1", "/1"],
          ["http", "/2", "/2"],
          ["http", "/3", "/3"],
        ],
        [
          ["http", `127.0.0.1:${redis.port}`, 200],
          ["redis", "PING", "PONG"],
          ["redis", "ECHO", "a"],
          ["redis", "QUIT", "OK"],
        ],
        [["http", `127.0.0.1:${port}`, 200], ["unknown", 2, 3]],
      ]);
    }
    assert.deepEqual([client[0]?.comm, server[0]?.comm], ["curl", "tinyproxy"]);
  });

  Deno.test(`e2e proxies: what is sent before a tunnel stands, and behind an upgrade (${way} way)`, async () => {
    await using redis = await startRedis();
    await using tinyproxy = await startTinyproxy();
    await using peer = await HttpPeer.start();
    const ports = `${tinyproxy.port},${peer.port}`;
    const args = ["--capture", way, "--port", ports, "--protocol", "http,redis,unknown"];
    const upgrade = "Upgrade: echo\r\nConnection: Upgrade\r\n\r\n";
    const records = await traced(args, async (tracer) => {
      await using early = new RawTalker(tinyproxy.port);
      const { port } = redis;
      await early.say(`CONNECT 127.0.0.1:${port} HTTP/1.1\r\nHost: a\r\n\r\nPING\r\nQUIT\r\n`);
      await tracer.untilRecords(2 * 3);
      await using other = new RawTalker(peer.port);
      const asked = `GET /upgrade HTTP/1.1\r\nHost: a\r\n${upgrade}`;
      await other.say(asked, `HTTP/1.1 101 Switching Protocols\r\n${upgrade}`.length);
      await other.say("heave ho", "heave ho".length);
      await tracer.untilRecords(2 * 4);
    });
    const { client, server } = bySide(records);
    for (const side of [client, server]) {
      const told = side.map(({ protocol, request, response }) => [
        protocol,
        request?.method ?? request?.command ?? request?.bytes,
        response?.status ?? response?.value ?? response?.bytes,
      ]);
      assert.deepEqual(told, [
        ["http", "CONNECT", 200],
        ["redis", "PING", "PONG"],
        ["redis", "QUIT", "OK"],
        ["http", "GET", 101],
        ["unknown", 8, 8],
      ]);
    }
  });
}
