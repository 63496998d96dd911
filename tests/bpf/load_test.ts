/**
 * Every program of the BPF object passes this kernel's verifier, by each way that the kernel has, and
 * attaches. Needs root and the built object (dist/).
 */
import assert from "node:assert/strict";
import { BpfObject } from "../../ffi/bpf_object.ts";
import { type Libbpf, openLibbpf } from "../../ffi/libbpf.ts";
import { chooseLibbpf } from "../../ffi/library.ts";
import { readAsset } from "../../lib/assets.ts";
import {
  attachAll,
  type KernelSettings,
  loadKernelSide,
  probeHooks,
  type Way,
} from "../../lib/capture/live/kernel_side.ts";
import { pidLimit, possibleCpuCount } from "../../lib/capture/live/machine.ts";
import { compileWithStandIns } from "../bench/support/stand_ins.ts";
import { WAYS } from "../support/tracer.ts";

/**
 * From the object's bytes to attached programs it is work, of the CPU: several times what is usual.
 * Detaching is waiting: three seconds with links of another kind.
 */
const LOAD_LIMIT_SECONDS = 3;
const DETACH_LIMIT_MS = 2000;

function open(): Libbpf {
  return openLibbpf(chooseLibbpf(undefined, () => new Uint8Array(readAsset("libbpf.so"))));
}

function image(): Uint8Array<ArrayBuffer> {
  return new Uint8Array(readAsset("sockeye.bpf.o"));
}

function settings(way: Way, some: Partial<KernelSettings> = {}): KernelSettings {
  return {
    way,
    wantedMarks: 1,
    follow: true,
    unfiltered: false,
    snaplen: 1 << 20,
    ports: [],
    comm: [],
    possibleCpus: possibleCpuCount(),
    pidLimit: pidLimit(),
    steady: false,
    uprobes: null,
    ...some,
  };
}

function isLoaded(object: BpfObject, program: string): boolean {
  try {
    return object.programFd(program) > 0;
  } catch {
    return false;
  }
}

/** Programs that the verifier took with these settings. */
function loadedPrograms(some: KernelSettings): { loaded: string[]; all: string[] } {
  using libbpf = open();
  using object = loadKernelSide(libbpf, image(), some, probeHooks(libbpf));
  const all = object.programNames();
  return { all, loaded: all.filter((name) => isLoaded(object, name)) };
}

Deno.test("probeHooks() finds every hook on a kernel of 6.3 or later", () => {
  using libbpf = open();
  const [major = 0, minor = 0] = Deno.osRelease().split(".").map(Number);
  const hooks = probeHooks(libbpf);
  assert.equal(hooks.syscall, true);
  assert.equal(hooks.uprobeMulti, major > 6 || (major === 6 && minor >= 6));
  if (major > 6 || (major === 6 && minor >= 3)) {
    const { socket, syscall, uring, cookies } = hooks;
    assert.deepEqual({ socket, syscall, uring, cookies }, {
      socket: true,
      syscall: true,
      uring: true,
      cookies: true,
    });
  }
});

const VARIANTS: { name: string; some: Partial<KernelSettings> }[] = [
  { name: "pids", some: {} },
  { name: "every process", some: { wantedMarks: 0 } },
  { name: "names", some: { wantedMarks: 2, comm: ["nginx", "redis-server"] } },
  { name: "ports", some: { ports: Array.from({ length: 16 }, (_, i) => 8000 + i) } },
  { name: "unfiltered, no follow", some: { unfiltered: true, follow: false } },
  {
    name: "programs that cannot be preempted",
    some: { steady: true, wantedMarks: 2, comm: ["a"] },
  },
  { name: "the largest snaplen", some: { snaplen: 1 << 30 } },
  { name: "the least snaplen", some: { snaplen: 64 } },
  { name: "TLS functions, by perf events", some: { uprobes: "perf", ports: [443] } },
  { name: "TLS functions, by one link", some: { uprobes: "multi" } },
];

for (const way of WAYS) {
  for (const { name, some } of VARIANTS) {
    Deno.test(`loadKernelSide() and attachAll() with ${name} (${way} way)`, () => {
      using libbpf = open();
      const hooks = probeHooks(libbpf);
      const chosen = settings(way, some);
      const warnings: string[] = [];
      const began = libbpf.libc.cpuSeconds();
      using object = loadKernelSide(libbpf, image(), chosen, hooks);
      attachAll(object, libbpf, chosen, hooks, (message) => void warnings.push(message));
      const seconds = libbpf.libc.cpuSeconds() - began;
      assert.ok(seconds < LOAD_LIMIT_SECONDS, `${seconds} s`);
      const seen = way === "socket" ? [] : [/io_uring/];
      assert.equal(warnings.length, seen.length, warnings.join("\n"));
      seen.forEach((pattern, i) => assert.match(warnings[i] ?? "", pattern));
      const detaching = performance.now();
      object.detach();
      assert.ok(performance.now() - detaching < DETACH_LIMIT_MS, "detach");
    });
  }
}

Deno.test("loadKernelSide() with rules for fifteen protocols, by each way", async () => {
  const folder = Deno.makeTempDirSync({ prefix: "sockeye-rules-" });
  try {
    const { path, rules } = await compileWithStandIns(folder);
    assert.ok(rules >= 15, `${rules} rules`);
    using libbpf = open();
    for (const way of WAYS) {
      for (const steady of [false, true]) {
        const chosen = settings(way, { steady, uprobes: "perf" });
        using object = loadKernelSide(libbpf, Deno.readFileSync(path), chosen, probeHooks(libbpf));
        assert.ok(isLoaded(object, "flush"));
      }
    }
  } finally {
    Deno.removeSync(folder, { recursive: true });
  }
});

Deno.test("every program of the object is loaded by one way or the other", () => {
  const loaded = new Set<string>();
  let all: string[] = [];
  for (const way of WAYS) {
    for (const steady of [false, true]) {
      const uprobes = steady ? "perf" : "multi";
      const found = loadedPrograms(
        settings(way, { wantedMarks: 2, comm: ["nginx"], steady, uprobes }),
      );
      all = found.all;
      for (const name of found.loaded) loaded.add(name);
      assert.ok(found.loaded.includes("flush"));
    }
  }
  assert.deepEqual([...loaded].sort(), [...all].sort());
});

Deno.test("BpfObject says what it cannot read", () => {
  using libbpf = open();
  assert.throws(
    () => new BpfObject(libbpf, new TextEncoder().encode("no object at all, just text")),
    { name: "BpfError", message: /^Cannot read BPF object/ },
  );
});
