/**
 * A packet capture made between two network namespaces, with segments lost on the path: `sockeye
 * replay` gives the same requests in the same order as tshark sees, each exactly once.
 */
import assert from "node:assert/strict";
import { tshark } from "../support/pcap_loopback.ts";
import { Background, run } from "../support/process.ts";
import { type SeenRecord, SOCKEYE } from "../support/tracer.ts";

const REQUESTS = 40;
/** A network of its own for each process that runs this. */
const NET = `10.77.${Deno.pid >> 6 & 255}`;
const FIRST = (Deno.pid & 63) * 4;
const HERE = `${NET}.${FIRST + 1}`;
const THERE = `${NET}.${FIRST + 2}`;
const PORT = 18085;

/** Two ends of a wire: ours, and one in a namespace that loses each tenth segment of some size. */
async function lossyPath(): Promise<{ namespace: string; device: string } & AsyncDisposable> {
  const namespace = `sockeye-${Deno.pid}`;
  const device = `sk${Deno.pid}`;
  const ip = (...args: string[]) => run("ip", args);
  const inside = (...args: string[]) => ip("netns", "exec", namespace, ...args);
  await ip("netns", "add", namespace);
  await ip("link", "add", device, "type", "veth", "peer", "name", "wire", "netns", namespace);
  await ip("addr", "add", `${HERE}/30`, "dev", device);
  await ip("link", "set", device, "up");
  await inside("ip", "addr", "add", `${THERE}/30`, "dev", "wire");
  await inside("ip", "link", "set", "wire", "up");
  await inside(
    "nft",
    "table inet loss { chain in { type filter hook input priority 0; " +
      `tcp dport ${PORT} meta length > 80 numgen random mod 10 == 0 drop; }; ` +
      "chain out { type filter hook output priority 0; " +
      `tcp sport ${PORT} meta length > 80 numgen random mod 10 == 0 drop; }; }`,
  );
  return {
    namespace,
    device,
    [Symbol.asyncDispose]: async () => {
      await run("ip", ["netns", "del", namespace]);
    },
  };
}

Deno.test("replay of a capture between namespaces, with loss on the path, agrees with tshark", async () => {
  const folder = await Deno.makeTempDir({ prefix: "sockeye-namespace-" });
  const file = `${folder}/wire.pcap`;
  try {
    await using path = await lossyPath();
    {
      await Deno.writeTextFile(`${folder}/page`, "x".repeat(5000));
      await using server = new Background("ip", [
        ...["netns", "exec", path.namespace, "python3", "-m", "http.server"],
        ...["--bind", THERE, "--directory", folder, `${PORT}`],
      ]);
      await using capture = new Background("tcpdump", [
        ...["-i", path.device, "-U", "--immediate-mode", "-w", file, "-s", "0", "tcp"],
      ]);
      await capture.until(() => capture.stderr.includes("listening on"), "tcpdump");
      await server.until(async () => await answers(), "the server");
      for (let i = 0; i < REQUESTS; i++) {
        await run("curl", ["-s", "-o", "/dev/null", `http://${THERE}:${PORT}/page?${i}`]);
      }
      // Packets are written in their order: with these, all before them is there.
      await run("curl", ["-s", "-o", "/dev/null", `http://${THERE}:${PORT}/end`]);
      await capture.until(
        async () => (await Deno.readTextFile(file)).includes("GET /end"),
        "the last request",
      );
      capture.kill("SIGINT");
      await capture.end();
    }
    const bytes = await Deno.readFile(file);
    const lost = await tshark(bytes, "tcp.analysis.retransmission", ["frame.number"]);
    assert.ok(lost.length > 0, "no segment was lost: the test shows nothing");
    const wanted = await tshark(bytes, `http.request and tcp.dstport == ${PORT}`, [
      "http.request.uri",
    ]);
    const { stdout } = await run(SOCKEYE, ["replay", file]);
    const records: SeenRecord[] = stdout.trimEnd().split("\n").map((line) => JSON.parse(line));
    const paths = records.map(({ request }) => request?.path);
    assert.deepEqual(paths, wanted.map(([uri]) => uri));
    const counted = records.filter((record) => `${record.request?.path}`.startsWith("/page?"));
    assert.equal(counted.length, REQUESTS);
    for (const { response, incomplete } of counted) {
      assert.equal(response?.status, 200);
      assert.equal(response.body_bytes, 5000);
      assert.equal(incomplete, undefined);
    }
  } finally {
    await Deno.remove(folder, { recursive: true });
  }
});

async function answers(): Promise<boolean> {
  const { code } = await run("curl", ["-s", "-o", "/dev/null", `http://${THERE}:${PORT}/ready`], {
    allowFailure: true,
  });
  return code === 0;
}
