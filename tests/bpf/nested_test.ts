/** Batches of different slots: a program at work with one does not keep another out of the other. */
import assert from "node:assert/strict";
import { RULES_FOLDER } from "../../build/infer_rules.ts";
import { compileBpf } from "../../build/steps.ts";
import { BpfObject } from "../../ffi/bpf_object.ts";
import { openLibbpf } from "../../ffi/libbpf.ts";
import { Config, CONFIG_SIZE, COUNTERS } from "../../lib/capture/abi.ts";
import { onlineCpus, possibleCpuCount } from "../../lib/capture/live/machine.ts";

const SOURCE = new URL("nested.bpf.c", import.meta.url).pathname;

Deno.test("hold_batch() and send_waiting() of one slot work while another of the CPU is held", async () => {
  const folder = Deno.makeTempDirSync({ prefix: "sockeye-nested-" });
  try {
    const path = `${folder}/nested.bpf.o`, cpus = possibleCpuCount();
    await compileBpf(path, `${folder}/`, [RULES_FOLDER], SOURCE);
    using libbpf = openLibbpf({ path: "libbpf.so.1" });
    using object = new BpfObject(libbpf, Deno.readFileSync(path));
    const config = new Uint8Array(CONFIG_SIZE);
    new DataView(config.buffer).setUint32(Config.cpus, cpus, true);
    object.setRodata(config);
    object.setMaxEntries("batches", 2 * cpus);
    object.load();
    const [cpu = 0] = onlineCpus();
    assert.equal(object.runOnCpu(object.programFd("nested"), cpu), 0);
    assert.equal(counted(object, "tls_busy", cpus), 1, "the slot that was entered twice");
  } finally {
    Deno.removeSync(folder, { recursive: true });
  }
});

/** A counter of the kernel side, over all CPUs. */
function counted(object: BpfObject, name: (typeof COUNTERS)[number], cpus: number): number {
  const key = new Uint8Array(new Uint32Array([COUNTERS.indexOf(name)]).buffer);
  const values = new BigUint64Array(cpus);
  assert.ok(object.lookup(object.mapFd("counters"), key, new Uint8Array(values.buffer)));
  return Number(values.reduce((sum, value) => sum + value, 0n));
}
