/** The rings against a real kernel; needs root, clang-19 and the system's libbpf. */
import assert from "node:assert/strict";
import { BpfError } from "../../ffi/bpf_error.ts";
import { BpfObject, kernelHasTypes } from "../../ffi/bpf_object.ts";
import { openLibbpf } from "../../ffi/libbpf.ts";
import { Libc } from "../../ffi/libc.ts";
import { Merger } from "../../lib/capture/live/merge.ts";
import { EntryKind } from "../../lib/capture/abi.ts";
import { openProducer, producerImage } from "./producer.ts";

const BASE = { low: 0, high: 0 };

function openFiles(): number {
  return Array.from(Deno.readDirSync("/proc/self/fd")).length;
}

Deno.test("Merger hands out every entry of every CPU in order of time", () => {
  const shape = { payload: 64, entries: 20, samples: 8 };
  using producer = openProducer(shape, 1 << 20);
  const merger = new Merger(producer.rings.rings, [], BASE);
  let seen = 0;
  let last = 0;
  for (let round = 0; round < 50; round++) {
    for (const cpu of producer.cpus) producer.produce(cpu);
    merger.begin(Infinity);
    while (!merger.idle) {
      merger.drain((event) => {
        assert.equal(event.kind, EntryKind.DATA);
        assert.equal(event.payloadLength, shape.payload);
        assert.ok(event.timeNs >= last, "time went back");
        last = event.timeNs;
        seen++;
      });
    }
  }
  assert.equal(seen, 50 * producer.cpus.length * shape.entries * shape.samples);
  assert.deepEqual(merger.losses(), []);
});

Deno.test("PerfRing shows records that cross the ring's end whole", () => {
  // 3 entries of 1,120 bytes: their records divide no power of two.
  const shape = { payload: 1000, entries: 3, samples: 4 };
  using producer = openProducer(shape, 1 << 15);
  const merger = new Merger(producer.rings.rings, [], BASE);
  let seen = 0;
  for (let round = 0; round < 100; round++) {
    producer.produce(0);
    merger.begin(Infinity);
    while (!merger.idle) merger.drain((event) => void (seen += event.payloadLength));
  }
  assert.equal(seen, 100 * 3 * 4 * 1000);
  assert.deepEqual(merger.losses(), []);
});

Deno.test("Merger counts what a full ring lost, each entry once", () => {
  const shape = { payload: 512, entries: 20, samples: 64 };
  using producer = openProducer(shape, 1 << 17);
  const merger = new Merger(producer.rings.rings, [], BASE);
  let seen = 0;
  let lost = 0;
  const drain = (): void => {
    merger.begin(Infinity);
    while (!merger.idle) {
      merger.drain((event) => {
        if (event.kind === EntryKind.LOST) lost += event.totalBytes;
        else seen++;
      });
    }
  };
  producer.produce(0);
  drain();
  producer.produce(0);
  drain();
  using batches = producer.object.mapArray("batches", false);
  const sent = new Uint32Array(batches.buffer)[4] ?? 0;
  merger.finishLane((event) => void (lost += event.totalBytes), "data_events", 0, sent);
  assert.equal(sent, 2 * 20 * 64);
  assert.ok(lost > 0);
  assert.equal(seen + lost, sent);
  assert.deepEqual(merger.losses(), [{ buffer: "data_events", cpu: 0, events: lost }]);
});

Deno.test("BpfObject.load() tells what the verifier refused", () => {
  using libbpf = openLibbpf({ path: "libbpf.so.1" });
  using object = new BpfObject(libbpf, producerImage());
  object.setAutoload(new Set(["rejected"]));
  assert.throws(() => object.load(), (error) => {
    assert.ok(error instanceof BpfError);
    assert.match(error.message, /^Cannot load BPF object: .*\(E[A-Z]+\)\n/);
    assert.match(error.message, /invalid mem access/);
    return true;
  });
});

Deno.test("BpfObject refuses bytes that are no object, and names that it lacks", () => {
  using libbpf = openLibbpf({ path: "libbpf.so.1" });
  assert.throws(() => new BpfObject(libbpf, new Uint8Array(64)), /Cannot read BPF object/);
  using object = new BpfObject(libbpf, producerImage());
  assert.throws(() => object.setMaxEntries("none", 1), /Cannot use BPF map none/);
  assert.throws(() => object.programFd("none"), /Cannot use BPF program none/);
});

Deno.test("kernelHasTypes() finds the tracepoints of this kernel and no others", () => {
  using libbpf = openLibbpf({ path: "libbpf.so.1" });
  const names = ["btf_trace_sys_exit", "btf_trace_no_such_tracepoint"];
  assert.deepEqual([...kernelHasTypes(libbpf, names)], ["btf_trace_sys_exit"]);
});

Deno.test("openLibbpf() says which library it could not load", () => {
  assert.throws(() => openLibbpf({ path: "/nonexistent/libbpf.so" }), (error) => {
    assert.ok(error instanceof BpfError);
    assert.match(error.message, /^Cannot load \/nonexistent\/libbpf\.so: /);
    return true;
  });
});

Deno.test("openLibbpf() loads a library from memory", () => {
  const path = `/usr/lib/${Deno.build.arch}-linux-gnu/libbpf.so.1`;
  using libbpf = openLibbpf({ bytes: Deno.readFileSync(path) });
  assert.match(libbpf.version, /^v1\./);
});

Deno.test("Libc.openDetached() gives the root of a file system mounted nowhere", () => {
  using libc = new Libc();
  using root = libc.openDetached("cgroup2");
  const names = Array.from(Deno.readDirSync(`/proc/self/fd/${root.fd}`), (entry) => entry.name);
  assert.ok(names.includes("cgroup.procs"));
});

Deno.test("everything of ffi/ closes its file descriptors", () => {
  const shape = { payload: 64, entries: 1, samples: 1 };
  openProducer(shape, 1 << 15)[Symbol.dispose]();
  const before = openFiles();
  for (let i = 0; i < 50; i++) {
    using producer = openProducer(shape, 1 << 15);
    producer.produce(0);
  }
  assert.ok(openFiles() <= before);
});
