/**
 * Which processes and connections are traced, and how much of those of no known protocol: counted
 * by connections that are known beforehand. Needs root, python3 and socat.
 */
import assert from "node:assert/strict";
import { EntryKind } from "../../lib/capture/abi.ts";
import { capture, type Captured, compile, python, reportedConns } from "../support/capture.ts";
import { Background } from "../support/process.ts";
import { freePort } from "../support/servers.ts";
import { type SeenRecord, SOCKEYE, Tracer, WAYS } from "../support/tracer.ts";

const TRAFFIC = ["/usr/bin/python3", python("traffic")];

/** "client 5000 100/300": end, its server's port (0: unix), bytes of both sides. */
function described(records: readonly SeenRecord[], ports: readonly number[] = []): string[] {
  return records.map((record) => {
    const port = ports.find((it) => ends(record, "remote", it) || ends(record, "local", it)) ?? 0;
    const end = ends(record, "remote", port)
      ? "client"
      : ends(record, "local", port)
      ? "server"
      : "";
    const bytes = `${record.request?.bytes}/${record.response?.bytes}`;
    return `${end === "" ? "unix" : `${end} ${port}`} ${bytes}`;
  }).sort();
}

function ends(record: SeenRecord, side: "local" | "remote", port: number): boolean {
  return record[side]?.endsWith(`:${port}`) === true;
}

function conversation(port: number): string[] {
  return [`client ${port} 100/300`, `server ${port} 100/300`];
}

for (const way of WAYS) {
  const how = ["--capture", way];

  Deno.test(`filters of ports and roles, and all at once (${way} way)`, async (t) => {
    const [a, b, c] = [freePort(), freePort(), freePort()];
    const command = [...TRAFFIC, "wait", `tcp:${a}`, `tcp:${b}`, `udp:${c}`, "unix"];
    const unix = ["unix 100/300", "unix 100/300"];
    const all = [...conversation(a), ...conversation(b), ...conversation(c), ...unix].sort();
    const cases: { name: string; args: string[]; want: string[] }[] = [
      { name: "none", args: [], want: all },
      { name: "a port", args: ["--port", `${a}`], want: conversation(a) },
      { name: "a UDP port", args: ["--port", `${c}`], want: conversation(c) },
      {
        name: "two ports",
        args: ["--port", `${a}`, "--port", `${b}`],
        want: [...conversation(a), ...conversation(b)].sort(),
      },
      {
        name: "port and role",
        args: ["--port", `${a}`, "--role", "client"],
        want: [`client ${a} 100/300`],
      },
      {
        name: "port and name",
        args: ["--port", `${a}`, "--comm", "python3"],
        want: conversation(a),
      },
      { name: "another name", args: ["--port", `${a}`, "--comm", "nobody"], want: [] },
      { name: "another protocol", args: ["--protocol", "http"], want: [] },
    ];
    for (const { name, args, want } of cases) {
      await t.step(name, async () => {
        const { records } = await capture(command, [...how, ...args]);
        assert.deepEqual(described(records, [a, b, c]), want);
      });
    }
  });

  Deno.test(`--comm alone, host-wide --protocol unknown, and never itself (${way} way)`, async (t) => {
    const port = freePort();
    const command = [...TRAFFIC, "wait", `tcp:${port}`];
    const own = (records: readonly SeenRecord[]): SeenRecord[] =>
      records.filter((record) => ends(record, "local", port) || ends(record, "remote", port));
    await t.step("--comm", async () => {
      const { records } = await capture(command, [...how, "--comm", "python3"], { pid: false });
      assert.deepEqual(described(own(records), [port]), conversation(port));
    });
    await t.step("several names, taken on while it traces", async () => {
      // A shell of another name at first; exec() gives it the last of the names.
      const line = `echo here; read -r go; exec ${TRAFFIC.join(" ")} tcp:${port}`;
      const names = ["--comm", "nobody", "--comm", "noone", "--comm", "python3"];
      const { records } = await capture(["sh", "-c", line], [...how, ...names], { pid: false });
      assert.deepEqual(described(own(records), [port]), conversation(port));
      assert.ok(own(records).every(({ incomplete }) => incomplete === undefined));
    });
    await t.step("host-wide", async () => {
      const { records, tracerPid } = await capture(command, [...how, "--protocol", "unknown"], {
        pid: false,
      });
      assert.deepEqual(described(own(records), [port]), conversation(port));
      assert.ok(records.every(({ pid }) => pid !== tracerPid));
    });
    await t.step("host-wide without", async () => {
      const { records } = await capture(command, how, { pid: false });
      assert.deepEqual(own(records), []);
    });
  });

  Deno.test(`--no-follow leaves children out (${way} way)`, async () => {
    const folder = await Deno.makeTempDir({ prefix: "sockeye-follow-" });
    try {
      const command = [await compile("process_calls", folder), "killed"];
      const followed = await capture(command, how);
      assert.equal(followed.records.length, 2);
      assert.ok(followed.records.every(({ pid }) => pid !== followed.pid));
      const alone = await capture(command, [...how, "--no-follow"]);
      assert.deepEqual(alone.records, []);
      assert.deepEqual(alone.operations, []);
    } finally {
      await Deno.remove(folder, { recursive: true });
    }
  });

  Deno.test(`-- COMMAND is traced from its first byte to its end (${way} way)`, async () => {
    const port = freePort();
    const tracer = new Tracer([
      ...["-o", "ndjson", ...how, "--", ...TRAFFIC],
      ...[`tcp:${port}`, "exit:7"],
    ]);
    await using _ended = tracer;
    const { code } = await tracer.process.end();
    assert.equal(code, 7);
    assert.deepEqual(described(tracer.records, [port]), conversation(port));
    assert.ok(tracer.records.every(({ incomplete }) => incomplete === undefined));
  });

  Deno.test(`attached in the middle of connections, it says so (${way} way)`, async () => {
    const port = freePort();
    const command = [...TRAFFIC, `tcp:${port}`, "unix", "wait", "again", "again"];
    const { records } = await capture(command, how);
    const want = ["unix 200/600", "unix 200/600"];
    want.push(`client ${port} 200/600`, `server ${port} 200/600`);
    assert.deepEqual(described(records, [port]), want.sort());
    assert.ok(records.every(({ incomplete }) => incomplete?.includes("mid_stream")));
  });

  Deno.test(`of unknown protocols come the first bytes and the totals (${way} way)`, async (t) => {
    const folder = await Deno.makeTempDir({ prefix: "sockeye-unknown-" });
    try {
      const command = [await compile("stream_calls", folder), "large:1048576", "reuse:200"];
      const filtered = await capture(command, [...how, "--ring-mib", "128"]);
      const whole = await capture(command, [...how, "--unfiltered", "--ring-mib", "128"]);
      await t.step("filtered", () => checkTotals(filtered, 256));
      await t.step("unfiltered", () => checkTotals(whole, Infinity));
    } finally {
      await Deno.remove(folder, { recursive: true });
    }
  });

  Deno.test(`its own output over loopback does not feed it (${way} way)`, async () => {
    const port = freePort();
    await using stack = new AsyncDisposableStack();
    const folder = await Deno.makeTempDir({ prefix: "sockeye-sink-" });
    stack.defer(() => Deno.remove(folder, { recursive: true }));
    const sink = `${folder}/records`;
    await using listener = new Background("socat", [
      ...["-d", "-d", "-u", `TCP-LISTEN:${port},bind=127.0.0.1`, `CREATE:${sink}`],
    ]);
    await listener.until(() => listener.stderr.includes("listening on"), "socat");
    const line = `exec ${SOCKEYE} -o ndjson --unfiltered --protocol unknown --capture ${way}` +
      ` > >(exec socat -u STDIN TCP:127.0.0.1:${port})`;
    await using shell = new Background("bash", ["-c", line]);
    await shell.until(() => shell.stderr.includes("sockeye: ready"), "the ready line");
    const traffic = freePort();
    await capture([...TRAFFIC, "wait", `tcp:${traffic}`], []);
    await shell.until(
      async () => (await Deno.readTextFile(sink)).includes(`:${traffic}"`),
      "the record",
    );
    // At its end it tells of connections that are still open, too.
    shell.kill("SIGINT");
    await shell.end();
    await listener.end();
    const lines = (await Deno.readTextFile(sink)).trimEnd().split("\n");
    const records = lines.map((line): SeenRecord => JSON.parse(line));
    const own = records.filter((it) => ends(it, "local", port) || ends(it, "remote", port));
    // Who carries its output is left out; who reads it at the other end is a process like others.
    assert.deepEqual(own.map(({ role, pid }) => [role, pid]), [["server", listener.pid]]);
  });
}

/** Every connection's totals are exact; no direction sent more payload than `most`. */
function checkTotals(captured: Captured, most: number): void {
  const conns = reportedConns(captured.said);
  assert.equal(conns.length, 201);
  assert.equal(captured.records.length, 2 * conns.length);
  const unclaimed = [...captured.records];
  for (const { address, up, down } of conns) {
    for (const side of ["local", "remote"] as const) {
      // Connections of two listeners may have had the same port, one after the other.
      const at = unclaimed.findIndex((it) => it[side] === address && it.request?.bytes === up);
      const [record] = at < 0 ? [] : unclaimed.splice(at, 1);
      assert.equal(record?.request?.bytes, up);
      assert.equal(record?.response?.bytes, down);
      const first = `${record?.request?.first_bytes ?? ""}`;
      assert.equal(first, `\x020000000\x020000001`.slice(0, Math.min(up, 16)) + first.slice(16));
    }
  }
  for (const { operations } of captured.streams) {
    const payload = operations.reduce((sum, { bytes }) => sum + bytes.length, 0);
    const moved = operations.reduce((sum, { total }) => sum + total, 0);
    assert.ok(payload <= most, `${payload} bytes of payload`);
    if (most === Infinity) assert.equal(payload, moved);
  }
  const starts = captured.marks.filter(({ kind }) => kind === EntryKind.OPEN);
  assert.equal(starts.length, 2 * conns.length);
}
