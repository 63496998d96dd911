/**
 * DNS end to end: dnsmasq, dig, dnsperf, glibc's resolver and small clients on loopback, every
 * record counted and checked, in both capture ways. Most traces are by port and so see each
 * exchange at both ends. Needs root.
 */
import assert from "node:assert/strict";
import { createSocket } from "node:dgram";
import { CLOCK_SLACK_MS } from "../support/http_seen.ts";
import { Background, run } from "../support/process.ts";
import { freePort, type Server, startDnsmasq } from "../support/servers.ts";
import {
  bySide,
  type Json,
  lossIn,
  type SeenRecord,
  startTracer,
  traced,
  WAYS,
} from "../support/tracer.ts";

type Way = typeof WAYS[number];

const ENDS = ["client", "server"] as const;
const SUPPORT = new URL("../support/", import.meta.url).pathname;

/** What dnsmasq knows; every other name under test is NXDOMAIN. */
const ZONE = [
  ...["--local=/test/", "--host-record=a.test,10.1.2.3,fd00::7,300", "--cname=c.test,a.test,60"],
  ...["--txt-record=t.test,one,two", "--mx-host=test,a.test,10"],
  ...["--srv-host=_s._tcp.test,a.test,8080,1,2", "--caa-record=test,0,issue,ca.test"],
];

/** One test in each capture way, with a server of its own. */
function test(
  name: string,
  body: (server: Server, way: Way) => Promise<void>,
  ...serverArgs: string[]
): void {
  for (const way of WAYS) {
    Deno.test(`dns, ${way} way: ${name}`, async () => {
      await using server = await startDnsmasq(...ZONE, ...serverArgs);
      await body(server, way);
    });
  }
}

function bothEnds(port: number, way: Way, ...more: string[]): string[] {
  return ["--capture", way, "--protocol", "dns", "--port", `${port}`, ...more];
}

/** All that this test has started, and starts. */
function children(way: Way): string[] {
  return ["--capture", way, "--pid", `${Deno.pid}`];
}

async function dig(server: Server, ...args: string[]): Promise<string> {
  const fixed = ["@127.0.0.1", "-p", `${server.port}`, "+tries=1", "+time=60", "+nocookie"];
  return (await run("dig", [...fixed, ...args])).stdout;
}

function isWhole(record: SeenRecord): boolean {
  return record.incomplete === undefined && record.request !== null && record.response !== null;
}

/** "name TYPE" of the one question. */
function questionOf(record: SeenRecord): string {
  const [question] = (record.request?.questions ?? []) as { name: string; type: string }[];
  return `${question?.name} ${question?.type}`;
}

function sum(records: SeenRecord[], key: "request_bytes" | "response_bytes"): number {
  return records.reduce((total, record) => total + (record[key] ?? 0), 0);
}

/** Size of a query without EDNS. */
function queryBytes(name: string): number {
  return 12 + name.length + 2 + 4;
}

for (const transport of ["UDP", "TCP"]) {
  test(`every column of a dig over ${transport} is right at both ends`, async (server, way) => {
    const overTcp = transport === "TCP";
    const before = Date.now();
    const records = await traced(bothEnds(server.port, way), async () => {
      await dig(server, overTcp ? "+tcp" : "+notcp", "+noedns", "a.test", "A");
    });
    assert.equal(records.length, 2);
    const { client: [client], server: [served] } = bySide(records);
    for (const record of [client, served]) {
      assert.ok(record);
      const { time, latency_ns, pid, fd, conn, local, remote, role, comm, request, ...rest } =
        record;
      const { id, ...asked } = request ?? {};
      assert.deepEqual(asked, {
        opcode: "QUERY",
        recursion_desired: true,
        authentic_data: true,
        questions: [{ name: "a.test", type: "A" }],
      });
      assert.ok(Number.isInteger(id));
      const prefix = overTcp ? 2 : 0;
      assert.deepEqual(rest, {
        protocol: "dns",
        response: {
          id,
          rcode: "NOERROR",
          authoritative: true,
          recursion_desired: true,
          recursion_available: true,
          answers: [{ name: "a.test", type: "A", ttl: 300, data: "10.1.2.3" }],
        },
        request_bytes: prefix + queryBytes("a.test"),
        response_bytes: prefix + queryBytes("a.test") + 16,
      });
      assert.equal(comm, role === "client" ? "dig" : "dnsmasq");
      const startMs = Date.parse(time);
      assert.ok(startMs >= before - CLOCK_SLACK_MS, time);
      assert.ok(latency_ns !== undefined && latency_ns > 0, `${latency_ns}`);
      assert.ok(startMs + latency_ns / 1e6 <= Date.now() + CLOCK_SLACK_MS, `${time} ${latency_ns}`);
      assert.ok(pid !== undefined && fd !== undefined && fd > 2 && conn !== undefined);
      assert.match((role === "client" ? local : remote) ?? "", /^127\.0\.0\.1:\d+$/);
      assert.equal(role === "client" ? remote : local, `127.0.0.1:${server.port}`);
    }
    assert.equal(client?.local, served?.remote);
    if (!overTcp) assert.equal(served?.pid, server.pid);
  });
}

test("types, EDNS and errors as dig asks for them", async (server, way) => {
  const records = await traced(bothEnds(server.port, way), async () => {
    const types = ["AAAA", "a.test", "A", "c.test", "TXT", "t.test", "MX", "test", "CAA", "test"];
    for (let i = 0; i < types.length; i += 2) {
      await dig(server, "-t", types[i] ?? "", types[i + 1] ?? "");
    }
    await dig(server, "-t", "SRV", "_s._tcp.test");
    await dig(server, "no.test");
    await dig(server, "+bufsize=1400", "+dnssec", "elsewhere.example");
  });
  for (const end of ENDS) {
    const said = bySide(records)[end];
    assert.ok(said.every(isWhole), end);
    const answers = said.map((record) => [
      questionOf(record),
      record.response?.rcode,
      (record.response?.answers as { data: Json }[]).map(({ data }) => data),
    ]);
    assert.deepEqual(answers, [
      ["a.test AAAA", "NOERROR", ["fd00::7"]],
      ["c.test A", "NOERROR", ["a.test", "10.1.2.3"]],
      ["t.test TXT", "NOERROR", [["one", "two"]]],
      ["test MX", "NOERROR", [{ preference: 10, exchange: "a.test" }]],
      ["test CAA", "NOERROR", [{ critical: false, tag: "issue", value: "ca.test" }]],
      ["_s._tcp.test SRV", "NOERROR", [{ priority: 1, weight: 2, port: 8080, target: "a.test" }]],
      ["no.test A", "NXDOMAIN", []],
      ["elsewhere.example A", "REFUSED", []],
    ], end);
    assert.deepEqual(said.at(-1)?.request?.edns, {
      version: 0,
      udp_payload_size: 1400,
      dnssec_ok: true,
    });
  }
});

test("200 queries in one sendmmsg are 200 records", async (server, way) => {
  const program = await buildMmsg();
  const records = await traced(bothEnds(server.port, way), async () => {
    await run(program, ["client", `${server.port}`, "200"]);
  });
  checkMany(records, 200, "NXDOMAIN");
});

for (const way of WAYS) {
  Deno.test(`dns, ${way} way: a server with recvmmsg and sendmmsg`, async () => {
    const program = await buildMmsg();
    const port = freePort();
    await using server = new Background(program, ["server", `${port}`]);
    await server.until(() => server.stdout === "ready\n", "the server");
    const records = await traced(bothEnds(port, way), async () => {
      await Promise.all([1, 2, 3].map(() => run(program, ["client", `${port}`, "200"])));
    });
    const byClient = Map.groupBy(records, (record) => {
      return record.role === "client" ? record.local : record.remote;
    });
    assert.equal(byClient.size, 3);
    for (const said of byClient.values()) checkMany(said, 200, "NXDOMAIN");
  });
}

/** Queries q0.test … with their number as id, whole at both ends, in the order they were sent. */
function checkMany(records: SeenRecord[], count: number, rcode: string): void {
  const names = Array.from({ length: count }, (_, i) => `q${i}.test`);
  const bytes = names.reduce((total, name) => total + queryBytes(name), 0);
  for (const end of ENDS) {
    const said = bySide(records)[end];
    assert.equal(said.length, count, end);
    assert.ok(said.every(isWhole), end);
    assert.ok(said.every(({ response }) => response?.rcode === rcode), end);
    const sorted = said.toSorted((a, b) => Number(a.request?.id) - Number(b.request?.id));
    assert.deepEqual(sorted.map(questionOf), names.map((name) => `${name} A`), end);
    assert.ok(said.every(({ request, response }) => request?.id === response?.id), end);
    assert.equal(sum(said, "request_bytes"), bytes, end);
    assert.equal(sum(said, "response_bytes"), bytes, end);
    assert.equal(new Set(said.map(({ local, remote }) => `${local} ${remote}`)).size, 1, end);
  }
}

let mmsgProgram: Promise<string> | undefined;

/** Compiles dns_mmsg.c once. */
function buildMmsg(): Promise<string> {
  return mmsgProgram ??= (async () => {
    const folder = await Deno.makeTempDir({ prefix: "sockeye-mmsg-" });
    addEventListener("unload", () => Deno.removeSync(folder, { recursive: true }));
    await run("gcc", ["-O1", "-o", `${folder}/dns_mmsg`, `${SUPPORT}dns_mmsg.c`]);
    return `${folder}/dns_mmsg`;
  })();
}

test("dnsperf: as many records as it sent queries", async (server, way) => {
  const file = await Deno.makeTempFile();
  const names = Array.from({ length: 500 }, (_, i) => `p${i}.test A\n`);
  await Deno.writeTextFile(file, names.join(""));
  let said = "";
  const records = await traced(children(way), async () => {
    const args = ["-s", "127.0.0.1", "-p", `${server.port}`, "-d", file, "-n", "4", "-q", "50"];
    said = (await run("dnsperf", [...args, "-c", "4", "-T", "1", "-t", "60"])).stdout;
  });
  await Deno.remove(file);
  assert.equal(/Queries sent: +(\d+)/.exec(said)?.[1], "2000");
  assert.equal(/Queries completed: +(\d+)/.exec(said)?.[1], "2000");
  for (const end of ENDS) {
    const load = bySide(records)[end];
    assert.equal(load.length, 2000, end);
    assert.ok(load.every(isWhole), end);
    const asked = Map.groupBy(load, questionOf);
    assert.equal(asked.size, 500, end);
    assert.ok([...asked.values()].every((records) => records.length === 4), end);
    assert.equal(new Set(load.map(({ local, remote }) => `${local} ${remote}`)).size, 4, end);
  }
});

test("connected and unconnected clients: the right names at both ends", async (server, way) => {
  const sockets = [
    ...["connected:127.0.0.1", "unconnected:127.0.0.2", "names:127.0.0.3"],
    ...["connected:0.0.0.0", "unconnected:0.0.0.0"],
  ];
  let ports: string[] = [];
  const records = await traced(children(way), async () => {
    const args = [`${SUPPORT}dns_client.py`, `${server.port}`, "20", ...sockets];
    ports = (await run("/usr/bin/python3", args)).stdout.trimEnd().split("\n");
  });
  checkClients(records, sockets, ports, `127.0.0.1:${server.port}`);
});

test("--port is also the port that an unconnected client sends to", async (server, way) => {
  const records = await traced(bothEnds(server.port, way), async () => {
    const args = [`${SUPPORT}dns_client.py`, `${server.port}`, "5"];
    await run("/usr/bin/python3", [...args, "unconnected:127.0.0.1", "names:127.0.0.1"]);
  });
  for (const end of ENDS) assert.equal(bySide(records)[end].length, 10, end);
  assert.ok(records.every(isWhole));
});

for (const way of WAYS) {
  Deno.test(`dns, ${way} way: IPv6, connected and unconnected`, async () => {
    await using server = await startDnsmasq(...ZONE, "--listen-address=::1");
    const sockets = ["connected:::1", "unconnected:::1"];
    let ports: string[] = [];
    const records = await traced(children(way), async () => {
      const args = [`${SUPPORT}dns_client.py`, `${server.port}`, "20", ...sockets];
      ports = (await run("/usr/bin/python3", args)).stdout.trimEnd().split("\n");
    });
    checkClients(records, sockets, ports, `[::1]:${server.port}`);
  });
}

/** Each socket asked 20 times; the server's records tell them apart by their remote end. */
function checkClients(
  records: SeenRecord[],
  sockets: string[],
  ports: string[],
  server: string,
): void {
  assert.ok(records.every(isWhole));
  for (const end of ENDS) assert.equal(bySide(records)[end].length, 20 * sockets.length, end);
  for (const [i, socket] of sockets.entries()) {
    const [kind = "", bound = ""] = socket.split(/:(.*)/s);
    const address = bound.includes(":") ? `[${bound}]` : bound;
    const names = Array.from({ length: 20 }, (_, n) => `${i}-${n}.test A`);
    const own = records.filter((record) => questionOf(record).startsWith(`${i}-`));
    const { client, server: served } = bySide(own);
    assert.deepEqual(client.map(questionOf), names, socket);
    assert.deepEqual(served.map(questionOf), names, socket);
    const name = address === "0.0.0.0" ? "127.0.0.1" : address;
    // Before it is connected, a socket bound to no address has none.
    const local = kind === "connected" ? name : address;
    for (const record of client) {
      assert.equal(record.local, `${local}:${ports[i]}`, socket);
      assert.equal(record.remote, server, socket);
    }
    for (const record of served) {
      assert.equal(record.local, server, socket);
      assert.equal(record.remote, `${name}:${ports[i]}`, socket);
    }
  }
}

for (const way of WAYS) {
  Deno.test(`dns, ${way} way: a query that nobody answers`, async () => {
    const deaf = createSocket("udp4");
    const heard = new Promise((resolve) => deaf.once("message", resolve));
    const port = await new Promise<number>((resolve) => {
      deaf.bind(0, "127.0.0.1", () => resolve(deaf.address().port));
    });
    const args = bothEnds(port, way, "--request-timeout", "300ms");
    await using tracer = await startTracer(...args);
    const ask = run(
      "dig",
      ["@127.0.0.1", "-p", `${port}`, "+tries=1", "+time=2", "lost.test"],
      { allowFailure: true },
    );
    await heard;
    await tracer.untilRecords(1); // before the trace ends: by the timeout alone
    await ask;
    deaf.close();
    const { records, summary } = await tracer.stop();
    assert.equal(lossIn(summary), "");
    assert.equal(records.length, 1);
    for (const record of records) {
      assert.equal(questionOf(record), "lost.test A");
      assert.equal(record.response, null);
      assert.equal(record.latency_ns, undefined);
      assert.equal(record.response_bytes, undefined);
      assert.deepEqual(record.incomplete, ["no_response"]);
    }
    // The other end is this process, which reads the tracer's output and so stays untraced.
    assert.deepEqual(records.map(({ role }) => role), ["client"]);
  });

  Deno.test(`dns, ${way} way: getaddrinfo() of glibc asks for both families at once`, async () => {
    const address = "127.0.53.7"; // the resolver's port is always 53
    const args = [`--listen-address=${address}`, "--port=53", "--conf-file=/dev/null"];
    const more = ["--keep-in-foreground", "--no-resolv", "--no-hosts", "--bind-interfaces"];
    await using server = new Background("dnsmasq", [
      ...[...more, ...args, "--user=root", "--log-facility=-", "--pid-file=", ...ZONE],
    ]);
    await server.until(() => server.stderr.includes("started"), "dnsmasq");
    const file = await Deno.makeTempFile();
    await Deno.writeTextFile(file, `nameserver ${address}\noptions timeout:30\n`);
    const records = await traced(bothEnds(53, way), async () => {
      const script = `mount --bind ${file} /etc/resolv.conf && exec getent ahosts a.test`;
      const { stdout } = await run("unshare", ["--mount", "sh", "-c", script]);
      assert.match(stdout, /^10\.1\.2\.3 +STREAM/m);
      assert.match(stdout, /^fd00::7 +STREAM/m);
    });
    await Deno.remove(file);
    const own = records.filter(({ local, remote }) => `${local} ${remote}`.includes(address));
    for (const end of ENDS) {
      const said = bySide(own)[end];
      assert.deepEqual(said.map(questionOf), ["a.test A", "a.test AAAA"], end);
      assert.ok(said.every(isWhole), end);
      assert.equal(said[0]?.conn, said[1]?.conn, end);
      assert.equal(said[0]?.comm, end === "client" ? "getent" : "dnsmasq");
    }
  });
}
