/**
 * tshark as oracle: what it dissects on the loopback device is what sockeye records, in the same
 * order. Redis and DNS, both capture ways. Needs root.
 */
import assert from "node:assert/strict";
import { Background, run } from "../support/process.ts";
import { startDnsmasq, startRedis } from "../support/servers.ts";
import { bySide, type Json, type SeenRecord, traced, WAYS } from "../support/tracer.ts";

const LAST = "oracle-last";

/** What is said on a port while `act` runs, as a packet capture; the last bytes said hold LAST. */
async function captured(port: number, act: () => Promise<void>): Promise<string> {
  const folder = await Deno.makeTempDir({ prefix: "sockeye-oracle-" });
  const file = `${folder}/loopback.pcap`;
  await using tcpdump = new Background("tcpdump", [
    ...[
      "-i",
      "lo",
      "-U",
      "--immediate-mode",
      "-s",
      "4096",
      "-B",
      "65536",
      "-Z",
      "root",
      "-w",
      file,
    ],
    ...["port", `${port}`],
  ]);
  await tcpdump.until(() => tcpdump.stderr.includes("listening on"), "tcpdump");
  await act();
  const last = new TextEncoder().encode(LAST);
  await tcpdump.until(async () => holds((await Deno.readFile(file)).subarray(-4096), last), LAST);
  tcpdump.kill("SIGINT");
  await tcpdump.end();
  assert.match(tcpdump.stderr, /\n0 packets dropped by kernel/);
  return file;
}

function holds(bytes: Uint8Array, wanted: Uint8Array): boolean {
  for (let at = 0; at + wanted.length <= bytes.length; at++) {
    if (wanted.every((byte, i) => bytes[at + i] === byte)) return true;
  }
  return false;
}

/** tshark's fields of the messages that `filter` lets through, one row a packet. */
async function dissect(
  file: string,
  protocol: string,
  filter: string,
  fields: string[],
): Promise<string[][]> {
  const args = ["-r", file, "-d", protocol, "-Y", filter, "-T", "fields", "-E", "separator=|"];
  for (const field of fields) args.push("-e", field);
  const { stdout } = await run("tshark", args);
  return stdout.split("\n").filter((line) => line !== "").map((line) => line.split("|"));
}

/** Commands of one connection as tshark's list of bulk strings: their words one after the other. */
function wordsOf(records: SeenRecord[]): string[] {
  return records.flatMap(({ request }) =>
    request === null ? [] : [`${request.command}`, ...(request.args as Json[]).map(String)]
  );
}

for (const way of WAYS) {
  Deno.test(`tshark, ${way} way: the same Redis commands in the same order`, async () => {
    await using server = await startRedis();
    const { port } = server;
    let file = "";
    const records = await traced(
      ["--capture", way, "--protocol", "redis", "--port", `${port}`],
      async () => {
        file = await captured(port, async () => {
          const args = ["-p", `${port}`, "-q", "-c", "4", "-n", "2000", "-r", "1000000000"];
          await run("redis-benchmark", [...args, "-P", "16", "ECHO", "__rand_int__"]);
          await run("redis-benchmark", [...args, "SET", "k__rand_int__", "value"]);
          await run("redis-cli", ["-p", `${port}`, "MSET", "a", "1", "b", "two words"]);
          await run("redis-cli", ["-p", `${port}`, "ECHO", LAST]);
        });
      },
    );
    const rows = await dissect(
      file,
      `tcp.port==${port},resp`,
      `resp && tcp.dstport == ${port}`,
      ["tcp.srcport", "resp.bulk_string.value"],
    );
    await Deno.remove(file.slice(0, file.lastIndexOf("/")), { recursive: true });
    const wanted = new Map<string, string[]>();
    for (const [client = "", values = ""] of rows) {
      const words = wanted.get(client) ?? [];
      wanted.set(client, words);
      for (const value of values.split(",")) words.push(fromHex(value));
    }
    assert.equal(rows.length > 2000, true);
    for (const [end, said] of Object.entries(bySide(records))) {
      const connections = Map.groupBy(said, ({ role, local, remote }) => {
        return ((role === "client" ? local : remote) ?? "").split(":")[1] ?? "";
      });
      assert.deepEqual([...connections.keys()].sort(), [...wanted.keys()].sort(), end);
      for (const [client, records] of connections) {
        assert.deepEqual(wordsOf(records), wanted.get(client), `${end} ${client}`);
      }
    }
  });

  Deno.test(`tshark, ${way} way: the same DNS queries in the same order`, async () => {
    await using server = await startDnsmasq("--local=/test/", "--host-record=a.test,10.1.2.3");
    const { port } = server;
    let file = "";
    const records = await traced(["--capture", way, "-p", `${server.pid}`], async () => {
      file = await captured(port, async () => {
        const support = new URL("../support/dns_client.py", import.meta.url).pathname;
        const sockets = ["connected:127.0.0.1", "unconnected:127.0.0.2"];
        await run("/usr/bin/python3", [support, `${port}`, "100", ...sockets]);
        const dig = ["@127.0.0.1", "-p", `${port}`, "+tries=1", "+time=60"];
        await run("dig", [...dig, "a.test", "MX"]);
        await run("dig", [...dig, "+tcp", "a.test", "AAAA"]);
        await run("dig", [...dig, `${LAST}.test`]);
      });
    });
    const fields = ["dns.id", "dns.qry.name", "ip.src", "udp.srcport", "tcp.srcport"];
    const rows = await dissect(
      file,
      `udp.port==${port},dns`,
      "dns && dns.flags.response == 0 && udp",
      [...fields, "dns.qry.type"],
    );
    const overTcp = await dissect(
      file,
      `tcp.port==${port},dns`,
      "dns && dns.flags.response == 0 && tcp",
      [...fields, "dns.qry.type"],
    );
    await Deno.remove(file.slice(0, file.lastIndexOf("/")), { recursive: true });
    const wanted = rows.map(rowOf);
    assert.equal(wanted.length, 202);
    // dnsmasq serves TCP in a child, whose one query has no order among the others'.
    const said = records.map(askedOf);
    const stream = overTcp.map(rowOf);
    assert.equal(stream.length, 1);
    assert.deepEqual(said.filter((asked) => stream.includes(asked)), stream);
    const datagrams = said.filter((asked) => !stream.includes(asked));
    for (const [, own] of Map.groupBy(wanted, clientOf)) {
      const client = clientOf(own[0] ?? "");
      assert.deepEqual(datagrams.filter((asked) => clientOf(asked) === client), own, client);
    }
    assert.equal(datagrams.length, wanted.length);
  });
}

const TYPES: Record<string, string> = { 1: "A", 15: "MX", 28: "AAAA" };

function rowOf([id, name, address, udpPort, tcpPort, type = ""]: string[]): string {
  return `${address}:${udpPort === "" ? tcpPort : udpPort} ${Number(id)} ${name} ${TYPES[type]}`;
}

function askedOf({ request, remote }: SeenRecord): string {
  const [question] = (request?.questions ?? []) as { name: string; type: string }[];
  return `${remote} ${request?.id} ${question?.name} ${question?.type}`;
}

function clientOf(asked: string): string {
  return asked.split(" ")[0] ?? "";
}

function fromHex(hex: string): string {
  const bytes = Uint8Array.from(hex.match(/../g) ?? [], (pair) => parseInt(pair, 16));
  return new TextDecoder().decode(bytes);
}
