/**
 * `sockeye replay` and `sockeye doctor` of packet captures, as a shell sees them: what was not read
 * is told, what a capture cannot know is refused, a signal ends it with what there is. A real
 * overlay is compared with tshark. Needs root, tcpdump, tshark, python3 and curl.
 */
import assert from "node:assert/strict";
import { gzipSync } from "node:zlib";
import {
  client,
  concat,
  ethernet,
  handshake,
  ip,
  type Packet,
  pcapFile,
  received,
  sent,
  server,
} from "../support/pcap.ts";
import { tshark } from "../support/pcap_loopback.ts";
import { Background, type Finished, run } from "../support/process.ts";
import { type SeenRecord, SOCKEYE } from "../support/tracer.ts";

const GET = "GET /a HTTP/1.1\r\nHost: a\r\n\r\n";
const OK = "HTTP/1.1 200 OK\r\nContent-Length: 2\r\n\r\nok";

function exchange(request = GET, response = OK): Packet[] {
  const ack = 1001 + request.length;
  return [...handshake(), sent(3, 0, request), received(4, 0, response, { ack })];
}

/** Packets of an IP protocol that is not read, and one without a whole header. */
const UNREAD: Packet[] = [
  { timeNs: 5e6, bytes: ethernet(ip(client, server, 50, new Uint8Array(40))) },
  { timeNs: 6e6, bytes: ethernet(ip(client, server, 50, new Uint8Array(40))) },
  { timeNs: 7e6, bytes: sent(0, 0, GET).bytes.subarray(0, 30), wireBytes: 90 },
];

async function onFile(bytes: Uint8Array, ...args: string[]): Promise<Finished> {
  const path = await Deno.makeTempFile({ suffix: ".pcap" });
  try {
    await Deno.writeFile(path, bytes);
    const [command = "", ...rest] = args;
    return await run(SOCKEYE, [command, path, ...rest], { allowFailure: true });
  } finally {
    await Deno.remove(path);
  }
}

function recordsOf(stdout: string): SeenRecord[] {
  return stdout.split("\n").filter((line) => line !== "").map((line) => JSON.parse(line));
}

Deno.test("e2e pcap: replay says what it did not read, in the summary and the statistics", async () => {
  const stats = await Deno.makeTempFile();
  try {
    const file = pcapFile([...exchange(), ...UNREAD]);
    const done = await onFile(file, "replay", "--stats-file", stats);
    assert.equal(done.code, 0);
    assert.equal(recordsOf(done.stdout).length, 1);
    assert.match(
      done.stderr,
      /^sockeye: not read: 2 packets of IP protocol 50 \(ESP\), 1 packet with cut headers$/m,
    );
    assert.doesNotMatch(done.stderr, /nothing lost/);
    const { replay } = JSON.parse(await Deno.readTextFile(stats));
    assert.deepEqual(replay.not_read, { ip_protocol_50: 2, cut_headers: 1 });
    assert.equal(replay.packets, 8);
  } finally {
    await Deno.remove(stats);
  }
  const whole = await onFile(gzipSync(pcapFile(exchange())), "replay");
  assert.equal(recordsOf(whole.stdout).length, 1);
  assert.match(whole.stderr, /^sockeye: nothing lost$/m);
});

Deno.test("e2e pcap: replay prints records of unknown protocols, and refuses processes", async () => {
  const file = pcapFile(exchange("SSH-2.0-one\r\n", "SSH-2.0-two\r\n"));
  const [unknown] = recordsOf((await onFile(file, "replay")).stdout);
  assert.equal(unknown?.protocol, "unknown");
  for (const flag of [["--pid", "7"], ["--comm", "nginx"]]) {
    for (const command of ["replay", "doctor"]) {
      const refused = await onFile(file, command, ...flag);
      assert.equal(refused.code, 2);
      assert.match(refused.stderr, new RegExp(`^Cannot use ${flag[0]} on ".*": a packet capture`));
      assert.equal(refused.stdout, "");
    }
  }
});

Deno.test("e2e pcap: doctor tells what a capture comes to", async () => {
  const cases = [
    { name: "an exchange", packets: exchange(), code: "records_flow" },
    { name: "some not read", packets: [...exchange(), ...UNREAD], code: "records_flow" },
    { name: "nothing read", packets: UNREAD, code: "not_read" },
    { name: "nothing", packets: [], code: "idle" },
    {
      name: "strange",
      packets: exchange("\xe0\xe1\xe2", "\xe3\xe4\xe5"),
      code: "unknown_protocol",
    },
    { name: "no answer", packets: exchange().slice(0, -1), code: "unanswered" },
  ];
  for (const { name, packets, code } of cases) {
    const done = await onFile(pcapFile(packets), "doctor", "-o", "json");
    const report = JSON.parse(done.stdout);
    assert.equal(report.verdict.code, code, name);
    assert.equal(done.code, code === "records_flow" ? 0 : 3, name);
    assert.equal(report.file.format, "pcap", name);
    assert.equal(report.stages[0].ok, !packets.includes(UNREAD[0] ?? packets[0] as Packet), name);
    assert.doesNotMatch(done.stdout, /fd -?\d|--pid/, name);
  }
  const excluded = await onFile(pcapFile(exchange()), "doctor", "-o", "json", "--port", "81");
  assert.equal(JSON.parse(excluded.stdout).verdict.code, "filtered");
});

Deno.test("e2e pcap: a signal ends the replay of a silent pipe with all that came", async () => {
  const folder = await Deno.makeTempDir();
  const pipe = `${folder}/pipe`;
  const file = `${folder}/capture`;
  const out = `${folder}/records`;
  try {
    await run("mkfifo", [pipe]);
    await using replay = new Background(SOCKEYE, ["replay", pipe, "--output-file", out]);
    // The last answer is held back: a segment before it is missing.
    const held = received(5, OK.length + 3, OK, { ack: 1001 + GET.length });
    await Deno.writeFile(file, pcapFile([...exchange(), held]));
    // Holds the pipe open until its own input ends.
    const hold = 'exec 3>"$0"; cat "$1" >&3; read -r line';
    await using _writer = new Background("sh", ["-c", hold, pipe, file], { stdin: "piped" });
    await replay.until(
      async () => (await Deno.readTextFile(out).catch(() => "")) !== "",
      "the first record",
    );
    replay.kill("SIGTERM");
    const { code } = await replay.end();
    assert.equal(code, 0, replay.stderr);
    assert.match(replay.stderr, /^sockeye: \d records?: http \d$/m);
    assert.match(replay.stderr, /^sockeye: missing: 1 gap [a-z ]+, 3 B/m);
  } finally {
    await Deno.remove(folder, { recursive: true });
  }
});

/** Two namespaces with a wire between them, and an overlay over that. */
async function overlay(port: number): Promise<{ here: string; there: string } & AsyncDisposable> {
  const [here, there] = [`sk-a-${Deno.pid}`, `sk-b-${Deno.pid}`];
  const ends = [{ name: here, n: 1, peer: 2 }, { name: there, n: 2, peer: 1 }];
  for (const { name } of ends) await run("ip", ["netns", "add", name]);
  const pair = ["link", "add", "wire", "type", "veth", "peer", "name", "wire", "netns", there];
  await run("ip", ["-n", here, ...pair]);
  for (const { name, n, peer } of ends) {
    const ip = (...args: string[]) => run("ip", ["-n", name, ...args]);
    await ip("addr", "add", `10.78.0.${n}/24`, "dev", "wire");
    await ip("link", "set", "wire", "up");
    const tunnel = ["type", "vxlan", "id", "42", "dstport", `${port}`, "dev", "wire"];
    await ip("link", "add", "over", ...tunnel, "remote", `10.78.0.${peer}`);
    await ip("addr", "add", `10.79.0.${n}/24`, "dev", "over");
    await ip("link", "set", "over", "up");
  }
  return {
    here,
    there,
    [Symbol.asyncDispose]: async () => {
      for (const { name } of ends) await run("ip", ["netns", "del", name]);
    },
  };
}

for (const port of [4789, 8472]) {
  Deno.test(`e2e pcap: replay of an overlay (VXLAN, port ${port}) agrees with tshark`, async () => {
    const folder = await Deno.makeTempDir({ prefix: "sockeye-overlay-" });
    const file = `${folder}/wire.pcap`;
    try {
      await using net = await overlay(port);
      await Deno.writeTextFile(`${folder}/page`, "x".repeat(20_000));
      await using web = new Background("ip", [
        ...["netns", "exec", net.there, "python3", "-m", "http.server"],
        ...["--bind", "10.79.0.2", "--directory", folder, "8080"],
      ]);
      const curl = (path: string): Promise<Finished> =>
        run("ip", [
          ...["netns", "exec", net.here, "curl", "-s", "-o", "/dev/null"],
          `http://10.79.0.2:8080${path}`,
        ], { allowFailure: true });
      await web.until(async () => (await curl("/ready")).code === 0, "the server");
      {
        await using capture = new Background("ip", [
          ...["netns", "exec", net.here, "tcpdump", "-i", "wire", "-U", "--immediate-mode"],
          ...["-w", file, "-s", "0", "udp"],
        ]);
        await capture.until(() => capture.stderr.includes("listening on"), "tcpdump");
        for (let i = 0; i < 10; i++) await curl(`/page?${i}`);
        await curl("/end");
        await capture.until(
          async () => (await Deno.readTextFile(file)).includes("GET /end"),
          "the last request",
        );
        capture.kill("SIGINT");
        await capture.end();
      }
      const bytes = await Deno.readFile(file);
      const wanted = await tshark(concat(bytes), "http.request", ["http.request.uri"], [
        `udp.port==${port},vxlan`,
      ]);
      assert.equal(wanted.length, 11);
      const { stdout, stderr } = await run(SOCKEYE, ["replay", file, "--protocol", "http"]);
      const records = recordsOf(stdout);
      assert.deepEqual(records.map(({ request }) => [request?.path]), wanted);
      for (const { remote, response } of records.slice(0, 10)) {
        assert.equal(remote, "10.79.0.2:8080");
        assert.equal(response?.body_bytes, 20_000);
      }
      assert.doesNotMatch(stderr, /not read/);
    } finally {
      await Deno.remove(folder, { recursive: true });
    }
  });
}
