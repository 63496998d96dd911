/**
 * Very many requests under way, and a trace that is stopped while they are: every pair is right, or
 * says that it may not be. Needs root, redis-server, nginx and python3.
 */
import assert from "node:assert/strict";
import { Background, run } from "../support/process.ts";
import { RawTalker } from "../support/raw_talker.ts";
import { argOf, bothEnds, ENDS, isWhole, sequence, test } from "../support/redis_seen.ts";
import { startNginx } from "../support/servers.ts";
import { bySide, type SeenRecord, startTracer, traced, WAYS } from "../support/tracer.ts";

const BATCH = 16;

/**
 * Sends ECHO in batches, each when the last one is answered, until its input ends; says how many. It
 * pauses for as long as a reader needs on a busy machine to keep up with it, unless that is stopped.
 */
const BATCHES = `
import socket, sys, threading, time
ended = threading.Event()
threading.Thread(target=lambda: (sys.stdin.read(), ended.set()), daemon=True).start()
s = socket.create_connection(("127.0.0.1", int(sys.argv[1])))
n = 0
while not ended.is_set():
    words = [b"w%09d" % i for i in range(n * ${BATCH}, (n + 1) * ${BATCH})]
    s.sendall(b"".join(b"*2\\r\\n$4\\r\\nECHO\\r\\n$10\\r\\n%s\\r\\n" % word for word in words))
    left = ${BATCH} * 17
    while left > 0:
        left -= len(s.recv(left))
    time.sleep(0.0005)
    n += 1
    if n % 100 == 0:
        print(n, flush=True)
print(n, flush=True)
`;

test(
  "60,000 commands sent before the first answer is read are all answered",
  async (server, way) => {
    const count = 60_000;
    const words = sequence(0, count).map((n) => `w${`${n}`.padStart(9, "0")}`);
    const stdin = words.map((word) => `*2\r\n$4\r\nECHO\r\n$10\r\n${word}\r\n`).join("");
    const records = await traced(bothEnds(server, way), async (tracer) => {
      const { stdout } = await run("redis-cli", ["-p", `${server.port}`, "--pipe"], { stdin });
      assert.match(stdout, new RegExp(`errors: 0, replies: ${count}\\n`));
      await tracer.untilRecords(2 * (count + 1));
    });
    for (const end of ENDS) {
      // The last command is redis-cli's own: its answer tells that all have come.
      const seen = bySide(records)[end].slice(0, count);
      assert.ok(seen.every(isWhole), end);
      assert.deepEqual(seen.map(({ request }) => argOf(request)), words, end);
      assert.deepEqual(seen.map(({ response }) => response?.value), words, end);
    }
  },
);

test(
  "a trace that was stopped meanwhile pairs nothing wrongly, and goes on",
  async (server, way) => {
    await using tracer = await startTracer(...bothEnds(server, way, "--ring-mib", "1"));
    const script = ["-c", BATCHES, `${server.port}`];
    await using client = new Background("python3", script, { stdin: "piped" });
    const sent = (): number => Number(client.stdout.trimEnd().split("\n").at(-1));
    const untilSent = (more: number): Promise<void> => {
      const from = sent();
      return client.until(() => sent() >= from + more, `${more} batches`);
    };
    await tracer.untilRecords(2 * 100 * BATCH);
    tracer.process.kill("SIGSTOP");
    await untilSent(3000);
    tracer.process.kill("SIGCONT");
    await untilSent(3000);
    await client.closeInput();
    await client.end();
    const { records, summary, code } = await tracer.stop();
    assert.equal(code, 0);
    assert.match(summary, /events? lost in data_events/);
    const total = sent() * BATCH;
    for (const end of ENDS) {
      const seen = bySide(records)[end];
      for (const record of seen.filter(isWhole)) {
        assert.equal(record.response?.value, argOf(record.request), end);
      }
      const reasons = new Set(seen.flatMap(({ incomplete = [] }) => incomplete));
      assert.deepEqual(reasons.difference(new Set(["gap", "lost_events"])), new Set(), end);
      assert.ok(reasons.size > 0, `${end}: nothing says that something was lost`);
      // Long after the loss all is as ever.
      const last = sequence(total - 1000 * BATCH, 1000 * BATCH);
      const whole = new Set(seen.filter(isWhole).map(({ request }) => argOf(request)));
      const missing = last.filter((n) => !whole.has(`w${`${n}`.padStart(9, "0")}`));
      assert.deepEqual(missing, [], `${end}: ${missing.length} of the last are not paired`);
    }
  },
);

function pathOf({ request, response }: SeenRecord): unknown[] {
  return [request?.path, (response?.headers as Record<string, string> | undefined)?.["x-path"]];
}

for (const way of WAYS) {
  Deno.test(`e2e http: 2,000 HEADs under way at once, and a GET (${way} way)`, async () => {
    await using nginx = await startNginx({
      server: "location / { add_header X-Path $uri; return 200 hello; }",
    });
    const paths = sequence(0, 2000).map((n) => `/${n}`);
    const heads = paths.map((path) => `HEAD ${path} HTTP/1.1\r\nHost: a\r\n\r\n`).join("");
    const args = ["--capture", way, "--port", `${nginx.port}`, "--protocol", "http"];
    const records = await traced(args, async (tracer) => {
      await using client = new RawTalker(nginx.port);
      await client.say(`${heads}GET /last HTTP/1.1\r\nHost: a\r\nConnection: close\r\n\r\n`);
      await tracer.untilRecords(2 * (paths.length + 1));
    });
    const { client, server } = bySide(records);
    for (const side of [client, server]) {
      assert.deepEqual(side.map(pathOf), [...paths, "/last"].map((path) => [path, path]));
      const bodies = side.map(({ response }) => response?.body_bytes);
      assert.deepEqual(bodies, [...paths.map(() => 0), 5]);
      assert.deepEqual(side.flatMap(({ incomplete = [] }) => incomplete), []);
    }
  });
}
