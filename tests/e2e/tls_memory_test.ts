/**
 * Plain text of programs that move the cipher text themselves: OpenSSL reads from memory and writes to
 * it. The socket is found by what is sent on it. Needs root, node, python3.
 */
import assert from "node:assert/strict";
import { run } from "../support/process.ts";
import { LATEST_TLS, startTlsServer } from "../support/tls.ts";
import { bySide, type SeenRecord, traced, WAYS } from "../support/tracer.ts";

const NODE_SERVER = `
const fs = require("fs");
const [, port, key, cert] = process.argv;
require("https").createServer({ key: fs.readFileSync(key), cert: fs.readFileSync(cert) },
  (request, response) => response.end("answer to " + request.url)).listen(+port, "127.0.0.1");
`;
/** Two connections at a time, requests one after the other on each. */
const NODE_CLIENT = `
const https = require("https");
const [, port, count] = process.argv;
const ask = (agent, path) => new Promise((resolve, reject) =>
  https.get({ port, host: "127.0.0.1", path, agent, rejectUnauthorized: false }, (response) => {
    response.resume();
    response.on("end", resolve);
  }).on("error", reject));
const connection = async (name) => {
  const agent = new https.Agent({ keepAlive: true, maxSockets: 1 });
  for (let i = 0; i < +count; i++) await ask(agent, "/" + name + i);
  agent.destroy();
};
Promise.all([connection("a"), connection("b")]);
`;
const ASYNCIO_SERVER = `
import asyncio, ssl, sys
context = ssl.create_default_context(ssl.Purpose.CLIENT_AUTH)
context.load_cert_chain(sys.argv[3], sys.argv[2])
async def serve(reader, writer):
    try:
        while True:
            path = (await reader.readuntil(b"\\r\\n\\r\\n")).split()[1]
            body = b"answer to " + path
            writer.write(b"HTTP/1.1 200 OK\\r\\nContent-Length: %d\\r\\n\\r\\n" % len(body) + body)
            await writer.drain()
    except (asyncio.IncompleteReadError, ConnectionError):
        writer.close()
async def main():
    server = await asyncio.start_server(serve, "127.0.0.1", int(sys.argv[1]), ssl=context)
    await server.serve_forever()
asyncio.run(main())
`;
const ASYNCIO_CLIENT = `
import asyncio, ssl, sys
context = ssl.create_default_context()
context.check_hostname = False
context.verify_mode = ssl.CERT_NONE
async def connection(name):
    reader, writer = await asyncio.open_connection("127.0.0.1", int(sys.argv[1]), ssl=context)
    for i in range(int(sys.argv[2])):
        writer.write(b"GET /%s%d HTTP/1.1\\r\\nHost: a\\r\\n\\r\\n" % (name, i))
        head = await reader.readuntil(b"\\r\\n\\r\\n")
        await reader.readexactly(int(head.lower().split(b"content-length:")[1].split()[0]))
    writer.close()
    await writer.wait_closed()
async def main():
    await asyncio.gather(connection(b"a"), connection(b"b"))
asyncio.run(main())
`;

interface Kind {
  name: string;
  command: string;
  server: string[];
  client: string[];
}

const KINDS: Kind[] = [
  { name: "Node", command: "node", server: ["-e", NODE_SERVER], client: ["-e", NODE_CLIENT] },
  {
    name: "Python's asyncio",
    command: "python3",
    server: ["-c", ASYNCIO_SERVER],
    client: ["-c", ASYNCIO_CLIENT],
  },
];
const COUNT = 5;
const PATHS = ["a", "b"].map((name) => Array.from({ length: COUNT }, (_, i) => `/${name}${i}`));

/** All exchanges of one end, each on the connection that was theirs. */
function assertSide(side: readonly SeenRecord[], port: number): void {
  assert.equal(side.length, 2 * COUNT);
  const connections = Map.groupBy(side, ({ conn }) => conn);
  const paths = [...connections.values()].map((of) => of.map(({ request }) => request?.path));
  assert.deepEqual(paths.sort(), PATHS);
  for (const of of connections.values()) {
    assert.equal(new Set(of.map(({ local, remote }) => `${local} ${remote}`)).size, 1);
  }
  for (const { request, response, local, remote, tls, incomplete } of side) {
    assert.equal(response?.body ?? null, `answer to ${request?.path}`);
    assert.ok([local, remote].includes(`127.0.0.1:${port}`), `${local} ${remote}`);
    assert.deepEqual(tls, LATEST_TLS);
    assert.equal(incomplete, undefined);
  }
}

for (const way of WAYS) {
  for (const { name, command, server, client } of KINDS) {
    const start = () =>
      startTlsServer(command, ({ port, key, cert }) => [...server, `${port}`, key, cert]);

    Deno.test(`e2e tls in memory, ${way} way: ${name} at both ends`, async () => {
      await using running = await start();
      const args = ["--capture", way, "--port", `${running.port}`];
      const records = await traced(args, async (tracer) => {
        await run(command, [...client, `${running.port}`, `${COUNT}`]);
        await tracer.untilRecords(4 * COUNT);
      });
      const { client: asked, server: answered } = bySide(records);
      assertSide(asked, running.port);
      assertSide(answered, running.port);
      assert.equal(records.length, 4 * COUNT);
    });
  }
}
