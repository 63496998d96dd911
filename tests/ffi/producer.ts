/** The test's own kernel side (producer.bpf.c): compiled once a run, loaded with the given settings. */
import { BpfObject } from "../../ffi/bpf_object.ts";
import { type Libbpf, openLibbpf } from "../../ffi/libbpf.ts";
import { openPerfRings, type PerfRings } from "../../ffi/perf_ring.ts";
import { onlineCpus, possibleCpuCount } from "../../lib/capture/live/machine.ts";

let image: Uint8Array<ArrayBuffer> | undefined;

/** Compiles producer.bpf.c with the compiler that the build uses. */
export function producerImage(): Uint8Array<ArrayBuffer> {
  if (image) return image;
  const source = new URL("producer.bpf.c", import.meta.url).pathname;
  const output = Deno.makeTempFileSync({ suffix: ".bpf.o" });
  try {
    const flags = ["-O2", "-g", "-target", "bpf", "-mcpu=v3", `-I/usr/include/${multiarch()}`];
    const { success, stderr } = new Deno.Command("clang-19", {
      args: [...flags, "-c", source, "-o", output],
      stdout: "null",
      stderr: "piped",
    }).outputSync();
    if (!success) throw new Error(new TextDecoder().decode(stderr));
    return image = Deno.readFileSync(output);
  } finally {
    Deno.removeSync(output);
  }
}

function multiarch(): string {
  return `${Deno.build.arch}-linux-gnu`;
}

export interface Shape {
  readonly payload: number;
  /** Of a sample, and samples of a run. */
  readonly entries: number;
  readonly samples: number;
}

/** Libbpf, the loaded producer and its rings. */
export interface Producer extends Disposable {
  readonly libbpf: Libbpf;
  readonly object: BpfObject;
  readonly rings: PerfRings;
  readonly cpus: readonly number[];
  /** Sends one run's samples on that CPU. */
  produce(cpu: number): void;
}

/** Loads the producer and sets its rings up. */
export function openProducer(shape: Shape, ringBytes: number): Producer {
  using stack = new DisposableStack();
  const libbpf = stack.use(openLibbpf({ path: "libbpf.so.1" }));
  const object = stack.use(new BpfObject(libbpf, producerImage()));
  const settings = new Uint32Array([shape.payload, shape.entries, shape.samples]);
  object.setRodata(new Uint8Array(settings.buffer));
  object.setMaxEntries("batches", possibleCpuCount());
  object.setAutoload(new Set(["produce"]));
  object.load();
  const cpus = onlineCpus();
  const rings = stack.use(
    openPerfRings(libbpf, object.mapFd("data_events"), cpus, ringBytes, 32768),
  );
  const program = object.programFd("produce");
  const owned = stack.move();
  return {
    libbpf,
    object,
    rings,
    cpus,
    produce: (cpu) => {
      const result = object.runOnCpu(program, cpu);
      if (result !== 0) throw new Error(`produce returned ${result} on cpu ${cpu}`);
    },
    [Symbol.dispose]: () => owned.dispose(),
  };
}
