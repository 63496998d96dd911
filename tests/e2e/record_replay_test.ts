/**
 * A replay of its recording prints what the live trace printed, byte by byte: under load, joined in
 * the middle, with losses, with the trace's filters and output; and after kill -9 as much of it as
 * was saved. Needs root, nginx, redis-server, dnsmasq, wrk, redis-benchmark, dnsperf.
 */
import assert from "node:assert/strict";
import { ask } from "../support/doctor.ts";
import { type Finished, run } from "../support/process.ts";
import { type Server, startDnsmasq, startNginx, startRedis } from "../support/servers.ts";
import { type SeenRecord, SOCKEYE, startTracer, type Tracer, WAYS } from "../support/tracer.ts";
import { Load } from "../support/wrk.ts";

const encoder = new TextEncoder();
const GET = encoder.encode("GET /page HTTP/1.1\r\nHost: a\r\n\r\n");
const WRK_REQUESTS = 1500;

/** The three servers, and a folder for what a test writes. */
class Place implements AsyncDisposable {
  constructor(
    readonly nginx: Server,
    readonly redis: Server,
    readonly dns: Server,
    readonly folder: string,
  ) {}

  static async open(): Promise<Place> {
    const folder = await Deno.makeTempDir({ prefix: "sockeye-replay-" });
    await Deno.writeTextFile(`${folder}/queries`, "a.test A\nb.test TXT\nc.test AAAA\n");
    const nginx = await startNginx({ files: { page: "0123456789".repeat(100) } });
    const redis = await startRedis();
    const dns = await startDnsmasq("--address=/a.test/10.0.0.1", "--txt-record=b.test,text");
    return new Place(nginx, redis, dns, folder);
  }

  get ports(): string[] {
    return [this.nginx, this.redis, this.dns].flatMap(({ port }) => ["--port", `${port}`]);
  }

  /** A file of records or a recording. */
  path(name: string): string {
    return `${this.folder}/${name}`;
  }

  /** Some exchanges of all three. */
  async talk(): Promise<void> {
    const { nginx, redis, dns } = this;
    const page = `http://127.0.0.1:${nginx.port}/page`;
    await run("curl", ["-s", "-o", "/dev/null", page, "-o", "/dev/null", page]);
    await run("redis-benchmark", ["-p", `${redis.port}`, "-q", "-n", "20", "-t", "set,mset"]);
    await run("dig", ["@127.0.0.1", "-p", `${dns.port}`, "a.test", "+tcp", "+time=60"]);
  }

  /** Thousands of exchanges of all three protocols. */
  async load(): Promise<void> {
    const pages = { path: "/page", connections: 8, total: WRK_REQUESTS };
    await using wrk = await Load.start(this.nginx, pages);
    const redis = ["-p", `${this.redis.port}`, "-q", "-c", "4", "-n", "2000", "-P", "4"];
    const dns = ["-s", "127.0.0.1", "-p", `${this.dns.port}`, "-d", this.path("queries")];
    await Promise.all([
      wrk.finish(),
      run("redis-benchmark", [...redis, "-t", "set,get,lpush,lrange_100", "-d", "40"]),
      run("dnsperf", [...dns, "-n", "200", "-q", "20", "-t", "60"]),
    ]);
  }

  async [Symbol.asyncDispose](): Promise<void> {
    for (const server of [this.nginx, this.redis, this.dns]) await server[Symbol.asyncDispose]();
    await Deno.remove(this.folder, { recursive: true });
  }
}

/** Traces into files while `act` runs; the text of the records. */
async function recorded(
  files: { records: string; recording: string },
  args: string[],
  act: (tracer: Tracer) => Promise<void>,
): Promise<{ live: string; summary: string }> {
  const out = ["--output-file", files.records, "--record", files.recording];
  await using tracer = await startTracer(...out, ...args);
  await act(tracer);
  const { summary, code } = await tracer.stop();
  assert.equal(code, 0, summary);
  return { live: await Deno.readTextFile(files.records), summary };
}

async function replay(file: string, ...args: string[]): Promise<Finished> {
  const all = ["replay", file, "-o", "ndjson", ...args];
  return await run(SOCKEYE, all, { allowFailure: true });
}

async function replayed(file: string, ...args: string[]): Promise<string> {
  const { code, stdout, stderr } = await replay(file, ...args);
  assert.equal(code, 0, stderr);
  return stdout;
}

/** Texts too long for a readable difference. */
function assertSame(got: string, want: string): void {
  if (got === want) return;
  const [gotLines, wantLines] = [got.split("\n"), want.split("\n")];
  const at = wantLines.findIndex((line, i) => line !== gotLines[i]);
  assert.equal(gotLines[at], wantLines[at], `line ${at + 1}`);
  assert.equal(gotLines.length, wantLines.length);
}

function linesWhere(text: string, test: (record: SeenRecord) => boolean): string {
  return text.split("\n").filter((line) => line !== "" && test(JSON.parse(line)))
    .map((line) => `${line}\n`).join("");
}

function countsOf(text: string): Map<string, number> {
  const counts = new Map<string, number>();
  for (const line of text.split("\n").filter((line) => line !== "")) {
    const { protocol }: SeenRecord = JSON.parse(line);
    counts.set(protocol, (counts.get(protocol) ?? 0) + 1);
  }
  return counts;
}

for (const way of WAYS) {
  const capture = ["--capture", way];

  Deno.test(`e2e replay: HTTP, Redis and DNS under load, joined in the middle (${way} way)`, async () => {
    await using place = await Place.open();
    using kept = await Deno.connect({ hostname: "127.0.0.1", port: place.nginx.port });
    await ask(kept, GET, 1000);
    const output = ["--max-body", "64", "--request-timeout", "5s"];
    const files = { records: place.path("live"), recording: place.path("trace.rec.zst") };
    const { live } = await recorded(files, [...capture, ...place.ports, ...output], async () => {
      await ask(kept, GET, 1000);
      await place.load();
      await ask(kept, GET, 1000);
    });
    const counts = countsOf(live);
    assert.ok((counts.get("http") ?? 0) >= 2 * WRK_REQUESTS, `${counts.get("http")} of HTTP`);
    assert.ok((counts.get("redis") ?? 0) >= 8000, `${counts.get("redis")} of Redis`);
    assert.ok((counts.get("dns") ?? 0) >= 400, `${counts.get("dns")} of DNS`);
    assertSame(await replayed(files.recording, ...output), live);
    const fromPipe = `cat "$1" | "$0" replay - ${output.join(" ")}`;
    const piped = await run("sh", ["-c", fromPipe, SOCKEYE, files.recording]);
    assertSame(piped.stdout, live);
  });

  Deno.test(`e2e replay: filters take out what they would have (${way} way)`, async () => {
    await using place = await Place.open();
    const files = { records: place.path("live"), recording: place.path("trace.rec.gz") };
    const { live } = await recorded(files, [...capture, ...place.ports], async () => {
      await place.talk();
    });
    const { port } = place.redis;
    const cases: { args: string[]; test: (record: SeenRecord) => boolean }[] = [
      { args: ["--role", "server"], test: ({ role }) => role === "server" },
      { args: ["--protocol", "dns,http"], test: ({ protocol }) => protocol !== "redis" },
      { args: ["--pid", `${place.redis.pid}`], test: ({ pid }) => pid === place.redis.pid },
      { args: ["--comm", "nginx"], test: ({ comm }) => comm === "nginx" },
      {
        args: ["--port", `${port}`, "--role", "client"],
        test: ({ remote }) => remote === `127.0.0.1:${port}`,
      },
    ];
    for (const { args, test } of cases) {
      const want = linesWhere(live, test);
      assert.notEqual(want, "", args.join(" "));
      assertSame(await replayed(files.recording, ...args), want);
    }
    const first = live.split("\n").slice(0, 5).map((line) => `${line}\n`).join("");
    assertSame(await replayed(files.recording, "-c", "5"), first);
  });

  Deno.test(`e2e replay: chosen processes and a table are as they were (${way} way)`, async () => {
    await using place = await Place.open();
    const files = { records: place.path("live"), recording: place.path("trace.rec") };
    const output = ["-o", "table", "--role", "server"];
    // What is none of their protocols is a record of chosen processes.
    const pids = ["--pid", `${place.redis.pid}`, "--pid", `${place.nginx.pid}`];
    const { live } = await recorded(files, [...capture, ...pids, ...output], async () => {
      await place.talk();
      using odd = await Deno.connect({ hostname: "127.0.0.1", port: place.nginx.port });
      await ask(odd, Uint8Array.from({ length: 400 }, (_, i) => 0xe0 + i % 8), 0);
      await ask(odd, encoder.encode("\n\n"), 100);
    });
    assert.match(live, /SET/);
    assert.match(live, /GET \/page/);
    assertSame(await replayed(files.recording, ...output), live);
    // nginx answers in a child of the process that was named.
    assertSame(await replayed(files.recording, ...output, ...pids), live);
    const alone = await replayed(files.recording, ...output, ...pids, "--no-follow");
    assert.doesNotMatch(alone, /GET \/page/);
  });

  Deno.test(`e2e replay: a COMMAND's trace, from its first byte (${way} way)`, async () => {
    await using place = await Place.open();
    const recording = place.path("trace.rec");
    const url = `http://127.0.0.1:${place.nginx.port}/page`;
    const { stdout } = await run(SOCKEYE, [
      ...capture,
      ...["--record", recording, "-o", "ndjson", "--", "curl", "-s", "-o", "/dev/null", url, url],
    ]);
    assert.equal(countsOf(stdout).get("http"), 2);
    assertSame(await replayed(recording), stdout);
  });

  Deno.test(`e2e replay: what was lost is lost again, in the same places (${way} way)`, async () => {
    await using place = await Place.open();
    const files = { records: place.path("live"), recording: place.path("trace.rec") };
    using kept = await Deno.connect({ hostname: "127.0.0.1", port: place.nginx.port });
    const args = [...capture, ...place.ports, "--ring-mib", "1"];
    const { live, summary } = await recorded(files, args, async (tracer) => {
      await ask(kept, GET, 1000);
      // Nobody reads: the buffers overflow.
      tracer.process.kill("SIGSTOP");
      await place.load();
      tracer.process.kill("SIGCONT");
      await ask(kept, GET, 1000);
    });
    assert.match(summary, /events? lost in data_events/);
    assert.match(live, /"incomplete":\[/);
    const { code, stdout, stderr } = await replay(files.recording);
    assert.equal(code, 0, stderr);
    assertSame(stdout, live);
    const lost = /\d+ events? lost in data_events/;
    assert.equal(lost.exec(stderr)?.[0], lost.exec(summary)?.[0]);
  });

  Deno.test(`e2e replay: after kill -9 what was saved comes, and then a word (${way} way)`, async () => {
    await using place = await Place.open();
    const [records, recording] = [place.path("live"), place.path("trace.rec")];
    const out = ["--output-file", records, "--record", recording];
    await using tracer = await startTracer(...capture, ...place.ports, ...out);
    await place.load();
    await tracer.process.until(
      async () => (await Deno.stat(recording)).size > 1 << 20,
      "a few blocks of the recording",
    );
    tracer.process.kill("SIGKILL");
    await tracer.process.end();
    const { code, stdout, stderr } = await replay(recording);
    assert.equal(code, 1);
    assert.match(stderr, /^Cannot read recording \S+: .*at offset \d+/m);
    const saved = linesWhere(
      stdout,
      ({ incomplete }) => incomplete?.includes("trace_end") !== true,
    );
    const live = await Deno.readTextFile(records);
    const common = Math.min(saved.lastIndexOf("\n"), live.lastIndexOf("\n"));
    assert.ok(common > 100_000, `${common} bytes in common`);
    assertSame(saved.slice(0, common), live.slice(0, common));
  });
}
