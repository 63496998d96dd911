/** Capture from the running kernel; needs root, python3 and the built BPF object (dist/). */
import assert from "node:assert/strict";
import { Direction, EntryKind, Flag } from "../../lib/capture/abi.ts";
import { type LiveOptions, type LiveSource, openLive } from "../../lib/capture/live/source.ts";
import { probeKernel } from "../../lib/capture/live/allowed.ts";
import { Background } from "../support/process.ts";

const WAYS = ["socket", "syscall"] as const;

function options(some: Partial<LiveOptions>): LiveOptions {
  return {
    pids: [],
    comm: [],
    ports: [],
    follow: true,
    unfiltered: true,
    snaplen: 1 << 20,
    tls: false,
    libbpf: "system",
    warn: () => {},
    ...some,
  };
}

/** A Python program that says it is there, waits for a line, and only then goes on. */
function begin(program: string): Background {
  const gate = "import sys, socket, os\nprint('here', flush=True)\nsys.stdin.readline()\n";
  return new Background("/usr/bin/python3", ["-c", gate + program], { stdin: "piped" });
}

/** The same, there already: it has renamed itself for the last time. */
async function started(program: string): Promise<Background> {
  const process = begin(program);
  await said(process, "here");
  return process;
}

/** Waits for a whole line: Python may write it in pieces. */
async function said(process: Background, line: string): Promise<void> {
  await process.until(() => process.stdout.includes(`${line}\n`), line);
}

interface Seen {
  kind: number;
  timeNs: number;
  pid: number;
  conn: number;
  direction: number;
  flags: number;
  payload: number;
  total: number;
}

/** Drains until `done` says so, or the source ended. */
async function collect(
  live: LiveSource,
  done: (seen: readonly Seen[]) => boolean = () => false,
): Promise<Seen[]> {
  const seen: Seen[] = [];
  const deadline = performance.now() + 60_000;
  while (!live.ended && !done(seen)) {
    assert.ok(performance.now() < deadline, "no end after a minute");
    const entries = live.drain((event) => {
      seen.push({
        kind: event.kind,
        timeNs: event.timeNs,
        pid: event.pid,
        conn: event.conn,
        direction: event.direction,
        flags: event.flags,
        payload: event.payloadLength,
        total: event.totalBytes,
      });
    });
    if (entries === 0) await live.wait();
  }
  return seen;
}

const TCP = `
server = socket.create_server(("127.0.0.1", 0))
client = socket.create_connection(server.getsockname())
peer, _ = server.accept()
for i in range(200):
    client.sendall(b"q" * 100)
    assert len(peer.recv(1000)) == 100
    peer.sendall(b"a" * 10000)
    got = 0
    while got < 10000: got += len(client.recv(65536))
`;

/** Both sets of programs: this kernel would use one of them. */
const SETS = [{ steady: false, set: "raw" }, { steady: true, set: "classic" }];

const RUNS = WAYS.flatMap((way) => SETS.map((it) => ({ way, ...it })));
for (const { way, steady, set } of RUNS) {
  Deno.test(`openLive() sees every byte of a process and ends with it (${way} way, ${set} tracepoints)`, async () => {
    await using program = await started(TCP);
    using live = openLive(options({ way, steady, pids: [program.pid] }));
    assert.equal(live.way, way);
    assert.equal(live.liveTargets(), 1);
    await program.write("\n");
    const seen = await collect(live);
    assert.ok(live.ended);
    const data = seen.filter((it) => it.kind === EntryKind.DATA);
    for (const direction of [0, 1]) {
      const payload = data.filter((it) => it.direction === direction)
        .reduce((sum, it) => sum + it.payload, 0);
      assert.equal(payload, 200 * (100 + 10000), `direction ${direction}`);
    }
    assert.ok(data.every((it) => it.pid === program.pid));
    assert.equal(new Set(data.map((it) => it.conn)).size, 2);
    assert.equal(seen.filter((it) => it.kind === EntryKind.EXIT).length, 1);
    assert.ok(seen.some((it) => it.kind === EntryKind.TICK));
    // One thread did it all. Of a tick it is known only that an interrupted program may be late for it.
    const times = seen.filter((it) => it.kind !== EntryKind.TICK).map((it) => it.timeNs);
    assert.ok(times.every((time, i) => time >= (times[i - 1] ?? 0)), "time went back");
    assert.deepEqual(live.losses(), []);
    assert.equal(live.counters().data_lost, 0);
    assert.equal(live.counters().missed, 0);
  });
}

for (const { steady, set } of SETS) {
  Deno.test(`openLive() follows children, and not without follow (${set} tracepoints)`, async () => {
    // A thread of the parent is no child.
    const program = `
import threading
threading.Thread(target=lambda: None).start()
a, b = socket.socketpair()
if os.fork() == 0:
    a.sendall(b"from the child")
    os._exit(0)
os.wait()
b.recv(100)
`;
    for (const follow of [true, false]) {
      await using parent = await started(program);
      using live = openLive(options({ steady, pids: [parent.pid], follow }));
      await parent.write("\n");
      const seen = await collect(live);
      const data = seen.filter((it) => it.kind === EntryKind.DATA);
      assert.deepEqual(data.map((it) => it.pid === parent.pid), follow ? [false, true] : [true]);
      const count = (kind: number): number => seen.filter((it) => it.kind === kind).length;
      assert.equal(count(EntryKind.START), follow ? 1 : 0);
      assert.equal(count(EntryKind.EXIT), follow ? 2 : 1);
    }
  });

  Deno.test(`openLive() takes on who takes a traced name on (${set} tracepoints)`, async () => {
    const name = `renamed-${set}`;
    await using program = await started(`
a, b = socket.socketpair()
a.sendall(b"before")
open("/proc/self/comm", "w").write("${name}")
b.recv(100)
open("/proc/self/comm", "w").write("another")
a.sendall(b"after")
open("/proc/self/comm", "w").write("${name}")
b.recv(100)
`);
    using live = openLive(options({ steady, comm: ["nobody", name] }));
    await program.write("\n");
    const own = (seen: readonly Seen[]): Seen[] =>
      seen.filter((it) => it.kind === EntryKind.DATA && it.pid === program.pid);
    const seen = own(await collect(live, (events) => own(events).length >= 2));
    assert.deepEqual(seen.map(({ total }) => total), ["before".length, "after".length]);
    assert.ok(seen.every(({ direction }) => direction === Direction.INGRESS));
  });
}

Deno.test("openLive() with a command sees the child's first byte, and ends with it", async () => {
  using live = openLive(options({ command: true }));
  await using child = begin("");
  // Python itself, before its gate: nothing was marked by hand yet.
  await said(child, "here");
  live.addTarget(child.pid);
  assert.equal(live.liveTargets(), 1);
  await child.write("\n");
  const seen = await collect(live);
  // Others may be there: python3 can be a script that starts the real one.
  assert.equal(seen.find((it) => it.kind === EntryKind.START)?.pid, child.pid);
  assert.equal(seen.findLast((it) => it.kind === EntryKind.EXIT)?.pid, child.pid);
});

Deno.test("openLive() loses nothing silently when rings are tiny", async () => {
  await using program = await started(`
a, b = socket.socketpair()
for i in range(400):
    a.sendall(b"x" * 60000)
    got = 0
    while got < 60000: got += len(b.recv(60000))
print("sent", flush=True)
`);
  using live = openLive(options({ pids: [program.pid], ringMib: 0.25 }));
  await program.write("\n");
  // Read while it sends, the rings might do on a machine that is slow enough.
  await said(program, "sent");
  const seen = await collect(live);
  const lost = seen.filter((it) => it.kind === EntryKind.LOST)
    .reduce((sum, it) => sum + it.total, 0);
  assert.ok(lost > 0);
  assert.equal(live.losses().reduce((sum, it) => sum + it.events, 0), lost);
});

Deno.test("openLive() tells the end of a UDP socket whose process lives on", async () => {
  await using program = await started(`
udp = socket.socket(socket.AF_INET, socket.SOCK_DGRAM)
udp.sendto(b"a", ("127.0.0.1", 9))
udp.close()
sys.stdin.readline()
`);
  using live = openLive(options({ pids: [program.pid] }));
  await program.write("\n");
  const isClose = (it: Seen): boolean => it.kind === EntryKind.CLOSE;
  const seen = await collect(live, (events) => events.some(isClose));
  const open = seen.find((it) => it.kind === EntryKind.OPEN);
  const close = seen.find(isClose);
  assert.ok(open && close);
  assert.equal(close.conn, open.conn);
  assert.ok((close.flags & Flag.DATAGRAM) !== 0);
  assert.equal(close.payload, 0);
});

Deno.test("stop() hands out what was captured, then ends", async () => {
  const tookMs: number[] = [];
  for (let tries = 0; tries < 3; tries++) {
    await using program = await started(`
a, b = socket.socketpair()
a.sendall(b"last words")
print("sent", flush=True)
sys.stdin.readline()
`);
    using live = openLive(options({ pids: [program.pid] }));
    await program.write("\n");
    await said(program, "sent");
    const began = performance.now();
    live.stop();
    tookMs.push(performance.now() - began);
    const seen = await collect(live);
    assert.ok(seen.some((it) => it.kind === EntryKind.DATA && it.payload === 10));
  }
  // The best one: any may have been interrupted.
  assert.ok(Math.min(...tookMs) < 200, `stop() took ${tookMs} ms`);
});

Deno.test("openLive() says which pid does not exist", () => {
  // No kernel gives numbers beyond this one less one.
  const none = 4194304;
  assert.throws(
    () => openLive(options({ pids: [none] })),
    { name: "TargetError", message: `Cannot trace pid ${none}: no such process` },
  );
});

Deno.test("openLive() closes what it opened", () => {
  const files = (): number => Array.from(Deno.readDirSync("/proc/self/fd")).length;
  openLive(options({ pids: [Deno.pid] }))[Symbol.dispose]();
  const before = files();
  for (let i = 0; i < 5; i++) {
    using live = openLive(options({ pids: [Deno.pid] }));
    live.drain(() => {});
  }
  assert.ok(files() <= before);
});

Deno.test("probeKernel() finds that tracing works here", () => {
  const checks = probeKernel({ libbpf: "system" });
  assert.deepEqual(checks.filter((check) => !check.ok), []);
  assert.equal(checks.at(-1)?.name, "load and attach");
});
