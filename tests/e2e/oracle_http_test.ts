/**
 * tshark as oracle: on the same loopback traffic it sees the same requests and responses, in the same
 * order on each connection. Needs root, tcpdump, tshark, nginx, curl and python3.
 */
import assert from "node:assert/strict";
import { HttpPeer, RawClient } from "../support/http_peer.ts";
import { Background, run } from "../support/process.ts";
import { type Server, startNginx } from "../support/servers.ts";
import { type SeenRecord, traced, WAYS } from "../support/tracer.ts";

/** What was said on one connection, by the client's port. */
type Talks = Map<number, { requests: string[]; statuses: number[] }>;

function talkOf(talks: Talks, port: number): { requests: string[]; statuses: number[] } {
  const found = talks.get(port);
  if (found !== undefined) return found;
  const talk = { requests: [], statuses: [] };
  talks.set(port, talk);
  return talk;
}

/** Captures loopback while `act` runs; `last` is in the last bytes that it makes move. */
async function capture(
  file: string,
  ports: number[],
  last: string,
  act: () => Promise<void>,
): Promise<void> {
  const filter = ports.map((port) => `tcp port ${port}`).join(" or ");
  await using tcpdump = new Background("tcpdump", [
    ...["-i", "lo", "-n", "-U", "--immediate-mode", "-B", "65536", "-Z", "root", "-s", "0"],
    ...["-w", file, filter],
  ]);
  await tcpdump.until(() => tcpdump.stderr.includes("listening on"), "tcpdump");
  await act();
  const seen = async (): Promise<boolean> => (await Deno.readTextFile(file)).includes(last);
  await tcpdump.until(seen, "the last bytes");
  tcpdump.kill("SIGINT");
  await tcpdump.end();
  assert.match(tcpdump.stderr, /^0 packets dropped by kernel/m);
}

/** All that tshark finds in a capture. */
async function dissect(file: string, ports: number[]): Promise<Talks> {
  const fields = ["tcp.srcport", "tcp.dstport", "http.request.method", "http.request.uri"];
  const { stdout } = await run("tshark", [
    ...["-r", file, "-Y", "http", "-T", "fields", "-E", "occurrence=a"],
    ...ports.flatMap((port) => ["-d", `tcp.port==${port},http`]),
    ...[...fields, "http.response.code"].flatMap((field) => ["-e", field]),
  ]);
  const talks: Talks = new Map();
  for (const line of stdout.split("\n").filter((line) => line !== "")) {
    const [source, target, methods = "", uris = "", codes = ""] = line.split("\t");
    const isRequest = ports.includes(Number(target));
    const talk = talkOf(talks, Number(isRequest ? source : target));
    const many = (text: string): string[] => text === "" ? [] : text.split(",");
    const paths = many(uris);
    talk.requests.push(...many(methods).map((method, i) => `${method} ${paths[i]}`));
    talk.statuses.push(...many(codes).map(Number));
  }
  return talks;
}

function told(records: readonly SeenRecord[]): Talks {
  const talks: Talks = new Map();
  for (const { remote, request, response } of records) {
    const talk = talkOf(talks, Number(remote?.split(":").at(-1)));
    talk.requests.push(`${request?.method} ${request?.path}`);
    const interim = response?.interim;
    if (Array.isArray(interim)) talk.statuses.push(...interim.map(Number));
    talk.statuses.push(Number(response?.status));
  }
  return talks;
}

/** Traffic of every kind that both dissect, the last request being of /end. */
async function converse(nginx: Server, peer: HttpPeer): Promise<void> {
  const url = `http://127.0.0.1:${nginx.port}`;
  const quiet = ["--silent", "--output", "/dev/null"];
  await run("curl", ["-Z", "--parallel-max", "10", "--silent", `${url}/index.html?[1-400]`]);
  await run("curl", [...quiet, "--head", `${url}/index.html`]);
  await run("curl", [...quiet, "-H", "Connection: close", `${url}/none`]);
  const put = ["-X", "PUT", "-H", "Expect: 100-continue", "--data-raw", "hello"];
  await run("curl", [...quiet, ...put, `${url}/put/one`]);
  await run("curl", [...quiet, ...put, "-H", "Transfer-Encoding: chunked", `${url}/put/two`]);
  await run("curl", [...quiet, "--upload-file", `${nginx.folder}/html/big`, `${url}/put/three`]);
  await run("curl", [...quiet, `${url}/big`, "--next", ...quiet, `${url}/index.html?after`]);
  using client = await RawClient.connect(peer.port);
  const get = (path: string): string => `GET ${path} HTTP/1.1\r\nHost: peer\r\n\r\n`;
  await client.send(
    Array.from({ length: 10 }, (_, i) => get(`/pipelined/${i}`)).join("") +
      get("/chunked") + get("/early") + get("/until-close"),
  );
  await client.rest();
  await peer.ask("/end");
}

for (const way of WAYS) {
  Deno.test(`e2e oracle: tshark sees the same requests and responses in the same order (${way} way)`, async () => {
    await using nginx = await startNginx({
      workers: 2,
      files: { "index.html": "hello", "big": "x".repeat(300_000) },
      server: "location /put/ { dav_methods PUT; create_full_put_path on; }",
    });
    await using peer = await HttpPeer.start();
    const ports = [nginx.port, peer.port];
    const file = await Deno.makeTempFile({ prefix: "sockeye-oracle-", suffix: ".pcap" });
    const pids = ["-p", `${nginx.pid}`, "-p", `${peer.pid}`];
    const records = await traced(
      ["--capture", way, ...pids, "--ring-mib", "32"],
      async (tracer) => {
        await capture(file, ports, "0 /end", () => converse(nginx, peer));
        await tracer.untilRecords(1, ({ request }) => request?.path === "/end");
      },
    );
    const want = await dissect(file, ports);
    await Deno.remove(file);
    assert.ok(want.size >= 17);
    assert.equal(records.length, [...want.values()].flatMap(({ requests }) => requests).length);
    assert.deepEqual(told(records), want);
  });
}
