/**
 * Connections that processes and threads share, hand over or leave behind, and AF_UNIX streams: each
 * has one record an end with exact totals, whoever moved its bytes. Needs root.
 */
import assert from "node:assert/strict";
import { EntryKind } from "../../lib/capture/abi.ts";
import {
  capture,
  type Captured,
  compile,
  expectedBytes,
  reportedConns,
} from "../support/capture.ts";
import { type SeenRecord, WAYS } from "../support/tracer.ts";

/** The record of one end of a connection with this client. */
function recordOf(
  captured: Captured,
  side: "local" | "remote",
  address: string,
): SeenRecord {
  const own = captured.records.filter((record) => record[side] === address);
  assert.equal(own.length, 1, `records with ${side} ${address}`);
  return own[0] as SeenRecord;
}

/** Both ends of every connection, with the totals that the program told. */
function checkTotals(captured: Captured): void {
  const conns = reportedConns(captured.said);
  assert.ok(conns.length > 0);
  assert.equal(captured.records.length, 2 * conns.length);
  for (const { address, up, down } of conns) {
    for (const side of ["local", "remote"] as const) {
      const record = recordOf(captured, side, address);
      assert.equal(record.request?.bytes, up);
      assert.equal(record.response?.bytes, down);
      assert.equal(record.role, side === "local" ? "client" : "server");
      assert.equal(record.incomplete, undefined);
    }
  }
}

function checkBytes(captured: Captured): void {
  for (const stream of captured.streams) {
    const tag = stream.bytes[0] === 2 ? "up" : "down";
    assert.deepEqual(stream.bytes, expectedBytes(tag, 0, stream.bytes.length));
    assert.equal(stream.overlaps, 0);
    assert.deepEqual(stream.gaps, []);
  }
}

/** Ends of a unix connection cannot be told by address: which names, and the program's totals. */
function checkUnix(captured: Captured, local: string, remote: string): void {
  const [conn] = reportedConns(captured.said);
  assert.equal(captured.records.length, 2);
  for (const record of captured.records) {
    assert.equal(record.request?.bytes, conn?.up);
    assert.equal(record.response?.bytes, conn?.down);
  }
  const names = captured.records.map((record) => [record.role, record.local, record.remote]);
  const roles = local === remote ? [undefined, undefined] : ["client", "server"];
  const want = [[roles[0], local, remote], [roles[1], remote, local]];
  assert.deepEqual(names.sort(), want.sort());
}

const CASES: { run: string; ways?: readonly string[]; check: (captured: Captured) => void }[] = [
  {
    run: "prefork",
    check: (captured) => {
      checkTotals(captured);
      checkBytes(captured);
      const servers = captured.records.filter(({ role }) => role === "server");
      assert.equal(servers.length, 30);
      assert.ok(servers.every(({ pid }) => pid !== captured.pid));
      const clients = captured.records.filter(({ role }) => role === "client");
      assert.ok(clients.every(({ pid }) => pid === captured.pid));
    },
  },
  {
    run: "hand_over",
    check: (captured) => {
      checkTotals(captured);
      checkBytes(captured);
      const server = captured.streams.filter(({ operations }) =>
        operations.some(({ pid }) => pid !== captured.pid)
      );
      // The child read the second half and answered, on the same connection.
      assert.deepEqual(server.map(({ direction }) => direction).sort(), ["egress", "ingress"]);
      assert.equal(new Set(server.map(({ conn }) => conn)).size, 1);
      const request = server.find(({ direction }) => direction === "ingress");
      assert.equal(new Set(request?.operations.map(({ pid }) => pid)).size, 2);
    },
  },
  ...["killed", "killed:9"].map((run) => ({
    run,
    check: (captured: Captured): void => {
      checkTotals(captured);
      checkBytes(captured);
      assert.ok(captured.records.every(({ pid }) => pid !== captured.pid));
      const exits = captured.marks.filter(({ kind }) => kind === EntryKind.EXIT);
      assert.deepEqual(
        exits.map(({ pid }) => pid),
        [captured.records[0]?.pid, captured.pid],
      );
    },
  })),
  {
    run: "threads:5000",
    // At the end of a system call another thread may have written more: positions are then guesses.
    ways: ["socket"],
    check: ({ records }) => {
      assert.equal(records.length, 20000);
      for (const record of records) {
        assert.equal(record.protocol, "redis");
        assert.equal(record.request?.command, "PING");
        assert.ok(record.response !== null);
        assert.equal(record.incomplete, undefined);
        assert.equal(record.request_bytes, 14);
        assert.equal(record.response_bytes, 7);
      }
    },
  },
  {
    run: "unix_pair",
    check: (captured) => {
      checkUnix(captured, "unix:", "unix:");
      checkBytes(captured);
    },
  },
  {
    run: "unix_path",
    check: (captured) => {
      checkUnix(captured, "unix:", "unix:case.sock");
      checkBytes(captured);
    },
  },
  {
    run: "unix_abstract",
    check: (captured) => {
      checkUnix(captured, "unix:", `unix:@sockeye-case-${captured.pid}`);
      checkBytes(captured);
    },
  },
  {
    run: "unix_splice",
    // The socket way has no hook there, and a unix socket no positions that would show it.
    ways: ["syscall"],
    check: (captured) => {
      checkUnix(captured, "unix:", "unix:");
      const read = captured.streams.find(({ gaps }) => gaps.length > 0);
      assert.deepEqual(read?.gaps, [[100, 5000]]);
    },
  },
];

for (const way of WAYS) {
  Deno.test(`capture is exact for shared connections (${way} way)`, async (t) => {
    const folder = await Deno.makeTempDir({ prefix: "sockeye-processes-" });
    try {
      const program = await compile("process_calls", folder);
      for (const { run, check, ways } of CASES) {
        if (ways !== undefined && !ways.includes(way)) continue;
        await t.step(run, async () => {
          const args = ["--capture", way, "--unfiltered", "--ring-mib", "64"];
          const captured = await capture([program, run], args);
          assert.doesNotMatch(captured.summary, / lost in /);
          check(captured);
        });
      }
    } finally {
      await Deno.remove(folder, { recursive: true });
    }
  });
}
