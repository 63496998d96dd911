/** The merge of rings, over rings made in memory: no kernel, no FFI. */
import assert from "node:assert/strict";
import { type Mapped, PerfRing } from "../../../ffi/perf_ring.ts";
import { EntryKind } from "../../../lib/capture/abi.ts";
import { encodeEntry, type EntryFields, type TimeBase } from "../../../lib/capture/event.ts";
import { Merger } from "../../../lib/capture/live/merge.ts";
import { ringSizes } from "../../../lib/capture/live/ring_sizes.ts";
import { parseCpuList } from "../../../lib/capture/live/machine.ts";
import { collectInodes } from "../../../lib/capture/live/sweep.ts";

const PAGE = 4096;
const BASE: TimeBase = { low: 0xffffff00, high: 7 };

/** A ring as the kernel writes it. */
class MemoryRing {
  readonly memory: ArrayBuffer;
  readonly ring: PerfRing;
  readonly #size: number;
  readonly #admin: DataView;
  #head = 0;

  constructor(cpu: number, size = PAGE) {
    this.#size = size;
    this.memory = new ArrayBuffer(PAGE + size);
    this.#admin = new DataView(this.memory, 0, PAGE);
    this.ring = new PerfRing(this.memory, cpu);
  }

  get tail(): number {
    return this.#admin.getUint32(1032, true);
  }

  get free(): number {
    return this.#size - (this.#head - this.tail);
  }

  /** One sample of these entries, back to back; then `padding` bytes as perf adds them. */
  sample(...entries: Partial<EntryFields>[]): this {
    const parts = entries.map((fields) => encodeEntry({ kind: EntryKind.DATA, ...fields }, BASE));
    const length = parts.reduce((sum, part) => sum + part.length, 0);
    const record = new Uint8Array((12 + length + 7) & ~7);
    const view = new DataView(record.buffer);
    view.setUint32(0, 9, true);
    view.setUint16(6, record.length, true);
    view.setUint32(8, record.length - 12, true);
    let at = 12;
    for (const part of parts) {
      record.set(part, at);
      at += part.length;
    }
    this.#write(record);
    return this;
  }

  lost(samples: number): this {
    const record = new Uint8Array(24);
    const view = new DataView(record.buffer);
    view.setUint32(0, 2, true);
    view.setUint16(6, 24, true);
    view.setUint32(16, samples, true);
    this.#write(record);
    return this;
  }

  /** PERF_RECORD_MMAP2 of 8192 bytes from `address` on. */
  mapped(pid: number, address: bigint, inode: number, path: string): this {
    const name = new TextEncoder().encode(path);
    const record = new Uint8Array((72 + name.length + 8) & ~7);
    const view = new DataView(record.buffer);
    view.setUint32(0, 10, true);
    view.setUint16(6, record.length, true);
    view.setUint32(8, pid, true);
    view.setBigUint64(16, address, true);
    view.setBigUint64(24, 8192n, true);
    view.setUint32(40, 0xfe, true);
    view.setUint32(44, 1, true);
    view.setBigUint64(48, BigInt(inode), true);
    record.set(name, 72);
    this.#write(record);
    return this;
  }

  /** Bytes as they are, with a record's header that claims `size`. */
  raw(type: number, size: number): this {
    const record = new Uint8Array(8);
    const view = new DataView(record.buffer);
    view.setUint32(0, type, true);
    view.setUint16(6, size, true);
    this.#write(record);
    return this;
  }

  #write(record: Uint8Array): void {
    assert.ok(record.length <= this.free, "the test overfills the ring");
    const bytes = new Uint8Array(this.memory, PAGE);
    for (const byte of record) bytes[this.#head++ % this.#size] = byte;
    this.#admin.setUint32(1024, this.#head, true);
  }
}

interface Seen {
  timeNs: number;
  kind: number;
  conn: number;
  total: number;
  cpu: number;
  text: string;
}

function drainAll(merger: Merger, horizon = Infinity): Seen[] {
  const seen: Seen[] = [];
  merger.begin(horizon);
  while (!merger.idle) {
    merger.drain((event) => {
      const payload = event.bytes.subarray(
        event.payloadStart,
        event.payloadStart + event.payloadLength,
      );
      seen.push({
        timeNs: event.timeNs,
        kind: event.kind,
        conn: event.conn,
        total: event.totalBytes,
        cpu: event.cpu,
        text: new TextDecoder().decode(payload),
      });
    });
  }
  return seen;
}

const times = (seen: readonly Seen[]): number[] => seen.map((it) => it.timeNs);
const text = (value: string): Uint8Array => new TextEncoder().encode(value);

Deno.test("Merger hands out entries of all rings by time", () => {
  const a = new MemoryRing(0).sample(
    { timeNs: 1, sequence: 0 },
    { timeNs: 4, sequence: 1 },
    { timeNs: 5, sequence: 2 },
  ).sample({ timeNs: 9, sequence: 3 });
  const b = new MemoryRing(1).sample({ timeNs: 2, sequence: 0 }).sample({ timeNs: 6, sequence: 1 });
  const c = new MemoryRing(0).sample({ timeNs: 3, sequence: 0 }, { timeNs: 8, sequence: 1 });
  const seen = drainAll(new Merger([a.ring, b.ring], [c.ring], BASE));
  assert.deepEqual(times(seen), [1, 2, 3, 4, 5, 6, 8, 9]);
  assert.deepEqual(seen.map((it) => it.cpu), [0, 1, 0, 0, 0, 1, 0, 0]);
});

Deno.test("Merger orders entries of 100 rings", () => {
  const rings = Array.from({ length: 100 }, (_, cpu) => new MemoryRing(cpu));
  const sequences = new Array<number>(100).fill(0);
  for (let i = 0; i < 1500; i++) {
    const at = (i * 37) % 100;
    const sequence = sequences[at] ?? 0;
    rings[at]?.sample({ timeNs: i, sequence });
    sequences[at] = sequence + 1;
  }
  const seen = drainAll(new Merger(rings.map((it) => it.ring), [], BASE));
  assert.deepEqual(times(seen), Array.from({ length: 1500 }, (_, i) => i));
});

Deno.test("Merger leaves what is newer than the horizon for the next round", () => {
  const a = new MemoryRing(0).sample({ timeNs: 1, sequence: 0 }, { timeNs: 50, sequence: 1 });
  const b = new MemoryRing(1).sample({ timeNs: 60, sequence: 0 });
  const merger = new Merger([a.ring, b.ring], [], BASE);
  assert.deepEqual(times(drainAll(merger, 10)), [1]);
  assert.deepEqual(times(drainAll(merger, 10)), []);
  b.sample({ timeNs: 70, sequence: 1 });
  a.sample({ timeNs: 65, sequence: 2 });
  assert.deepEqual(times(drainAll(merger, 65)), [50, 60, 65]);
  assert.deepEqual(times(drainAll(merger)), [70]);
  assert.deepEqual(merger.losses(), []);
});

Deno.test("Merger reports a jump of sequence numbers before the entry that shows it", () => {
  const ring = new MemoryRing(3)
    .sample({ timeNs: 1, sequence: 0 })
    .sample({ timeNs: 5, sequence: 4, conn: 9 });
  const merger = new Merger([], [ring.ring], BASE);
  const seen = drainAll(merger);
  assert.deepEqual(seen.map((it) => it.kind), [EntryKind.DATA, EntryKind.LOST, EntryKind.DATA]);
  assert.deepEqual(times(seen), [1, 5, 5]);
  assert.equal(seen[1]?.total, 3);
  assert.equal(seen[1]?.cpu, 3);
  assert.deepEqual(merger.losses(), [{ buffer: "conn_events", cpu: 3, events: 3 }]);
});

Deno.test("Merger counts entries lost before the first and after the last one", () => {
  const ring = new MemoryRing(0).sample({ timeNs: 1, sequence: 2 });
  const merger = new Merger([ring.ring], [], BASE);
  assert.deepEqual(drainAll(merger).map((it) => [it.kind, it.total]), [
    [EntryKind.LOST, 2],
    [EntryKind.DATA, 0],
  ]);
  const late: number[] = [];
  merger.finishLane((event) => void late.push(event.totalBytes), "data_events", 0, 7);
  merger.finishLane((event) => void late.push(event.totalBytes), "data_events", 0, 7);
  assert.deepEqual(late, [4]);
  assert.deepEqual(merger.losses(), [{ buffer: "data_events", cpu: 0, events: 6 }]);
});

Deno.test("Merger takes back the loss of an entry that an interrupt's entry overtook", () => {
  const ring = new MemoryRing(0)
    .sample({ timeNs: 3, sequence: 1 })
    .sample({ timeNs: 2, sequence: 0 })
    .sample({ timeNs: 4, sequence: 2 });
  const merger = new Merger([ring.ring], [], BASE);
  assert.deepEqual(drainAll(merger).map((it) => it.kind), [
    EntryKind.LOST,
    EntryKind.DATA,
    EntryKind.DATA,
    EntryKind.DATA,
  ]);
  assert.deepEqual(merger.losses(), []);
});

Deno.test("Merger.emit() never goes back in time", () => {
  const ring = new MemoryRing(0).sample({ timeNs: 100, sequence: 0 });
  const merger = new Merger([ring.ring], [], BASE);
  drainAll(merger);
  const seen: number[] = [];
  merger.emit((event) => void seen.push(event.timeNs), { kind: EntryKind.TICK, timeNs: 90 });
  merger.emit((event) => void seen.push(event.timeNs), { kind: EntryKind.TICK, timeNs: 190 });
  assert.deepEqual(seen, [100, 190]);
});

Deno.test("PerfRing shows records across the ring's end, and gives room back", () => {
  const ring = new MemoryRing(0);
  const merger = new Merger([ring.ring], [], BASE);
  let expected = "";
  let got = "";
  for (let i = 0; i < 200; i++) {
    const payload = `<${i}>`.repeat(1 + i % 40);
    ring.sample({ timeNs: i, sequence: i, payload: text(payload) });
    expected += payload;
    if (i % 3 === 0) got += drainAll(merger).map((it) => it.text).join("");
  }
  got += drainAll(merger).map((it) => it.text).join("");
  assert.equal(got, expected);
  assert.equal(ring.free, PAGE);
});

Deno.test("PerfRing counts lost samples and steps over records of other kinds", () => {
  const ring = new MemoryRing(0).lost(5).sample({ timeNs: 1, sequence: 0 }).raw(77, 8).lost(2);
  assert.deepEqual(times(drainAll(new Merger([ring.ring], [], BASE))), [1]);
  assert.equal(ring.ring.lostSamples, 7);
});

Deno.test("PerfRing.onMapped() tells what was mapped, also across the ring's end", () => {
  const ring = new MemoryRing(0);
  const merger = new Merger([ring.ring], [], BASE);
  const seen: Mapped[] = [];
  ring.ring.onMapped = (mapped) => void seen.push(mapped);
  const want: Mapped[] = [];
  for (let i = 0; i < 100; i++) {
    const path = `/lib/${"x".repeat(i)}.so`;
    ring.mapped(i, 0x7f0012340000n, 1000 + i, path).sample({ timeNs: i, sequence: i });
    want.push({ pid: i, range: "7f0012340000-7f0012342000", file: `fe:01:${1000 + i}`, path });
    drainAll(merger);
  }
  assert.deepEqual(seen, want);
});

Deno.test("Merger survives what no kernel writes", () => {
  const broken: { name: string; ring: MemoryRing }[] = [
    { name: "a record of no size", ring: new MemoryRing(0).raw(9, 0) },
    { name: "a record longer than what was written", ring: new MemoryRing(0).raw(9, 4000) },
    { name: "a sample without room for its size", ring: new MemoryRing(0).raw(9, 8) },
  ];
  for (const { name, ring } of broken) {
    assert.deepEqual(drainAll(new Merger([ring.ring], [], BASE)), [], name);
    assert.equal(ring.free, PAGE, name);
  }
});

Deno.test("Merger.drain() hands out a bounded part of a round", () => {
  const ring = new MemoryRing(0, 1 << 22);
  for (let i = 0; i < 20000; i++) ring.sample({ timeNs: i, sequence: i });
  const merger = new Merger([ring.ring], [], BASE);
  merger.begin(Infinity);
  const times: number[] = [];
  for (let pieces = 0; pieces < 20000 && !merger.idle; pieces++) {
    const entries = merger.drain(({ timeNs }) => times.push(timeNs));
    assert.ok(entries > 10 && entries < 1000, `${entries}`);
  }
  assert.deepEqual(times, Array.from({ length: 20000 }, (_, i) => i));
  assert.equal(merger.idle, true);
});

Deno.test("ringSizes() shares the budget out in powers of two", () => {
  const MIB = 1 << 20;
  const cases = [
    { cpus: 2, total: undefined, data: 32 * MIB, conn: 4 * MIB },
    { cpus: 128, total: undefined, data: 2 * MIB, conn: MIB / 4 },
    { cpus: 2, total: 16, data: 8 * MIB, conn: MIB },
    { cpus: 3, total: 16, data: 4 * MIB, conn: MIB / 2 },
    { cpus: 64, total: 1, data: MIB / 8, conn: MIB / 64 },
  ];
  for (const { cpus, total, data, conn } of cases) {
    const sizes = ringSizes(cpus, total);
    assert.deepEqual([sizes.data.bytes, sizes.conn.bytes], [data, conn], `${cpus} ${total}`);
  }
});

Deno.test("parseCpuList() reads the kernel's lists", () => {
  assert.deepEqual(parseCpuList("0-3,8\n"), [0, 1, 2, 3, 8]);
  assert.deepEqual(parseCpuList("0"), [0]);
  assert.deepEqual(parseCpuList(""), []);
});

Deno.test("collectInodes() finds the inode of each line of /proc/net tables", () => {
  const udp = "  sl  local_address rem_address   st tx_queue ...\n" +
    " 6306: 0100007F:154E 00000000:0000 07 00000000:00000000 00:00000000 00000000     0        0 " +
    "20673 2 00000000ff2b85e2 0         \n";
  const unix = "Num       RefCount Protocol Flags    Type St Inode Path\n" +
    "0000000022116a82: 00000003 00000000 00000000 0001 03 25438\n" +
    "00000000e4d430e2: 00000003 00000000 00000000 0001 03 20676 /run/a b\n";
  const inodes = new Set<number>();
  collectInodes(udp, 9, inodes);
  collectInodes(unix, 6, inodes);
  assert.deepEqual([...inodes], [20673, 25438, 20676]);
});
