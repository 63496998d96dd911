/**
 * Packet captures of real traffic: the same requests in the same order as tshark sees them, and
 * the same streams again when segments are lost, repeated and reordered in the file.
 */
import assert from "node:assert/strict";
import type { TraceRecord } from "../../../lib/record/record.ts";
import { plugins } from "../../../protocols/registry.ts";
import { type Packet, pcapFile, readPcap, replayBytes, type Seen } from "../../support/pcap.ts";
import { replayRecords } from "../../support/replay_records.ts";
import { capture, isPossible, run, Server, tshark } from "../../support/pcap_loopback.ts";
import { freePort } from "../../support/servers.ts";

const TOOLS = ["tcpdump", "tshark"];

/** Records of a capture, in the order in which they completed. */
function records(file: Uint8Array): TraceRecord[] {
  const path = Deno.makeTempFileSync({ suffix: ".pcap" });
  try {
    Deno.writeFileSync(path, file);
    return replayRecords(path);
  } finally {
    Deno.removeSync(path);
  }
}

/** One direction as it was handed out: byte values by position from the first one, -1 where missing. */
type Stream = Int16Array;

/** All directions of a capture's TCP connections, by "from>to". */
function streams(seen: readonly Seen[]): Map<string, Stream> {
  const parts = new Map<string, { first: number; pieces: Seen[] }>();
  const opened = new Map<number, bigint[]>();
  for (const event of seen) {
    if (event.kind === "OPEN") {
      const view = new DataView(event.entry.buffer);
      opened.set(event.conn, [view.getBigUint64(120, true), view.getBigUint64(128, true)]);
    }
    if (event.kind !== "DATA") continue;
    const { local, remote, direction } = event;
    const key = direction === 0 ? `${local}>${remote}` : `${remote}>${local}`;
    const first = Number(opened.get(event.conn)?.[direction] ?? 0n);
    let part = parts.get(key);
    if (part === undefined) parts.set(key, part = { first, pieces: [] });
    part.pieces.push(event);
  }
  const out = new Map<string, Stream>();
  for (const [key, { first, pieces }] of parts) {
    const at = (event: Seen): number => (event.position - first) >>> 0;
    const length = Math.max(...pieces.map((event) => at(event) + event.total));
    const stream = new Int16Array(length).fill(-1);
    let next = 0;
    for (const piece of pieces) {
      assert.ok(at(piece) >= next, `${key}: position ${at(piece)} after ${next}`);
      next = at(piece) + piece.total;
      for (let i = 0; i < piece.text.length; i++) stream[at(piece) + i] = piece.text.charCodeAt(i);
    }
    out.set(key, stream);
  }
  return out;
}

/** Bytes of each direction that the file has, by tshark: the union of its segments. */
async function coverage(file: Uint8Array): Promise<Map<string, number>> {
  const fields = ["ip.src", "tcp.srcport", "ip.dst", "tcp.dstport", "tcp.seq_raw", "tcp.len"];
  const ranges = new Map<string, [number, number][]>();
  for (const line of await tshark(file, "tcp.len > 0", fields)) {
    const [source, from, destination, to, seq, length] = line;
    const key = `${source}:${from}>${destination}:${to}`;
    const list = ranges.get(key) ?? [];
    ranges.set(key, list);
    // Relative to the first one seen: a wrap within a test's connection does no harm.
    const start = (Number(seq) - (list[0]?.[0] ?? Number(seq))) | 0;
    list.push(
      list.length === 0
        ? [Number(seq), Number(seq) + Number(length)]
        : [(list[0]?.[0] ?? 0) + start, (list[0]?.[0] ?? 0) + start + Number(length)],
    );
  }
  const out = new Map<string, number>();
  for (const [key, list] of ranges) {
    let bytes = 0;
    let next = -Infinity;
    for (const [from, to] of list.sort((a, b) => a[0] - b[0])) {
      bytes += Math.max(0, to - Math.max(from, next));
      next = Math.max(next, to);
    }
    out.set(key, bytes);
  }
  return out;
}

interface Damage {
  loss?: number;
  duplicates?: number;
  /** On the path: two segments of one direction change places, and times. */
  reorder?: number;
  /** In the file: packets change places with their times, as when several CPUs capture. */
  misfile?: number;
}

/** The same packets with `damage`, each kind with its probability. */
function damaged(file: Uint8Array, damage: Damage, seed: number): Uint8Array {
  let state = seed >>> 0;
  const chance = (probability = 0): boolean => {
    state = (Math.imul(state, 1664525) + 1013904223) >>> 0;
    return state / 4294967296 < probability;
  };
  const { linkType, packets } = readPcap(file);
  const kept: Packet[] = [];
  for (const packet of packets) {
    if (chance(damage.loss)) continue;
    kept.push({ ...packet });
    if (chance(damage.duplicates)) kept.push({ ...packet });
  }
  for (let i = 1; i < kept.length; i++) {
    const [before, after] = [kept[i - 1], kept[i]];
    if (before === undefined || after === undefined) continue;
    const swapped = isSameDirection(before, after) && chance(damage.reorder);
    if (swapped) [before.timeNs, after.timeNs] = [after.timeNs, before.timeNs];
    if (swapped || chance(damage.misfile)) [kept[i - 1], kept[i]] = [after, before];
  }
  return pcapFile(kept, { linkType });
}

/** Two packets of one connection and direction: same addresses and ports (Ethernet, IPv4 without options). */
function isSameDirection(a: Packet, b: Packet): boolean {
  for (let i = 26; i < 38; i++) if (a.bytes[i] !== b.bytes[i]) return false;
  return true;
}

/** Clean against damaged: all bytes that are there are right, and none is missing without need. */
async function checkDamaged(file: Uint8Array): Promise<void> {
  const clean = streams(replayBytes(file).seen);
  assert.ok(clean.size > 0);
  for (const [key, bytes] of await coverage(file)) {
    assert.equal(clean.get(key)?.length, bytes, `${key}: complete`);
    assert.ok(!clean.get(key)?.includes(-1), `${key}: no gap`);
  }
  const cases: Damage[] = [
    { duplicates: 0.2 },
    { reorder: 0.5 },
    { misfile: 0.3 },
    { reorder: 0.3, duplicates: 0.2, misfile: 0.2 },
    { loss: 0.05 },
    { loss: 0.03, duplicates: 0.1, reorder: 0.3, misfile: 0.2 },
  ];
  for (const [index, damage] of cases.entries()) {
    const other = damaged(file, damage, 1000 + index);
    const has = await coverage(other);
    const got = streams(replayBytes(other).seen);
    for (const [key, stream] of clean) {
      const name = `${JSON.stringify(damage)} ${key}`;
      const present = has.get(key) ?? 0;
      const now = got.get(key);
      if (now === undefined) {
        assert.equal(present, 0, name);
        continue;
      }
      // A stream whose SYN was lost starts with its first byte that is there.
      const shift = damage.loss === undefined ? 0 : shiftOf(now, stream);
      const known = now.filter((byte, i) => byte >= 0 && byte === stream[i + shift]).length;
      assert.equal(known, now.filter((byte) => byte >= 0).length, `${name}: right bytes`);
      assert.equal(known, present, `${name}: all bytes`);
    }
    if (damage.loss === undefined) {
      const want = withoutTimes(records(file));
      const got = withoutTimes(records(other));
      assert.equal(got.length, want.length, JSON.stringify(damage));
      for (const [i, line] of want.entries()) {
        assert.equal(got[i], line, JSON.stringify(damage));
      }
    }
  }
}

/** Records without what the order of capture changes, by connection. */
function withoutTimes(all: readonly TraceRecord[]): string[] {
  const out = all.map((record) => ({ ...record, time: "", conn: record.local }));
  const isTime = (key: string): boolean => key.endsWith("_ns");
  return out.map((record) =>
    JSON.stringify(record, (key, value: unknown) => isTime(key) ? undefined : value)
  ).sort();
}

/** Where the damaged stream starts within the clean one. */
function shiftOf(now: Stream, clean: Stream): number {
  for (let shift = 0; shift <= clean.length - now.length; shift++) {
    if (now.every((byte, i) => byte < 0 || byte === clean[i + shift])) return shift;
  }
  return 0;
}

function has(protocol: string): boolean {
  return plugins.some((plugin) => plugin.name === protocol);
}

async function withNginx(work: (port: number) => Promise<void>): Promise<void> {
  const folder = Deno.makeTempDirSync();
  const port = freePort();
  Deno.chmodSync(folder, 0o755);
  Deno.writeTextFileSync(`${folder}/large`, "0123456789abcde\n".repeat(20_000));
  Deno.writeTextFileSync(
    `${folder}/nginx.conf`,
    `daemon off; user root; worker_processes 1; pid ${folder}/pid; error_log /dev/null;
     events {} http { access_log off; client_body_temp_path ${folder}/body;
     server { listen 127.0.0.1:${port}; root ${folder}; chunked_transfer_encoding on;
     location /echo { return 200 "hello $arg_n\\n"; } } }`,
  );
  try {
    await using _server = await new Server("nginx", [
      "-e",
      "/dev/null",
      "-p",
      folder,
      "-c",
      `${folder}/nginx.conf`,
    ]).ready(port);
    await work(port);
  } finally {
    Deno.removeSync(folder, { recursive: true });
  }
}

Deno.test({
  name: "openReplay() of curl and nginx gives tshark's requests and streams, damaged or not",
  ignore: !isPossible(...TOOLS, "nginx", "curl"),
  fn: async () => {
    await withNginx(async (port) => {
      const file = await capture(port, async () => {
        const url = `http://127.0.0.1:${port}`;
        const many = Array.from({ length: 30 }, (_, i) => `${url}/echo?n=${i}`);
        await run("curl", ["-s", ...many]);
        await Promise.all([1, 2, 3].map((n) => run("curl", ["-s", `${url}/large?${n}`])));
        await run("curl", ["-s", "-d", "a=b", `${url}/missing`]);
      });
      const fields = ["http.request.method", "http.request.uri"];
      const want = await tshark(file, "http.request", fields, [`tcp.port==${port},http`]);
      assert.equal(want.length, 34);
      await checkDamaged(file);
      if (!has("http")) return;
      const key = (method: unknown, path: unknown): string => `${method} ${path}`;
      const got = requests(records(file), "http");
      assert.deepEqual(
        got.map(({ request }) => key(request.method, request.path)),
        want.map(([method, path]) => key(method, path)),
      );
      for (const { record } of got) {
        assert.equal(record.role, "client");
        assert.equal(record.remote, `127.0.0.1:${port}`);
        assert.equal(record.incomplete, undefined);
      }
    });
  },
});

/** Records of one protocol by the time of their request, which is tshark's order. */
function requests(
  all: readonly TraceRecord[],
  protocol: string,
): { record: TraceRecord; request: Record<string, unknown> }[] {
  assert.deepEqual([...new Set(all.map((record) => record.protocol))], [protocol]);
  return all.map((record) => ({ record, request: { ...record.request } }))
    .sort((a, b) => a.record.time < b.record.time ? -1 : a.record.time > b.record.time ? 1 : 0);
}

Deno.test({
  name: "openReplay() of redis-cli and redis-server gives tshark's commands, damaged or not",
  ignore: !isPossible(...TOOLS, "redis-server", "redis-cli"),
  fn: async () => {
    const port = freePort();
    const folder = Deno.makeTempDirSync();
    const where = ["--port", String(port), "--bind", "127.0.0.1", "--save", "", "--dir", folder];
    try {
      await using _server = await new Server("redis-server", where).ready(port);
      const commands = Array.from(
        { length: 40 },
        (_, i) => `SET key${i} ${"v".repeat(1 + i * 97)}`,
      );
      const pipelined = commands.map((line) => {
        const words = line.split(" ");
        const parts = words.map((word) => `$${word.length}\r\n${word}\r\n`);
        return `*${words.length}\r\n${parts.join("")}`;
      });
      const file = await capture(port, async () => {
        const client = ["-h", "127.0.0.1", "-p", String(port)];
        await run("redis-cli", client, commands.join("\n") + "\nGET key7\nINCR n\nNONSENSE\n");
        await run("redis-cli", [...client, "--pipe"], pipelined.join(""));
      });
      await checkDamaged(file);
      const toServer = `resp.array && tcp.dstport == ${port}`;
      const rule = [`tcp.port==${port},resp`];
      const lines = await tshark(file, toServer, ["resp.bulk_string.value"], rule);
      const decoder = new TextDecoder();
      const values = lines.flatMap(([hex = ""]) => hex.split(","))
        .map((hex) =>
          decoder.decode(new Uint8Array((hex.match(/../g) ?? []).map((b) => parseInt(b, 16))))
        );
      if (!has("redis")) return;
      const got = requests(records(file), "redis");
      // tshark 4.0 misses arrays that go over segments (--pipe): only the others are compared.
      const arrays = got.filter(({ record }) => record.conn === got[0]?.record.conn);
      const args = arrays.flatMap(({ request }) => [request.command, ...[request.args].flat()]);
      assert.deepEqual(
        args.map((value) => String(value).toUpperCase()),
        values.slice(0, args.length).map((value) => value.toUpperCase()),
      );
      assert.ok(arrays.length >= 43, `${arrays.length} commands`);
      assert.ok(got.length >= 83, `${got.length} records`);
      assert.ok(got.every(({ record }) => record.response !== null));
    } finally {
      Deno.removeSync(folder, { recursive: true });
    }
  },
});

Deno.test({
  name: "openReplay() of dig and dnsmasq gives tshark's questions and answers",
  ignore: !isPossible(...TOOLS, "dnsmasq", "dig"),
  fn: async () => {
    const port = freePort();
    const names = Array.from({ length: 25 }, (_, i) => `host${i}.example.test`);
    await using _server = await new Server("dnsmasq", [
      "--keep-in-foreground",
      "--conf-file=/dev/null",
      "--user=root",
      "--pid-file=",
      "--no-resolv",
      "--no-hosts",
      "--bind-interfaces",
      "--listen-address=127.0.0.1",
      `--port=${port}`,
      "--address=/example.test/192.0.2.7",
      "--txt-record=txt.example.org,some text",
    ]).ready(port);
    const file = await capture(port, async () => {
      const at = ["@127.0.0.1", "-p", String(port)];
      await run("dig", [...at, ...names, "txt.example.org", "TXT"]);
      await run("dig", [...at, "+tcp", "host1.example.test"]);
      await run("dig", [...at, "nobody.example.net", "AAAA"]);
    });
    const rules = [`udp.port==${port},dns`, `tcp.port==${port},dns`];
    const fields = ["dns.id", "dns.qry.name"];
    const want = await tshark(file, "dns && dns.flags.response == 0", fields, rules);
    assert.ok(want.length >= 28, `${want.length} questions`);
    if (!has("dns")) return;
    const got = requests(records(file), "dns");
    assert.deepEqual(
      got.map(({ request }) => [request.id, nameOf(request.questions)]),
      want.map(([id, name]) => [Number(id), name]),
    );
    for (const { record } of got) {
      assert.equal(record.role, "client");
      assert.notEqual(record.response, null);
    }
  },
});

function nameOf(questions: unknown): string {
  const [first]: unknown[] = Array.isArray(questions) ? questions : [];
  if (typeof first !== "object" || first === null || !("name" in first)) return "";
  return String(first.name).replace(/\.$/, "");
}
