/**
 * Every way to move bytes on a socket, counted: the raw events give back each byte where it belongs,
 * and the record of the connection has the program's own totals. Needs root.
 */
import assert from "node:assert/strict";
import { Cut, EntryKind } from "../../lib/capture/abi.ts";
import {
  capture,
  type Captured,
  type CapturedStream,
  compile,
  expectedBytes,
  type ReportedConn,
  reportedConns,
} from "../support/capture.ts";
import type { SeenRecord } from "../support/tracer.ts";
import { lossIn, WAYS } from "../support/tracer.ts";

type Way = typeof WAYS[number];
type End = "client" | "server";

interface Case {
  /** Name and numbers, as the program takes them. */
  run: string;
  /** Where payload cannot be seen: positions and lengths, by end and direction. */
  gaps?: Record<string, [number, number][]>;
  /** Bytes from the client that the server did not read. */
  unread?: number;
  /** The ways that can tell the connections of this case apart. */
  ways?: readonly Way[];
  /** Operations may have moved in another order than they were asked for. */
  anyOrder?: true;
  /** Streams of which no event comes at all. */
  hidden?: readonly string[];
  check?: (captured: Captured, streams: Map<string, CapturedStream>) => void;
}

/** So that nothing is cut, and nothing lost when the machine is busy. */
const ROOMY = ["--unfiltered", "--snaplen", "32M", "--ring-mib", "128"];

const STREAM: Case[] = [
  {
    run: "calls",
    check: (_, streams) => {
      const calls = (stream: string): string[] =>
        (streams.get(stream)?.operations ?? []).map(({ call }) => call);
      const sends = ["write", "sendto", "sendto", "sendmsg", "writev", "writev"];
      const reads = ["read", "recvfrom", "recvfrom", "recvmsg", "readv", "readv"];
      assert.deepEqual(calls("client egress"), sends);
      assert.deepEqual(calls("server ingress"), reads);
      for (const stream of streams.values()) {
        assert.equal(new Set(stream.operations.map(({ fd }) => fd)).size, 1);
        assert.ok(stream.operations.every(({ comm }) => comm === "stream_calls"));
      }
    },
  },
  { run: "calls6" },
  { run: "mapped" },
  { run: "vectors:1:100" },
  { run: "vectors:8:100" },
  { run: "vectors:9:100" },
  { run: "vectors:64:1000" },
  { run: "vectors:1000:100" },
  { run: "peek" },
  { run: "waitall" },
  { run: "zero", check: noEarlyEnd },
  { run: "partial" },
  { run: "faults", unread: 10 },
  { run: "large:1048576" },
  { run: "large:10485760" },
  { run: "unread:5000", unread: 4950 },
  { run: "half_close", check: halfClosed },
  { run: "duplicate" },
  { run: "sendfile", gaps: { "server egress": [[100, 50000]] } },
  { run: "splice_to", gaps: { "client egress": [[100, 5000]] } },
  { run: "splice_from", gaps: { "server ingress": [[100, 5000]] } },
  // At the end of the call, the number leads to the other connection.
  {
    run: "reuse_while_blocked",
    gaps: { "server ingress": [[10, 100]] },
    ways: ["socket"],
  },
  { run: "refused" },
  { run: "truncated_read", gaps: { "server ingress": [[0, 600]] } },
  { run: "zero_copy" },
];

const MESSAGES: Case[] = [
  { run: "mmsg:64:100" },
  { run: "mmsg_named:64:100" },
  { run: "mmsg:200:50" },
  { run: "mmsg:1024:50" },
  { run: "mmsg:64:4097" },
  { run: "mmsg:100:60000" },
  { run: "mmsg_pieces:10:100" },
  // Where a call stops at a time limit, the element at hand is not known to the socket way.
  { run: "mmsg_timeout", ways: ["socket"], gaps: { "server ingress": [[0, 600]] } },
  { run: "mmsg_timeout", ways: ["syscall"] },
  { run: "mmsg_stream:10:100" },
  { run: "mmsg_stream:3:100000" },
  { run: "mmsg_partial", ways: ["socket"] },
  { run: "datagrams:100" },
  { run: "datagrams:60000" },
  { run: "datagrams6:100" },
  { run: "connected:60000" },
];

const URING: Case[] = [
  { run: "single", ways: ["socket"] },
  { run: "in_flight:1", ways: ["socket"] },
  { run: "in_flight:0", ways: ["socket"], anyOrder: true },
  // The kernel chose the buffer.
  { run: "provided", ways: ["socket"], gaps: { "server ingress": [[0, 3000]] } },
  // Its completions do not name the request: only the totals tell.
  { run: "multishot", ways: ["socket"], hidden: ["server ingress"] },
  { run: "mixed", ways: ["socket"] },
];

/** A read of nothing is no end. */
function noEarlyEnd({ marks, operations }: Captured, streams: Map<string, CapturedStream>): void {
  const conns = new Set([...streams.values()].map(({ conn }) => conn));
  const last = operations.findLastIndex(({ conn }) => conns.has(conn));
  const ends = marks.filter(({ kind, conn }) => kind === EntryKind.EOF && conns.has(conn));
  assert.ok(ends.length > 0);
  assert.ok(ends.every(({ after }) => after > last), "an end before the last bytes");
}

function halfClosed({ marks }: Captured, streams: Map<string, CapturedStream>): void {
  const server = streams.get("server ingress")?.conn;
  const client = streams.get("client egress")?.conn;
  const has = (conn: number | undefined, direction: string): boolean =>
    marks.some((mark) =>
      mark.kind === EntryKind.EOF && mark.conn === conn && mark.direction === direction
    );
  assert.ok(has(client, "egress"), "shutdown()");
  assert.ok(has(server, "ingress"), "a read of 0");
}

/** The four streams of one connection: "client egress" and so on. */
function streamsOf(captured: Captured, { address }: ReportedConn): Map<string, CapturedStream> {
  const streams = new Map<string, CapturedStream>();
  for (const stream of captured.streams) {
    const has = (side: "local" | "remote"): boolean =>
      stream.operations.some((operation) => operation[side] === address);
    const end: End | null = has("local") ? "client" : has("remote") ? "server" : null;
    if (end !== null) streams.set(`${end} ${stream.direction}`, stream);
  }
  return streams;
}

function checkStream(
  stream: CapturedStream,
  tag: "up" | "down",
  length: number,
  gaps: [number, number][],
  anyOrder = false,
): void {
  assert.equal(stream.bytes.length, length);
  assert.deepEqual(stream.gaps, gaps);
  assert.equal(stream.overlaps, 0);
  const want = expectedBytes(tag, 0, length);
  if (anyOrder) {
    assert.deepEqual(unitsOf(stream.bytes), unitsOf(want));
    return;
  }
  for (const [start, size] of gaps) want.fill(0, start, start + size);
  const at = want.findIndex((byte, i) => stream.bytes[i] !== byte);
  assert.equal(at, -1, `byte ${at} is wrong`);
}

/** Eight bytes each: none is there twice, none is missing. */
function unitsOf(bytes: Uint8Array): string[] {
  const text = new TextDecoder().decode(bytes);
  return Array.from({ length: text.length / 8 }, (_, i) => text.slice(8 * i, 8 * i + 8)).sort();
}

/** Each end has one record, with what moved in total. */
function checkRecords(records: SeenRecord[], conn: ReportedConn, unread: number): void {
  for (const side of ["local", "remote"] as const) {
    const own = records.filter((record) => record[side] === conn.address);
    assert.equal(own.length, 1, `records with ${side} ${conn.address}`);
    const record = own[0];
    assert.equal(record?.protocol, "unknown");
    assert.equal(record.request?.bytes, side === "local" ? conn.up : conn.up - unread);
    assert.equal(record.response?.bytes ?? 0, conn.down);
    assert.equal(record.incomplete, undefined);
  }
}

function checkCase(captured: Captured, it: Case, conns: ReportedConn[]): void {
  assert.ok(conns.length > 0);
  conns.forEach((conn, i) => {
    const streams = streamsOf(captured, conn);
    for (const [name, stream] of streams) {
      const isUp = name === "client egress" || name === "server ingress";
      const gaps = i === 0 ? it.gaps?.[name] ?? [] : [];
      const unread = name === "server ingress" ? it.unread ?? 0 : 0;
      checkStream(
        stream,
        isUp ? "up" : "down",
        (isUp ? conn.up : conn.down) - unread,
        gaps,
        it.anyOrder,
      );
    }
    const hidden = it.hidden?.length ?? 0;
    assert.equal(streams.size, (conn.up > 0 ? 2 : 0) + (conn.down > 0 ? 2 : 0) - hidden);
    checkRecords(captured.records, conn, it.unread ?? 0);
    it.check?.(captured, streams);
  });
}

function sharesPort(captured: Captured): boolean {
  const addresses = reportedConns(captured.said).map(({ address }) => address);
  return new Set(addresses).size < addresses.length;
}

/** One run of the program for all its cases. */
function test(program: string, title: string, all: Case[], ...flags: string[]): void {
  for (const way of WAYS) {
    const cases = all.filter(({ ways }) => ways?.includes(way) ?? true);
    if (cases.length === 0) continue;
    Deno.test(`capture is exact for ${title} (${way} way)`, async (t) => {
      const folder = await Deno.makeTempDir({ prefix: "sockeye-calls-" });
      try {
        const executable = await compile(program, folder, ...flags);
        const command = [executable, ...cases.map(({ run }) => run)];
        let captured = await capture(command, ["--capture", way, ...ROOMY]);
        // Connections are told apart by the client's port, which the kernel may give out twice.
        for (let tries = 1; tries < 30 && sharesPort(captured); tries++) {
          captured = await capture(command, ["--capture", way, ...ROOMY]);
        }
        assert.doesNotMatch(captured.summary, / lost in /);
        const reported = reportedConns(captured.said);
        for (const it of cases) {
          await t.step(it.run, () => {
            checkCase(captured, it, reported.filter(({ name }) => name === it.run));
          });
        }
      } finally {
        await Deno.remove(folder, { recursive: true });
      }
    });
  }
}

Deno.test("messages of one call beyond what the syscall way follows are counted as lost", async () => {
  const folder = await Deno.makeTempDir({ prefix: "sockeye-calls-" });
  try {
    const executable = await compile("message_calls", folder);
    const captured = await capture([executable, "mmsg_pieces:40:100"], [
      "--capture",
      "syscall",
      ...ROOMY,
    ]);
    assert.match(captured.summary, /\d+ events lost in /);
  } finally {
    await Deno.remove(folder, { recursive: true });
  }
});

for (const way of WAYS) {
  Deno.test(`bytes that a process leaves unread are not missing (${way} way)`, async () => {
    const folder = await Deno.makeTempDir({ prefix: "sockeye-calls-" });
    try {
      const executable = await compile("stream_calls", folder);
      const captured = await capture([executable, "unread:100000"], ["--capture", way, ...ROOMY]);
      assert.equal(lossIn(captured.summary), "");
      const [conn] = reportedConns(captured.said);
      assert.ok(conn);
      checkRecords(captured.records, conn, 100_000 - 50);
    } finally {
      await Deno.remove(folder, { recursive: true });
    }
  });
}

test("stream_calls", "calls on streams", STREAM);
// By itself: so many connections may share a port with one of another listener.
test("stream_calls", "descriptors used again", [{ run: "reuse:100" }]);
test("message_calls", "datagrams and several messages a call", MESSAGES);
test("uring_calls", "io_uring", URING, "-luring");

for (const way of WAYS) {
  for (const snaplen of [64, 1 << 20]) {
    Deno.test(`--snaplen ${snaplen} cuts an operation and tells its true size (${way} way)`, async () => {
      const folder = await Deno.makeTempDir({ prefix: "sockeye-snaplen-" });
      try {
        const command = [await compile("stream_calls", folder), "large:10485760"];
        const args = ["--capture", way, "--unfiltered", "--ring-mib", "128"];
        const captured = await capture(command, [...args, "--snaplen", `${snaplen}`]);
        const [conn] = reportedConns(captured.said);
        assert.ok(conn);
        const sent = streamsOf(captured, conn).get("client egress");
        assert.ok(sent);
        checkStream(sent, "up", conn.up, [[snaplen, conn.up - snaplen]]);
        const cuts = sent.operations.map(({ total, cut }) => [total, cut]);
        assert.deepEqual(cuts, [[conn.up, Cut.SNAPLEN]]);
        assert.match(captured.summary, /snaplen/);
        checkRecords(captured.records, conn, 0);
      } finally {
        await Deno.remove(folder, { recursive: true });
      }
    });
  }
}
