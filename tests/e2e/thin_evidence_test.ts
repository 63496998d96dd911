/**
 * First bytes that say little, or are odd, from raw sockets to real servers: HTTP, Redis, DNS. Needs
 * root, nginx, node, redis-server and python3.
 */
import assert from "node:assert/strict";
import { Background, run } from "../support/process.ts";
import { freePort, startNginx, startRedis } from "../support/servers.ts";
import { bySide, type SeenRecord, traced, WAYS } from "../support/tracer.ts";

/** Both ends of one socket; the process that reads a trace's output is none of those traced. */
const TALK = `
import socket, sys
for conversation in sys.argv[2:]:
    with socket.create_connection(("127.0.0.1", int(sys.argv[1]))) as s:
        for piece in conversation.split("|"):
            s.sendall(piece.encode())
            s.recv(65536)
`;
const ASK_AGAIN = `
import socket
server, client = (socket.socket(socket.AF_INET, socket.SOCK_DGRAM) for _ in range(2))
server.bind(("127.0.0.1", int(__import__("sys").argv[1])))
query = bytes([0, 7, 1, 0x40, 0, 1, 0, 0, 0, 0, 0, 0, 1, 97, 0, 0, 1, 0, 1])
client.connect(server.getsockname())
client.send(query)
client.send(query)
server.recvfrom(512)
again, peer = server.recvfrom(512)
server.sendto(again[:2] + b"\\x81" + again[3:], peer)
client.recv(512)
`;

const GET = "GET /usual HTTP/1.1\r\nHost: a\r\n\r\n";

/** Each conversation on a connection of its own: its pieces, with an answer to each. */
async function talk(port: number, conversations: readonly (readonly string[])[]): Promise<void> {
  const words = conversations.map((pieces) => pieces.join("|"));
  await run("python3", ["-c", TALK, `${port}`, ...words]);
}

function brief({ request, response, incomplete }: SeenRecord): unknown[] {
  const asked = request?.path ?? request?.command ?? null;
  return [asked, response?.body ?? response?.value ?? response?.status, incomplete ?? null];
}

interface Odd {
  readonly line: string;
  readonly path: string;
  readonly anomalies: readonly string[];
}

const SPACES: Odd = { line: "GET  /two HTTP/1.1", path: "/two", anomalies: ["extra_spaces"] };

const FOR_NGINX: readonly Odd[] = [
  SPACES,
  { line: "GET /behind HTTP/1.1 ", path: "/behind", anomalies: ["extra_spaces"] },
  {
    line: "\r\n\r\n\r\n\r\n\r\n\r\nGET /empty HTTP/1.1",
    path: "/empty",
    anomalies: ["leading_empty_lines"],
  },
];

const FOR_NODE: readonly Odd[] = [
  SPACES,
  { line: "\n\nM-SEARCH * HTTP/1.1", path: "*", anomalies: ["leading_empty_lines"] },
];

const NODE = `
const server = require("http").createServer((request, response) => response.end(request.url));
server.listen(0, "127.0.0.1", () => console.log(server.address().port));
`;

/** Two requests on each connection, the first one odd: both ends tell both. */
async function checkOdd(way: string, port: number, all: readonly Odd[]): Promise<void> {
  const args = ["--capture", way, "--port", `${port}`, "--protocol", "http"];
  const records = await traced(args, async (tracer) => {
    await talk(port, all.map(({ line }) => [`${line}\r\nHost: a\r\n\r\n`, GET]));
    await tracer.untilRecords(4 * all.length);
  });
  const { client, server } = bySide(records);
  for (const side of [client, server]) {
    const want = all.flatMap(({ path }) => [[path, path, null], ["/usual", "/usual", null]]);
    assert.deepEqual(side.map(brief), want);
    const odd = side.filter((_, i) => i % 2 === 0);
    assert.deepEqual(
      odd.map(({ request }) => request?.anomalies),
      all.map(({ anomalies }) => anomalies),
    );
  }
}

for (const way of WAYS) {
  const capture = ["--capture", way];

  Deno.test(`e2e thin evidence: request lines that nginx accepts (${way} way)`, async () => {
    await using nginx = await startNginx({ server: "location / { return 200 $uri; }" });
    await checkOdd(way, nginx.port, FOR_NGINX);
  });

  Deno.test(`e2e thin evidence: request lines that node accepts (${way} way)`, async () => {
    await using node = new Background("node", ["-e", NODE]);
    await node.until(() => node.stdout.includes("\n"), "node's port");
    await checkOdd(way, Number(node.stdout), FOR_NODE);
  });

  Deno.test(`e2e thin evidence: what Redis takes for commands, and for none (${way} way)`, async () => {
    await using redis = await startRedis();
    const PING = "*1\r\n$4\r\nPING\r\n";
    const firsts = ["PING\n", `*0\r\n${PING}`, `*-1\r\n${PING}`, "\r\nPING\r\n"];
    const args = [...capture, "--port", `${redis.port}`, "--protocol", "redis"];
    const records = await traced(args, async (tracer) => {
      await talk(redis.port, firsts.map((first) => [first, "*2\r\n$4\r\nECHO\r\n$1\r\na\r\n"]));
      await tracer.untilRecords(4 * firsts.length);
    });
    const { client, server } = bySide(records);
    for (const side of [client, server]) {
      const want = firsts.flatMap(() => [["PING", "PONG", null], ["ECHO", "a", null]]);
      assert.deepEqual(side.map(brief), want);
    }
  });

  Deno.test(`e2e thin evidence: a query sent again, with Z set, answered once (${way} way)`, async () => {
    const port = freePort();
    const args = [...capture, "--port", `${port}`, "--protocol", "dns"];
    const records = await traced(args, async (tracer) => {
      await run("python3", ["-c", ASK_AGAIN, `${port}`]);
      await tracer.untilRecords(2);
    });
    assert.equal(records.length, 2);
    for (const { request, response, incomplete } of records) {
      assert.deepEqual([request?.retransmitted, request?.reserved], [1, true]);
      assert.deepEqual([response?.rcode, incomplete], ["NOERROR", undefined]);
    }
  });
}
